//! Looking at everything, changing nothing: a queue that is open, and the rehearsal of an opening.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::support::*;
use conductor::event::Seq;
use conductor::queue::{AsideLost, NewPage, Options, Quarantined, QueueError, Verified, rehearse};

/// Its segments are 1 MiB.
const SMALL: Options = Options { max_bytes: 8 << 20, ..ROOMY };

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path(), fs::read(entry.path()).expect("a file"));
            }
        }
    }
    found
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    files(&dir.join("queue/journal")).into_keys().collect()
}

/// Pages that take most of half a segment each.
fn filled(dir: &Path) -> conductor::queue::Queue {
    let queue = open_with(dir, SMALL);
    queue.register("soc", true);
    for n in 0..8 {
        let events = vec![event("threats", n, 900 << 10)];
        queue.append(NewPage { events, ..page("threats", [], &format!("c{n}")) }).expect("kept");
    }
    queue
}

fn rehearsed(dir: &Path) -> Verified {
    rehearse(&dir.join("queue"), SMALL, now_ms, &mut |_, _| true).expect("looked at")
}

fn flip(path: &Path, from_the_end: usize) {
    let mut bytes = fs::read(path).expect("read");
    let at = bytes.len() - from_the_end;
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("damaged");
}

#[test]
fn a_queue_that_is_well_is_counted_to_the_byte_open_or_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = filled(dir.path());
    let mut heard = Vec::new();
    let live = queue.verify(&mut |looked, of| {
        heard.push((looked, of));
        true
    });
    let live = live.expect("looked at");
    assert!(live.is_well(), "{live:?}");
    let bytes: usize = files(&dir.path().join("queue/journal")).values().map(Vec::len).sum();
    assert_eq!((live.segments, live.events, live.bytes), (4, 8, bytes as u64));
    assert_eq!(heard.last(), Some(&(live.bytes, live.bytes)), "told to the end");
    queue.close();
    drop(queue);
    assert_eq!(rehearsed(dir.path()), live);
}

#[test]
fn damage_under_a_running_queue_is_told_with_its_place_and_nothing_is_done_about_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = filled(dir.path());
    flip(&segments(dir.path())[1], 1000);
    let before = files(dir.path());
    let found = queue.verify(&mut |_, _| true).expect("looked at");
    let told: Vec<_> = found.damage.iter().map(|f| (f.segment, f.first, f.last)).collect();
    assert_eq!(told, [(3, Seq(4), Seq(4))]);
    assert!(found.damage[0].offset > 0 && found.damage[0].bytes > 100_000, "{found:?}");
    assert!(queue.facts().damage.is_empty() && files(dir.path()) == before);
}

#[test]
fn a_rehearsal_tells_what_the_start_then_does_and_changes_no_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = filled(dir.path());
    queue.close();
    queue.append(page("threats", [100], "torn")).expect("kept");
    drop(queue);
    let all = segments(dir.path());
    flip(&all[0], 1000);
    let (second, third) = (all[1].clone(), all[2].clone());
    let aside = dir.path().join("aside");
    for (from, to) in [(&second, &aside), (&third, &second), (&aside, &third)] {
        fs::rename(from, to).expect("moved");
    }
    for file in files(&dir.path().join("queue/book")).into_keys() {
        fs::write(file, vec![0x5a; 4096]).expect("garbage");
    }
    let newest = all.last().expect("the newest");
    let len = fs::metadata(newest).expect("its length").len();
    fs::OpenOptions::new().write(true).open(newest).expect("a file").set_len(len - 3).expect("torn");
    let before = files(dir.path());

    let told = rehearsed(dir.path());
    assert_eq!(files(dir.path()), before, "not a byte");
    assert!(told.book_damaged && told.torn_bytes > 0 && !told.is_well(), "{told:?}");
    assert_eq!(told.repairs.len(), 2, "{:?}", told.repairs);
    assert_eq!(told.damage.iter().map(|f| (f.first, f.last)).collect::<Vec<_>>(), [(Seq(2), Seq(2))]);

    let queue = open_with(dir.path(), SMALL);
    queue.look_through().expect("readable");
    let done: Vec<_> = queue.facts().damage.iter().map(|note| (note.first, note.last)).collect();
    assert_eq!(done, [(Seq(2), Seq(2))]);
    assert_eq!(read_all(&queue, Seq(0)).len(), 7);
}

#[test]
fn nobody_rehearses_under_a_running_agent() {
    let dir = tempfile::tempdir().expect("a folder");
    let _queue = filled(dir.path());
    let refused = rehearse(&dir.path().join("queue"), SMALL, now_ms, &mut |_, _| true).expect_err("held");
    assert!(matches!(refused, QueueError::Locked { .. }), "{refused}");
}

#[test]
fn what_was_fetched_again_is_told_as_mended_until_its_segment_goes() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path()).close();
    flip(&segments(dir.path())[1], 1000);
    {
        let queue = open_with(dir.path(), SMALL);
        queue.look_through().expect("readable");
        assert!(!queue.verify(&mut |_, _| true).expect("looked at").is_well(), "noted, and nobody has gone back");
        queue.rewind_damaged().expect("rewound");
        assert!(queue.verify(&mut |_, _| true).expect("looked at").is_well());
    }
    let told = rehearsed(dir.path());
    assert!(told.is_well() && told.damage.len() == 1 && told.damage[0].mended, "{told:?}");
}

#[test]
fn an_event_in_quarantine_that_cannot_be_read_is_told_with_an_agent_and_without_until_it_is_dropped() {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = filled(dir.path());
    let entry = |seq| Quarantined { destination: "soc".into(), seq: Seq(seq), id: "id".into(), reason: "no".into() };
    for seq in [1, 2] {
        queue.put_aside(&entry(seq), &event("threats", seq, 100)).expect("kept");
    }
    assert!(queue.verify(&mut |_, _| true).expect("looked at").is_well());
    flip(&dir.path().join("queue/quarantine").join(format!("soc@{:020}.cdj", 2)), 80);
    let told = queue.verify(&mut |_, _| true).expect("looked at");
    assert_eq!(told.aside, [AsideLost { destination: "soc".into(), seq: Seq(2) }]);
    assert!(!told.is_well() && told.damage.is_empty());
    queue.close();
    drop(queue);
    let before = files(&dir.path().join("queue/quarantine"));
    assert_eq!(rehearsed(dir.path()).aside, told.aside);
    assert_eq!(files(&dir.path().join("queue/quarantine")), before, "the rehearsal leaves it as it is");
    let queue = open(dir.path());
    queue.drop_aside("soc", Seq(2)).expect("gone");
    assert!(queue.verify(&mut |_, _| true).expect("looked at").is_well());
}
