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
    let booked = lock(&queue.book).cursors().expect("read");
    assert_eq!(booked.iter().map(|(name, ..)| &**name).collect::<Vec<_>>(), ["other"]);
    queue.register("soc", true);
    killed(&room.path().join("queue"), &room.path().join("after"));
    assert_eq!(cursor(&open(&room.path().join("after"))), Seq(0), "nine events are to come once more");
}

#[test]
fn a_build_before_the_slate_may_have_moved_it_back_and_is_believed() {
    let room = tempfile::tempdir().expect("a folder");
    let mut slate = Slate::open(&RealDisk, room.path());
    slate.keep_only(&[Tenure(7)]);
    slate.has_seen([Tenure(7)].into_iter());
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

#[test]
fn the_later_registration_counts_whoever_knows_it_and_of_one_the_further_place() {
    let room = tempfile::tempdir().expect("a folder");
    let soc = |seq, tenure: Option<u64>| vec![("soc".to_owned(), Seq(seq), tenure.map(Tenure))];
    let table = [
        // The book has a registration that the journal had no room for, and the other way round.
        (soc(0, Some(8)), soc(9, Some(7)), 0),
        (soc(9, Some(7)), soc(0, Some(8)), 0),
        (soc(3, Some(7)), soc(9, Some(7)), 9),
        (soc(9, Some(7)), soc(3, Some(7)), 9),
        // Of builds before tenures.
        (soc(3, None), soc(9, None), 9),
        (soc(3, Some(7)), soc(9, None), 9),
        (Vec::new(), soc(9, Some(7)), 9),
        // Such a build has written the book since, and has moved it back perhaps: the slate's 20 is of the registration before.
        (soc(3, None), soc(9, Some(6)), 3),
        (Vec::new(), soc(9, Some(6)), 20),
    ];
    for (booked, told, stands) in table {
        let mut slate = Slate::open(&RealDisk, room.path());
        slate.keep_only(&[Tenure(6)]);
        assert!(slate.chalk(Tenure(6), Seq(20)));
        let case = format!("{booked:?} and {told:?}");
        let found = take_up(booked.clone(), told, &mut slate, 5);
        assert_eq!(found.cursors["soc"], Seq(stands), "{case}");
        let as_booked = booked.contains(&("soc".to_owned(), Seq(stands), Some(found.tenures["soc"])));
        assert_eq!(found.unbooked.contains("soc"), !as_booked, "{case}");
        assert!(slate.new_tenure(0) > found.tenures["soc"], "{case}");
    }
}

#[test]
fn a_slate_of_a_registration_that_the_journal_alone_knows_counts() {
    let room = tempfile::tempdir().expect("a folder");
    let dir = room.path().join("queue");
    let queue = open(&dir);
    keep(&queue, 9);
    queue.register("soc", true);
    queue.ack("soc", Seq(5));
    killed(&dir, &room.path().join("after"));
    std::fs::remove_dir_all(room.path().join("after/book")).expect("lost");
    assert_eq!(cursor(&open(&room.path().join("after"))), Seq(5), "a lost book costs no repeats");
}

#[test]
fn a_book_that_was_closed_when_somebody_was_forgotten_hears_of_it_when_it_is_mended() {
    let room = tempfile::tempdir().expect("a folder");
    let dir = room.path().join("queue");
    let queue = open(&dir);
    keep(&queue, 9);
    queue.register("soc", true);
    queue.register("other", true);
    queue.ack("soc", Seq(5));
    // It can't be opened, and there is no room for a new one.
    lock(&queue.book).shut();
    std::fs::create_dir(dir.join("book.probe")).expect("in the way");
    std::fs::rename(dir.join("book"), room.path().join("book")).expect("moved");
    std::fs::write(dir.join("book"), "").expect("a file in its place");
    assert!(queue.forget("soc"));
    assert!(!lock(&queue.book).is_open());
    std::fs::remove_dir(dir.join("book.probe")).expect("removed");
    std::fs::remove_file(dir.join("book")).expect("removed");
    std::fs::rename(room.path().join("book"), dir.join("book")).expect("back");
    queue.tidy_book();
    assert_eq!(lock(&queue.book).cursors().expect("read").len(), 1);
    killed(&dir, &room.path().join("after"));
    let after = open(&room.path().join("after"));
    assert_eq!(lock(&after.state).cursors.keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn nobody_is_forgotten_whom_the_settings_name() {
    let room = tempfile::tempdir().expect("a folder");
    let queue = open(&room.path().join("queue"));
    queue.register("soc", true);
    queue.set_in_use(BTreeSet::from(["soc".to_owned()]));
    assert!(!queue.forget("soc"));
    assert_eq!(cursor(&queue), Seq(0));
}

#[test]
fn what_drop_oldest_took_is_counted_after_a_kill_though_the_book_had_closed_before() {
    let room = tempfile::tempdir().expect("a folder");
    let (dir, options) = (room.path().join("queue"), Options { max_bytes: 64 << 10, drop_oldest: true, ..ROOMY });
    let queue = Queue::open(&dir, options, Arc::new(RealDisk), || 1_790_000_000_000).expect("it opens").0;
    queue.register("soc", true);
    let mut rng = fastrand::Rng::with_seed(1);
    lock(&queue.book).shut();
    while queue.facts().dropped.is_empty() {
        let raw: String = (0..4096).map(|_| rng.alphanumeric()).collect();
        let events = vec![crate::event::Event { raw: format!("\"{raw}\"").into(), ..event(1) }];
        let page = NewPage { integration: "acme".into(), stream: "threats".into(), events, ..NewPage::default() };
        queue.append(page).expect("the oldest go");
    }
    let lost = queue.facts().dropped["soc"];
    killed(&dir, &room.path().join("after"));
    let after = open(&room.path().join("after"));
    assert_eq!((after.facts().dropped.get("soc"), cursor(&after)), (Some(&lost), lost.last));
}
