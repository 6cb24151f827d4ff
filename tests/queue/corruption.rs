//! Damage that the walk in `tests/corruption` has found to be told wrongly, each by itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::*;
use conductor::event::{Checkpoint, Seq};
use conductor::queue::{NewPage, Options};

/// Its segments are 1 MiB.
const SMALL: Options = Options { max_bytes: 8 << 20, ..ROOMY };

fn segments(dir: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir.join("queue/journal")).expect("the journal's folder");
    let mut all: Vec<PathBuf> = listed.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

/// Pages that take most of half a segment each, two to a segment; `soc` has taken up to `taken`.
fn filled(dir: &Path, pages: u64, taken: u64) {
    let queue = open_with(dir, SMALL);
    queue.register("soc", true);
    for n in 0..pages {
        let events = vec![event("threats", n, 900 << 10)];
        queue.append(NewPage { events, ..page("threats", [], &format!("c{n}")) }).expect("kept");
    }
    queue.ack("soc", Seq(taken));
    queue.trim().expect("trimmed");
    queue.close();
}

fn told(queue: &conductor::queue::Queue) -> Vec<(u64, u64)> {
    queue.facts().damage.iter().map(|note| (note.first.0, note.last.0)).collect()
}

#[test]
fn two_segments_that_have_changed_places_change_back_and_nothing_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 0);
    let all = segments(dir.path());
    let aside = dir.path().join("aside");
    for (from, to) in [(&all[0], &aside), (&all[2], &all[0]), (&aside, &all[2])] {
        fs::rename(from, to).expect("moved");
    }
    let queue = open_with(dir.path(), SMALL);
    let seqs: Vec<u64> = read_all(&queue, Seq(0)).iter().map(|stored| stored.seq.0).collect();
    assert_eq!((seqs, told(&queue)), ((1..=8).collect(), vec![]));
}

#[test]
fn a_start_that_was_cut_off_while_segments_changed_back_goes_on_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 0);
    let all = segments(dir.path());
    fs::rename(&all[1], all[1].with_extension("misplaced")).expect("moved");
    let queue = open_with(dir.path(), SMALL);
    assert_eq!((read_all(&queue, Seq(0)).len(), told(&queue)), (8, vec![]));
}

#[test]
fn a_segment_that_is_missing_in_front_is_told_and_fetched_again() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 1);
    fs::remove_file(&segments(dir.path())[0]).expect("gone");
    let queue = open_with(dir.path(), SMALL);
    assert_eq!(told(&queue), [(2, 2)], "the first had been taken");
    queue.rewind_damaged().expect("rewound");
    // Where the second segment begins is too late, and the very beginning would be "a day ago" for the connector.
    assert_eq!(queue.place("acme", "threats").checkpoint, None, "the first segment began with nothing");
    drop(queue);
    let queue = open_with(dir.path(), SMALL);
    assert!(queue.rewind_damaged().expect("once").is_empty(), "and not at each start again");
}

#[test]
fn a_segment_that_is_missing_in_front_sends_streams_back_to_where_that_one_began() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 2);
    let all = segments(dir.path());
    assert!(!all[0].ends_with("00000000000000000001.cdj"), "the first has been let go");
    fs::remove_file(&all[0]).expect("gone");
    let queue = open_with(dir.path(), SMALL);
    assert_eq!(told(&queue), [(3, 4)]);
    queue.rewind_damaged().expect("rewound");
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("c1".into())));
}

#[test]
fn a_lost_book_does_not_make_a_loss_of_what_was_let_go() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 4);
    fs::remove_dir_all(dir.path().join("queue/book")).expect("lost");
    let queue = open_with(dir.path(), SMALL);
    assert_eq!(told(&queue), []);
    assert_eq!(queue.register("soc", false), Seq(4));
}

#[test]
fn the_newest_segment_is_gone_and_its_events_are_told_at_the_first_start_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 0);
    fs::remove_file(segments(dir.path()).last().expect("the newest")).expect("gone");
    {
        let queue = open_with(dir.path(), SMALL);
        assert_eq!(told(&queue), [(7, 8)]);
        queue.rewind_damaged().expect("rewound");
        queue.close();
    }
    let queue = open_with(dir.path(), SMALL);
    assert_eq!(told(&queue), []);
    assert_eq!(queue.append(page("threats", [6], "again")).expect("kept").last, Seq(9), "no seq is given out twice");
}

#[test]
fn a_damaged_head_of_the_oldest_segment_takes_along_nothing_that_was_let_go() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), 8, 4);
    let oldest = &segments(dir.path())[0];
    let mut bytes = fs::read(oldest).expect("read");
    bytes[10] ^= 1;
    fs::write(oldest, bytes).expect("damaged");
    let queue = open_with(dir.path(), SMALL);
    assert_eq!(read_all(&queue, Seq(0)).len(), 4);
    assert!(queue.facts().damage.iter().all(|note| note.events() == 0), "{:?}", told(&queue));
}
