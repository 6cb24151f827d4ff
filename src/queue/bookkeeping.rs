//! Keeping the book up to date: cursors and places made durable, old ids forgotten, faults told.
//!
//! Promise: book-keeping never fails an append or an ack; what it could not write is told, and mended by the janitor.

use super::book::{Book, Kept};
use super::frame::PageMeta;
use super::{Queue, day_of, known, lock};

const DAY_MS: i64 = 86_400_000;
/// Ids are packed when so many have a record of their own, and one for so many that are packed: then each record that is
/// rewritten takes in several.
const PACKED_FROM: usize = 20_000;
const PACKED_SHARE: usize = 16;

impl Queue {
    /// Makes cursors durable and mends the book after an error. For the janitor, every few seconds.
    pub fn tidy_book(&self) {
        self.mend_closed_book();
        self.book_streams();
        let bytes = lock(&self.book).disk_bytes();
        lock(&self.state).book_bytes = bytes;
    }

    /// Enters where the streams stand, and makes the book durable.
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
        let Some(position) = position else { return self.write_book(Book::barrier) };
        self.write_book(|book| book.put_streams(&streams, position).and_then(|()| book.barrier()));
        let mut state = lock(&self.state);
        if state.book_fault.is_some() {
            state.unbooked.extend(unbooked);
            state.position = state.position.or(Some(position));
        }
    }

    /// Forgets ids past the horizon. For the janitor, once a day. By a clock that jumped within the last day all would
    /// be past it.
    pub fn forget_old_ids(&self) {
        if !self.clock_is_steady(DAY_MS) {
            return;
        }
        let day = day_of((self.clock)()).saturating_sub(known::HORIZON_DAYS);
        let (mut new, mut packed) = (0, 0);
        let count = |of: &mut usize, kept: Kept| {
            *of += kept.ids;
            kept.next
        };
        self.walk_ids(|book, from| book.forget_new(from, day).map(|kept| count(&mut new, kept)));
        self.walk_ids(|book, from| book.forget_packed(from, day).map(|kept| count(&mut packed, kept)));
        if new >= PACKED_FROM.max(packed / PACKED_SHARE) {
            self.pack_ids();
        }
    }

    /// Gives the ids that have a record of their own a place in a record of many. For the janitor, where there are enough.
    pub fn pack_ids(&self) {
        self.walk_ids(Book::pack);
    }

    /// Step by step through all ids: whoever waits for the book waits for one step.
    fn walk_ids(&self, mut step: impl FnMut(&mut Book, &str) -> Result<Option<String>, String>) {
        let mut from = Some(String::new());
        while let Some(begin) = from.take() {
            self.write_book(|book| {
                from = step(book, &begin)?;
                Ok(())
            });
        }
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
    }
}
