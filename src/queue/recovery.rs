//! Opening: find where everything stands, reading the tail alone.
//!
//! Promise: whatever a crash or a power cut left behind, the queue opens by itself with all that was confirmed;
//! a torn tail is cut, other damage is set aside and told. Only another agent or a later format stops it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nix::fcntl::{Flock, FlockArg};
use tokio::sync::watch;

use super::book::{Book, Entry};
use super::disk::Disk;
use super::facts::DamageNote;
use super::frame::{self, Header, Kind, PageMeta, SnapshotMeta};
use super::fresh::Fresh;
use super::journal::{Journal, Position};
use super::segment::{self, Found, Segment};
use super::{BEGINNING, NewPage, Options, Place, Queue, QueueError, State, day_of, lock};
use crate::event::{Checkpoint, Seq};

/// Held for as long as the queue is open.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code, reason = "held for its drop")] Flock<fs::File>);

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

impl Queue {
    /// Opens the queue in this folder, made when it is not there. `clock` tells milliseconds since 1970.
    pub fn open(
        dir: &Path,
        options: Options,
        disk: Arc<dyn Disk>,
        clock: fn() -> i64,
    ) -> Result<(Queue, OpenReport), QueueError> {
        let journal_dir = dir.join("journal");
        for folder in [dir, &journal_dir] {
            disk.create_dir(folder).map_err(|e| QueueError::disk("create", folder, e))?;
        }
        let held = take_lock(dir)?;
        let mut segments = list_segments(disk.as_ref(), &journal_dir)?;
        let (book, book_rebuilt) =
            Book::open(&dir.join("book")).map_err(|e| QueueError::disk("open the book in", dir, e))?;
        let mut report = OpenReport { book_rebuilt, ..OpenReport::default() };

        let mut replay = Replay::begin(book, &segments)?;
        replay.run(&mut segments, &mut report)?;
        let Replay { book, streams, cursors, mut next, damage, .. } = replay;

        report.torn_bytes += drop_unfinished(disk.as_ref(), &journal_dir, &mut segments)?;
        let highest = segments.iter().next_back().map(|(first, s)| s.last.next().0.max(*first));
        let above_cursors = cursors.values().map(|seq| seq.next().0).max();
        next = Seq([Some(next.0), highest, above_cursors, Some(1)].into_iter().flatten().max().unwrap_or(1));
        // A gap between the journal's end and the next seq needs a segment of its own name.
        let lost = book.lost().unwrap_or_default();
        let head = next.before();
        let book_bytes = book.disk_bytes();
        let queue = Queue {
            dir: dir.to_owned(),
            clock,
            options: Mutex::new(options),
            journal: Journal::resume(Arc::clone(&disk), journal_dir, segments, next),
            disk,
            state: Mutex::new(State {
                streams,
                cursors,
                fresh: Fresh::default(),
                lost,
                book_bytes,
                ..State::default()
            }),
            book: Mutex::new(book),
            codecs: Mutex::new(Vec::new()),
            head: watch::Sender::new(head),
            _lock: held,
        };
        for (segment, at, len, first, last) in damage {
            queue.note_damage(&segment, at, len, first, last);
        }
        queue.fill_reserve();
        Ok((queue, report))
    }

    /// Streams whose pages lie in a damaged segment go back to where that segment began, and fetch again.
    /// For the janitor; returns the damage that it acted on.
    pub fn rewind_damaged(&self) -> Result<Vec<DamageNote>, QueueError> {
        let fresh: Vec<DamageNote> = lock(&self.state).damage.iter().filter(|n| !n.rewound).copied().collect();
        for note in &fresh {
            let segment = self.journal.with_segments(|all| all.get(&note.at.segment).cloned());
            let mut old = segment.and_then(|s| read_snapshot(&s)).unwrap_or_default().streams;
            let known: Vec<(String, String)> = lock(&self.state).streams.keys().cloned().collect();
            for (integration, stream) in known {
                let at = old.iter().position(|o| o.integration == integration && o.stream == stream);
                // A stream that began inside the damaged segment goes back to its very beginning.
                let old = at.map(|at| old.swap_remove(at)).unwrap_or_default();
                let key = (integration.clone(), stream.clone());
                lock(&self.state).streams.entry(key).or_default().generation += 1;
                let next = Some(old.checkpoint.unwrap_or(Checkpoint(BEGINNING.into())));
                self.append(NewPage { integration, stream, next, deferred: old.deferred, ..NewPage::default() })?;
            }
        }
        lock(&self.state).damage.iter_mut().for_each(|note| note.rewound = true);
        Ok(fresh)
    }

    /// Opens the book again after an error and brings it up to date from the journal.
    pub(super) fn mend_book(&self) {
        let mut book = lock(&self.book);
        if let Err(fault) = book.reopen() {
            lock(&self.state).book_fault = Some(fault);
            return;
        }
        let cursors: Vec<(String, Seq)> =
            lock(&self.state).cursors.iter().map(|(name, seq)| (name.clone(), *seq)).collect();
        let mut result: Result<(), String> = cursors.iter().try_for_each(|(name, seq)| book.put_cursor(name, *seq));
        if result.is_ok() {
            let segments = self.journal.with_segments(Clone::clone);
            result = catch_up(&mut book, &segments);
        }
        lock(&self.state).book_fault = result.and_then(|()| book.barrier()).err();
    }

    /// Keeps a copy of damaged bytes for whoever wants to look; best effort, a few at the most.
    pub(super) fn set_aside(&self, segment: &Segment, at: Position, len: u64) {
        const MOST: u64 = 16 << 20;
        let dir = self.dir.join("damaged");
        let path = dir.join(format!("{:020}-{}", at.segment, at.offset));
        let copy = || -> std::io::Result<()> {
            self.disk.create_dir(&dir)?;
            if self.disk.list(&dir)?.iter().map(|(_, len)| len).sum::<u64>() > MOST {
                return Ok(());
            }
            let mut bytes = vec![0; len.min(MOST) as usize];
            segment.file.read_exact_at(&mut bytes, at.offset)?;
            self.disk.open(&path, true)?.write_all_at(&bytes, 0)
        };
        let _ = copy();
    }
}

fn take_lock(dir: &Path) -> Result<Lock, QueueError> {
    let path = dir.join("lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| QueueError::disk("open", &path, e))?;
    let state_dir: PathBuf = dir.parent().unwrap_or(dir).to_owned();
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map(Lock).map_err(|_| QueueError::Locked { path: state_dir })
}

fn list_segments(disk: &dyn Disk, dir: &Path) -> Result<BTreeMap<u64, Segment>, QueueError> {
    let fail = |e| QueueError::disk("read", dir, e);
    let mut firsts: Vec<Seq> =
        disk.list(dir).map_err(fail)?.iter().filter_map(|(name, _)| segment::first_of(name)).collect();
    firsts.sort();
    let mut segments = BTreeMap::new();
    for (n, first) in firsts.iter().enumerate() {
        let mut segment = Segment::open(disk, dir, *first).map_err(fail)?;
        if segment.is_of_a_later_format() {
            return Err(QueueError::LaterFormat { path: segment.path });
        }
        if let Some(following) = firsts.get(n + 1) {
            segment.last = following.before();
        }
        segments.insert(first.0, segment);
    }
    Ok(segments)
}

/// A newest segment without a whole first frame was being created: nothing in it was ever confirmed.
fn drop_unfinished(disk: &dyn Disk, dir: &Path, segments: &mut BTreeMap<u64, Segment>) -> Result<u64, QueueError> {
    let mut cut = 0;
    while let Some(newest) = segments.last_entry().filter(|entry| entry.get().len == 0) {
        let (_, segment) = newest.remove_entry();
        cut += 1;
        disk.remove(&segment.path)
            .and_then(|()| disk.sync_dir(dir))
            .map_err(|e| QueueError::disk("remove", &segment.path, e))?;
    }
    Ok(cut)
}

fn read_snapshot(segment: &Segment) -> Option<SnapshotMeta> {
    let Ok(Found::Frame(header)) = segment.at(0) else { return None };
    if header.kind != Kind::Snapshot {
        return None;
    }
    let payload = segment.payload(0, &header).ok()?.ok()?;
    serde_json::from_slice(frame::meta(&header, &payload).ok()?).ok()
}

fn page_meta(header: &Header, payload: &[u8]) -> Option<PageMeta> {
    serde_json::from_slice(frame::meta(header, payload).ok()?).ok()
}

type Hole = (Segment, Position, u64, Seq, Seq);

/// Reads the frames that the book has not seen.
struct Replay {
    book: Book,
    streams: std::collections::HashMap<(String, String), Place>,
    cursors: BTreeMap<String, Seq>,
    from: Position,
    next: Seq,
    damage: Vec<Hole>,
}

impl Replay {
    /// From where the book stands; without a usable book, from the oldest segment's snapshot.
    fn begin(mut book: Book, segments: &BTreeMap<u64, Segment>) -> Result<Replay, QueueError> {
        let mut cursors: BTreeMap<String, Seq> = book.cursors().map_err(QueueError::Book)?.into_iter().collect();
        let position = book.position().map_err(QueueError::Book)?;
        let mut streams = std::collections::HashMap::new();
        let mut put = |meta: PageMeta| {
            let place = Place { checkpoint: meta.checkpoint, deferred: meta.deferred, generation: 0 };
            streams.insert((meta.integration, meta.stream), place);
        };
        book.streams().map_err(QueueError::Book)?.into_iter().for_each(&mut put);
        let oldest = Position { segment: segments.keys().next().copied().unwrap_or(0), offset: 0 };
        if cursors.is_empty() {
            // A book that was lost: the newest snapshot knows the cursors as they were then.
            if let Some(snapshot) = segments.values().rev().find_map(read_snapshot) {
                cursors = snapshot.cursors.into_iter().collect();
                for (name, seq) in &cursors {
                    book.put_cursor(name, *seq).map_err(QueueError::Book)?;
                }
            }
        }
        let known = position.filter(|p| segments.contains_key(&p.segment));
        let from = known.unwrap_or(oldest);
        Ok(Replay { book, streams, cursors, from, next: Seq(0), damage: Vec::new() })
    }

    fn run(&mut self, segments: &mut BTreeMap<u64, Segment>, report: &mut OpenReport) -> Result<(), QueueError> {
        let newest = segments.keys().next_back().copied();
        let firsts: Vec<u64> = segments.range(self.from.segment..).map(|(first, _)| *first).collect();
        for first in firsts {
            let Some(segment) = segments.get_mut(&first) else { continue };
            let from = if first == self.from.segment { self.from.offset.min(segment.len) } else { 0 };
            if newest == Some(first) && from > 0 {
                // Frames before the book's place are not read again; the last seq follows from those after it.
                segment.last = self.book_last(segment, from);
            }
            self.segment(segment, first, from, newest == Some(first), report)?;
        }
        Ok(())
    }

    /// The last seq before this place of a segment: its headers tell.
    fn book_last(&self, segment: &Segment, upto: u64) -> Seq {
        let (mut offset, mut last) = (0, segment.last);
        while offset < upto {
            match segment.at(offset) {
                Ok(Found::Frame(header)) => {
                    last = last.max(header.last());
                    offset += header.frame_len();
                }
                Ok(Found::Hole { until, .. }) => offset = until,
                Ok(Found::End) | Err(_) => break,
            }
        }
        last
    }

    fn segment(
        &mut self,
        segment: &mut Segment,
        first: u64,
        from: u64,
        newest: bool,
        report: &mut OpenReport,
    ) -> Result<(), QueueError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |e| QueueError::disk("read", &path, e)
        };
        let mut offset = from;
        loop {
            match segment.at(offset).map_err(fail(&segment.path))? {
                Found::End => break,
                Found::Hole { until, next: None } if newest => {
                    // Nothing whole follows: the torn end of a write that was never confirmed.
                    report.torn_bytes += until - offset;
                    cut(segment, offset)?;
                    break;
                }
                Found::Hole { until, next } => {
                    let lost_to = next.map_or(segment.last, |n| n.first.before());
                    let at = Position { segment: first, offset };
                    self.damage.push((segment.clone(), at, until - offset, self.next.max(Seq(first)), lost_to));
                    offset = until;
                }
                Found::Frame(header) => {
                    let end = offset + header.frame_len();
                    // A whole segment of imports has nothing for the books: its headers are enough.
                    let of_no_interest = !newest && !header.keyed && header.count > 0;
                    if !of_no_interest {
                        match segment.payload(offset, &header).map_err(fail(&segment.path))? {
                            Ok(payload) => self.frame(&header, &payload, Position { segment: first, offset: end })?,
                            Err(_) if newest && end == segment.len => {
                                report.torn_bytes += end - offset;
                                cut(segment, offset)?;
                                break;
                            }
                            Err(_) => {
                                let at = Position { segment: first, offset };
                                let hole = (segment.clone(), at, end - offset, header.first, header.last());
                                self.damage.push(hole);
                            }
                        }
                    }
                    report.frames_read += 1;
                    self.next = self.next.max(header.last().next());
                    if newest {
                        segment.last = segment.last.max(header.last());
                    }
                    offset = end;
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, header: &Header, payload: &[u8], end: Position) -> Result<(), QueueError> {
        match header.kind {
            Kind::Snapshot => {
                let Some(snapshot) =
                    frame::meta(header, payload).ok().and_then(|m| serde_json::from_slice::<SnapshotMeta>(m).ok())
                else {
                    return Ok(());
                };
                for meta in snapshot.streams {
                    let entry = Entry { meta: Some(&meta), ..Entry::default() };
                    self.book.apply(&entry).map_err(QueueError::Book)?;
                    self.put(meta);
                }
            }
            Kind::Page => {
                let Some(meta) = page_meta(header, payload) else { return Ok(()) };
                enter(&mut self.book, header, payload, &meta, end).map_err(QueueError::Book)?;
                if meta.checkpoint.is_some() {
                    self.put(meta);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, meta: PageMeta) {
        let place = Place { checkpoint: meta.checkpoint, deferred: meta.deferred, generation: 0 };
        self.streams.insert((meta.integration, meta.stream), place);
    }
}

fn cut(segment: &mut Segment, offset: u64) -> Result<(), QueueError> {
    segment
        .file
        .truncate(offset)
        .and_then(|()| segment.file.sync())
        .map_err(|e| QueueError::disk("cut the torn end of", &segment.path, e))?;
    segment.len = offset;
    Ok(())
}

/// Enters one frame into the book: the ids of its events, its stream's checkpoint, how far the book is.
fn enter(book: &mut Book, header: &Header, payload: &[u8], meta: &PageMeta, end: Position) -> Result<(), String> {
    if !header.keyed && meta.checkpoint.is_none() {
        return Ok(());
    }
    let events = if header.keyed {
        let mut codec = frame::Codec::new().map_err(|e| e.to_string())?;
        frame::events(header, payload, &mut codec).unwrap_or_default()
    } else {
        Vec::new()
    };
    let seen = events.iter().map(|stored| (&*stored.event.id, stored.seq)).collect();
    book.apply(&Entry { meta: Some(meta), seen, day: day_of(header.written_ms), position: Some(end) })
}

/// Brings a reopened book up to date with frames that were committed while it was closed.
fn catch_up(book: &mut Book, segments: &BTreeMap<u64, Segment>) -> Result<(), String> {
    let oldest = Position { segment: segments.keys().next().copied().unwrap_or(0), offset: 0 };
    let from = book.position()?.filter(|p| segments.contains_key(&p.segment)).unwrap_or(oldest);
    for (first, segment) in segments.range(from.segment..) {
        let mut offset = if *first == from.segment { from.offset } else { 0 };
        loop {
            match segment.at(offset).map_err(|e| e.to_string())? {
                Found::End => break,
                Found::Hole { until, .. } => offset = until,
                Found::Frame(header) => {
                    let end = offset + header.frame_len();
                    let for_the_book = header.kind == Kind::Page && (header.keyed || header.count == 0);
                    if for_the_book
                        && let Ok(payload) = segment.payload(offset, &header).map_err(|e| e.to_string())?
                        && let Some(meta) = page_meta(&header, &payload)
                    {
                        enter(book, &header, &payload, &meta, Position { segment: *first, offset: end })?;
                    }
                    offset = end;
                }
            }
        }
    }
    Ok(())
}
