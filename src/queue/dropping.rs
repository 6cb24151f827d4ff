//! The operator's rule `when-full = "drop-oldest"`: what went, counted against whoever had not taken it.
//!
//! Promise: each event that goes is counted once for each destination that had not taken it, and for no other; the
//! counts survive a restart, where the book could be written or mended before the events went, and each loss is there to be
//! told until somebody has told it.

use std::sync::MutexGuard;

use super::{Queue, QueueError, State, lock};
use crate::event::Seq;

/// What a destination lost by the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many events.
    pub events: u64,
    /// The first and the last of them; what lies between, it may have taken in part. 0: not known.
    pub first: Seq,
    pub last: Seq,
}

/// A drop that nobody has told yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Untold {
    lost: Dropped,
    /// Some of it may have been handed over when it went, and be taken yet.
    on_its_way: bool,
}

impl Dropped {
    fn span(first: Seq, last: Seq) -> Dropped {
        Dropped { events: (last.0 + 1).saturating_sub(first.0), first, last }
    }

    /// This and what went after it.
    fn and(self, later: Dropped) -> Dropped {
        Dropped { events: self.events + later.events, last: later.last.max(self.last), ..self }
    }

    /// As the book keeps it.
    pub(super) fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (at, number) in [self.events, self.first.0, self.last.0].into_iter().enumerate() {
            bytes[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// An older build kept the number alone.
    pub(super) fn decode(bytes: &[u8]) -> Option<Dropped> {
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Dropped {
            events: number(0)?,
            first: Seq(number(8).unwrap_or_default()),
            last: Seq(number(16).unwrap_or_default()),
        })
    }
}

impl State {
    /// Whoever stands before `last` loses what is left of `first..=last`. Returns the new totals.
    fn lose(&mut self, first: Seq, last: Seq) -> Vec<(String, Dropped)> {
        let mut losers = Vec::new();
        for (name, cursor) in self.cursors.iter_mut().filter(|(_, cursor)| **cursor < last) {
            let lost = Dropped::span(cursor.next().max(first), last);
            *cursor = last;
            self.untold.entry(name.clone()).or_default().push(Untold { lost, on_its_way: true });
            let all = self.dropped.get(name).map_or(lost, |before| before.and(lost));
            self.dropped.insert(name.clone(), all);
            losers.extend(self.dropped.get(name).map(|all| (name.clone(), *all)));
        }
        losers
    }

    /// It has taken what came behind the drop: what was dropped and not taken by now is lost.
    pub(super) fn passed_drops(&mut self, destination: &str) {
        for one in self.untold.get_mut(destination).into_iter().flatten() {
            one.on_its_way = false;
        }
    }

    /// A destination has taken up to here what was dropped while it was on its way: that was no loss. Returns the new total.
    pub(super) fn was_no_loss(&mut self, destination: &str, seq: Seq) -> Option<Dropped> {
        let untold = self.untold.get_mut(destination)?;
        let mut taken = 0;
        for Untold { lost, .. } in untold.iter_mut().filter(|one| one.on_its_way && one.lost.first <= seq) {
            taken += Dropped::span(lost.first, seq.min(lost.last)).events;
            *lost = Dropped::span(seq.min(lost.last).next(), lost.last);
        }
        untold.retain(|one| one.lost.events > 0);
        let begins = untold.first().map(|one| one.lost.first);
        if begins.is_none() {
            self.untold.remove(destination);
        }
        if taken == 0 {
            return None;
        }
        let mut all = *self.dropped.get(destination)?;
        all.events = all.events.saturating_sub(taken);
        if all.first <= seq && begins.is_some_and(|begins| all.events <= Dropped::span(begins, all.last).events) {
            // Nothing older than what is left was told before.
            all.first = begins.unwrap_or(all.first);
        }
        if all.events == 0 {
            self.dropped.remove(destination);
        } else {
            self.dropped.insert(destination.to_owned(), all);
        }
        Some(all)
    }
}

impl Queue {
    /// Drops the oldest segment; each destination that had not taken all of it is told how much it lost.
    pub(super) fn drop_oldest_segment(&self, _alone: &MutexGuard<'_, ()>) -> Result<bool, QueueError> {
        if self.journal.with_segments(|all| all.len()) < 2 {
            self.journal.roll(self)?;
        }
        let oldest = self
            .journal
            .with_segments(|all| all.iter().next().filter(|_| all.len() > 1).map(|(first, s)| (Seq(*first), s.last)));
        let Some((first, last)) = oldest else { return Ok(false) };
        if last < first {
            // Checkpoints alone: nobody loses anything by it.
            return self.journal.remove_oldest().map(|()| true);
        }
        // Both behind the book's lock: who enters cursors meanwhile must not enter one that passed a loss without its count.
        self.write_book(|book| {
            let (losers, tenures) = {
                let mut state = lock(&self.state);
                (state.lose(first, last), state.tenures.clone())
            };
            let passed = losers.iter().filter_map(|(name, all)| Some((name, last, *tenures.get(name)?, *all)));
            book.put_passed(passed)?;
            book.barrier()
        });
        // By a full disk, perhaps: mended with what the reserve gives, the book has the count before the events go.
        if lock(&self.state).book_fault.is_some() {
            self.halve_reserve();
            self.mend_closed_book();
        }
        self.barrier_before_removal();
        self.journal.remove_oldest()?;
        Ok(true)
    }

    /// What was dropped and not told yet, by destination: whoever takes it tells it, or gives it back.
    pub fn take_untold_drops(&self) -> Vec<(String, Dropped)> {
        let untold = std::mem::take(&mut lock(&self.state).untold);
        let whole = |(name, each): (String, Vec<Untold>)| {
            Some((name, each.into_iter().map(|one| one.lost).reduce(Dropped::and)?))
        };
        untold.into_iter().filter_map(whole).collect()
    }

    /// It could not be told.
    pub fn give_back_untold_drops(&self, drops: Vec<(String, Dropped)>) {
        let untold = &mut lock(&self.state).untold;
        for (name, before) in drops {
            untold.entry(name).or_default().insert(0, Untold { lost: before, on_its_way: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(cursors: &[(&str, u64)]) -> State {
        let cursors = cursors.iter().map(|(name, seq)| ((*name).to_owned(), Seq(*seq))).collect();
        State { cursors, ..State::default() }
    }

    fn dropped(events: u64, first: u64, last: u64) -> Option<Dropped> {
        Some(Dropped { events, first: Seq(first), last: Seq(last) })
    }

    #[test]
    fn a_loss_is_the_laggards_alone_and_ranges_add_up() {
        let mut state = state(&[("laggard", 3), ("prompt", 50)]);
        state.lose(Seq(1), Seq(10));
        state.lose(Seq(11), Seq(20));
        assert_eq!(state.dropped.get("laggard").copied(), dropped(17, 4, 20));
        assert_eq!((state.dropped.get("prompt"), state.cursors["laggard"]), (None, Seq(20)));
        state.cursors.insert("laggard".into(), Seq(30));
        state.lose(Seq(21), Seq(40));
        assert_eq!(state.dropped.get("laggard").copied(), dropped(27, 4, 40), "21 to 30 it had taken");
    }

    #[test]
    fn what_was_on_its_way_and_was_taken_is_no_loss() {
        let mut state = state(&[("slow", 3)]);
        state.lose(Seq(1), Seq(10));
        assert_eq!(state.was_no_loss("slow", Seq(3)), None);
        assert_eq!(state.was_no_loss("slow", Seq(6)), dropped(4, 7, 10));
        assert_eq!(state.dropped.get("slow").copied(), dropped(4, 7, 10));
        assert_eq!(state.was_no_loss("slow", Seq(12)).map(|all| all.events), Some(0));
        assert!(state.dropped.is_empty() && state.untold.is_empty(), "nothing is left to tell");
    }

    #[test]
    fn an_ack_between_two_drops_gives_back_what_it_covers_and_no_more() {
        let mut state = state(&[("slow", 50)]);
        state.lose(Seq(1), Seq(100));
        assert_eq!(state.was_no_loss("slow", Seq(80)).map(|all| all.events), Some(20));
        state.passed_drops("slow");
        state.cursors.insert("slow".into(), Seq(150));
        state.lose(Seq(101), Seq(200));
        assert_eq!(state.dropped["slow"].events, 20 + 50);
        let left = state.was_no_loss("slow", Seq(180)).map(|all| all.events);
        assert_eq!(left, Some(40), "81 to 100 and 181 to 200");
    }

    #[test]
    fn the_book_gives_back_what_it_was_given_and_reads_what_an_older_build_kept() {
        let one = Dropped { events: 7, first: Seq(4), last: Seq(20) };
        assert_eq!(Dropped::decode(&one.encode()), Some(one));
        assert_eq!(Dropped::decode(&9_u64.to_le_bytes()), dropped(9, 0, 0));
        assert_eq!(Dropped::decode(&[1, 2]), None);
    }
}
