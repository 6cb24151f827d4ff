//! Keeping the book up to date: cursors and places made durable, old ids forgotten, faults told.
//!
//! Promise: book-keeping never fails an append or an ack; what it could not write is told, and mended by the janitor.

use super::book::Book;
use super::frame::PageMeta;
use super::{Queue, day_of, known, lock};

const DAY_MS: i64 = 86_400_000;
/// Ids are packed when so many have a record of their own, and one for so many that are packed: then each record that is
/// rewritten takes in several.
const PACKED_FROM: usize = 20_000;
const PACKED_SHARE: usize = 16;

/// How far a walk through all remembered ids has come: those past the horizon are forgotten, and then, where there are enough
/// new ones, those that have a record of their own get a place in a record of many.
#[derive(Debug)]
pub struct IdWalk {
    /// What was kept before it is past the horizon: days since 1970.
    day: u32,
    task: IdTask,
    from: String,
    /// Ids that it has met: with a record of their own, and others.
    new: usize,
    packed: usize,
}

#[derive(Clone, Copy, Debug)]
enum IdTask {
    ForgetNew,
    ForgetPacked,
    Pack,
}

impl IdWalk {
    fn at(task: IdTask, day: u32) -> IdWalk {
        IdWalk { day, task, from: String::new(), new: 0, packed: 0 }
    }
}

impl Queue {
    /// Makes cursors durable and mends the book after an error. For the janitor, every few seconds.
    pub fn tidy_book(&self) {
        self.mend_closed_book();
        self.book_streams();
        self.journal_owed_cursors();
        let bytes = lock(&self.book).disk_bytes();
        lock(&self.state).book_bytes = bytes;
    }

    /// Enters where destinations and streams stand, and makes the book durable.
    fn book_streams(&self) {
        let mut state = lock(&self.state);
        let (unbooked, position) = (std::mem::take(&mut state.unbooked), state.position.take());
        let place = |key: &(String, String)| {
            let place = state.streams.get(key)?;
            Some(PageMeta {
                integration: key.0.clone(),
                stream: key.1.clone(),
                checkpoint: place.checkpoint.clone(),
                deferred: place.deferred.clone(),
            })
        };
        let streams: Vec<PageMeta> = unbooked.iter().filter_map(place).collect();
        drop(state);
        let Some(position) = position else {
            return self.write_book(|book| self.enter_cursors(book).and_then(|()| book.barrier()));
        };
        self.write_book(|book| {
            self.enter_cursors(book)?;
            book.put_streams(&streams, position)?;
            book.barrier()
        });
        let mut state = lock(&self.state);
        if state.book_fault.is_some() {
            state.unbooked.extend(unbooked);
            state.position = state.position.or(Some(position));
        }
    }

    /// Begins a walk through all remembered ids. For the janitor, once a day. By a clock that jumped within the last day all
    /// would be past the horizon: then none is forgotten.
    pub fn walk_ids(&self) -> IdWalk {
        let today = if self.clock_is_steady(DAY_MS) { day_of((self.clock)()) } else { 0 };
        IdWalk::at(IdTask::ForgetNew, today.saturating_sub(known::HORIZON_DAYS))
    }

    /// A step of it: whoever waits for the book waits for no more. False: that was the last.
    pub fn step_ids(&self, walk: &mut IdWalk) -> bool {
        let mut next = None;
        self.write_book(|book| {
            next = match walk.task {
                IdTask::ForgetNew => {
                    let kept = book.forget_new(&walk.from, walk.day)?;
                    walk.new += kept.ids;
                    kept.next
                }
                IdTask::ForgetPacked => {
                    let kept = book.forget_packed(&walk.from, walk.day)?;
                    walk.packed += kept.ids;
                    kept.next
                }
                IdTask::Pack => book.pack(&walk.from)?,
            };
            Ok(())
        });
        if let Some(next) = next {
            walk.from = next;
            return true;
        }
        walk.from.clear();
        walk.task = match walk.task {
            IdTask::ForgetNew => IdTask::ForgetPacked,
            IdTask::ForgetPacked if walk.new >= PACKED_FROM.max(walk.packed / PACKED_SHARE) => IdTask::Pack,
            IdTask::ForgetPacked | IdTask::Pack => return false,
        };
        true
    }

    /// The whole walk at once.
    pub fn forget_old_ids(&self) {
        let mut walk = self.walk_ids();
        while self.step_ids(&mut walk) {}
    }

    /// Packs all ids, however few are new.
    pub fn pack_ids(&self) {
        let mut walk = IdWalk::at(IdTask::Pack, 0);
        while self.step_ids(&mut walk) {}
    }

    /// Can what is so many milliseconds old by the clock be believed to be?
    pub(super) fn clock_is_steady(&self, span_ms: i64) -> bool {
        lock(&self.steady).believes((self.clock)(), std::time::Instant::now(), span_ms)
    }

    /// Book-keeping never fails an append or an ack: its loss costs repeats. The fault is told, and mended.
    pub(super) fn write_book(&self, write: impl FnOnce(&mut Book) -> Result<(), String>) {
        let result = write(&mut lock(&self.book));
        lock(&self.state).book_fault = result.err();
    }

    /// Ends in order: everything durable.
    pub fn close(&self) {
        self.book_streams();
        self.journal_owed_cursors();
    }
}
