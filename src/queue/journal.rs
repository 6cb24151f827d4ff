//! The journal: append-only segments, one durable frame for each page.
//!
//! Promise: [`Journal::append`] returns only after an fdatasync that covers the frame, and whoever appends
//! meanwhile shares that one barrier (group commit). Frames take effect in the order of their seqs.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};

use super::barrier::{Active, Barrier};
use super::disk::{Disk, DiskFile};
use super::error::QueueError;
use super::frame::Draft;
use super::lock;
use super::segment::{self, Segment};
use crate::event::Seq;

/// A place in the journal: a segment (by its first seq) and a byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Position {
    pub segment: u64,
    pub offset: u64,
}

/// Where a frame came to stand.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub first: Seq,
    /// Of an empty frame, the seq before `first`.
    pub last: Seq,
    /// The byte after it.
    pub end: Position,
    /// Milliseconds since 1970.
    pub written_ms: i64,
}

/// What the journal asks of the queue while it writes. Called with the journal's write lock held, so that
/// effects are in the order of the frames.
pub trait Keeper<P> {
    /// The frame is durable.
    fn committed(&self, placed: Placed, payload: P);
    /// Where everything stands now: the next segment's first frame.
    /// `before` is the last seq that any event of an earlier segment has.
    fn snapshot(&self, before: Seq) -> std::io::Result<Draft>;
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// What was written, for the barrier that has to cover it: see [`Journal::write`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    upto: u64,
    abandoned: u64,
}

struct Pending<P> {
    upto: u64,
    placed: Placed,
    payload: P,
}

struct Writer<P> {
    /// The segment that grows; `None` before the first append and after a failed barrier.
    active: Option<(Seq, Arc<Active>)>,
    offset: u64,
    /// Bytes of the snapshot that the active segment begins with.
    opening: u64,
    /// The last seq that a durable event has.
    last: Seq,
    /// How much of the active segment a barrier has confirmed.
    durable: u64,
    next: Seq,
    /// Bytes ever written in this process: what barriers are counted by.
    written: u64,
    /// How often a failed barrier has thrown away what was written.
    abandoned: u64,
    pending: VecDeque<Pending<P>>,
}

pub struct Journal<P> {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    writer: Mutex<Writer<P>>,
    barrier: Mutex<Barrier>,
    passed: Condvar,
    segments: RwLock<BTreeMap<u64, Segment>>,
}

/// Whoever leads a barrier. Dropped by a panic (of the keeper, say), it lets the next one lead: else all would wait.
struct Leading<'j, P>(&'j Journal<P>);

impl<P> Drop for Leading<'_, P> {
    fn drop(&mut self) {
        lock(&self.0.barrier).syncing = false;
        self.0.passed.notify_all();
    }
}

impl<P> Journal<P> {
    /// Goes on with what recovery found; `next` is above everything ever given out. `sealed`: the last segment grows no
    /// more, the next frame begins another.
    pub fn resume(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        segments: BTreeMap<u64, Segment>,
        next: Seq,
        sealed: bool,
    ) -> Journal<P> {
        let active =
            segments.last_key_value().filter(|_| !sealed).map(|(first, s)| (Seq(*first), Arc::clone(&s.file), s.len));
        let offset = active.as_ref().map_or(0, |a| a.2);
        let last = segments.values().next_back().map_or(next.before(), |s| s.last);
        Journal {
            disk,
            dir,
            writer: Mutex::new(Writer {
                active: active.map(|(first, file, _)| (first, Active::new(file))),
                offset,
                opening: 0,
                last,
                durable: offset,
                next,
                written: 0,
                abandoned: 0,
                pending: VecDeque::new(),
            }),
            barrier: Mutex::new(Barrier::default()),
            passed: Condvar::new(),
            segments: RwLock::new(segments),
        }
    }

    /// Writes a frame and makes it durable.
    pub fn append(
        &self,
        mut draft: Draft,
        payload: P,
        limit: u64,
        keeper: &dyn Keeper<P>,
    ) -> Result<Placed, QueueError> {
        let (mark, placed) = self.write(&mut draft, &mut Some(payload), None, limit, keeper)?;
        drop(draft);
        self.wait(mark, keeper).map(|()| placed)
    }

    /// Writes a frame, which takes effect by a barrier that is waited for later; rolls to a new segment first when the
    /// active one would pass `limit`. `behind`: only behind that one, not where it was thrown away. What could not be
    /// written stays where it is.
    pub fn write(
        &self,
        draft: &mut Draft,
        payload: &mut Option<P>,
        behind: Option<Mark>,
        limit: u64,
        keeper: &dyn Keeper<P>,
    ) -> Result<(Mark, Placed), QueueError> {
        let mut writer = lock(&self.writer);
        if writer.active.is_none() || (writer.offset > 0 && writer.offset + draft.len() > limit) {
            self.roll_locked(&mut writer, keeper)?;
        }
        // Behind the roll, which may be what has thrown it away.
        if behind.is_some_and(|mark| mark.abandoned != writer.abandoned) {
            return Err(QueueError::Book("a barrier failed: what stands before this page may be gone".into()));
        }
        let Some((segment, file)) = writer.active.clone() else {
            return Err(QueueError::Book("no segment is open".into()));
        };
        let (first, written_ms) = (writer.next, keeper.now_ms());
        let count = u64::from(draft.count());
        let offset = writer.offset;
        if let Err(e) = file.file.write_all_at(draft.seal(first, written_ms), offset) {
            // Half a frame behind the durable end is cut at once; if that fails too, recovery cuts it.
            let _ = file.file.truncate(offset);
            return Err(QueueError::disk("write to", &segment::path(&self.dir, segment), e));
        }
        writer.offset += draft.len();
        writer.written += draft.len();
        writer.next = Seq(first.0 + count);
        let end = Position { segment: segment.0, offset: writer.offset };
        let placed = Placed { first, last: writer.next.before(), end, written_ms };
        let upto = writer.written;
        writer.pending.extend(payload.take().map(|payload| Pending { upto, placed, payload }));
        Ok((Mark { upto, abandoned: writer.abandoned }, placed))
    }

    /// Bytes that are written and not durable yet.
    pub fn in_flight(&self) -> u64 {
        let writer = lock(&self.writer);
        if writer.active.is_some() { writer.offset - writer.durable } else { 0 }
    }

    /// Makes a written frame durable. Leader or follower: one fdatasync serves everyone who wrote before it began.
    pub fn wait(&self, mark: Mark, keeper: &dyn Keeper<P>) -> Result<(), QueueError> {
        let mine = mark.upto;
        let mut barrier = lock(&self.barrier);
        loop {
            if barrier.failed.iter().any(|(from, to)| *from < mine && mine <= *to) {
                return Err(QueueError::Book("a barrier failed: the page is asked for again".into()));
            }
            if barrier.synced >= mine {
                return Ok(());
            }
            if barrier.syncing {
                barrier = self.passed.wait(barrier).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            barrier.syncing = true;
            drop(barrier);
            let leading = Leading(self);
            let result = self.sync_once(keeper);
            barrier = lock(&self.barrier);
            // Its verdict comes with the lock: nobody leads before it is entered.
            std::mem::forget(leading);
            barrier.syncing = false;
            self.passed.notify_all();
            match result {
                Ok(upto) => barrier.synced = barrier.synced.max(upto),
                Err((from, to, error)) => {
                    barrier.fail(from, to);
                    if barrier.synced < mine {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn sync_once(&self, keeper: &dyn Keeper<P>) -> Result<u64, (u64, u64, QueueError)> {
        let (segment, file, offset, target) = {
            let writer = lock(&self.writer);
            match &writer.active {
                Some((segment, file)) => (*segment, Arc::clone(file), writer.offset, writer.written),
                None => return Ok(writer.written),
            }
        };
        let result = file.sync();
        let mut writer = lock(&self.writer);
        match result {
            Ok(()) => {
                if writer.active.as_ref().is_some_and(|(now, _)| *now == segment) {
                    writer.durable = writer.durable.max(offset);
                }
                self.settle(&mut writer, target, keeper);
                Ok(target)
            }
            Err(e) => {
                let error = QueueError::disk("make durable", &segment::path(&self.dir, segment), e);
                // A roll that met the same fault has thrown this segment's end away already, and said which.
                let still_ours = writer.active.as_ref().is_some_and(|(now, _)| *now == segment);
                let (from, to) = if still_ours { self.abandon(&mut writer, keeper) } else { (0, 0) };
                Err((from, to, error))
            }
        }
    }

    /// Gives effect to every frame up to this count of written bytes.
    fn settle(&self, writer: &mut Writer<P>, upto: u64, keeper: &dyn Keeper<P>) {
        while writer.pending.front().is_some_and(|p| p.upto <= upto) {
            if let Some(done) = writer.pending.pop_front() {
                let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
                if done.placed.last >= done.placed.first {
                    writer.last = done.placed.last;
                }
                if let Some(segment) = segments.get_mut(&done.placed.end.segment) {
                    segment.len = done.placed.end.offset;
                    segment.last = writer.last;
                }
                drop(segments);
                keeper.committed(done.placed, done.payload);
            }
        }
    }

    /// After a failed barrier nobody knows what the disk holds: what was not confirmed is cut off and thrown
    /// away, and the next frame begins a new segment (fsync errors are not repeated by the kernel). The cut is made
    /// durable: a page that was refused is asked for again, and would be there twice after a power cut.
    fn abandon(&self, writer: &mut Writer<P>, keeper: &dyn Keeper<P>) -> (u64, u64) {
        let Some((segment, file)) = writer.active.take() else { return (writer.written, writer.written) };
        let durable_upto = writer.pending.iter().take_while(|p| p.placed.end.segment != segment.0).last();
        let in_this = writer.written - (writer.offset - writer.durable);
        let from = durable_upto.map_or(in_this, |p| p.upto.max(in_this));
        self.settle(writer, from, keeper);
        writer.pending.clear();
        writer.abandoned += 1;
        let _ = file.file.truncate(writer.durable).and_then(|()| file.file.sync());
        (from, writer.written)
    }

    /// Seals the active segment and begins a new one with a snapshot.
    pub fn roll(&self, keeper: &dyn Keeper<P>) -> Result<(), QueueError> {
        let mut writer = lock(&self.writer);
        self.roll_locked(&mut writer, keeper)
    }

    fn roll_locked(&self, writer: &mut Writer<P>, keeper: &dyn Keeper<P>) -> Result<(), QueueError> {
        if let Some((segment, file)) = writer.active.clone() {
            if writer.durable < writer.offset {
                if let Err(e) = file.sync() {
                    let (from, to) = self.abandon(writer, keeper);
                    // Taken behind the writer's lock only here; nobody takes them the other way round.
                    lock(&self.barrier).fail(from, to);
                    self.passed.notify_all();
                    return Err(QueueError::disk("make durable", &segment::path(&self.dir, segment), e));
                }
                writer.durable = writer.offset;
            }
            let written = writer.written;
            self.settle(writer, written, keeper);
            if segment == writer.next {
                if writer.offset == writer.opening {
                    return Ok(()); // nothing but a snapshot in it: it serves as it is
                }
                // It holds checkpoints and no event. Segments are named by their first seq, so one is left out: else a
                // quiet stream's checkpoints would fill one segment for ever.
                writer.next = writer.next.next();
            }
        }
        let first = writer.next;
        let path = segment::path(&self.dir, first);
        let fail = |action| move |e| QueueError::disk(action, &segment::path(&self.dir, first), e);
        let mut draft = keeper.snapshot(writer.last).map_err(fail("begin"))?;
        let file: Arc<dyn DiskFile> = Arc::from(self.disk.open(&path, true).map_err(fail("create"))?);
        let opened_ms = keeper.now_ms();
        let begun = file
            .truncate(0)
            .and_then(|()| file.write_all_at(draft.seal(first, opened_ms), 0))
            .and_then(|()| file.sync())
            .and_then(|()| self.disk.sync_dir(&self.dir));
        if let Err(e) = begun {
            // Gone for good, or nothing is written until one of that name is begun: found again behind newer frames, its
            // snapshot would take the checkpoints back.
            if self.disk.remove(&path).and_then(|()| self.disk.sync_dir(&self.dir)).is_err() {
                writer.active = None;
            }
            return Err(fail("begin")(e));
        }
        writer.offset = draft.len();
        writer.opening = draft.len();
        writer.durable = draft.len();
        writer.active = Some((first, Active::new(Arc::clone(&file))));
        let segment = Segment { path, file, len: draft.len(), last: writer.last, opened_ms };
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(first.0, segment);
        Ok(())
    }

    /// The seq that the next event will get.
    pub fn next(&self) -> Seq {
        lock(&self.writer).next
    }

    /// Looks at the segments, oldest first.
    pub fn with_segments<T>(&self, look: impl FnOnce(&BTreeMap<u64, Segment>) -> T) -> T {
        look(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Deletes the oldest segment. Never the one that grows.
    pub fn remove_oldest(&self) -> Result<(), QueueError> {
        let oldest = self.with_segments(|all| (all.len() > 1).then(|| all.keys().next().copied()).flatten());
        if let Some(first) = oldest {
            let path = segment::path(&self.dir, Seq(first));
            self.disk.remove(&path).map_err(|e| QueueError::disk("remove", &path, e))?;
            self.segments.write().unwrap_or_else(PoisonError::into_inner).remove(&first);
            // Durable before the next one goes: one that came back in front of a hole would make a loss of the hole.
            self.disk.sync_dir(&self.dir).map_err(|e| QueueError::disk("remove", &path, e))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
