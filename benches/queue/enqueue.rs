//! Keeping: pages into the queue against their frames onto a raw file, and what sharing barriers gives.
//!
//! Promise: each contestant's bytes are durable when its clock stops; events are made before it starts.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use conductor::queue::{NewPage, Queue};
use criterion::Criterion;

use super::disks::{Watched, frames_of};
use super::made;
use super::ratio::Ratio;

/// Events of a page, as `import` makes them.
const EVENTS: u64 = 200;
/// Pages of a chunk; what one contestant does before it is the other's turn.
const CHUNK: usize = 64;
/// Frames that an import makes ready ahead.
const AHEAD: usize = 2;
/// The raw file begins anew after so many bytes, as a segment does.
const SEGMENT: u64 = 64 << 20;

/// One append and one fdatasync for each frame.
pub struct Raw {
    path: PathBuf,
    file: File,
    at: u64,
}

impl Raw {
    pub fn new(path: PathBuf) -> Raw {
        let file = File::create(&path).expect("a file");
        Raw { path, file, at: 0 }
    }

    pub fn keep(&mut self, frames: &[Vec<u8>]) -> Duration {
        if self.at >= SEGMENT {
            *self = Raw::new(std::mem::take(&mut self.path));
        }
        let begun = Instant::now();
        for frame in frames {
            self.file.write_all_at(frame, self.at).expect("written");
            self.file.sync_data().expect("durable");
            self.at += frame.len() as u64;
        }
        begun.elapsed()
    }
}

/// `appenders` threads keep the pages between them, each its own stream.
fn keep(queue: &Queue, pages: &[NewPage], appenders: usize) -> Duration {
    let mut parts: Vec<Vec<NewPage>> = (0..appenders).map(|_| Vec::new()).collect();
    for (place, page) in pages.iter().enumerate() {
        let mine = place % appenders;
        parts[mine].push(NewPage { stream: format!("stream-{mine}"), ..made::again(page) });
    }
    let append = |part: Vec<NewPage>| {
        for page in part {
            queue.append(page).expect("kept");
        }
    };
    // All are there before the clock starts.
    let ready = std::sync::Barrier::new(appenders + 1);
    std::thread::scope(|scope| {
        for part in parts {
            scope.spawn(|| {
                ready.wait();
                append(part);
            });
        }
        ready.wait();
        Instant::now()
    })
    .elapsed()
}

/// One importer keeps them as `queue import` does: one thread makes frames, the other keeps what is ready by one barrier.
fn import(queue: &Queue, pages: &[NewPage]) -> Duration {
    let pages: Vec<NewPage> = pages.iter().map(made::again).collect();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let (sender, prepared) = std::sync::mpsc::sync_channel(AHEAD);
        scope.spawn(move || {
            for page in pages {
                let ready = queue.prepare(&page.integration, &page.stream, page.events).expect("made ready");
                sender.send(ready).expect("it is kept");
            }
        });
        for first in &prepared {
            let mut ready = std::iter::once(first).chain(prepared.try_iter().take(AHEAD)).collect();
            let kept = queue.append_prepared(&mut ready);
            assert!(kept.fault.is_none(), "{:?}", kept.fault);
        }
    });
    begun.elapsed()
}

/// Everything taken and gone: the disk does not fill with what a bench keeps.
fn drain(queue: &Queue) {
    queue.ack("soc", queue.head_now());
    queue.trim().expect("trimmed");
}

pub fn run(c: &mut Criterion<Ratio>) {
    let pages: Vec<NewPage> = (0..CHUNK as u64).map(|n| made::page(n * EVENTS, EVENTS)).collect();
    let frames = frames_of(&pages);
    let bytes: usize = frames.iter().map(Vec::len).sum();
    println!("frames of {EVENTS} events: {} bytes on disk each", bytes / frames.len());
    for (name, appenders) in [("1 appender", 1), ("1 import", 0), ("2 appenders", 2), ("8 appenders", 8)] {
        let dir = tempfile::tempdir().expect("a folder");
        let queue = made::open(&dir.path().join("queue"), Arc::new(conductor::queue::disk::RealDisk));
        queue.register("soc", true);
        let mut raw = Raw::new(dir.path().join("raw"));
        let (mut ours, mut floor, mut chunks) = (Duration::ZERO, Duration::ZERO, 0u64);
        super::contest(c, "enqueue of raw", name, || {
            let plain = raw.keep(&frames);
            let kept = if appenders == 0 { import(&queue, &pages) } else { keep(&queue, &pages, appenders) };
            drain(&queue);
            (ours, floor, chunks) = (ours + kept, floor + plain, chunks + 1);
            plain.as_secs_f64() / kept.as_secs_f64()
        });
        let speed = |took: Duration| (chunks * CHUNK as u64 * EVENTS) as f64 / took.as_secs_f64().max(1e-9);
        println!("{name}: the queue {:.0} events/s, raw {:.0} events/s", speed(ours), speed(floor));
    }
}

/// What sharing barriers gives: small pages, as polls bring them, by 200 appenders against the same pages by one.
pub fn share(c: &mut Criterion<Ratio>) {
    const APPENDERS: usize = 200;
    const SMALL: u64 = 10;
    let pages: Vec<NewPage> = (0..2 * APPENDERS as u64).map(|n| made::page(n * SMALL, SMALL)).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let watched = Watched::default();
    let queue = made::open(&dir.path().join("queue"), Arc::new(watched.clone()));
    queue.register("soc", true);
    let (mut many, mut one, mut barriers, mut rounds) = (Duration::ZERO, Duration::ZERO, 0, 0u64);
    super::contest(c, "group commit", "200 appenders to 1", || {
        let alone = keep(&queue, &pages, 1);
        let before = watched.0.barriers.load(Relaxed);
        let together = keep(&queue, &pages, APPENDERS);
        barriers += watched.0.barriers.load(Relaxed) - before;
        drain(&queue);
        (many, one, rounds) = (many + together, one + alone, rounds + 1);
        alone.as_secs_f64() / together.as_secs_f64()
    });
    let appends = rounds * pages.len() as u64;
    let speed = |took: Duration| (appends * SMALL) as f64 / took.as_secs_f64().max(1e-9);
    println!(
        "pages of {SMALL}: {APPENDERS} appenders {:.0} events/s, {:.1} appends a barrier; 1 appender {:.0} events/s",
        speed(many),
        appends as f64 / barriers.max(1) as f64,
        speed(one)
    );
}
