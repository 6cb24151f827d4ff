//! Pages made ready ahead of their turn, as an import makes them.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// One line, and then nothing for as long as anybody reads: a sender that thinks.
struct Thinks(&'static [u8]);

impl Read for Thinks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            std::thread::yield_now();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

#[test]
fn an_import_whose_frame_was_thrown_away_by_a_full_disk_is_told_so_though_its_sender_says_no_more() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), BrokenDisk::default());
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("it opens");
    keep(&queue, &mut VecDeque::from([prepared(&queue, 0..3, 50)]));
    // Written, and then there is no room for it after all: it can't be tried again, it is gone.
    disk.0.full_at_sync.store(true, Ordering::SeqCst);
    let mut said = Vec::new();
    control::answer(&queue, Request::Import, Thinks(b"{\"a\":1}\n"), &mut said, &|| false).expect_err("it failed");
    let said = String::from_utf8(said).expect("UTF-8");
    assert!(said.contains("\"failed\"") && !said.contains("confirmed") && !said.contains("done"), "{said}");
}

#[test]
fn an_import_that_the_agents_stop_ends_is_not_told_that_it_is_done() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    let stops = AtomicBool::new(false);
    /// Stops the agent as soon as it has told something.
    struct Stops<'s>(&'s AtomicBool, Vec<u8>);
    impl io::Write for Stops<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.store(true, Ordering::SeqCst);
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut output = Stops(&stops, Vec::new());
    let stopped = || stops.load(Ordering::SeqCst);
    control::answer(&queue, Request::Import, Thinks(b"{\"a\":1}\n"), &mut output, &stopped).expect_err("it was ended");
    assert_eq!(String::from_utf8(output.1).expect("UTF-8"), "{\"confirmed\":1,\"bytes\":8}\n");
}

#[test]
fn pages_that_are_kept_together_drop_no_more_than_they_need() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { max_bytes: 2 << 20, drop_oldest: true, ..ROOMY };
    let queue = open_on(dir.path(), options, Arc::new(BrokenDisk::default())).expect("it opens");
    queue.register("soc", true);
    let page = |n: u64| prepared(&queue, n * 10..n * 10 + 10, 80_000);
    let mut pages = 0;
    while queue.facts().dropped.is_empty() {
        keep(&queue, &mut VecDeque::from([page(pages)]));
        pages += 1;
    }
    assert!(pages > 5, "{pages} of them fill it");
    keep(&queue, &mut VecDeque::from([page(pages), page(pages + 1)]));
    let dropped = queue.facts().dropped["soc"].events;
    assert_eq!(dropped, 30, "a page for each that came");
    assert_eq!(ids(&read_all(&queue, Seq(0))), wanted(30..(pages + 2) * 10));
}
