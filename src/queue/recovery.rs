//! Opening: find where everything stands, reading the tail alone.
//!
//! Promise: whatever a crash or a power cut left behind, the queue opens by itself with all that was confirmed;
//! a torn tail is cut, other damage is set aside and told. Only another agent or a later format stops it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use nix::fcntl::{Flock, FlockArg, OFlag};
use tokio::sync::watch;

use super::book::Book;
use super::cursors::{TakenUp, take_up};
use super::disk::Disk;
use super::facts::{DamageNote, OpenReport};
use super::fresh::Fresh;
use super::journal::{Journal, Position};
use super::known::{Marker, unmarked};
use super::places::{places_before, places_before_the_one_in_front, read_snapshot};
use super::replay::{Replay, catch_up, told_cursors};
use super::segment::{self, Segment};
use super::slate::Slate;
use super::steady::Steady;
use super::{BEGINNING, NewPage, Options, Queue, QueueError, Standing, State, formats, lock, misplaced, reserve};
use crate::event::{Checkpoint, Deferred, Seq};

/// Held for as long as the queue is open: nobody else opens it meanwhile.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held for its drop")] Flock<fs::File>);

impl Queue {
    /// Opens the queue in this folder, made when it is not there. `clock` tells milliseconds since 1970.
    pub fn open(
        dir: &Path,
        options: Options,
        disk: Arc<dyn Disk>,
        clock: fn() -> i64,
    ) -> Result<(Queue, OpenReport), QueueError> {
        Queue::open_marking(dir, options, disk, clock, unmarked, Standing::Settled)
    }

    /// The same; `marker` makes the marks of each event that is kept under its id from now on, or entered again from
    /// the journal; `standing` decides which format is written.
    pub fn open_marking(
        dir: &Path,
        options: Options,
        disk: Arc<dyn Disk>,
        clock: fn() -> i64,
        marker: Marker,
        standing: Standing,
    ) -> Result<(Queue, OpenReport), QueueError> {
        let journal_dir = dir.join("journal");
        make_folder(disk.as_ref(), dir)?;
        make_folder(disk.as_ref(), &journal_dir)?;
        let held = take_lock(dir)?;
        let format = formats::settle(disk.as_ref(), dir, standing)?;
        misplaced::put_back(disk.as_ref(), &journal_dir, &dir.join("damaged"))
            .map_err(|e| QueueError::disk("put in order", &journal_dir, e))?;
        let mut segments = list_segments(disk.as_ref(), &journal_dir)?;
        if let Ok(space) = disk.space(dir) {
            reserve::give_up(dir, space);
        }
        let (mut book, book_rebuilt) =
            Book::open(&disk, &dir.join("book")).map_err(|e| QueueError::disk("open the book in", dir, e))?;
        book.begin(clock(), book_rebuilt || !segments.is_empty()).map_err(QueueError::Book)?;
        // First of all: a segment is the newest, with a torn end perhaps, only where none that was begun comes after it.
        let torn_bytes = drop_unfinished(disk.as_ref(), &journal_dir, &mut segments)?;
        let written_before = segments.values().next_back().and_then(|newest| modified_ms(&newest.path));
        let mut report = OpenReport { book_rebuilt, torn_bytes, ..OpenReport::default() };

        let mut slate = Slate::open(disk.as_ref(), dir);
        let known = book.cursors().map_err(QueueError::Book)?;
        let TakenUp { cursors, tenures, unbooked } = take_up(known, told_cursors(&segments), &mut slate, clock());
        let mut replay = Replay::begin(book, &segments, marker)?;
        replay.run(&mut segments, &mut report)?;
        let Replay { book, streams, mut next, damage, holed, beyond, .. } = replay;

        let journal_end = segments.iter().next_back().map(|(first, s)| Position { segment: *first, offset: s.len });
        let after_newest = segments.iter().next_back().map_or(1, |(first, s)| s.last.next().0.max(*first));
        next = next.max(Seq(after_newest));
        // What the book knows behind the journal's end was confirmed, and is gone.
        let known_to = book.highest().map_err(QueueError::Book)?.unwrap_or_default();
        let gone = (beyond.is_some() || known_to >= next).then(|| {
            let place = beyond.or(journal_end).unwrap_or(Position { segment: 0, offset: 0 });
            (place, next, known_to)
        });
        let known_lost = book.lost().unwrap_or_default();
        let gone = gone.filter(|(_, first, last)| !known_lost.iter().any(|(from, to, _)| from <= first && last <= to));
        // Who has not taken what lies before the oldest segment lost it with the one in front.
        let oldest = segments.iter().next();
        let gone_in_front = oldest.and_then(|(first, segment)| {
            let before = read_snapshot(segment, 0)?.before?;
            let slowest = *cursors.values().min().filter(|slowest| **slowest < before)?;
            Some((Position { segment: *first, offset: 0 }, slowest.next(), before))
        });
        let gone_in_front = gone_in_front
            .filter(|(_, first, last)| !known_lost.iter().any(|(from, to, _)| from <= first && last <= to));
        let above_cursors = cursors.values().map(|seq| seq.next()).max().unwrap_or_default();
        next = next.max(known_to.next()).max(above_cursors);
        // Nothing is appended to a segment with a hole: in it the head of a frame may stand that was cut off by the end of
        // the file, and it would swallow what grows behind it.
        // Nor to one of another format than is written now.
        let sealed = segments.last_key_value();
        let sealed = sealed.filter(|(first, segment)| holed.contains(first) || segment.format() != Some(format));
        let sealed = sealed.map(|(first, _)| *first);
        next = next.max(Seq(sealed.map_or(0, |first| first + 1)));
        let lost = known_lost.iter().map(|(first, last, _)| (*first, *last)).collect();
        // Noted, and the agent ended before the streams had gone back.
        let owed = known_lost.iter().filter_map(|(first, last, owed)| {
            Some(DamageNote { at: (*owed)?, bytes: 0, first: *first, last: *last, rewound: false })
        });
        let dropped = book.dropped().unwrap_or_default().into_iter().collect();
        let replays = book.replays().unwrap_or_default();
        let replays = replays.into_iter().map(|replay| (replay.destination.clone(), replay)).collect();
        let position = segments.iter().next_back().map(|(first, s)| Position { segment: *first, offset: s.len });
        let head = next.before();
        let book_bytes = book.disk_bytes();
        let queue = Queue {
            dir: dir.to_owned(),
            clock,
            marker,
            format,
            steady: Mutex::new(Steady::begin(written_before)),
            options: Mutex::new(options),
            journal: Journal::resume(Arc::clone(&disk), journal_dir, segments, next, sealed.is_some()),
            disk,
            state: Mutex::new(State {
                unbooked: streams.keys().cloned().collect(),
                position,
                streams,
                cursors,
                tenures,
                unbooked_cursors: unbooked,
                fresh: Fresh::default(),
                lost,
                damage: owed.collect(),
                dropped,
                replays,
                book_bytes,
                ..State::default()
            }),
            book: Mutex::new(book),
            slate: Mutex::new(slate),
            codecs: Mutex::new(Vec::new()),
            head: watch::Sender::new(head),
            passed: watch::Sender::new(0),
            replays: watch::Sender::new(0),
            rewinding: RwLock::new(()),
            letting_go: Mutex::new(()),
            owes_telling: Mutex::new(false),
            _lock: held,
        };
        for (segment, at, len, first, last) in damage {
            queue.note_damage(&segment, at, len, first, last);
        }
        for (place, first, last) in gone_in_front.into_iter().chain(gone) {
            queue.note_gone(place, first, last);
        }
        queue.keep_reserve();
        Ok((queue, report))
    }

    /// Reads everything, so that all damage is noted and set aside. For a repair: a reader that gets there does the same.
    pub fn look_through(&self) -> Result<(), QueueError> {
        let mut at = self.oldest().before();
        while at < self.head_now() {
            let batch = self.read_after(at, 1024, 1 << 20)?;
            if batch.upto <= at {
                break;
            }
            at = batch.upto;
        }
        Ok(())
    }

    /// Streams go back to where they stood before the damage, and fetch again what it took along.
    /// For the janitor; returns the damage that it acted on.
    pub fn rewind_damaged(&self) -> Result<Vec<DamageNote>, QueueError> {
        let fresh: Vec<DamageNote> = lock(&self.state).damage.iter().filter(|n| !n.rewound).copied().collect();
        for note in &fresh {
            let before: Vec<(u64, Segment)> = self
                .journal
                .with_segments(|all| all.range(..=note.at.segment).map(|(first, s)| (*first, s.clone())).collect());
            let mut old = match before.last() {
                Some((_, segment)) if note.is_in_front() => places_before_the_one_in_front(segment),
                _ => places_before(&before, note.at),
            };
            let known: Vec<(String, String)> = lock(&self.state).streams.keys().cloned().collect();
            for (integration, stream) in known {
                // A stream that began with what is damaged goes back to its very beginning.
                let old = old.remove(&(integration.clone(), stream.clone())).unwrap_or_default();
                self.set_back(&integration, &stream, old.checkpoint, old.deferred)?;
            }
        }
        // Those alone: a reader may have noted more meanwhile.
        let acted_on = |note: &DamageNote| fresh.iter().any(|acted| acted.at == note.at);
        lock(&self.state).damage.iter_mut().filter(|note| acted_on(note)).for_each(|note| note.rewound = true);
        for note in fresh.iter().filter(|note| note.first <= note.last) {
            self.write_book(|book| book.put_lost(note.first, note.last, None).and_then(|()| book.barrier()));
        }
        Ok(fresh)
    }

    /// The stream begins anew: its checkpoint can't be used. Events that it finds again are known and not doubled.
    pub fn begin_anew(&self, integration: &str, stream: &str) -> Result<(), QueueError> {
        self.set_back(integration, stream, None, Vec::new())
    }

    /// Durable as any checkpoint; a page that was asked for with the old one is refused as stale.
    fn set_back(
        &self,
        integration: &str,
        stream: &str,
        to: Option<Checkpoint>,
        deferred: Vec<Deferred>,
    ) -> Result<(), QueueError> {
        let (integration, stream) = (integration.to_owned(), stream.to_owned());
        let key = (integration.clone(), stream.clone());
        let next = Some(to.unwrap_or(Checkpoint(BEGINNING.into())));
        // The new generation comes after the new checkpoint, and no append in between: whoever holds the old
        // checkpoint holds the old generation too, and is told so.
        let _alone = self.rewinding.write().unwrap_or_else(PoisonError::into_inner);
        self.append_now(NewPage { integration, stream, next, deferred, ..NewPage::default() })?;
        lock(&self.state).streams.entry(key).or_default().generation += 1;
        Ok(())
    }

    /// Opens the book again after an error, if there was one, and brings it up to date from the journal.
    pub(super) fn mend_closed_book(&self) {
        let mut book = lock(&self.book);
        if book.is_open() {
            return;
        }
        let mended = self.reopen_book(&mut book);
        if mended.is_err() {
            book.shut();
        }
        drop(book);
        lock(&self.state).book_fault = mended.err();
    }

    /// As at the start: mended, or set aside and rebuilt; then what memory and the journal know is entered again.
    fn reopen_book(&self, book: &mut Book) -> Result<(), String> {
        book.shut();
        let (opened, rebuilt) = Book::open(&self.disk, &self.dir.join("book")).map_err(|e| e.to_string())?;
        *book = opened;
        book.begin((self.clock)(), rebuilt || self.head_now() > Seq(0))?;
        let (tenures, dropped) = {
            let state = lock(&self.state);
            (state.tenures.clone(), state.dropped.clone())
        };
        let (known, forgotten): (Vec<_>, Vec<_>) =
            book.cursors()?.into_iter().partition(|(name, ..)| tenures.contains_key(name));
        // Forgotten while nothing could be written.
        forgotten.iter().try_for_each(|(name, ..)| book.remove_cursor(name))?;
        // What the slate says of another tenure counts for nothing until this book has it.
        let still =
            known.iter().filter_map(|(name, _, tenure)| tenures.get(name).filter(|now| tenure.as_ref() == Some(now)));
        lock(&self.slate).keep_only(&still.copied().collect::<Vec<_>>());
        // Before the cursors: none of them passes a loss without its count.
        dropped.iter().try_for_each(|(name, all)| book.put_dropped(name, *all))?;
        // One that was registered meanwhile waits for this book, and is not among these.
        lock(&self.state).unbooked_cursors.extend(tenures.into_keys());
        self.enter_cursors(book)?;
        self.enter_replays(book)?;
        let segments = self.journal.with_segments(Clone::clone);
        let end = segments.iter().next_back().map(|(first, s)| Position { segment: *first, offset: s.len });
        catch_up(book, &segments, self.marker)?;
        let mut state = lock(&self.state);
        let all: Vec<(String, String)> = state.streams.keys().cloned().collect();
        state.unbooked.extend(all);
        state.position = state.position.or(end);
        Ok(())
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

/// Makes a folder whose name survives a power cut: a journal in a folder that is not there any more is no journal.
fn make_folder(disk: &dyn Disk, path: &Path) -> Result<(), QueueError> {
    // The one above may be new too. Its own name is asked for again each time: who made it may have been cut off.
    let new = path.ancestors().skip(1).take_while(|above| !above.exists());
    let above: Vec<&Path> = path.parent().into_iter().chain(new.filter_map(Path::parent)).collect();
    let made = disk.create_dir(path).and_then(|()| above.iter().try_for_each(|folder| disk.sync_dir(folder)));
    made.map_err(|e| QueueError::disk("create", path, e))
}

/// Keeps everybody else from opening the queue in this folder.
///
/// # Errors
/// [`QueueError::Locked`] while an agent, or a verb, has it open.
pub fn take_lock(dir: &Path) -> Result<Lock, QueueError> {
    let path = dir.join("lock");
    // Root takes it too: a link would have it make a file elsewhere, and a pipe would have it wait.
    let itself = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .custom_flags(itself.bits())
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
    let mut segments: BTreeMap<u64, Segment> = BTreeMap::new();
    let mut before: Option<u64> = None;
    for first in firsts {
        let mut segment = Segment::open(disk, dir, first).map_err(fail)?;
        if segment.is_of_a_later_format() {
            return Err(QueueError::LaterFormat { path: segment.path });
        }
        // Until its frames say more, a segment's last seq is the last before it.
        let told = read_snapshot(&segment, 0).and_then(|snapshot| snapshot.before);
        segment.last = told.filter(|last| *last < first).unwrap_or(first.before());
        if let Some(earlier) = before.and_then(|before| segments.get_mut(&before)) {
            earlier.last = segment.last;
        }
        before = Some(first.0);
        segments.insert(first.0, segment);
    }
    Ok(segments)
}

/// A newest segment without a whole frame was being created: nothing in it was ever confirmed.
fn drop_unfinished(disk: &dyn Disk, dir: &Path, segments: &mut BTreeMap<u64, Segment>) -> Result<u64, QueueError> {
    let mut cut = 0;
    while let Some(newest) = segments.last_entry() {
        if !newest.get().is_unfinished().map_err(|e| QueueError::disk("read", &newest.get().path, e))? {
            break;
        }
        let (_, segment) = newest.remove_entry();
        cut += segment.len.max(1);
        disk.remove(&segment.path)
            .and_then(|()| disk.sync_dir(dir))
            .map_err(|e| QueueError::disk("remove", &segment.path, e))?;
    }
    Ok(cut)
}

/// When a file was last written, in milliseconds since 1970.
fn modified_ms(path: &Path) -> Option<i64> {
    let since = fs::metadata(path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_the_lock_had_root_make_a_file_elsewhere() {
        let room = tempfile::tempdir().expect("a folder");
        let elsewhere = room.path().join("nologin");
        std::os::unix::fs::symlink(&elsewhere, room.path().join("lock")).expect("a link");
        assert!(matches!(take_lock(room.path()), Err(QueueError::Disk { .. })));
        assert!(!elsewhere.exists());
        fs::remove_file(room.path().join("lock")).expect("removed");
        let held = take_lock(room.path()).expect("free");
        assert!(matches!(take_lock(room.path()), Err(QueueError::Locked { .. })));
        drop(held);
    }
}
