//! Each test is named after what happened to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use conductor::event::{Checkpoint, Seq};
use conductor::queue::disk::RealDisk;
use conductor::queue::{NewPage, Options, Queue, QueueError};

use super::broken_disk::BrokenDisk;
use super::support::{ROOMY, ids, now_ms, open, open_on, open_with, page, read_all};

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(dir.join("queue/journal")).expect("the journal").flatten().map(|e| e.path()).collect();
    found.sort();
    found
}

fn newest(dir: &Path) -> PathBuf {
    segments(dir).pop().expect("a segment")
}

#[test]
fn events_and_checkpoint_come_back_together_after_a_reopen() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.append(page("threats", 0..10, "after-10")).expect("kept");
    let before = read_all(&queue, Seq(0));
    drop(queue);
    let queue = open(dir.path());
    assert_eq!(read_all(&queue, Seq(0)), before);
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("after-10".into())));
    assert_eq!(queue.head_now(), Seq(10));
}

#[test]
fn a_torn_last_frame_is_cut_with_its_checkpoint_and_the_next_seq_is_not_reused() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.append(page("threats", 0..5, "whole")).expect("kept");
    queue.append(page("threats", 5..9, "torn")).expect("kept");
    drop(queue);
    fs::remove_dir_all(dir.path().join("queue/book")).expect("the book is lost in the same accident");
    let path = newest(dir.path());
    let len = fs::metadata(&path).expect("a file").len();
    fs::OpenOptions::new().write(true).open(&path).expect("a file").set_len(len - 3).expect("torn");
    let (queue, report) =
        Queue::open(&dir.path().join("queue"), ROOMY, Arc::new(RealDisk), now_ms).expect("the queue opens");
    assert!(report.torn_bytes > 0);
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("whole".into())));
    assert_eq!(read_all(&queue, Seq(0)).len(), 5);
    queue.append(page("threats", 5..9, "again")).expect("kept");
    assert_eq!(read_all(&queue, Seq(0)).len(), 9);
}

#[test]
fn a_page_that_comes_again_is_kept_once_and_a_new_version_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.append(page("threats", 0..5, "a")).expect("kept");
    let again = queue.append(page("threats", 3..8, "b")).expect("kept");
    assert_eq!((again.kept, again.duplicates), (3, 2));
    let mut changed = page("threats", [0], "c");
    changed.events[0].id = "acme/threats/t0:m0/v2".into();
    assert_eq!(queue.append(changed).expect("kept").kept, 1);
    drop(queue);
    let queue = open(dir.path());
    assert_eq!(queue.append(page("threats", 0..8, "d")).expect("kept").kept, 0, "also after a reopen");
}

#[test]
fn an_id_is_known_by_its_native_part_and_not_by_a_prefix_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.append(page("threats", [12], "a")).expect("kept");
    assert!(queue.knows("acme", "threats", "t12") && queue.knows("acme", "threats", "t12:m12"));
    assert!(!queue.knows("acme", "threats", "t1") && !queue.knows("acme", "cases", "t12"));
}

#[test]
fn the_whole_book_is_lost_and_nothing_but_repeats_follows() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.register("soc", true);
    queue.append(page("threats", 0..50, "here")).expect("kept");
    queue.ack("soc", Seq(20));
    drop(queue);
    fs::remove_dir_all(dir.path().join("queue/book")).expect("lost");
    let queue = open(dir.path());
    let cursor = queue.register("soc", true);
    assert!(cursor <= Seq(20));
    assert_eq!(read_all(&queue, Seq(20)).len(), 30);
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("here".into())));
    assert_eq!(queue.append(page("threats", 0..50, "there")).expect("kept").kept, 0, "ids were rebuilt");
}

#[test]
fn a_book_that_is_garbage_is_set_aside_and_rebuilt() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.append(page("threats", 0..5, "here")).expect("kept");
    drop(queue);
    for entry in fs::read_dir(dir.path().join("queue/book")).expect("the book").flatten() {
        if entry.path().is_file() {
            fs::write(entry.path(), vec![0x5a; 4096]).expect("garbage");
        }
    }
    let (queue, report) =
        Queue::open(&dir.path().join("queue"), ROOMY, Arc::new(RealDisk), now_ms).expect("the queue opens");
    assert!(report.book_rebuilt);
    assert_eq!(read_all(&queue, Seq(0)).len(), 5);
    assert!(dir.path().join("queue/book.damaged").exists());
}

#[test]
fn a_stale_half_written_snapshot_of_sled_does_not_stop_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()));
    fs::write(dir.path().join("queue/book/snap.0000000000000001.generating"), b"").expect("left behind");
    let (_, report) =
        Queue::open(&dir.path().join("queue"), ROOMY, Arc::new(RealDisk), now_ms).expect("the queue opens");
    assert!(!report.book_rebuilt);
}

#[test]
fn damage_in_the_middle_is_set_aside_counted_and_fetched_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.register("soc", true);
    queue.append(page("threats", 0..5, "one")).expect("kept");
    let path = newest(dir.path());
    let start = fs::metadata(&path).expect("a file").len() as usize;
    queue.append(page("threats", 5..9, "two")).expect("kept");
    queue.append(page("threats", 9..12, "three")).expect("kept");
    drop(queue);
    let mut bytes = fs::read(&path).expect("a file");
    bytes[start + 90] ^= 0x10;
    fs::write(&path, bytes).expect("damaged");
    let queue = open(dir.path());
    let got = ids(&read_all(&queue, Seq(0)));
    assert_eq!(got.len(), 8, "what is whole is still there: {got:?}");
    let damage = queue.facts().damage;
    assert_eq!((damage.len(), damage[0].events()), (1, 4));
    queue.rewind_damaged().expect("rewound");
    assert!(!queue.knows("acme", "threats", "t6"), "what was lost counts as never seen");
    assert!(queue.place("acme", "threats").checkpoint.is_none_or(|c| c.0 != "three"), "the stream goes back");
    let again = queue.append(page("threats", 0..12, "three")).expect("kept");
    assert_eq!((again.kept, again.duplicates), (4, 8));
    assert!(dir.path().join("queue/damaged").exists());
}

#[test]
fn a_second_agent_on_the_same_folder_is_told_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let _first = open(dir.path());
    let second = open_on(dir.path(), ROOMY, Arc::new(RealDisk));
    let Err(QueueError::Locked { .. }) = second else { panic!("two agents must not share a folder: {second:?}") };
}

#[test]
fn a_frame_of_a_later_format_stops_the_start_with_a_sentence() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    queue.append(page("threats", 0..5, "one")).expect("kept");
    drop(queue);
    let path = newest(dir.path());
    let mut bytes = fs::read(&path).expect("a file");
    bytes[4] = 99;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).expect("written");
    let refused = open_on(dir.path(), ROOMY, Arc::new(RealDisk)).expect_err("not opened");
    assert!(refused.to_string().contains("later version"), "{refused}");
    assert_eq!(fs::read(&path).expect("a file"), bytes, "and nothing was changed");
}

#[test]
fn a_full_disk_refuses_the_page_keeps_the_acks_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = BrokenDisk::default();
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("open");
    queue.register("soc", true);
    queue.append(page("threats", 0..5, "one")).expect("kept");
    disk.0.full.store(true, Ordering::SeqCst);
    let refused = queue.append(page("threats", 5..9, "two")).expect_err("no room");
    assert!(refused.is_full(), "{refused}");
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("one".into())));
    queue.ack("soc", Seq(3));
    disk.0.full.store(false, Ordering::SeqCst);
    queue.append(page("threats", 5..9, "two")).expect("kept again");
    assert_eq!(ids(&read_all(&queue, Seq(0))).len(), 9, "and the half-written frame left no trace");
    drop(queue);
    assert_eq!(read_all(&open(dir.path()), Seq(3)).len(), 6);
}

#[test]
fn little_free_space_pauses_before_the_disk_is_full() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = BrokenDisk::default();
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("open");
    disk.0.claimed_free.store(4096, Ordering::SeqCst);
    assert!(matches!(queue.append(page("threats", 0..5, "one")), Err(QueueError::NoSpace { .. })));
    disk.0.claimed_free.store(0, Ordering::SeqCst);
    queue.append(page("threats", 0..5, "one")).expect("kept");
}

#[test]
fn a_barrier_that_fails_confirms_nothing_and_the_page_can_come_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = BrokenDisk::default();
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("open");
    queue.append(page("threats", 0..5, "one")).expect("kept");
    disk.0.unsyncable.store(true, Ordering::SeqCst);
    queue.append(page("threats", 5..9, "two")).expect_err("not durable");
    assert_eq!(queue.head_now(), Seq(5));
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("one".into())));
    disk.0.unsyncable.store(false, Ordering::SeqCst);
    queue.append(page("threats", 5..9, "two")).expect("kept");
    assert_eq!(ids(&read_all(&queue, Seq(0))).len(), 9);
    drop(queue);
    assert_eq!(ids(&read_all(&open(dir.path()), Seq(0))).len(), 9);
}

#[test]
fn a_quota_pauses_and_what_is_taken_frees_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let small = Options { max_bytes: 10 << 20, ..ROOMY };
    let queue = open_with(dir.path(), small);
    queue.register("soc", true);
    let mut kept = 0;
    let full = loop {
        let events = (kept..kept + 50).map(|n| super::support::event("threats", n, 20_000)).collect();
        let page = NewPage { events, ..page("threats", [], &kept.to_string()) };
        match queue.append(page) {
            Ok(_) => kept += 50,
            Err(e) => break e,
        }
        assert!(kept < 100_000, "the quota holds");
    };
    assert!(matches!(full, QueueError::Quota { .. }));
    let facts = queue.facts();
    assert!(facts.disk_bytes <= 10 << 20, "{facts:?}");
    queue.ack("soc", queue.head_now());
    queue.trim().expect("trimmed");
    assert!(queue.facts().disk_bytes < 4 << 20, "{:?}", queue.facts());
    queue.append(page("threats", [kept + 1], "on")).expect("goes on");
}

#[test]
fn drop_oldest_counts_what_the_laggard_lost_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let rule = Options { max_bytes: 10 << 20, drop_oldest: true, ..ROOMY };
    let queue = open_with(dir.path(), rule);
    queue.register("laggard", true);
    queue.register("prompt", true);
    for at in (0..20_000).step_by(50) {
        let events = (at..at + 50).map(|n| super::support::event("threats", n, 20_000)).collect();
        queue.append(NewPage { events, keyed: false, ..page("threats", [], "x") }).expect("kept");
        queue.ack("prompt", queue.head_now());
        if queue.facts().dropped.contains_key("laggard") {
            break;
        }
    }
    let facts = queue.facts();
    let lost = facts.dropped["laggard"].events;
    assert!(!facts.dropped.contains_key("prompt"));
    assert_eq!(facts.cursors.get("laggard").copied(), Some(Seq(lost)));
    let left = read_all(&queue, Seq(lost));
    assert_eq!(left.len() as u64, queue.head_now().0 - lost);
}

#[test]
fn a_drained_and_trimmed_journal_still_knows_where_each_stream_stands() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open_with(dir.path(), Options { max_bytes: 10 << 20, ..ROOMY });
    queue.register("soc", true);
    for at in 0..60 {
        let events = (at * 50..at * 50 + 50).map(|n| super::support::event("threats", n, 9_000)).collect();
        queue.append(NewPage { events, ..page("threats", [], &format!("cp-{at}")) }).expect("kept");
        queue.ack("soc", queue.head_now());
        queue.trim().expect("trimmed");
    }
    let head = queue.head_now();
    assert_eq!(segments(dir.path()).len(), 1);
    drop(queue);
    fs::remove_dir_all(dir.path().join("queue/book")).expect("the book is lost as well");
    let queue = open(dir.path());
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("cp-59".into())));
    assert!(queue.head_now() >= head, "no seq is given out twice");
}

#[test]
fn a_stream_that_was_rewound_meanwhile_refuses_the_older_page() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open(dir.path());
    let stale = NewPage { generation: Some(7), ..page("threats", 0..3, "x") };
    assert!(matches!(queue.append(stale), Err(QueueError::Stale)));
    let current = NewPage { generation: Some(queue.place("acme", "threats").generation), ..page("threats", 0..3, "x") };
    queue.append(current).expect("kept");
}

#[test]
fn the_checkpoints_of_a_quiet_stream_do_not_fill_the_queue_for_ever() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open_with(dir.path(), Options { max_bytes: 8 << 20, ..ROOMY });
    queue.register("soc", true);
    queue.append(page("threats", 0..3, "first")).expect("kept");
    queue.ack("soc", queue.head_now());
    for n in 0..300 {
        queue.append(page("threats", [], &format!("{n}{}", "x".repeat(100_000)))).expect("always room");
        queue.trim().expect("trimmed");
    }
    let last = format!("299{}", "x".repeat(100_000));
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint(last.clone())));
    queue.append(page("threats", 3..5, "then")).expect("kept");
    let head = queue.head_now();
    assert_eq!(ids(&read_all(&queue, Seq(3))).len(), 2);
    drop(queue);
    let queue = open(dir.path());
    assert_eq!(queue.head_now(), head);
    assert_eq!(ids(&read_all(&queue, Seq(3))).len(), 2);
    assert!(queue.facts().damage.is_empty(), "seqs that were left out are no damage: {:?}", queue.facts().damage);
}

#[test]
fn seqs_of_a_page_that_was_never_confirmed_are_no_damage_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = BrokenDisk::default();
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("open");
    queue.register("soc", true);
    queue.append(page("threats", 0..5, "one")).expect("kept");
    disk.0.unsyncable.store(true, Ordering::SeqCst);
    queue.append(page("threats", 5..9, "two")).expect_err("not durable");
    disk.0.unsyncable.store(false, Ordering::SeqCst);
    queue.append(page("threats", 5..9, "two")).expect("kept");
    drop(queue);
    let queue = open(dir.path());
    assert_eq!(ids(&read_all(&queue, Seq(0))).len(), 9);
    assert!(queue.facts().damage.is_empty(), "{:?}", queue.facts().damage);
}

#[test]
fn drop_oldest_goes_on_past_a_segment_that_holds_checkpoints_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open_with(dir.path(), Options { max_bytes: 8 << 20, drop_oldest: true, ..ROOMY });
    queue.register("laggard", true);
    let heavy = |first: u64, many: u64| {
        let events = (first..first + many).map(|n| super::support::event("threats", n, 20_000)).collect();
        NewPage { events, keyed: false, ..page("threats", [], "x") }
    };
    queue.append(heavy(0, 50)).expect("kept");
    for n in 0..60 {
        queue.append(page("threats", [], &format!("{n}{}", "x".repeat(100_000)))).expect("kept");
    }
    // A page larger than the oldest segment: what follows it must go too.
    queue.append(heavy(50, 400)).expect("the oldest go");
    let facts = queue.facts();
    assert_eq!((facts.dropped["laggard"].events, facts.cursors["laggard"]), (50, Seq(50)));
    assert_eq!(read_all(&queue, Seq(50)).len(), 400);
}

#[test]
fn who_was_forgotten_on_a_full_disk_does_not_come_back_after_there_was_room_again() {
    let room = tempfile::tempdir().expect("a folder");
    let disk = BrokenDisk::default();
    let queue = open_on(&room.path().join("box"), ROOMY, Arc::new(disk.clone())).expect("open");
    queue.append(page("threats", 0..5, "one")).expect("kept");
    queue.register("soc", true);
    queue.register("other", true);
    disk.0.full.store(true, Ordering::SeqCst);
    assert!(queue.forget("soc"));
    disk.0.full.store(false, Ordering::SeqCst);
    queue.tidy_book();
    super::support::copy(&room.path().join("box"), &room.path().join("after"));
    assert_eq!(open(&room.path().join("after")).facts().cursors.keys().collect::<Vec<_>>(), ["other"]);
}
