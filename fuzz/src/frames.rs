//! `frames`: any bytes as segments of the queue's journal.
//!
//! The first byte says whether checksums are mended (else no search gets past them) and where the bytes are parted into
//! two segments. Promise: the queue opens or says why not; reading ends and comes in order; what is appended then is
//! there, and all of it is there again after the next opening.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use conductor::event::{Checkpoint, Event, Seq, Severity, Stored};
use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};
use conductor::queue::{NewPage, Options, Queue, QueueError};
use jiff::Timestamp;

use super::answers::NOW;
use super::settings::fast;

const HEADER: usize = 64;
/// Nobody counts so far; and a header's seq has an end beyond it.
const LATEST: u64 = 1 << 62;
const MAGIC: &[u8] = b"CDJF";
const ROOMY: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

/// The real one, but small: no reserve of megabytes is written at each opening.
#[derive(Debug)]
struct SmallDisk;

impl Disk for SmallDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path, create)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space { free: 1 << 40, total: 1 << 10 })
    }
}

pub fn run(data: &[u8]) {
    let Some((mode, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if mode & 1 == 1 {
        mend(&mut bytes);
    }
    let folder = tempfile::Builder::new().prefix("conductor-fuzz-").tempdir_in(fast()).expect("a folder");
    let journal = folder.path().join("journal");
    fs::create_dir(&journal).expect("a folder");
    let second = bytes.len() * usize::from(mode >> 1) / 128;
    // The second begins where its own first frame says, if it has one.
    let first = bytes.get(second + 8..second + 16).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
    let parts = [(1, &bytes[..second]), (first.clamp(2, LATEST), &bytes[second..])];
    for (first, part) in parts.into_iter().skip(usize::from(second == 0)) {
        let first = if second == 0 { 1 } else { first };
        fs::write(journal.join(format!("{first:020}.cdj")), part).expect("a segment");
    }
    hold(folder.path());
}

fn hold(folder: &Path) {
    let open = || Queue::open(folder, ROOMY, Arc::new(SmallDisk), || NOW * 1_000);
    let before = match open() {
        Ok((queue, _)) => {
            let found = read(&queue);
            queue.rewind_damaged().expect("the streams go back");
            let kept = queue.append(page()).expect("there is room");
            assert_eq!((kept.kept, kept.duplicates), (1, 0));
            assert!(found.iter().all(|stored| stored.seq < kept.last), "a seq is used twice");
            let now = read(&queue);
            assert_eq!(now.last().map(|stored| (&*stored.event.id, stored.seq)), Some((&*event().id, kept.last)));
            assert_eq!(now[..now.len() - 1], found[..], "what could be read can be read again");
            queue.close();
            now
        }
        Err(QueueError::LaterFormat { .. }) => return,
        Err(error) => panic!("only a later format stops it: {error}"),
    };
    let (queue, _) = open().expect("it opened before");
    assert_eq!(read(&queue), before, "another opening finds the same");
    let place = queue.place("fuzz", "appended");
    assert_eq!(place.checkpoint, Some(Checkpoint("after".to_owned())));
}

/// All that can be read, in small steps.
fn read(queue: &Queue) -> Vec<Stored> {
    let (mut found, mut at): (Vec<Stored>, _) = (Vec::new(), Seq(0));
    while at < queue.head_now() {
        let batch = queue.read_after(at, 3, 1 << 20).expect("a sound disk");
        assert!(batch.upto > at, "reading does not move on from {at}");
        for stored in batch.events {
            assert!(stored.seq > found.last().map_or(at, |last| last.seq), "out of order");
            found.push(stored);
        }
        at = batch.upto;
    }
    found
}

fn event() -> Event {
    Event {
        id: Event::make_id("fuzz", "appended", "the-one", "1"),
        integration: "fuzz".into(),
        stream: "appended".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: Timestamp::UNIX_EPOCH,
        observed: Timestamp::UNIX_EPOCH,
        summary: "appended".into(),
        raw: "{}".into(),
    }
}

fn page() -> NewPage {
    NewPage {
        integration: "fuzz".to_owned(),
        stream: "appended".to_owned(),
        events: vec![event()],
        next: Some(Checkpoint("after".to_owned())),
        keyed: false,
        ..NewPage::default()
    }
}

/// Makes the checksums of whatever looks like a frame right.
fn mend(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(MAGIC.len()).position(|part| part == MAGIC) {
        let start = at + found;
        at = start + MAGIC.len();
        let number =
            |bytes: &[u8], from: usize| bytes[from..from + 4].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
        if bytes.len() < start + HEADER {
            return;
        }
        let payload = number(bytes, start + 20) + number(bytes, start + 24);
        let end = start + HEADER + payload;
        let body = bytes.get(start + HEADER..end).map(crc32fast::hash);
        // A right header whose frame is cut off is what a power cut leaves at the very end, and a seed's.
        let Some(crc) = body else { continue };
        bytes[start + 40..start + 44].copy_from_slice(&crc.to_le_bytes());
        at = end;
        let crc = crc32fast::hash(&bytes[start..start + 60]);
        bytes[start + 60..start + 64].copy_from_slice(&crc.to_le_bytes());
    }
}
