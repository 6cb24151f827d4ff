//! Which destinations there are, and how far each has taken.
//!
//! Promise: a destination is known from its registration on, with the book or without it; its cursor moves forward alone.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::book::Book;
use super::frame::{Draft, PageMeta, SnapshotMeta};
use super::slate::{Slate, Tenure};
use super::{Payload, Queue, QueueError, State, lock};
use crate::event::Seq;

/// A destination, how far it has come, and by which registration; a build before tenures knows none.
pub(super) type Standing = (String, Seq, Option<Tenure>);

/// Where destinations stand when the queue opens.
#[derive(Default)]
pub(super) struct TakenUp {
    pub cursors: BTreeMap<String, Seq>,
    pub tenures: BTreeMap<String, Tenure>,
    /// Of whom the book has something else, or nothing.
    pub unbooked: BTreeSet<String>,
}

/// Of the book and the journal's newest snapshot (for a book that lost all of them, or some) whichever knows the later
/// registration, and of one that both know the further; and where the slate has it further still, there. A book without a
/// tenure was written last by a build before tenures: it is believed, whatever a registration before that had reached. (Where it
/// is older than the snapshot after all, because no later build could write it, that costs repeats, and may tell a loss that is none.)
pub(super) fn take_up(booked: Vec<Standing>, told: Vec<Standing>, slate: &mut Slate, now_ms: i64) -> TakenUp {
    slate.has_seen(booked.iter().chain(&told).filter_map(|(_, _, tenure)| *tenure));
    let mut all: BTreeMap<String, (Seq, Option<Tenure>)> =
        booked.iter().map(|(name, seq, tenure)| (name.clone(), (*seq, *tenure))).collect();
    for (name, seq, tenure) in told {
        let known = all.entry(name).or_insert((seq, tenure));
        *known = match (known.1, tenure) {
            (Some(booked), Some(told)) if told > booked => (seq, tenure),
            (Some(booked), Some(told)) if told < booked => *known,
            (None, Some(_)) => *known,
            _ => (seq.max(known.0), known.1.or(tenure)),
        };
    }
    let mut found = TakenUp::default();
    for (name, (seq, tenure)) in all {
        let stood = tenure.and_then(|tenure| slate.stood(tenure)).map_or(seq, |stood| stood.max(seq));
        let tenure = tenure.unwrap_or_else(|| slate.new_tenure(now_ms));
        if !booked.contains(&(name.clone(), stood, Some(tenure))) {
            found.unbooked.insert(name.clone());
        }
        found.tenures.insert(name.clone(), tenure);
        found.cursors.insert(name, stood);
    }
    slate.keep_only(&booked.iter().filter_map(|(_, _, tenure)| *tenure).collect::<Vec<_>>());
    found
}

impl State {
    /// In the order of the cursors.
    pub(super) fn tenures_of_all(&self) -> Vec<Tenure> {
        self.cursors.keys().filter_map(|name| self.tenures.get(name).copied()).collect()
    }
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
            self.admit(destination, tenure);
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

    /// Forgets a destination; what it had not taken is no longer kept for it. False where the settings in force name it.
    /// A book or a journal that can't be written hears of it when it can be; after a kill before that it is known again.
    pub fn forget(&self, destination: &str) -> bool {
        if self.is_in_use(destination) {
            return false;
        }
        // A replay that stays in the book for want of a write meets no such destination any more.
        if let Err(error) = self.cancel_replay(destination) {
            tracing::debug!(%error, "the replay of a destination that is forgotten");
        }
        self.mend_closed_book();
        let tenure = {
            let mut state = lock(&self.state);
            if state.in_use.contains(destination) {
                return false;
            }
            state.cursors.remove(destination);
            state.unbooked_cursors.insert(destination.to_owned());
            state.tenures.remove(destination)
        };
        self.write_book(|book| {
            self.enter_cursors(book)?;
            book.barrier()?;
            tenure.into_iter().for_each(|tenure| lock(&self.slate).dismiss(tenure));
            Ok(())
        });
        self.journal_cursors();
        true
    }

    /// Which destinations there are stands in the journal too: without the book, a new one would begin at the head again and
    /// never get what waits for it, and what was let go would look like a loss. Best effort, as the book is written already; an
    /// empty journal's first snapshot will hold it. Returns whether it is durable; if not, the janitor tries again.
    pub(super) fn journal_cursors(&self) -> bool {
        if self.journal.with_segments(BTreeMap::is_empty) {
            return true;
        }
        // Two that came at once must not stand in the journal in the wrong order: the last one counts.
        let mut owed = lock(&self.owes_telling);
        let meta = {
            let state = lock(&self.state);
            let cursors = state.cursors.iter().map(|(name, seq)| (name.clone(), *seq)).collect();
            SnapshotMeta { cursors, tenures: state.tenures_of_all(), ..SnapshotMeta::default() }
        };
        let payload = Payload { meta: PageMeta::default(), events: Vec::new(), marks: Vec::new(), keyed: false };
        let kept = self
            .with_codec(|codec| Draft::snapshot(&meta, codec))
            .map_err(|e| QueueError::disk("encode a snapshot for", &self.dir, e))
            .and_then(|draft| self.journal.append(draft, payload, self.segment_limit(), self));
        if let Err(error) = &kept {
            tracing::debug!(%error, "the destinations are known to the book alone");
        }
        *owed = kept.is_err();
        kept.is_ok()
    }

    /// What could not be told when it changed.
    pub(super) fn journal_owed_cursors(&self) {
        let owed = *lock(&self.owes_telling);
        if owed {
            self.journal_cursors();
        }
    }

    /// The destination has taken everything up to here. Safe from a kill of this process when it returns, but where
    /// neither the slate nor the book can be written; a power cut may take it back a few seconds: repeats, never loss.
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
                tenure.into_iter().for_each(|tenure| self.admit(destination, tenure));
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

    /// The book has this tenure; it may stand on the slate, if it is still the destination's.
    fn admit(&self, destination: &str, tenure: Tenure) {
        if lock(&self.state).tenures.get(destination) == Some(&tenure) {
            lock(&self.slate).admit(tenure);
        }
    }

    /// Enters into the book what it does not have yet of the cursors, and removes those of whom there are none any more; it is
    /// safe with its next flush.
    pub(super) fn enter_cursors(&self, book: &mut Book) -> Result<(), String> {
        let unbooked: Vec<(Option<(Seq, Tenure)>, String)> = {
            let mut state = lock(&self.state);
            let names = std::mem::take(&mut state.unbooked_cursors);
            let standing = |name: &String| Some((*state.cursors.get(name)?, *state.tenures.get(name)?));
            names.into_iter().map(|name| (standing(&name), name)).collect()
        };
        let entered = unbooked.iter().try_for_each(|(standing, name)| match standing {
            Some((seq, tenure)) => book.put_cursor(name, *seq, *tenure),
            None => book.remove_cursor(name),
        });
        if entered.is_err() {
            lock(&self.state).unbooked_cursors.extend(unbooked.into_iter().map(|(_, name)| name));
        }
        entered
    }
}

#[cfg(test)]
mod tests;
