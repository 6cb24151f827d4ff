//! Pages made ready ahead of their turn, as an import makes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use conductor::control::{self, Request};
use conductor::event::Seq;
use conductor::queue::{Options, Prepared, Queue};

use super::broken_disk::BrokenDisk;
use super::support::{ROOMY, event, ids, open, open_on, read_all};

/// Barriers of a segment's end: its own, and that of the next one's beginning.
const SYNCS_OF_A_ROLL: u64 = 2;

/// A page of these numbers, each event of so many bytes.
fn prepared(queue: &Queue, numbers: std::ops::Range<u64>, size: usize) -> Prepared {
    queue.prepare("import", "import", numbers.map(|n| event("import", n, size)).collect()).expect("made ready")
}

/// All of them have room.
fn keep(queue: &Queue, pages: &mut VecDeque<Prepared>) -> Vec<Seq> {
    let kept = queue.append_prepared(pages);
    assert!(kept.fault.is_none() && pages.is_empty(), "{:?}", kept.fault);
    kept.last
}

fn wanted(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|n| event("import", n, 1).id.to_string()).collect()
}

#[test]
fn pages_made_ready_are_kept_in_their_order_by_one_barrier() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), BrokenDisk::default());
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("it opens");
    // The first one begins the segment, which has barriers of its own.
    assert_eq!(keep(&queue, &mut VecDeque::from([prepared(&queue, 0..1, 50)])), [Seq(1)]);
    // Made in another order than they are handed in, by another thread.
    let mut pages = std::thread::scope(|scope| {
        let last = scope.spawn(|| prepared(&queue, 7..20, 50));
        VecDeque::from([prepared(&queue, 1..4, 50), prepared(&queue, 4..7, 50), last.join().expect("made")])
    });
    let before = disk.0.syncs.load(Ordering::SeqCst);
    let kept = keep(&queue, &mut pages);
    assert_eq!(disk.0.syncs.load(Ordering::SeqCst) - before, 1, "one barrier for three pages");
    assert_eq!(kept, [Seq(4), Seq(7), Seq(20)]);
    assert!(pages.is_empty());
    assert_eq!(ids(&read_all(&queue, Seq(0))), wanted(0..20));
    drop(queue);
    assert_eq!(ids(&read_all(&open(dir.path()), Seq(0))), wanted(0..20), "after a kill, too");
}

#[test]
fn a_page_that_has_no_room_stays_in_hand_and_is_kept_once_when_there_is_room() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), BrokenDisk::default());
    let options = Options { max_bytes: 2 << 20, ..ROOMY };
    let queue = open_on(dir.path(), options, Arc::new(disk.clone())).expect("it opens");
    queue.register("soc", true);
    let mut pages: VecDeque<Prepared> = (0..3).map(|n| prepared(&queue, n * 10..n * 10 + 10, 150_000)).collect();
    let kept = queue.append_prepared(&mut pages);
    assert_eq!((kept.last.len(), pages.len()), (2, 1), "two have room");
    assert!(kept.fault.expect("the quota").is_full());
    assert!(queue.append_prepared(&mut pages).fault.expect("the quota").is_full());
    assert_eq!(pages.len(), 1, "it can be tried again");
    queue.ack("soc", Seq(20));
    queue.trim().expect("room");
    // The disk fails to take it, and takes a half of it.
    disk.0.full.store(true, Ordering::SeqCst);
    assert!(queue.append_prepared(&mut pages).fault.expect("a full disk").is_full());
    assert_eq!(pages.len(), 1);
    disk.0.full.store(false, Ordering::SeqCst);
    assert_eq!(keep(&queue, &mut pages).len(), 1);
    assert_eq!(ids(&read_all(&queue, Seq(20))), wanted(20..30));
}

#[test]
fn a_barrier_that_fails_keeps_none_of_its_pages_and_an_import_is_told_to_send_them_again() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), BrokenDisk::default());
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("it opens");
    keep(&queue, &mut VecDeque::from([prepared(&queue, 0..3, 50)]));
    disk.0.unsyncable.store(true, Ordering::SeqCst);
    let mut pages = VecDeque::from([prepared(&queue, 3..6, 50), prepared(&queue, 6..9, 50)]);
    let kept = queue.append_prepared(&mut pages);
    assert!(!kept.fault.expect("no barrier").is_full());
    assert!(kept.last.is_empty() && pages.is_empty(), "whoever sent them has them still");
    assert_eq!(ids(&read_all(&queue, Seq(0))), wanted(0..3));
    let mut said = Vec::new();
    control::answer(&queue, Request::Import, &b"{\"a\":1}\n"[..], &mut said, &|| false).expect_err("it failed");
    let said = String::from_utf8(said).expect("UTF-8");
    assert!(said.contains("\"failed\"") && !said.contains("confirmed"), "{said}");
    disk.0.unsyncable.store(false, Ordering::SeqCst);
    let mut said = Vec::new();
    control::answer(&queue, Request::Import, &b"{\"a\":1}\n"[..], &mut said, &|| false).expect("imported");
    assert!(String::from_utf8(said).expect("UTF-8").contains("{\"confirmed\":1,\"bytes\":8}"));
    assert_eq!(read_all(&queue, Seq(0)).len(), 4, "once");
}

#[test]
fn of_pages_on_both_sides_of_a_segments_end_those_before_it_are_told_as_kept_when_the_others_barrier_fails() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), BrokenDisk::default());
    // Segments of an eighth: one page fills one.
    let options = Options { max_bytes: 2 << 20, ..ROOMY };
    let queue = open_on(dir.path(), options, Arc::new(disk.clone())).expect("it opens");
    keep(&queue, &mut VecDeque::from([prepared(&queue, 0..1, 50)]));
    let mut pages = VecDeque::from([prepared(&queue, 1..11, 30_000), prepared(&queue, 11..21, 30_000)]);
    disk.0.syncs_left.store(SYNCS_OF_A_ROLL, Ordering::SeqCst);
    disk.0.limited.store(true, Ordering::SeqCst);
    let kept = queue.append_prepared(&mut pages);
    disk.0.limited.store(false, Ordering::SeqCst);
    assert_eq!(kept.last, [Seq(11)]);
    assert!(kept.fault.is_some() && pages.is_empty());
    assert_eq!(ids(&read_all(&queue, Seq(0))), wanted(0..11));
}
