//! The queue alone: keep, read, open with a million events waiting. `cargo bench --bench queue`; with `-- marks` only
//! what marks for evidence cost.
//!
//! Prints figures for docs/benchmarks.md; compares with a plain append + fdatasync of the same bytes in the same
//! run, because machines are noisy.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use conductor::control::{self, Request};
use conductor::engine;
use conductor::event::{Checkpoint, Event, Seq, Severity};
use conductor::evidence::Asked;
use conductor::queue::disk::RealDisk;
use conductor::queue::{Marker, NewPage, Options, Queue};
use jiff::Timestamp;

const EVENTS: u64 = 1_000_000;
const FRAME: u64 = 200;
const KEYED: u64 = 100_000;
const OPTIONS: Options = Options { max_bytes: 16 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

fn open(dir: &Path) -> Queue {
    Queue::open(dir, OPTIONS, Arc::new(RealDisk), now_ms).expect("the queue opens").0
}

/// About 2 kB of JSON that compresses as events do: known keys, random values.
fn event(n: u64) -> Event {
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut raw = format!("{{\"n\":{n}");
    for field in 0..24 {
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

/// A message as the vendor sends it, about 2 kB.
fn threat(n: u64) -> Event {
    let received = Timestamp::from_second(1_790_000_000 + n as i64).expect("a time");
    let remediated = Timestamp::from_second(1_790_000_030 + n as i64).expect("a time");
    let filler = event(n).raw;
    let raw = format!(
        "{{\"threatId\":\"{n:032x}\",\"attackType\":\"Invoice/Payment Fraud (BEC)\",\"source\":\"Attack\",\
         \"receivedTime\":\"{received}\",\"remediationStatus\":\"Auto-Remediated\",\
         \"remediationTimestamp\":\"{remediated}\",\"autoRemediated\":true,\"urls\":[],\"more\":{filler}}}"
    );
    Event {
        id: Event::make_id("acme", "threats", &format!("{n:032x}:-{n:018}"), "0123456789abcdef"),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: received,
        observed: Timestamp::from_second(1_790_000_090 + n as i64).expect("a time"),
        summary: "a threat".into(),
        raw: raw.into(),
    }
}

/// The same threats with and without marks, in turns, and a report over all that are remembered.
fn marks() {
    for round in 1..=3 {
        for (word, marker) in [("without", unmarked as Marker), ("with", engine::marks)] {
            let dir = tempfile::tempdir().expect("a folder");
            let opened = Queue::open_marking(&dir.path().join("queue"), OPTIONS, Arc::new(RealDisk), now_ms, marker);
            let queue = opened.expect("the queue opens").0;
            let mut keeping = 0.0;
            for first in (0..KEYED).step_by(100) {
                let events: Vec<Event> = (first..first + 100).map(threat).collect();
                let (integration, stream) = ("acme".into(), "threats".into());
                let begun = Instant::now();
                queue.append(NewPage { integration, stream, events, keyed: true, ..NewPage::default() }).expect("kept");
                if first % 2000 == 0 {
                    queue.tidy_book();
                }
                keeping += begun.elapsed().as_secs_f64();
            }
            queue.tidy_book();
            let (facts, kept) = (queue.facts(), KEYED as f64 / keeping);
            let book = (facts.disk_bytes - facts.bytes) / KEYED;
            let begun = Instant::now();
            let (from, to) = (Timestamp::from_second(1_700_000_000), Timestamp::from_second(2_000_000_000));
            let asked = Asked { from: from.expect("a time"), to: to.expect("a time"), integration: None };
            let mut out = Vec::new();
            let request = Request::Evidence { asked, agent: "bench".into() };
            control::answer(&queue, request, std::io::empty(), &mut out, &|| false).expect("answered");
            println!(
                "round {round}, {word} marks: kept {kept:.0}/s, 100 a page; the book takes {book} bytes an event; a report of \
                 {KEYED} in {:.2} s",
                begun.elapsed().as_secs_f64()
            );
        }
    }
}

fn unmarked(_: &Event) -> Option<Vec<u8>> {
    None
}

fn main() {
    if std::env::args().any(|argument| argument == "marks") {
        return marks();
    }
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(&dir.path().join("queue"));
    queue.register("soc", true);
    let (mut payload, mut keeping) = (0u64, 0.0);
    for first in (0..EVENTS).step_by(FRAME as usize) {
        let events: Vec<Event> = (first..first + FRAME).map(event).collect();
        payload += events.iter().map(|e| e.raw.len() as u64).sum::<u64>();
        let begun = Instant::now();
        let page = NewPage { integration: "import".into(), stream: "import".into(), events, ..NewPage::default() };
        queue.append(page).expect("kept");
        keeping += begun.elapsed().as_secs_f64();
    }
    let disk = queue.facts().disk_bytes;
    println!(
        "kept {EVENTS} events of {} bytes: {:.0}/s, {:.2} bytes on disk a byte",
        payload / EVENTS,
        EVENTS as f64 / keeping,
        disk as f64 / payload as f64
    );
    queue.close();
    drop(queue);

    let begun = Instant::now();
    let queue = open(&dir.path().join("queue"));
    println!("opened with {EVENTS} waiting: {:.3} s", begun.elapsed().as_secs_f64());

    let (begun, mut at, mut read) = (Instant::now(), Seq(0), 0);
    while at < queue.head_now() {
        let batch = queue.read_after(at, 1024, 512 << 10).expect("readable");
        read += batch.events.len();
        at = batch.upto;
        queue.ack("soc", at);
    }
    println!("read and acknowledged {read} events: {:.0}/s", read as f64 / begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    queue.trim().expect("trimmed");
    println!("trimmed to {} kB in {:.3} s", queue.facts().disk_bytes / 1000, begun.elapsed().as_secs_f64());

    // What the book takes: pages as a connector brings them, their ids remembered.
    let book = open(&dir.path().join("keyed"));
    let begun = Instant::now();
    for first in (0..KEYED).step_by(20) {
        let events: Vec<Event> = (first..first + 20).map(|n| Event { raw: "{}".into(), ..event(n) }).collect();
        let (integration, stream) = ("acme".into(), "threats".into());
        let next = Some(Checkpoint("c".repeat(2000)));
        book.append(NewPage { integration, stream, events, next, keyed: true, ..NewPage::default() }).expect("kept");
        if first % 2000 == 0 {
            book.tidy_book();
        }
    }
    book.tidy_book();
    let facts = book.facts();
    let kept = KEYED as f64 / begun.elapsed().as_secs_f64();
    println!(
        "kept {KEYED} events with ids to remember, 20 a page: {kept:.0}/s; the book takes {} bytes an event",
        (facts.disk_bytes - facts.bytes) / KEYED
    );

    let mut file = File::create(dir.path().join("plain")).expect("a file");
    let frame = vec![0x5a; (payload / (EVENTS / FRAME)) as usize];
    let begun = Instant::now();
    for _ in 0..EVENTS / FRAME / 10 {
        file.write_all(&frame).expect("written");
        file.sync_data().expect("durable");
    }
    let plain = (EVENTS / 10) as f64 / begun.elapsed().as_secs_f64();
    println!("the same bytes, plain append + fdatasync: {plain:.0}/s");
}
