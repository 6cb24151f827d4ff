//! Room: quota, headroom on the disk, and what goes when everyone has taken it.
//!
//! Promise: polling is paused before the disk is full, an ack still works when it is, and nothing untaken goes
//! but by the operator's rule, counted.

use std::sync::MutexGuard;

use super::disk::Space;
use super::{Options, Queue, QueueError, SEGMENT_BYTES, lock};
use crate::event::Seq;
use crate::values::ByteSize;

/// A drained segment longer than this is sealed, so that it can go.
const WORTH_SEALING: u64 = 1 << 20;
/// No smaller segments, however small the disk: each begins with a snapshot.
const SMALLEST_SEGMENT: u64 = 4 << 10;

impl Queue {
    /// Takes new limits at a reload.
    pub fn set_options(&self, options: Options) {
        *lock(&self.options) = options;
    }

    /// Segments are an eighth of what there is room for, 64 MiB at the most: a drained one gives it back.
    pub(super) fn segment_limit(&self) -> u64 {
        let max = lock(&self.options).max_bytes;
        let total = self.disk.space(&self.dir).map_or(u64::MAX, |s| s.total);
        SEGMENT_BYTES.min(max / 8).min(total / 8).max(SMALLEST_SEGMENT)
    }

    /// Free space that the queue leaves alone, for the book and for the rest of the box.
    pub fn headroom(space: Space) -> u64 {
        (space.total / 16).min(64 << 20)
    }

    fn journal_bytes(&self) -> u64 {
        self.journal.with_segments(|all| all.values().map(|s| s.len).sum())
    }

    pub(super) fn disk_bytes(&self) -> u64 {
        let book = lock(&self.state).book_bytes;
        self.journal_bytes() + book
    }

    /// Refuses, or drops the oldest by the operator's rule, when a frame of this length has no room.
    pub(super) fn make_room(&self, len: u64) -> Result<(), QueueError> {
        let Err(full) = self.check_room(len) else { return Ok(()) };
        let alone = lock(&self.letting_go);
        // What is kept for search and replay is the first to yield. Another append may have seen to it meanwhile.
        if self.check_room(len).is_ok() || self.trim_to(&alone, 0, 0, None).map(|()| self.check_room(len).is_ok())? {
            return Ok(());
        }
        if !lock(&self.options).drop_oldest || !self.dropping_helps(len)? {
            return Err(full);
        }
        while self.check_room(len).is_err() {
            if !self.drop_oldest_segment(&alone)? {
                return Err(full);
            }
        }
        Ok(())
    }

    fn check_room(&self, len: u64) -> Result<(), QueueError> {
        let max = lock(&self.options).max_bytes;
        // What taking events can free. The book comes on top: it can't be drained, and must not stop collecting.
        let used = self.journal_bytes() + self.journal.in_flight();
        if used + len > max {
            return Err(QueueError::Quota { used: ByteSize(used), max: ByteSize(max) });
        }
        let space = self.disk.space(&self.dir).map_err(|e| QueueError::disk("look at", &self.dir, e))?;
        if space.free < Queue::headroom(space) + len {
            return Err(QueueError::NoSpace { path: self.dir.clone(), free: ByteSize(space.free) });
        }
        Ok(())
    }

    /// Has the queue room for another page of ordinary size? What is kept for search and replay yields to it: nothing
    /// else would make that room, while nobody appends because there is none.
    pub fn has_room(&self) -> Result<(), QueueError> {
        let Err(full) = self.check_room(1 << 20) else { return Ok(()) };
        self.trim_to(&lock(&self.letting_go), 0, 0, None)?;
        if lock(&self.options).drop_oldest && self.dropping_helps(1 << 20)? {
            return Ok(()); // the page that comes drops the oldest; while none is asked for, none would
        }
        self.check_room(1 << 20).map_err(|_| full)
    }

    /// Would a frame of this length have room if everything was dropped? Where another program has taken the disk,
    /// dropping would lose events and gain nothing.
    fn dropping_helps(&self, len: u64) -> Result<bool, QueueError> {
        let max = lock(&self.options).max_bytes;
        let space = self.disk.space(&self.dir).map_err(|e| QueueError::disk("look at", &self.dir, e))?;
        let fits = len <= max && space.free + self.journal_bytes() >= Queue::headroom(space) + len;
        let holds_events =
            self.journal.with_segments(|all| all.len() > 1 || all.iter().any(|(first, s)| s.last.0 >= *first));
        Ok(fits && holds_events)
    }

    /// Lets go what everyone has taken and nobody wants kept; seals a drained segment so that it can go too.
    /// For the janitor, every few seconds.
    pub fn trim(&self) -> Result<(), QueueError> {
        let options = *lock(&self.options);
        self.trim_to(&lock(&self.letting_go), options.keep_bytes, options.keep_ms, self.replayed_up_to())?;
        self.keep_reserve();
        Ok(())
    }

    /// `wanted`: what is behind it stays, for a replay. One at a time: of two who both saw that the oldest segment may go,
    /// the second would take the next one with it.
    fn trim_to(
        &self,
        _alone: &MutexGuard<'_, ()>,
        keep_bytes: u64,
        keep_ms: i64,
        wanted: Option<Seq>,
    ) -> Result<(), QueueError> {
        let Some(taken) = lock(&self.state).cursors.values().min().copied() else { return Ok(()) };
        lock(&self.state).fresh.release(taken);
        let sealed = if keep_bytes == 0 || keep_ms == 0 { self.seal_drained(taken) } else { Ok(()) };
        // Sealing writes, and letting go does not: on a full disk the second must not wait for the first.
        self.let_go(taken, keep_bytes, keep_ms, wanted)?;
        match sealed {
            Err(full) if full.is_full() && self.halve_reserve() => {
                self.seal_drained(taken)?;
                self.let_go(taken, keep_bytes, keep_ms, wanted)
            }
            sealed => sealed,
        }
    }

    fn let_go(&self, taken: Seq, keep_bytes: u64, keep_ms: i64, wanted: Option<Seq>) -> Result<(), QueueError> {
        let steady = self.clock_is_steady(keep_ms);
        loop {
            let oldest = self.journal.with_segments(|all| {
                let mut segments = all.values();
                let oldest = segments.next()?;
                let following = segments.next()?; // the newest one never goes
                let kept: u64 = all.values().filter(|s| s.last <= taken).map(|s| s.len).sum();
                Some((oldest.last, following.opened_ms, kept))
            });
            let Some((last, closed_ms, kept)) = oldest else { return Ok(()) };
            let too_old = steady && (self.clock)() - closed_ms > keep_ms;
            if last > wanted.map_or(taken, |wanted| wanted.min(taken)) || !(kept > keep_bytes || too_old) {
                return Ok(());
            }
            self.barrier_before_removal();
            self.journal.remove_oldest()?;
        }
    }

    /// The cursors that allow a removal are durable before it: else a power cut could bring a cursor back
    /// to events that are gone. (It would be no loss, they were taken; but it would look like one.) In the journal
    /// too, for a start without the book. Where the disk has room for neither, the reserve makes some; without that they
    /// go all the same, because nothing else would make room.
    pub(super) fn barrier_before_removal(&self) {
        self.write_book(|book| self.enter_cursors(book).and_then(|()| book.barrier()));
        let booked = lock(&self.state).book_fault.is_none();
        if !self.journal_cursors() && !booked && self.halve_reserve() {
            self.journal_cursors();
        }
    }

    fn seal_drained(&self, taken: Seq) -> Result<(), QueueError> {
        let worth = WORTH_SEALING.min(self.segment_limit() / 2);
        let drained = self
            .journal
            .with_segments(|all| all.values().next_back().is_some_and(|s| s.last <= taken && s.len > worth));
        if drained && taken >= self.head_now() { self.journal.roll(self) } else { Ok(()) }
    }
}
