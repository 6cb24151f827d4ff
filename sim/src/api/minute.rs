//! The minute that all API clients of one customer share, as we take the vendor to count it.
//!
//! The model: in any 60 s the vendor answers at most so many requests of the customer's clients together, whatever
//! the path under `/v1` and whatever the status. What it refuses for that reason costs nothing. Another client goes
//! evenly and always gets its share, so its requests of any 60 s are simply no longer there for us.
//!
//! Promise: a minute slides; no moment exists at which a whole new allowance is handed out at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Answers that are remembered; a limit beyond this many a minute is none.
const MOST: usize = 100_000;

/// Our own answers of the last 60 s.
#[derive(Debug, Default)]
pub struct SharedMinute {
    answered: VecDeque<Instant>,
}

impl SharedMinute {
    /// Is there room for one more of ours at `now`, where the customer may have `limit` a minute and another client
    /// takes `others` of them? Times come in order.
    pub fn has_room(&mut self, now: Instant, limit: u32, others: u32) -> bool {
        self.forget(now);
        let ours = usize::try_from(limit.saturating_sub(others)).unwrap_or(usize::MAX);
        self.answered.len() < ours
    }

    /// One of ours is answered.
    pub fn take(&mut self, now: Instant) {
        self.forget(now);
        if self.answered.len() == MOST {
            self.answered.pop_front();
        }
        self.answered.push_back(now);
    }

    fn forget(&mut self, now: Instant) {
        while self.answered.front().is_some_and(|&at| now.saturating_duration_since(at) >= MINUTE) {
            self.answered.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these requests, at seconds from the start, are answered.
    fn answered(seconds: impl IntoIterator<Item = u64>, limit: u32, others: u32) -> usize {
        let (mut minute, start) = (SharedMinute::default(), Instant::now());
        let mut ask = |second| {
            let at = start + Duration::from_secs(second);
            let room = minute.has_room(at, limit, others);
            if room {
                minute.take(at);
            }
            room
        };
        seconds.into_iter().filter(|&second| ask(second)).count()
    }

    #[test]
    fn no_sixty_seconds_hold_more_than_the_limit_wherever_they_begin() {
        assert_eq!(answered([50; 10].into_iter().chain([70; 10]), 10, 0), 10, "20 s later the minute is still full");
        assert_eq!(answered([50; 10].into_iter().chain([110; 10]), 10, 0), 20, "60 s later it is empty");
    }

    #[test]
    fn what_is_refused_costs_nothing_and_an_even_pace_at_the_limit_is_never_refused() {
        assert_eq!(answered((0..600).map(|n| n / 10), 60, 0), 60, "ten times too fast");
        assert_eq!(answered(0..600, 60, 0), 600, "one a second");
    }

    #[test]
    fn another_client_leaves_us_the_rest() {
        assert_eq!(answered([0; 300], 300, 150), 150);
        assert_eq!(answered([0; 300], 300, 400), 0);
    }
}
