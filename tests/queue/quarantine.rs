//! The quarantine: what a peer refused is kept whole, within bounds.

use std::fs;

use conductor::event::Seq;
use conductor::queue::{Quarantined, Queue};

use super::small_disk::folder;
use super::support::{ROOMY, copy, event, open_with};

fn entry(seq: u64) -> Quarantined {
    Quarantined { destination: "soc".into(), seq: Seq(seq), id: format!("id-{seq}"), reason: "no".into() }
}

fn seqs(queue: &Queue) -> Vec<u64> {
    queue.quarantined().iter().map(|entry| entry.seq.0).collect()
}

#[test]
fn what_was_put_aside_is_there_whole_after_a_restart_and_leaves_without_a_trace() {
    let dir = folder();
    let kept = event("threats", 7, 5000);
    {
        let queue = open_with(dir.path(), ROOMY);
        assert_eq!(queue.put_aside(&entry(7), &kept).expect("kept"), 0);
        queue.retry_aside("soc", Seq(7)).expect("due");
    }
    let queue = open_with(dir.path(), ROOMY);
    assert_eq!(queue.quarantined(), [entry(7)]);
    assert_eq!(queue.due_aside("soc"), [Seq(7)]);
    assert!(queue.due_aside("so").is_empty(), "nobody else's");
    assert_eq!(queue.aside("soc", Seq(7)).expect("read").map(|stored| stored.event), Some(kept));
    queue.refused_again(&Quarantined { reason: "still no".into(), ..entry(7) });
    assert!(queue.due_aside("soc").is_empty() && queue.quarantined()[0].reason == "still no");
    queue.drop_aside("soc", Seq(7)).expect("gone");
    assert!(queue.quarantined().is_empty() && queue.aside("soc", Seq(7)).expect("read").is_none());
    assert_eq!(fs::read_dir(dir.path().join("queue/quarantine")).expect("a folder").count(), 0);
}

#[test]
fn past_a_thousand_the_oldest_go_and_are_counted() {
    let dir = folder();
    let queue = open_with(dir.path(), ROOMY);
    let small = event("threats", 1, 10);
    let out: u64 = (1..=1003).map(|seq| queue.put_aside(&entry(seq), &small).expect("kept")).sum();
    assert_eq!((out, queue.aside_counted_out()), (3, 3));
    assert_eq!(seqs(&queue), (4..=1003).collect::<Vec<_>>());
    let killed = folder();
    copy(&dir.path().join("queue"), &killed.path().join("queue"));
    assert_eq!(open_with(killed.path(), ROOMY).aside_counted_out(), 3, "the count outlives a kill");
}

#[test]
fn a_damaged_file_is_no_event_and_a_lost_book_loses_none() {
    let dir = folder();
    {
        let queue = open_with(dir.path(), ROOMY);
        queue.put_aside(&entry(1), &event("threats", 1, 100)).expect("kept");
        queue.put_aside(&entry(2), &event("threats", 2, 100)).expect("kept");
    }
    let path = dir.path().join("queue/quarantine").join(format!("soc@{:020}.cdj", 1));
    let mut bytes = fs::read(&path).expect("a file");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("written");
    fs::remove_dir_all(dir.path().join("queue/book")).expect("lost");
    let queue = open_with(dir.path(), ROOMY);
    assert!(queue.aside("soc", Seq(1)).expect("read").is_none(), "its checksum does not match");
    let found = queue.quarantined();
    assert_eq!(seqs(&queue), [1, 2]);
    assert!(found[1].id.contains("t2:m2") && found[1].reason.contains("was lost"), "{found:?}");
}
