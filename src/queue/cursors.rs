//! Which destinations there are, and how far each has taken.
//!
//! Promise: a destination is known from its registration on, with the book or without it; its cursor moves forward alone.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::book::Book;
use super::frame::{Draft, PageMeta, SnapshotMeta};
use super::slate::{Slate, Tenure};
use super::{Payload, Queue, QueueError, lock};
use crate::event::Seq;

/// Where destinations stand when the queue opens.
pub(super) struct TakenUp {
    pub cursors: BTreeMap<String, Seq>,
    pub tenures: BTreeMap<String, Tenure>,
    /// Of whom the book has something else, or nothing.
    pub unbooked: BTreeSet<String>,
}

/// Each stands where the furthest of three says: the book; the slate, of the tenure that the book has; and the journal's
/// newest snapshot, for a book that lost all of them, or some.
pub(super) fn take_up(
    booked: Vec<(String, Seq, Option<Tenure>)>,
    told: Vec<(String, Seq)>,
    slate: &mut Slate,
    now_ms: i64,
) -> TakenUp {
    let known: Vec<Tenure> = booked.iter().filter_map(|(_, _, tenure)| *tenure).collect();
    slate.keep_only(&known);
    let mut found = TakenUp { cursors: BTreeMap::new(), tenures: BTreeMap::new(), unbooked: BTreeSet::new() };
    for (name, seq, tenure) in booked {
        let stood = tenure.and_then(|tenure| slate.stood(tenure)).unwrap_or_default().max(seq);
        if tenure.is_none() || stood > seq {
            found.unbooked.insert(name.clone());
        }
        found.tenures.insert(name.clone(), tenure.unwrap_or_else(|| slate.new_tenure(now_ms)));
        found.cursors.insert(name, stood);
    }
    for (name, seq) in told {
        if found.cursors.get(&name).is_none_or(|known| *known < seq) {
            found.tenures.entry(name.clone()).or_insert_with(|| slate.new_tenure(now_ms));
            found.unbooked.insert(name.clone());
            found.cursors.insert(name, seq);
        }
    }
    found
}

impl Queue {
    /// Makes a destination known and tells where it stands. A new one begins at the head, or at the oldest.
    pub fn register(&self, destination: &str, from_oldest: bool) -> Seq {
        let start = if from_oldest { self.oldest().before() } else { self.head_now() };
        let tenure = lock(&self.slate).new_tenure((self.clock)());
        let mut state = lock(&self.state);
        if let Some(cursor) = state.cursors.get(destination) {
            return *cursor;
        }
        state.cursors.insert(destination.to_owned(), start);
        state.tenures.insert(destination.to_owned(), tenure);
        state.unbooked_cursors.insert(destination.to_owned());
        drop(state);
        self.write_book(|book| {
            self.enter_cursors(book)?;
            book.barrier()?;
            lock(&self.slate).admit(tenure);
            Ok(())
        });
        self.journal_cursors();
        start
    }

    /// Which destinations the settings in force name: their places can't be forgotten.
    pub fn set_in_use(&self, destinations: BTreeSet<String>) {
        lock(&self.state).in_use = destinations;
    }

    pub fn is_in_use(&self, destination: &str) -> bool {
        lock(&self.state).in_use.contains(destination)
    }

    /// Forgets a destination; what it had not taken is no longer kept for it.
    pub fn forget(&self, destination: &str) {
        // A replay that stays in the book for want of a write meets no such destination any more.
        if let Err(error) = self.cancel_replay(destination) {
            tracing::debug!(%error, "the replay of a destination that is forgotten");
        }
        let tenure = {
            let mut state = lock(&self.state);
            state.cursors.remove(destination);
            state.unbooked_cursors.remove(destination);
            state.tenures.remove(destination)
        };
        if let Some(tenure) = tenure {
            lock(&self.slate).dismiss(tenure);
        }
        self.write_book(|book| book.remove_cursor(destination).and_then(|()| book.barrier()));
        self.journal_cursors();
    }

    /// Which destinations there are stands in the journal too: without the book, a new one would begin at the head
    /// again and never get what waits for it, and what was let go would look like a loss. Best effort, as the book is written already; an empty journal's first
    /// snapshot will hold it. Returns whether it is durable.
    pub(super) fn journal_cursors(&self) -> bool {
        if self.journal.with_segments(BTreeMap::is_empty) {
            return true;
        }
        let cursors = lock(&self.state).cursors.iter().map(|(name, seq)| (name.clone(), *seq)).collect();
        let meta = SnapshotMeta { cursors, ..SnapshotMeta::default() };
        let payload = Payload { meta: PageMeta::default(), events: Vec::new(), marks: Vec::new(), keyed: false };
        let kept = self
            .with_codec(|codec| Draft::snapshot(&meta, codec))
            .map_err(|e| QueueError::disk("encode a snapshot for", &self.dir, e))
            .and_then(|draft| self.journal.append(draft, payload, self.segment_limit(), self));
        if let Err(error) = &kept {
            tracing::debug!(%error, "the destinations are known to the book alone");
        }
        kept.is_ok()
    }

    /// The destination has taken everything up to here. Safe from a kill of this process when it returns;
    /// a power cut may take it back a few seconds: repeats, never loss.
    pub fn ack(&self, destination: &str, seq: Seq) {
        let mut state = lock(&self.state);
        let before = match state.cursors.get_mut(destination) {
            Some(cursor) if *cursor < seq => {
                let before = std::mem::replace(cursor, seq);
                state.passed_drops(destination);
                before
            }
            Some(_) => {
                let all = state.was_no_loss(destination, seq);
                drop(state);
                if let Some(all) = all {
                    self.write_book(|book| book.put_dropped(destination, all));
                }
                return;
            }
            None => return,
        };
        state.unbooked_cursors.insert(destination.to_owned());
        // Taken with the cursor: the slate must never tell of one registration what another has taken.
        let tenure = state.tenures.get(destination).copied();
        drop(state);
        if !tenure.is_some_and(|tenure| lock(&self.slate).chalk(tenure, seq)) {
            self.write_book(|book| {
                self.enter_cursors(book)?;
                book.hand_over()?;
                tenure.into_iter().for_each(|tenure| lock(&self.slate).admit(tenure));
                Ok(())
            });
        }
        // Where a segment begins, the one before it ends.
        let ends = before.0 + 2..=seq.0 + 1;
        if self.journal.with_segments(|all| !ends.is_empty() && all.range(ends).next().is_some()) {
            self.passed.send_modify(|count| *count += 1);
        }
    }

    /// A way to wait for an ack that passes the end of a segment: the segment may go then, perhaps.
    pub fn passed(&self) -> watch::Receiver<u64> {
        self.passed.subscribe()
    }

    /// Enters into the book what it does not have yet of the cursors; they are safe with its next flush.
    pub(super) fn enter_cursors(&self, book: &mut Book) -> Result<(), String> {
        let unbooked: Vec<(String, Seq, Tenure)> = {
            let mut state = lock(&self.state);
            let names = std::mem::take(&mut state.unbooked_cursors);
            let place = |name: String| Some((*state.cursors.get(&name)?, *state.tenures.get(&name)?, name));
            names.into_iter().filter_map(place).map(|(seq, tenure, name)| (name, seq, tenure)).collect()
        };
        let entered = unbooked.iter().try_for_each(|(name, seq, tenure)| book.put_cursor(name, *seq, *tenure));
        if entered.is_err() {
            lock(&self.state).unbooked_cursors.extend(unbooked.into_iter().map(|(name, ..)| name));
        }
        entered
    }
}

#[cfg(test)]
mod tests;
