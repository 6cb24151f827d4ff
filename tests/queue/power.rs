//! Power cuts that the campaign in `tests/power_loss` has found, each by itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::broken_disk::BrokenDisk;
use super::support::*;
use conductor::event::{Checkpoint, Seq};
use conductor::queue::{NewPage, Options};

fn journal(dir: &Path) -> PathBuf {
    dir.join("queue/journal")
}

fn only_segment(dir: &Path) -> PathBuf {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(journal(dir)).expect("the journal's folder").flatten().map(|entry| entry.path()).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn in_the_book(dir: &Path, work: impl FnOnce(&sled::Db)) {
    // Threads of the database that was dropped a moment ago may hold its file still.
    let file = std::fs::File::options().write(true).open(dir.join("queue/book/db")).expect("sled's file");
    drop(nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).expect("its lock"));
    let db = sled::open(dir.join("queue/book")).expect("the book");
    work(&db);
    db.flush().expect("written");
}

#[test]
fn a_destination_that_half_a_book_does_not_know_keeps_its_place() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        let queue = open(dir.path());
        queue.register("first", true);
        queue.register("second", true);
        queue.append(page("threats", 0..3, "c1")).expect("kept");
        queue.close();
    }
    in_the_book(dir.path(), |db| drop(db.remove("c/second").expect("removed")));
    let queue = open(dir.path());
    let known: BTreeSet<String> = queue.facts().cursors.into_keys().collect();
    assert_eq!(known, BTreeSet::from(["first".to_owned(), "second".to_owned()]));
    assert_eq!(queue.register("second", false), Seq(0), "at the head it would never get what waits for it");
}

#[test]
fn a_cut_while_a_segment_begins_takes_no_checkpoint_from_the_one_before() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        let queue = open(dir.path());
        queue.append(page("threats", 0..3, "c1")).expect("kept");
        queue.append(NewPage { keyed: false, ..page("threats", 3..6, "c2") }).expect("kept");
    }
    std::fs::write(journal(dir.path()).join("00000000000000000007.cdj"), b"").expect("its name alone");
    let queue = open(dir.path());
    assert_eq!(queue.place("acme", "threats").checkpoint, Some(Checkpoint("c2".into())));
    assert_eq!(queue.head_now(), Seq(6));
}

#[test]
fn damage_behind_the_books_place_takes_along_no_event_before_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (from, to);
    {
        let queue = open(dir.path());
        queue.append(page("threats", 0..3, "c1")).expect("kept");
        queue.close();
        from = std::fs::metadata(only_segment(dir.path())).expect("a file").len() as usize;
        queue.append(page("threats", 3..5, "c2")).expect("kept");
        to = std::fs::metadata(only_segment(dir.path())).expect("a file").len() as usize;
        queue.append(page("cases", 0..2, "c3")).expect("kept");
    }
    let mut bytes = std::fs::read(only_segment(dir.path())).expect("read");
    bytes[from..to].fill(0);
    std::fs::write(only_segment(dir.path()), bytes).expect("torn");
    let queue = open(dir.path());
    let damage = queue.facts().damage;
    assert_eq!(damage.iter().map(|note| (note.first, note.last)).collect::<Vec<_>>(), [(Seq(4), Seq(5))]);
    assert!(queue.has("acme/threats/t0:m0/v1"), "what is there is known");
}

#[test]
fn each_removal_of_a_segment_is_durable_before_the_next() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = BrokenDisk::default();
    let small = Options { max_bytes: 8 << 20, ..ROOMY };
    let queue = open_on(dir.path(), small, Arc::new(disk.clone())).expect("it opens");
    queue.register("soc", true);
    for n in 0..8 {
        let events = vec![event("threats", n, 900 << 10)];
        queue.append(NewPage { events, ..page("threats", [], "c") }).expect("kept");
    }
    queue.ack("soc", Seq(8));
    disk.0.names.lock().expect("no panic inside").clear();
    queue.trim().expect("trimmed");
    let done = disk.0.names.lock().expect("no panic inside").clone();
    let removals = done.iter().filter(|what| **what == "remove").count();
    assert!(removals >= 3, "{done:?}");
    assert!(done.windows(2).all(|pair| pair != ["remove", "remove"]) && done.last() == Some(&"sync"), "{done:?}");
}
