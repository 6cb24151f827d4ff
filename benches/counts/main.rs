//! The hot paths, each once and alone, for `cargo xtask counts`, which runs them under callgrind.
//!
//! `counts NAME` makes ready, walks the path once so that what is made lazily is there, then walks it again within
//! [`counted`]: callgrind counts nothing outside. Without a name: the names, one a line.
//!
//! Promise: no network, one thread in what is counted, no time and no randomness in the inputs.

#[path = "../made/mod.rs"]
mod made;

mod memory;
mod vendor;

use std::hint::black_box;
use std::sync::Arc;

use bytestring::ByteString;
use conductor::control::line;
use conductor::event::{Seq, Stored};
use conductor::format::rfc5424::{Rfc5424, facility};
use conductor::queue::{NewPage, Queue};
use jiff::Timestamp;
use memory::MemoryDisk;

/// Events of a page.
const EVENTS: u64 = 200;

/// What a name stands for.
type Path = fn();

const PATHS: [(&str, Path); 7] = [
    ("append", append),
    ("append-checkpoint", append_checkpoint),
    ("read", read),
    ("ack", ack),
    ("syslog-json", syslog_json),
    ("import-lines", import_lines),
    ("map-threats", map_threats),
];

fn main() {
    // Cargo adds `--bench`.
    let name = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    match name.as_deref().map(|name| PATHS.iter().find(|(known, _)| *known == name)) {
        None => PATHS.iter().for_each(|(name, _)| println!("{name}")),
        Some(Some((_, path))) => path(),
        Some(None) => panic!("there is no such path; without a name all are told"),
    }
}

/// What callgrind counts. Its name is known to `cargo xtask counts`.
#[inline(never)]
fn counted<T>(path: impl FnOnce() -> T) -> T {
    black_box(path())
}

/// A queue whose journal is in memory; its book is a folder that goes with the returned guard.
fn queue() -> (tempfile::TempDir, Queue) {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = made::open(&dir.path().join("queue"), Arc::new(MemoryDisk::default()));
    queue.register("soc", true);
    (dir, queue)
}

/// 200 events are encoded, compressed, written and committed.
fn append() {
    let (_dir, queue) = queue();
    queue.append(made::page(0, EVENTS)).expect("kept");
    let page = made::page(EVENTS, EVENTS);
    counted(|| queue.append(page)).expect("kept");
}

/// A page that brought nothing but a checkpoint: what an append costs beside its events.
fn append_checkpoint() {
    let (_dir, queue) = queue();
    let page = |n: u64| NewPage {
        integration: "acme".into(),
        stream: "threats".into(),
        next: Some(conductor::event::Checkpoint(format!("{{\"upto\":{n}}}"))),
        ..NewPage::default()
    };
    queue.append(page(100)).expect("kept");
    let next = page(101);
    counted(|| queue.append(next)).expect("kept");
}

/// 200 events come out of the journal: read, checked, decompressed, parted.
fn read() {
    let (_dir, queue) = queue();
    // More than memory holds fresh.
    let pages = 10;
    for n in 0..pages {
        queue.append(made::page(n * EVENTS, EVENTS)).expect("kept");
    }
    let take = |after| queue.read_after(Seq(after), EVENTS as usize, 1 << 20).expect("readable");
    let first = take(0);
    let batch = counted(|| take(first.upto.0));
    assert_eq!((first.events.len(), batch.events.len()), (200, 200), "a frame each");
}

/// A destination's cursor moves and is handed to the operating system: a hundred times, because sled's threads make a
/// single one differ from run to run.
fn ack() {
    let (_dir, queue) = queue();
    queue.append(made::page(0, EVENTS)).expect("kept");
    queue.ack("soc", Seq(1));
    counted(|| (100..EVENTS).for_each(|taken| queue.ack("soc", Seq(taken))));
}

/// 200 events as syslog messages with JSON in them, each with its length before it.
fn syslog_json() {
    let events: Vec<Stored> = (1..=EVENTS).map(|n| Stored { seq: Seq(n), event: made::event(n) }).collect();
    let format = Rfc5424::new(facility("local0").expect("a facility"), "box.example", "conductor", 32473);
    let mut out = Vec::with_capacity(1 << 20);
    let write = |out: &mut Vec<u8>| {
        out.clear();
        for stored in &events {
            format.frame(out, stored).expect("a Vec");
        }
    };
    write(&mut out);
    counted(|| write(&mut out));
}

/// 200 lines of an import become events: validated and hashed.
fn import_lines() {
    let lines: Vec<ByteString> = (0..EVENTS).map(|n| made::event(n).raw).collect();
    let now = Timestamp::UNIX_EPOCH;
    let read = || lines.iter().map(|one| line::read(one.clone(), now)).collect::<Result<Vec<_>, _>>();
    black_box(read()).expect("lines");
    counted(read).expect("lines");
}

/// A list and the details of one threat with 100 messages become a page of events.
fn map_threats() {
    let vendor = vendor::Vendor::new();
    vendor.poll();
    let page = counted(|| vendor.poll());
    assert_eq!(page.events.len(), 100, "a whole page: {:?}", page.fault);
}
