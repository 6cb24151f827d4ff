//! Places: where a reader, a destination and a stream stand after an accident.

use std::path::{Path, PathBuf};

use super::support::*;
use conductor::event::{Checkpoint, Seq};
use conductor::queue::{NewPage, Options};

fn segments(dir: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(dir.join("queue/journal")).expect("the journal's folder");
    let mut all: Vec<PathBuf> = listed.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

/// Its segments are 1 MiB.
const SMALL: Options = Options { max_bytes: 8 << 20, ..ROOMY };

/// A page that takes most of half a segment.
fn large(n: u64) -> NewPage {
    NewPage { events: vec![event("threats", n, 700 << 10)], ..page("threats", [], &format!("c{n}")) }
}

#[test]
fn a_reader_that_lags_behind_an_end_that_is_gone_is_sent_past_it_and_does_not_ask_for_ever() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        let queue = open(dir.path());
        queue.register("quick", true);
        queue.register("laggard", true);
        queue.append(NewPage { keyed: false, next: None, ..page("threats", 0..5, "") }).expect("kept");
        queue.ack("quick", Seq(5));
        queue.close();
    }
    segments(dir.path()).iter().for_each(|path| std::fs::remove_file(path).expect("gone"));
    let queue = open(dir.path());
    assert!(read_all(&queue, Seq(0)).is_empty());
}

#[test]
fn where_the_oldest_is_dropped_polling_never_pauses_for_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = open_with(dir.path(), Options { drop_oldest: true, ..SMALL });
    queue.register("laggard", true);
    for n in 0..40 {
        queue.has_room().expect("the next page makes its own");
        queue.append(large(n)).expect("kept");
    }
    assert!(queue.facts().dropped["laggard"].events > 0);
}

#[test]
fn where_the_head_of_a_segment_is_damaged_its_streams_go_back_to_the_end_of_the_one_before() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        let queue = open_with(dir.path(), SMALL);
        queue.register("soc", true);
        for n in 0..5 {
            queue.append(large(n)).expect("kept");
        }
        queue.close();
    }
    let second = &segments(dir.path())[1];
    let mut bytes = std::fs::read(second).expect("read");
    bytes[10] ^= 1;
    std::fs::write(second, bytes).expect("written");
    let queue = open_with(dir.path(), SMALL);
    queue.read_after(Seq(0), 100, 100 << 20).expect("readable");
    assert_eq!(queue.rewind_damaged().expect("rewound").len(), 1);
    // To the very beginning would be "a day ago" for the connector, and what is older would never come again.
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("c1".into())));
}

#[test]
fn a_destination_that_came_after_the_last_snapshot_keeps_its_place_when_the_book_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        let queue = open(dir.path());
        queue.register("old", false);
        queue.append(page("threats", 0..3, "c1")).expect("kept");
        queue.register("new", false);
        queue.append(page("threats", 3..6, "c2")).expect("kept");
        queue.forget("old");
        queue.close();
    }
    std::fs::remove_dir_all(dir.path().join("queue/book")).expect("lost");
    let queue = open(dir.path());
    assert_eq!(queue.facts().cursors.keys().collect::<Vec<_>>(), ["new"], "what was forgotten stays so");
    assert_eq!(read_all(&queue, queue.register("new", false)).len(), 3, "not from the head again: these wait for it");
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("c2".into())));
}

#[test]
fn an_agent_that_ends_between_the_damage_and_the_going_back_goes_back_when_it_runs_again() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        let queue = open_with(dir.path(), SMALL);
        queue.register("soc", true);
        for n in 0..5 {
            queue.append(large(n)).expect("kept");
        }
        queue.close();
    }
    let second = &segments(dir.path())[1];
    let mut bytes = std::fs::read(second).expect("read");
    let near_the_end = bytes.len() - 1000;
    bytes[near_the_end] ^= 1;
    std::fs::write(second, bytes).expect("written");
    {
        let queue = open_with(dir.path(), SMALL);
        let batch = queue.read_after(Seq(0), 100, 100 << 20).expect("readable");
        // The reader passes the damage: nobody will look at it again.
        queue.ack("soc", batch.upto);
    }
    let queue = open_with(dir.path(), SMALL);
    assert_eq!(queue.rewind_damaged().expect("rewound").len(), 1);
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("c2".into())));
    assert!(queue.rewind_damaged().expect("once").is_empty());
    drop(queue);
    assert!(open_with(dir.path(), SMALL).rewind_damaged().expect("for good").is_empty());
}
