//! Who waits for a permit: a lane for each kind of question, served in turn. Pure.
//!
//! Promise: a lane with many waiting takes no more turns than one with a single request, and within a lane the first
//! to come is the first to go.

use std::collections::VecDeque;

/// One place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// The lanes with somebody in them, the next to be served first.
#[derive(Debug, Default)]
pub struct Line {
    lanes: VecDeque<Lane>,
    given: u64,
}

#[derive(Debug)]
struct Lane {
    name: String,
    waiting: VecDeque<Ticket>,
}

impl Line {
    /// Takes a place at the end of a lane.
    pub fn join(&mut self, lane: &str) -> Ticket {
        self.given += 1;
        let ticket = Ticket(self.given);
        match self.lanes.iter_mut().find(|known| known.name == lane) {
            Some(known) => known.waiting.push_back(ticket),
            None => self.lanes.push_back(Lane { name: lane.to_owned(), waiting: [ticket].into() }),
        }
        ticket
    }

    /// Whose turn it is.
    pub fn first(&self) -> Option<Ticket> {
        self.lanes.front()?.waiting.front().copied()
    }

    /// The first has its permit: the next turn is another lane's.
    pub fn served(&mut self) {
        if let Some(mut lane) = self.lanes.pop_front() {
            lane.waiting.pop_front();
            if !lane.waiting.is_empty() {
                self.lanes.push_back(lane);
            }
        }
    }

    /// Gives a place up. Nothing happens if it was served.
    pub fn leave(&mut self, ticket: Ticket) {
        for lane in &mut self.lanes {
            lane.waiting.retain(|waiting| *waiting != ticket);
        }
        self.lanes.retain(|lane| !lane.waiting.is_empty());
    }
}

/// The lane of a request: the host and the first two parts of its path, such as `/v1/threats`. Streams ask for
/// different things, so that each has a lane of its own without naming it.
pub fn lane(url: &str) -> &str {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = place.split(['?', '#']).next().unwrap_or(place);
    path.match_indices('/').nth(2).map_or(path, |(end, _)| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the lanes in the order in which their requests are served.
    fn order(line: &mut Line, of: &[(Ticket, &'static str)]) -> Vec<&'static str> {
        std::iter::from_fn(|| {
            let first = line.first()?;
            line.served();
            of.iter().find(|(ticket, _)| *ticket == first).map(|(_, name)| *name)
        })
        .collect()
    }

    #[test]
    fn a_stream_with_four_waiting_does_not_starve_one_with_a_single_request() {
        let mut line = Line::default();
        let of = ["t1", "t2", "t3", "t4", "case"].map(|name| (line.join(&name[..1]), name));
        assert_eq!(order(&mut line, &of), ["t1", "case", "t2", "t3", "t4"]);
    }

    #[test]
    fn lanes_take_turns_and_within_a_lane_the_first_to_come_goes_first() {
        let mut line = Line::default();
        let of = ["a1", "a2", "b1", "a3", "b2"].map(|name| (line.join(&name[..1]), name));
        assert_eq!(order(&mut line, &of), ["a1", "b1", "a2", "b2", "a3"]);
    }

    #[test]
    fn one_that_leaves_gives_its_place_up() {
        let mut line = Line::default();
        let of = ["a1", "a2", "b1"].map(|name| (line.join(&name[..1]), name));
        line.leave(of[0].0);
        line.leave(of[2].0);
        assert_eq!(order(&mut line, &of), ["a2"]);
        assert_eq!(line.first(), None);
    }

    #[test]
    fn a_list_and_its_details_share_a_lane_and_other_lists_have_theirs() {
        for (url, expected) in [
            ("https://api.example/v1/threats?pageSize=100", "api.example/v1/threats"),
            ("https://api.example/v1/threats/5b0e/links", "api.example/v1/threats"),
            ("https://api.example/v1/cases", "api.example/v1/cases"),
            ("https://api.example", "api.example"),
            ("", ""),
        ] {
            assert_eq!(lane(url), expected, "{url}");
        }
    }
}
