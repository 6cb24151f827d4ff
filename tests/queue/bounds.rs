//! What the queue takes of the disk, and what it writes for each byte that it keeps.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use conductor::event::Seq;
use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};
use conductor::queue::{NewPage, Options};

use super::small_disk::{SmallDisk, folder};
use super::support::{event, open_on, page};

const MIB: u64 = 1 << 20;
/// A sixteenth of a GiB: segments of 8 MiB.
const QUOTA: Options = Options { max_bytes: 64 * MIB, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };
const SEGMENT: u64 = 8 * MIB;

/// Bytes of all files.
fn bytes_of(folder: &Path) -> u64 {
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    fs::read_dir(folder).map_or(0, |entries| entries.flatten().map(of).sum())
}

#[test]
fn the_disk_holds_what_waits_a_segment_for_each_destination_and_16_mib_and_empties_when_drained() {
    let dir = folder();
    let queue = open_on(dir.path(), QUOTA, Arc::new(SmallDisk(1024 * MIB))).expect("it opens");
    let destinations = ["quick", "slow"];
    destinations.iter().for_each(|name| assert_eq!(queue.register(name, true), Seq(0)));
    let mut rng = fastrand::Rng::with_seed(7);
    // Of each frame: its last seq and its bytes, which are what the journal grew by.
    let mut waiting: VecDeque<(Seq, u64)> = VecDeque::new();
    let (mut cursors, mut fullest, mut worst) = ([0; 2], 0, i64::MIN);
    for round in 0..40_u64 {
        // It fills for a while, then drains for a while.
        let (frames, most) = if round / 10 % 2 == 0 { (100, 300) } else { (2, 4_000) };
        for frame in 0..frames {
            let first = (round * 100 + frame) * 20;
            let events = (first..first + 20).map(|n| event("threats", n, 2_000)).collect();
            let before = bytes_of(&dir.path().join("queue/journal"));
            let kept = queue.append(NewPage { events, keyed: false, ..page("threats", [], "x") }).expect("kept");
            let grown = bytes_of(&dir.path().join("queue/journal")) - before;
            waiting.push_back((kept.last, grown));
        }
        for (name, cursor) in destinations.iter().zip(&mut cursors) {
            *cursor = queue.head_now().0.min(*cursor + rng.u64(0..most));
            queue.ack(name, Seq(*cursor));
        }
        queue.trim().expect("trimmed");
        let slowest = cursors.iter().min().copied().unwrap_or_default();
        waiting.retain(|(last, _)| last.0 > slowest);
        let pending: u64 = waiting.iter().map(|(_, bytes)| bytes).sum();
        let on_disk = bytes_of(&dir.path().join("queue"));
        let bound = pending + 2 * SEGMENT + 16 * MIB;
        fullest = fullest.max(pending);
        worst = worst.max(on_disk as i64 - pending as i64);
        assert!(on_disk <= bound, "round {round}: {on_disk} bytes for {pending} that wait");
    }
    println!("{} MiB waited at the most, {} MiB on disk beside what waits", fullest / MIB, worst / MIB as i64);
    assert!(fullest > 2 * SEGMENT, "it never filled: {fullest}");
    destinations.iter().for_each(|name| queue.ack(name, queue.head_now()));
    // The janitor looks each second: twice is far below ten of them.
    queue.trim().expect("trimmed");
    queue.tidy_book();
    queue.trim().expect("trimmed");
    let left = bytes_of(&dir.path().join("queue"));
    assert!(left < 32 * MIB, "{left} bytes are left of a queue that is drained");
    let journal = bytes_of(&dir.path().join("queue/journal"));
    assert!(journal <= MIB, "{journal} bytes of them in the journal");
}

/// Counts what the journal writes: bytes, and blocks of 4 KiB of each barrier, which is what the disk sees.
#[derive(Clone, Debug, Default)]
struct CountingDisk {
    bytes: Arc<AtomicU64>,
    blocks: Arc<AtomicU64>,
}

#[derive(Debug)]
struct CountingFile {
    file: Box<dyn DiskFile>,
    counts: CountingDisk,
    touched: Mutex<BTreeSet<u64>>,
}

impl Disk for CountingDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.open(path, create)?;
        Ok(Box::new(CountingFile { file, counts: self.clone(), touched: Mutex::default() }))
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
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        RealDisk.space(path)
    }
}

impl DiskFile for CountingFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.counts.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        let end = offset + bytes.len() as u64;
        self.touched.lock().expect("no panic inside").extend(offset / 4096..end.div_ceil(4096));
        self.file.write_all_at(bytes, offset)
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        let touched = std::mem::take(&mut *self.touched.lock().expect("no panic inside"));
        self.counts.blocks.fetch_add(touched.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}

/// 2 kB, a quarter of which no compression takes away.
fn threat(n: u64) -> conductor::event::Event {
    let mut rng = fastrand::Rng::with_seed(n);
    let field = |at: usize| {
        let noise: String = std::iter::repeat_with(|| rng.alphanumeric()).take(20).collect();
        format!("\"attribute_{at}\":\"{noise}\",\"note_{at}\":\"value for a tenant\"")
    };
    let raw = format!("{{{}}}", (0..28).map(field).collect::<Vec<_>>().join(","));
    conductor::event::Event { raw: raw.into(), ..event("threats", n, 0) }
}

#[test]
fn from_ten_events_a_frame_at_most_four_tenths_of_the_payload_are_written() {
    const EVENTS: u64 = 2_000;
    let written = |in_a_frame: u64| {
        let (dir, disk) = (folder(), CountingDisk::default());
        let queue = open_on(dir.path(), QUOTA, Arc::new(disk.clone())).expect("it opens");
        let mut payload = 0;
        for first in (0..EVENTS).step_by(in_a_frame as usize) {
            let events: Vec<_> = (first..first + in_a_frame).map(threat).collect();
            payload += events.iter().map(|event| event.raw.len() as u64).sum::<u64>();
            queue.append(NewPage { events, keyed: false, ..page("threats", [], "x") }).expect("kept");
        }
        let of_payload = |bytes: u64| bytes as f64 / payload as f64;
        let bytes = of_payload(disk.bytes.load(Ordering::SeqCst));
        let in_blocks = of_payload(4096 * disk.blocks.load(Ordering::SeqCst));
        println!(
            "{in_a_frame} of {} bytes a frame: {bytes:.3} written a byte, {in_blocks:.2} in blocks",
            payload / EVENTS
        );
        bytes
    };
    let alone = written(1);
    assert!(alone > written(10), "a frame of one is dearer");
    for in_a_frame in [10, 20, 100] {
        let ratio = written(in_a_frame);
        assert!(ratio <= 0.4, "{in_a_frame} a frame: {ratio}");
    }
}
