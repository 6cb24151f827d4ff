//! Places: where a reader, a destination and a stream stand after an accident.

use std::path::{Path, PathBuf};

use super::support::*;
use conductor::event::Seq;
use conductor::queue::NewPage;

fn segments(dir: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(dir.join("queue/journal")).expect("the journal's folder");
    let mut all: Vec<PathBuf> = listed.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
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
