//! Keeping the book up to date: cursors and places made durable, old ids forgotten, faults told.
//!
//! Promise: book-keeping never fails an append or an ack; what it could not write is told, and mended by the janitor.

use super::book::Book;
use super::frame::PageMeta;
use super::{Queue, day_of, known, lock};

const DAY_MS: i64 = 86_400_000;

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
        self.write_book(|book| book.forget_before(day).map(|_| ()));
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
