//! What marks for evidence cost: `cargo bench --bench marks`.
//!
//! Promise: the same threats are kept with and without marks, in turns, in one run; figures for docs/benchmarks.md.

mod made;

use std::sync::Arc;
use std::time::Instant;

use conductor::control::{self, Request};
use conductor::engine;
use conductor::event::{Event, Severity};
use conductor::evidence::Asked;
use conductor::queue::disk::RealDisk;
use conductor::queue::{Marker, NewPage, Queue, Standing};
use jiff::Timestamp;

const KEYED: u64 = 100_000;

/// A message as the vendor sends it, about 2 kB.
fn threat(n: u64) -> Event {
    let received = Timestamp::from_second(1_790_000_000 + n as i64).expect("a time");
    let remediated = Timestamp::from_second(1_790_000_030 + n as i64).expect("a time");
    let filler = made::event(n).raw;
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

fn unmarked(_: &Event) -> Option<Vec<u8>> {
    None
}

/// With and without in turns, and a report over all that are remembered.
fn main() {
    for round in 1..=3 {
        for (word, marker) in [("without", unmarked as Marker), ("with", engine::marks)] {
            let dir = tempfile::tempdir().expect("a folder");
            let disk = Arc::new(RealDisk);
            let opened = Queue::open_marking(
                &dir.path().join("queue"),
                made::OPTIONS,
                disk,
                made::now_ms,
                marker,
                Standing::Settled,
            );
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
