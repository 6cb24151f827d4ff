//! Where destinations stand after a kill, a lost book and a build that knows no slate.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::queue::disk::RealDisk;
use crate::queue::{NewPage, Options};

const ROOMY: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

fn open(dir: &Path) -> Queue {
    Queue::open(dir, ROOMY, Arc::new(RealDisk), || 1_790_000_000_000).expect("it opens").0
}

/// The files as the system has them, and nothing that only memory has.
fn killed(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            killed(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

fn event(n: u64) -> crate::event::Event {
    crate::event::Event {
        id: format!("{n}").into(),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: crate::event::Severity::High,
        occurred: jiff::Timestamp::UNIX_EPOCH,
        observed: jiff::Timestamp::UNIX_EPOCH,
        summary: "a threat".into(),
        raw: "{}".into(),
    }
}

fn keep(queue: &Queue, events: u64) {
    let page = NewPage { integration: "acme".into(), stream: "threats".into(), ..NewPage::default() };
    queue.append(NewPage { events: (0..events).map(event).collect(), ..page }).expect("kept");
}

fn cursor(queue: &Queue) -> Seq {
    lock(&queue.state).cursors["soc"]
}

#[test]
fn an_ack_is_safe_from_a_kill_before_the_book_has_it() {
    let room = tempfile::tempdir().expect("a folder");
    let queue = open(&room.path().join("queue"));
    keep(&queue, 9);
    queue.register("soc", true);
    queue.ack("soc", Seq(5));
    assert_eq!(lock(&queue.book).cursors().expect("read")[0].1, Seq(0), "by the slate alone");
    killed(&room.path().join("queue"), &room.path().join("after"));
    let after = open(&room.path().join("after"));
    assert_eq!(cursor(&after), Seq(5));
    after.close();
    assert_eq!(lock(&after.book).cursors().expect("read")[0].1, Seq(5), "the book has it at an end in order");
}

#[test]
fn who_was_forgotten_and_begins_at_the_oldest_is_not_where_it_stood_before() {
    let room = tempfile::tempdir().expect("a folder");
    let queue = open(&room.path().join("queue"));
    queue.register("other", true);
    keep(&queue, 9);
    queue.register("soc", true);
    queue.ack("soc", Seq(9));
    queue.forget("soc");
    queue.register("soc", true);
    killed(&room.path().join("queue"), &room.path().join("after"));
    assert_eq!(cursor(&open(&room.path().join("after"))), Seq(0), "nine events are to come once more");
}

#[test]
fn a_build_before_the_slate_may_have_moved_it_back_and_is_believed() {
    let room = tempfile::tempdir().expect("a folder");
    let mut slate = Slate::open(&RealDisk, room.path());
    slate.keep_only(&[Tenure(7)]);
    assert!(slate.chalk(Tenure(7), Seq(9)));
    // It writes the seq alone.
    let found = take_up(vec![("soc".into(), Seq(0), None)], Vec::new(), &mut slate, 5);
    assert_eq!(found.cursors["soc"], Seq(0));
    assert!(found.unbooked.contains("soc") && found.tenures["soc"] > Tenure(7));
    assert!(!slate.chalk(found.tenures["soc"], Seq(1)), "not before the book has the tenure");
}

#[test]
fn after_a_book_that_was_begun_anew_while_the_agent_runs_acks_are_as_safe_as_before() {
    let room = tempfile::tempdir().expect("a folder");
    let dir = room.path().join("queue");
    let queue = open(&dir);
    keep(&queue, 9);
    queue.register("soc", true);
    queue.ack("soc", Seq(2));
    lock(&queue.book).shut();
    std::fs::remove_dir_all(dir.join("book")).expect("lost");
    queue.mend_closed_book();
    assert!(lock(&queue.book).is_open());
    for seq in [4, 6] {
        queue.ack("soc", Seq(seq));
        let after = room.path().join(format!("after {seq}"));
        killed(&dir, &after);
        assert_eq!(cursor(&open(&after)), Seq(seq));
    }
}
