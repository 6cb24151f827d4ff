//! What the queue says about itself, as plain data.
//!
//! Promise: cheap to ask; depth is arithmetic, never a walk.

use std::collections::{BTreeMap, BTreeSet};

use super::dropping::Dropped;
use super::journal::Position;
use super::{Queue, Replaying, lock};
use crate::event::Seq;

/// A stretch of the journal that did not check out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamageNote {
    pub(super) at: Position,
    pub bytes: u64,
    /// Events lost with it; none when `first > last`.
    pub first: Seq,
    pub last: Seq,
    /// The streams concerned have gone back to fetch again.
    pub(super) rewound: bool,
}

impl DamageNote {
    /// Events lost with it.
    pub fn events(&self) -> u64 {
        (self.last.0 + 1).saturating_sub(self.first.0)
    }

    /// Is it a segment that was missing in front of the oldest one?
    pub(super) fn is_in_front(&self) -> bool {
        self.at.offset == 0 && self.first <= self.last && self.last.0 < self.at.segment
    }
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Bytes of an unconfirmed tail that were cut.
    pub torn_bytes: u64,
    /// The book could not be opened and was rebuilt from the journal.
    pub book_rebuilt: bool,
    /// Frames looked at.
    pub frames_read: u64,
}

/// The queue at this moment.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub head: Seq,
    /// Events that some destination has not taken; without any destination, all that are kept.
    pub waiting: u64,
    /// Bytes of the segments that hold them.
    pub bytes: u64,
    /// Bytes of everything the queue has on disk.
    pub disk_bytes: u64,
    pub max_bytes: u64,
    /// Seconds since the oldest waiting event was kept.
    pub oldest_seconds: Option<u64>,
    pub cursors: BTreeMap<String, Seq>,
    /// Seconds since the oldest event was kept that this destination has still to take; those that have all are missing.
    pub ages: BTreeMap<String, u64>,
    pub damage: Vec<DamageNote>,
    /// What the operator's rule dropped, by the destination that had not taken it.
    pub dropped: BTreeMap<String, Dropped>,
    /// Replays under way.
    pub replays: Vec<Replaying>,
    /// Since the start of this process.
    pub duplicates: u64,
    /// Kept since the start of this process.
    pub appended: u64,
    /// Why the last append could not be made durable; `None` once one works.
    pub write_fault: Option<String>,
    /// What is wrong with the book-keeping, if anything.
    pub book_fault: Option<String>,
}

impl Queue {
    pub fn facts(&self) -> Facts {
        let oldest = self.oldest();
        let max_bytes = lock(&self.options).max_bytes;
        let disk_bytes = self.disk_bytes();
        let state = lock(&self.state);
        // Read behind the cursors' lock: none of them is ahead of it.
        let head = self.head_now();
        let slowest = state.cursors.values().min().copied().unwrap_or(oldest.before()).max(oldest.before());
        let facts = Facts {
            head,
            waiting: head.0.saturating_sub(slowest.0),
            bytes: 0,
            disk_bytes,
            max_bytes,
            oldest_seconds: None,
            cursors: state.cursors.clone(),
            ages: BTreeMap::new(),
            damage: state.damage.clone(),
            dropped: state.dropped.clone(),
            replays: state.replays.values().cloned().collect(),
            duplicates: state.duplicates,
            appended: state.appended,
            write_fault: state.write_fault.clone(),
            book_fault: state.book_fault.clone(),
        };
        drop(state);
        let bytes =
            self.journal.with_segments(|all| all.values().filter(|s| s.last > slowest).map(|s| s.len).sum::<u64>());
        let age = |cursor: Seq| self.kept_ms(cursor).map(|kept| ((self.clock)() - kept).max(0) as u64 / 1000);
        // Most stand at the same place: each place is looked up once.
        let places: BTreeSet<Seq> = facts.cursors.values().copied().filter(|cursor| *cursor < head).collect();
        let by_place: BTreeMap<Seq, u64> =
            places.into_iter().filter_map(|place| Some((place, age(place.max(oldest.before()))?))).collect();
        let of = |(name, cursor): (&String, &Seq)| Some((name.clone(), *by_place.get(cursor)?));
        let ages = facts.cursors.iter().filter_map(of).collect();
        Facts { bytes, oldest_seconds: age(slowest), ages, ..facts }
    }

    /// The oldest seq still on disk; when there is none, the one to come.
    pub fn oldest(&self) -> Seq {
        self.journal.with_segments(|all| all.keys().next().copied().map(Seq)).unwrap_or_else(|| self.journal.next())
    }
}
