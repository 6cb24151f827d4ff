//! Pages to keep, and a queue to keep them in.

use std::path::Path;
use std::sync::Arc;

use conductor::event::{Checkpoint, Event, Severity, Stored};
use conductor::queue::disk::{Disk, RealDisk};
use conductor::queue::{NewPage, Options, Queue, QueueError};
use jiff::Timestamp;

pub const ROOMY: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

pub fn event(stream: &str, n: u64, size: usize) -> Event {
    let mut noise = String::with_capacity(size);
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while noise.len() < size {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        noise.push_str(&format!("{x:016x}"));
    }
    Event {
        id: Event::make_id("acme", stream, &format!("t{n}:m{n}"), "v1"),
        integration: "acme".into(),
        stream: stream.to_owned().into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: Timestamp::new(1_790_000_000 + n as i64, 0).expect("a time"),
        observed: Timestamp::new(1_790_000_000, 0).expect("a time"),
        summary: "a threat".into(),
        raw: format!("{{\"n\":{n},\"noise\":\"{noise}\"}}").into(),
    }
}

pub fn page(stream: &str, numbers: impl IntoIterator<Item = u64>, checkpoint: &str) -> NewPage {
    NewPage {
        integration: "acme".into(),
        stream: stream.into(),
        events: numbers.into_iter().map(|n| event(stream, n, 200)).collect(),
        next: Some(Checkpoint(checkpoint.into())),
        keyed: true,
        ..NewPage::default()
    }
}

pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

pub fn open(dir: &Path) -> Queue {
    open_with(dir, ROOMY)
}

pub fn open_with(dir: &Path, options: Options) -> Queue {
    open_on(dir, options, Arc::new(RealDisk)).expect("the queue opens")
}

pub fn open_on(dir: &Path, options: Options, disk: Arc<dyn Disk>) -> Result<Queue, QueueError> {
    Queue::open(&dir.join("queue"), options, disk, now_ms).map(|(queue, _)| queue)
}

/// Everything after a cursor, read in small steps.
pub fn read_all(queue: &Queue, cursor: conductor::event::Seq) -> Vec<Stored> {
    let mut found = Vec::new();
    let mut at = cursor;
    while at < queue.head_now() {
        let batch = queue.read_after(at, 7, 1 << 20).expect("readable");
        assert!(batch.upto > at, "reading moves on");
        at = batch.upto;
        found.extend(batch.events);
    }
    found
}

pub fn ids(events: &[Stored]) -> Vec<String> {
    events.iter().map(|s| s.event.id.to_string()).collect()
}

/// A folder as the system has it at this moment: what a kill would leave.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}
