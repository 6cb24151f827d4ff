//! What the benches keep: events out of numbers, and a queue to keep them in.
//!
//! Promise: the same number makes the same event, so that contestants and runs compare.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use conductor::event::{Event, Severity};
use conductor::queue::disk::Disk;
use conductor::queue::{NewPage, Options, Queue};
use jiff::Timestamp;

/// Room for whatever a bench keeps; nothing stays for search and replay.
pub const OPTIONS: Options = Options { max_bytes: 32 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The queue in this folder, on this disk.
pub fn open(dir: &Path, disk: Arc<dyn Disk>) -> Queue {
    Queue::open(dir, OPTIONS, disk, now_ms).expect("the queue opens").0
}

/// A page of imported lines: `count` events from number `first` on, whose ids are not remembered.
pub fn page(first: u64, count: u64) -> NewPage {
    let events = (first..first + count).map(event).collect();
    NewPage { integration: "import".into(), stream: "import".into(), events, ..NewPage::default() }
}

/// The same page once more: the texts are shared, not copied.
pub fn again(page: &NewPage) -> NewPage {
    let (integration, stream) = (page.integration.clone(), page.stream.clone());
    NewPage { integration, stream, events: page.events.clone(), ..NewPage::default() }
}

/// 1.7 kB of JSON that compresses as events do: known keys, random values.
pub fn event(n: u64) -> Event {
    imported(n, 24)
}

/// The same with so many pairs of attributes, some 70 bytes each.
pub fn imported(n: u64, pairs: u32) -> Event {
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut raw = format!("{{\"n\":{n}");
    for field in 0..pairs {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        raw.push_str(&format!(",\"attribute_{field}\":\"{x:016x}\",\"note_{field}\":\"value for tenant {}\"", x % 500));
    }
    raw.push('}');
    Event {
        id: format!("import/import/{n:032x}/1").into(),
        integration: "import".into(),
        stream: "import".into(),
        kind: "import".into(),
        severity: Severity::Unknown,
        occurred: Timestamp::UNIX_EPOCH,
        observed: Timestamp::UNIX_EPOCH,
        summary: "".into(),
        raw: raw.into(),
    }
}
