//! Draining: reading and acknowledging against keeping the same frames in a raw file, and against reading them back.
//!
//! Promise: both contestants handle every frame once, in order; only the queue makes events of them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conductor::event::Seq;
use conductor::queue::disk::RealDisk;
use conductor::queue::{NewPage, Queue};
use criterion::Criterion;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::disks::frames_of;
use super::ratio::Ratio;
use super::{enqueue, made};

const EVENTS: u64 = 200;
const FRAMES: usize = 512;
/// What a forwarder asks for at once.
const BATCH: (usize, usize) = (1024, 512 << 10);

/// Frames end to end in one file, and where each begins and ends.
struct Raw {
    file: File,
    places: Vec<(u64, usize)>,
    buffer: Vec<u8>,
}

impl Raw {
    fn new(path: &Path, frames: &[Vec<u8>]) -> Raw {
        let file = File::options().create(true).truncate(true).read(true).write(true).open(path).expect("a file");
        let mut places = Vec::new();
        let mut at = 0;
        for frame in frames {
            file.write_all_at(frame, at).expect("written");
            places.push((at, frame.len()));
            at += frame.len() as u64;
        }
        file.sync_all().expect("durable");
        let largest = frames.iter().map(Vec::len).max().unwrap_or_default();
        Raw { file, places, buffer: vec![0; largest] }
    }

    fn read(&mut self, frames: std::ops::Range<usize>) -> Duration {
        let begun = Instant::now();
        for (at, len) in &self.places[frames] {
            let frame = &mut self.buffer[..*len];
            self.file.read_exact_at(frame, *at).expect("read");
            std::hint::black_box(crc32fast::hash(frame));
        }
        begun.elapsed()
    }
}

/// Reads and acknowledges everything once; after each batch `raw` has its turn with the same frames. The ratio.
fn race(
    queue: &Queue,
    mut raw: impl FnMut(std::ops::Range<usize>) -> Duration,
    destination: &str,
    total: &mut (Duration, Duration),
) -> f64 {
    let mut at = queue.register(destination, true);
    let (mut ours, mut plain) = (Duration::ZERO, Duration::ZERO);
    let mut done = 0;
    while at < queue.head_now() {
        let begun = Instant::now();
        let batch = queue.read_after(at, BATCH.0, BATCH.1).expect("readable");
        queue.ack(destination, batch.upto);
        ours += begun.elapsed();
        let upto = done + batch.events.len() / EVENTS as usize;
        at = batch.upto;
        drop(batch);
        plain += raw(done..upto);
        done = upto;
    }
    assert_eq!((done, at), (FRAMES, Seq(FRAMES as u64 * EVENTS)), "everything was read");
    queue.forget(destination);
    *total = (total.0 + ours, total.1 + plain);
    plain.as_secs_f64() / ours.as_secs_f64()
}

/// The pages of a file leave the page cache.
fn cool(file: &File) {
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).expect("advised");
}

fn cool_all(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        cool(&File::open(entry.path()).expect("a segment"));
    }
}

pub fn run(c: &mut Criterion<Ratio>) {
    let pages: Vec<NewPage> = (0..FRAMES as u64).map(|n| made::page(n * EVENTS, EVENTS)).collect();
    let frames = frames_of(&pages);
    let plain: Vec<Vec<u8>> = pages.iter().map(|p| p.events.iter().flat_map(|e| e.raw.bytes()).collect()).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let home = dir.path().join("queue");
    let filled = made::open(&home, Arc::new(RealDisk));
    // It holds everything for as long as the bench runs.
    filled.register("witness", true);
    for page in &pages {
        filled.append(made::again(page)).expect("kept");
    }
    filled.close();
    drop((filled, pages));
    // Opened again: nothing is read from memory.
    let queue = made::open(&home, Arc::new(RealDisk));
    let mut turns = 0;
    let mut play = |c: &mut Criterion<Ratio>,
                    name: &str,
                    cold: Option<&File>,
                    raw: &mut dyn FnMut(std::ops::Range<usize>) -> Duration| {
        let (mut total, before) = ((Duration::ZERO, Duration::ZERO), turns);
        super::contest(c, "drain of raw", name, || {
            if let Some(file) = cold {
                cool_all(&home.join("journal"));
                cool(file);
            }
            turns += 1;
            race(&queue, &mut *raw, &format!("soc-{turns}"), &mut total)
        });
        let speed = |took: Duration| ((turns - before) * FRAMES as u64 * EVENTS) as f64 / took.as_secs_f64().max(1e-9);
        println!("{name}: the queue {:.0} events/s, raw {:.0} events/s", speed(total.0), speed(total.1));
    };
    let mut kept = enqueue::Raw::new(dir.path().join("kept"));
    play(c, "from the page cache, raw keeps them", None, &mut |turn| kept.keep(&frames[turn]));
    let contests = [
        ("from the page cache", &frames, false),
        ("from the disk", &frames, true),
        ("from the disk, raw uncompressed", &plain, true),
        ("from the page cache, raw uncompressed", &plain, false),
    ];
    for (name, frames, cold) in contests {
        let mut raw = Raw::new(&dir.path().join("raw"), frames);
        let file = raw.file.try_clone().expect("a descriptor");
        play(c, name, cold.then_some(&file), &mut |turn| raw.read(turn));
    }
}
