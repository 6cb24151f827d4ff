//! Evidence from a real queue: what its book remembers after the events have gone.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use conductor::control::{self, Reply, Request};
use conductor::engine;
use conductor::event::{Event, Severity};
use conductor::evidence::{Asked, Report};
use conductor::queue::disk::RealDisk;
use conductor::queue::{NewPage, Options, Queue, Standing};
use jiff::{SignedDuration, Timestamp};

const ROOMY: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

fn open(dir: &Path) -> Queue {
    Queue::open_marking(&dir.join("queue"), ROOMY, Arc::new(RealDisk), now_ms, engine::marks, Standing::Settled)
        .expect("it opens")
        .0
}

/// A message; `status` is the vendor's word, and its version.
fn threat(integration: &str, n: usize, status: &str) -> Event {
    let now = Timestamp::now();
    let received = now.checked_sub(SignedDuration::from_secs(60)).expect("a time");
    let remediated = if status == "Post Remediated" { received.to_string() } else { String::new() };
    let raw =
        serde_json::json!({"attackType": "Malware", "remediationStatus": status, "remediationTimestamp": remediated});
    Event {
        id: Event::make_id(integration, "threats", &format!("t{n:05}:m"), &status.replace(' ', "-")),
        integration: integration.to_owned().into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: received,
        observed: now,
        summary: "".into(),
        raw: raw.to_string().into(),
    }
}

fn keep(queue: &Queue, integration: &str, numbers: impl Iterator<Item = usize>, status: &str) {
    let events = numbers.map(|n| threat(integration, n, status)).collect();
    let page = NewPage {
        integration: integration.into(),
        stream: "threats".into(),
        events,
        keyed: true,
        ..NewPage::default()
    };
    queue.append(page).expect("kept");
}

fn ask(queue: &Queue, integration: Option<&str>) -> Report {
    let now = Timestamp::now();
    let from = now.checked_sub(SignedDuration::from_hours(24)).expect("a time");
    let to = now.checked_add(SignedDuration::from_hours(1)).expect("a time");
    let asked = Asked { from, to, integration: integration.map(str::to_owned) };
    let request = Request::Evidence { asked, agent: "box".into() };
    let mut out = Vec::new();
    control::answer(queue, request, io::empty(), &mut out, &|| false).expect("answered");
    let out = String::from_utf8(out).expect("UTF-8");
    let first = out.lines().next().expect("a line");
    match serde_json::from_str::<Reply>(first).expect("an answer") {
        Reply::Evidence { evidence } => *evidence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_late_remediation_is_the_same_item_and_its_state_outlives_the_event_and_the_agent() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    keep(&queue, "acme", 0..3, "No Action Done");
    keep(&queue, "acme", 1..2, "Post Remediated");
    let totals = ask(&queue, None).totals;
    assert_eq!((totals.items, totals.not_remediated, totals.remediated), (3, 2, 1));
    queue.register("soc", false);
    queue.trim().expect("trimmed");
    queue.close();
    drop(queue);
    let report = ask(&open(dir.path()), None);
    assert_eq!((&report.totals, report.streams[0].events), (&totals, 4));
    assert_eq!(report.attack_types[0].name.as_deref(), Some("Malware"));
    assert!(report.horizon.known_since.is_some() && !report.horizon.rebuilt);
}

#[test]
fn a_walk_of_many_chunks_counts_every_item_once_and_one_integration_is_not_taken_for_another() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    for first in (0..3100).step_by(100) {
        keep(&queue, "acme", first..first + 100, "Auto-Remediated");
        keep(&queue, "acme", first..first + 50, "Post Remediated");
    }
    keep(&queue, "acme-2", 0..7, "No Action Done");
    keep(&queue, "acm", 0..5, "No Action Done");
    let all = ask(&queue, None);
    assert_eq!((all.totals.items, all.totals.remediated, all.streams.len()), (3112, 3100, 3));
    let one = ask(&queue, Some("acme"));
    assert_eq!((one.totals.items, one.streams[0].events), (3100, 4650));
    assert_eq!(ask(&queue, Some("acm")).totals.items, 5);
}

#[test]
fn a_book_that_is_lost_gets_its_marks_again_from_the_journal_and_the_report_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    keep(&queue, "acme", 0..20, "Auto-Remediated");
    let before = ask(&queue, None);
    queue.close();
    drop(queue);
    fs::remove_dir_all(dir.path().join("queue/book")).expect("lost");
    let after = ask(&open(dir.path()), None);
    assert_eq!((after.totals, after.attack_types), (before.totals, before.attack_types));
    assert!(after.horizon.rebuilt && after.notes.iter().any(|note| note.contains("lost and made again")));
}

#[test]
fn what_an_older_version_kept_counts_by_stream_and_is_said_to_be_known_by_its_id_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let older = Queue::open(&dir.path().join("queue"), ROOMY, Arc::new(RealDisk), now_ms).expect("it opens").0;
    keep(&older, "acme", 0..4, "No Action Done");
    older.close();
    drop(older);
    let queue = open(dir.path());
    keep(&queue, "acme", 2..3, "Post Remediated");
    let report = ask(&queue, None);
    assert_eq!((report.totals.items, report.totals.unmarked, report.totals.remediated), (4, 3, 1));
    assert_eq!(report.streams[0].counts.items, 4);
    assert!(report.notes.iter().any(|note| note.contains("nothing but ids")), "{:?}", report.notes);
}

#[test]
fn imported_lines_are_marked_by_nobody_and_are_no_items() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    let lines = b"{\"attackType\":\"x\"}\n{\"b\":2}\n";
    control::answer(&queue, Request::Import, &lines[..], &mut Vec::new(), &|| false).expect("imported");
    let report = ask(&queue, None);
    assert_eq!((report.totals.items, report.streams.len()), (0, 0));
}
