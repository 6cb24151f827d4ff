//! Which destinations there are, and how far each has taken.
//!
//! Promise: a destination is known from its registration on, with the book or without it; its cursor moves forward alone.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::frame::{Draft, PageMeta, SnapshotMeta};
use super::{Payload, Queue, QueueError, lock};
use crate::event::Seq;

impl Queue {
    /// Makes a destination known and tells where it stands. A new one begins at the head, or at the oldest.
    pub fn register(&self, destination: &str, from_oldest: bool) -> Seq {
        let start = if from_oldest { self.oldest().before() } else { self.head_now() };
        let mut state = lock(&self.state);
        if let Some(cursor) = state.cursors.get(destination) {
            return *cursor;
        }
        state.cursors.insert(destination.to_owned(), start);
        drop(state);
        self.write_book(|book| book.put_cursor(destination, start).and_then(|()| book.barrier()));
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
        lock(&self.state).cursors.remove(destination);
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
        drop(state);
        self.write_book(|book| book.put_cursor(destination, seq).and_then(|()| book.hand_over()));
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
}
