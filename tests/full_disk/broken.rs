//! A disk that fails for a while, behind the queue's own seam: EIO on writes, on fsync (whose data may be gone) and on
//! names, and a file system that has become read-only.
//!
//! Promise: what the queue confirmed is there when it is opened again on a disk that works, in order, with the
//! checkpoint that follows it; what it did not confirm may be there, and is then whole.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use conductor::event::{Checkpoint, Event, Seq, Severity};
use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};
use conductor::queue::{NewPage, Options, Queue};
use fastrand::Rng;
use jiff::Timestamp;

/// What fails now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A write leaves a part and fails.
    Write,
    /// fdatasync fails, and what was written since the last one is gone, as after a lost write-back.
    SyncLoses,
    /// fdatasync fails; what was written may have reached the disk.
    SyncKeeps,
    /// Names can't be made, removed or made durable.
    Names,
    /// EROFS, whatever writes.
    ReadOnly,
}

const FAULTS: [Fault; 5] = [Fault::Write, Fault::SyncLoses, Fault::SyncKeeps, Fault::Names, Fault::ReadOnly];

#[derive(Clone, Debug)]
struct FailingDisk(Arc<Mutex<Fault>>);

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn DiskFile>,
    fault: Arc<Mutex<Fault>>,
    /// What stood where something was written since the last barrier, by offset.
    unsynced: Mutex<HashMap<u64, Vec<u8>>>,
}

impl FailingDisk {
    fn now(&self) -> Fault {
        *self.0.lock().expect("no panic inside")
    }

    fn names(&self) -> io::Result<()> {
        match self.now() {
            Fault::Names => Err(io::Error::from_raw_os_error(5)),
            Fault::ReadOnly => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Fault::None | Fault::Write | Fault::SyncLoses | Fault::SyncKeeps => Ok(()),
        }
    }
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        if create && !path.exists() {
            self.names()?;
        }
        let file = RealDisk.open(path, create)?;
        Ok(Box::new(FailingFile { file, fault: Arc::clone(&self.0), unsynced: Mutex::default() }))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.names().and_then(|()| RealDisk.remove(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.names().and_then(|()| RealDisk.rename(from, to))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.names().and_then(|()| RealDisk.sync_dir(path))
    }
    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }
    fn space(&self, _path: &Path) -> io::Result<Space> {
        // Small, so that segments are, and many are begun.
        Ok(Space { free: 4 << 20, total: 4 << 20 })
    }
}

impl DiskFile for FailingFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match *self.fault.lock().expect("no panic inside") {
            Fault::ReadOnly => return Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Fault::Write => {
                self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
                return Err(io::Error::from_raw_os_error(5));
            }
            Fault::None | Fault::SyncLoses | Fault::SyncKeeps | Fault::Names => {}
        }
        let held = self.file.size()?.saturating_sub(offset).min(bytes.len() as u64);
        let mut before = vec![0; held as usize];
        self.file.read_exact_at(&mut before, offset)?;
        self.unsynced
            .lock()
            .expect("no panic inside")
            .insert(offset, [before, vec![0; bytes.len() - held as usize]].concat());
        self.file.write_all_at(bytes, offset)
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        if *self.fault.lock().expect("no panic inside") == Fault::ReadOnly {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.unsynced.lock().expect("no panic inside").retain(|offset, _| *offset < len);
        self.file.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock().expect("no panic inside");
        match *self.fault.lock().expect("no panic inside") {
            Fault::None | Fault::Write | Fault::Names => {
                unsynced.clear();
                self.file.sync()
            }
            Fault::SyncLoses => {
                for (offset, before) in unsynced.drain() {
                    self.file.write_all_at(&before, offset)?;
                }
                Err(io::Error::from_raw_os_error(5))
            }
            Fault::SyncKeeps => Err(io::Error::from_raw_os_error(5)),
            Fault::ReadOnly => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }
}

fn options() -> Options {
    Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 }
}

fn page(n: u64, rng: &mut Rng) -> NewPage {
    let mut event = |part: u64| {
        let length = rng.usize(10..3_000);
        let noise: String = std::iter::repeat_with(|| rng.alphanumeric()).take(length).collect();
        Event {
            id: Event::make_id("acme", "threats", &format!("{n}-{part}"), "v1"),
            integration: "acme".into(),
            stream: "threats".into(),
            kind: "threat".into(),
            severity: Severity::High,
            occurred: Timestamp::UNIX_EPOCH,
            observed: Timestamp::UNIX_EPOCH,
            summary: "a threat".into(),
            raw: format!("{{\"n\":{n},\"noise\":\"{noise}\"}}").into(),
        }
    };
    let events = (0..10).map(&mut event).collect();
    let (integration, stream) = ("acme".to_owned(), "threats".to_owned());
    NewPage { integration, stream, events, next: Some(Checkpoint(n.to_string())), keyed: true, ..NewPage::default() }
}

/// Everything after this cursor, by id.
fn waiting(queue: &Queue, cursor: Seq) -> Vec<String> {
    let (mut at, mut ids) = (cursor, Vec::new());
    while at < queue.head_now() {
        let batch = queue.read_after(at, 100, 1 << 20).expect("readable");
        assert!(batch.upto > at, "reading moves on");
        at = batch.upto;
        ids.extend(batch.events.iter().map(|stored| stored.event.id.to_string()));
    }
    ids
}

#[test]
fn whatever_fails_for_a_while_costs_no_confirmed_event_and_the_next_append_after_it_works() {
    for seed in 0..16 {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().expect("a folder");
        let disk = FailingDisk(Arc::new(Mutex::new(Fault::None)));
        let folder = dir.path().join("queue");
        let clock = || 1_790_000_000_000;
        let (mut queue, _) = Queue::open(&folder, options(), Arc::new(disk.clone()), clock).expect("it opens");
        queue.register("soc", true);
        let (mut confirmed, mut acked, mut refused) = (Vec::new(), 0_usize, 0);
        let (mut n, mut newest) = (0, None);
        for _ in 0..rng.usize(4..12) {
            *disk.0.lock().expect("no panic inside") = FAULTS[rng.usize(..FAULTS.len())];
            for _ in 0..rng.usize(1..6) {
                let given = page(n, &mut rng);
                let ids: Vec<String> = given.events.iter().map(|event| event.id.to_string()).collect();
                match queue.append(given) {
                    Ok(_) => confirmed.extend(ids),
                    Err(_) => refused += 1,
                }
                // A page that was refused is asked for again, and is another by then.
                n += 1;
                if rng.u8(..3) == 0 {
                    // An ack and a trim meet the fault too.
                    acked = rng.usize(acked..=confirmed.len());
                    if let Some(id) = acked.checked_sub(1).map(|at| &confirmed[at]) {
                        queue.ack("soc", seq_of(&queue, id));
                    }
                    let _ = queue.trim();
                    queue.tidy_book();
                }
            }
            *disk.0.lock().expect("no panic inside") = Fault::None;
            let given = page(n, &mut rng);
            confirmed.extend(given.events.iter().map(|event| event.id.to_string()));
            newest = Some(n);
            n += 1;
            queue.append(given).unwrap_or_else(|error| panic!("seed {seed}: it works again: {error}"));
            queue.trim().unwrap_or_else(|error| panic!("seed {seed}: it works again: {error}"));
            if rng.bool() {
                drop(queue);
                queue = Queue::open(&folder, options(), Arc::new(disk.clone()), clock).expect("it opens").0;
            }
        }
        drop(queue);
        let (queue, _) = Queue::open(&folder, options(), Arc::new(RealDisk), clock).expect("it opens");
        let facts = queue.facts();
        assert!(facts.damage.is_empty(), "seed {seed}: {:?}", facts.damage);
        let found = waiting(&queue, Seq(0));
        let wanted = &confirmed[acked..];
        let of_them: Vec<&String> = found.iter().filter(|id| wanted.contains(id)).collect();
        assert_eq!(of_them, wanted.iter().collect::<Vec<_>>(), "seed {seed}: in order, each once");
        let place = queue.place("acme", "threats").checkpoint.expect("it has one");
        assert_eq!(place.0.parse().ok(), newest, "seed {seed}: it stands behind the last page");
        assert!(refused > 0 || seed > 0, "the first seed meets a fault");
    }
}

fn seq_of(queue: &Queue, id: &str) -> Seq {
    let mut at = Seq(0);
    while at < queue.head_now() {
        let batch = queue.read_after(at, 100, 1 << 20).expect("readable");
        if let Some(stored) = batch.events.iter().find(|stored| *stored.event.id == *id) {
            return stored.seq;
        }
        at = batch.upto;
    }
    // It was let go: it is behind the cursor already.
    Seq(0)
}
