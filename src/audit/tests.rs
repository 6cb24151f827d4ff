//! The log as its callers see it: several writers, crashes, and whoever changes it afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

struct Room {
    dir: tempfile::TempDir,
    audit: Audit,
}

impl Room {
    fn new() -> Room {
        let dir = tempfile::tempdir().expect("a folder");
        let audit = Audit::open(&dir.path().join("audit")).expect("opened");
        Room { dir, audit }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("audit").join(name)
    }

    fn acts(&self, count: usize) {
        for n in 0..count {
            self.audit.record(&act(&format!("thing {n}")), now()).expect("recorded");
        }
    }

    fn change(&self, change: impl FnOnce(Vec<String>) -> Vec<String>) {
        let file = self.file("audit.jsonl");
        let lines = fs::read_to_string(&file).expect("read").lines().map(str::to_owned).collect();
        let text: String = change(lines).into_iter().map(|line| line + "\n").collect();
        fs::write(file, text).expect("written");
    }

    fn misfit(&self) -> Misfit {
        self.audit.verify().expect("read").misfit.expect("something that does not fit")
    }
}

fn act(about: &str) -> Act {
    Act { who: "ann".into(), from: None, act: "secret set", about: about.into(), outcome: Outcome::Done }
}

fn now() -> Timestamp {
    "2026-11-21T08:30:00.5Z".parse().expect("a time")
}

#[test]
fn entries_are_numbered_chained_and_read_back() {
    let room = Room::new();
    room.acts(5);
    let verdict = room.audit.verify().expect("read");
    assert_eq!((verdict.entries, verdict.first, verdict.misfit), (5, Some(1), None));
    let last = room.audit.read_last(2).expect("read");
    assert_eq!(
        last.iter().map(|entry| (entry.number, entry.about.as_str())).collect::<Vec<_>>(),
        [(4, "thing 3"), (5, "thing 4")]
    );
    assert_eq!(verdict.last, Some((5, last[1].hash.clone())));
    let after = room.audit.read_after(2, 2).expect("read");
    assert_eq!(after.iter().map(|(entry, _)| entry.number).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(fs::metadata(room.file("audit.jsonl")).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(room.file("")).expect("a folder").permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_edited_a_moved_a_removed_and_an_added_line_are_each_named() {
    let of = |change: fn(Vec<String>) -> Vec<String>| {
        let room = Room::new();
        room.acts(4);
        room.change(change);
        let misfit = room.misfit();
        (misfit.line, misfit.number, misfit.why)
    };
    let edited = of(|mut lines| {
        lines[1] = lines[1].replace("\"ann\"", "\"bob\"");
        lines
    });
    assert_eq!((edited.0, edited.1), (2, None), "{}", edited.2);
    let last = of(|mut lines| {
        lines[3] = lines[3].replace("\"ann\"", "\"bob\"");
        lines
    });
    assert_eq!((last.0, last.1), (4, None), "the last line is no exception");
    let moved = of(|mut lines| {
        lines.swap(1, 2);
        lines
    });
    assert_eq!((moved.0, moved.1), (2, Some(3)));
    let removed = of(|mut lines| {
        lines.remove(2);
        lines
    });
    assert_eq!((removed.0, removed.1), (3, Some(4)));
    let first = of(|mut lines| {
        lines.remove(0);
        lines
    });
    assert_eq!((first.0, first.1), (1, Some(2)), "a missing beginning");
    let added = of(|mut lines| {
        lines.insert(1, "{}".into());
        lines
    });
    assert_eq!((added.0, added.1), (2, None));
    // Written anew with a hash of its own that is right: the next one does not continue it.
    let replaced = of(|mut lines| {
        let before = entry::read(lines[1].as_bytes()).expect("an entry").before;
        lines[1] = entry::line(2, &before, &act("another thing"), now()).0.trim_end().to_owned();
        lines
    });
    assert_eq!((replaced.0, replaced.1), (3, Some(3)));
}

#[test]
fn a_cut_at_the_end_leaves_a_chain_that_holds_which_is_why_entries_are_forwarded() {
    let room = Room::new();
    room.acts(4);
    room.change(|mut lines| {
        lines.truncate(2);
        lines
    });
    let verdict = room.audit.verify().expect("read");
    assert_eq!((verdict.misfit, verdict.last.map(|last| last.0)), (None, Some(2)));
}

#[test]
fn a_torn_last_line_is_set_aside_and_told_and_the_chain_goes_on() {
    for keep in [0, 1, 40, 300] {
        let room = Room::new();
        room.acts(2);
        let file = room.file("audit.jsonl");
        let whole = fs::read(&file).expect("read");
        let first = whole.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let cut = (first + keep).min(whole.len() - 1);
        fs::write(&file, &whole[..cut]).expect("torn");
        let torn = (cut - first) as u64;
        assert_eq!(room.audit.verify().expect("read").torn, torn);
        assert_eq!(room.audit.read_last(9).expect("read").len(), 1, "half an entry is none");

        room.acts(1);
        let verdict = room.audit.verify().expect("read");
        assert_eq!((verdict.misfit, verdict.torn), (None, 0));
        let acts: Vec<String> = room.audit.read_last(9).expect("read").into_iter().map(|entry| entry.act).collect();
        if torn == 0 {
            assert_eq!(
                (acts.as_slice(), verdict.aside.len()),
                (["secret set".to_owned(), "secret set".into()].as_slice(), 0)
            );
        } else {
            assert_eq!(acts, ["secret set", MENDED, "secret set"]);
            assert_eq!(fs::read(room.file(&verdict.aside[0])).expect("set aside"), whole[first..cut]);
        }
    }
}

#[test]
fn a_crash_in_the_very_first_line_is_mended_too() {
    let room = Room::new();
    fs::write(room.file("audit.jsonl"), b"{\"number\":1,\"ti").expect("torn");
    room.acts(1);
    let verdict = room.audit.verify().expect("read");
    assert_eq!((verdict.misfit, verdict.entries, verdict.aside.len()), (None, 2, 1));
}

#[test]
fn writers_in_several_places_make_one_chain() {
    let room = Room::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // Each with a handle of its own, as processes have.
            scope.spawn(|| {
                let audit = Audit::open(&room.file("")).expect("opened");
                for n in 0..25 {
                    audit.record(&act(&n.to_string()), now()).expect("recorded");
                }
            });
        }
    });
    let verdict = room.audit.verify().expect("read");
    assert_eq!((verdict.entries, verdict.misfit), (100, None));
}

#[test]
fn the_chain_goes_on_over_files_and_over_the_oldest_ones_end() {
    let room = Room::new();
    let big = act(&"x".repeat(1024));
    let fill = |from: u64, before: &str| {
        let (mut text, mut before, mut number) = (String::new(), before.to_owned(), from);
        while text.len() < 4 << 20 {
            let (line, hash) = entry::line(number, &before, &big, now());
            text += &line;
            (before, number) = (hash, number + 1);
        }
        fs::write(room.file("audit.jsonl"), text).expect("written");
        (number, before)
    };
    let (next, before) = fill(1, entry::NOTHING_BEFORE);
    room.acts(1);
    assert!(room.file("audit-000000000001.jsonl").exists());
    let verdict = room.audit.verify().expect("read");
    assert_eq!((verdict.entries, verdict.misfit), (next, None), "{before}");
    let after = room.audit.read_after(next - 1, 10).expect("read");
    assert_eq!(after.len(), 1, "the newest is found without the old file");
    assert_eq!(room.audit.read_last(3).expect("read").len(), 3, "across two files");
    // As many old files as are kept: small ones, to be quick.
    fs::remove_file(room.file("audit-000000000001.jsonl")).expect("removed");
    assert!(room.misfit().why.contains("are missing"), "nobody said that it went");
    let first: u64 = 70;
    let mut before = entry::NOTHING_BEFORE.to_owned();
    for number in first..first + 63 {
        let (line, hash) = entry::line(number, &before, &act("old"), now());
        fs::write(room.file(&format!("audit-{number:012}.jsonl")), line).expect("written");
        before = hash;
    }
    fill(first + 63, &before);
    room.acts(1);
    assert!(!room.file("audit-000000000070.jsonl").exists());
    let verdict = room.audit.verify().expect("read");
    assert_eq!((verdict.first, verdict.misfit), (Some(71), None));
    let told = room.audit.read_last(2).expect("read");
    assert_eq!((told[0].act.as_str(), told[0].about.starts_with("up to 70:")), (TRIMMED, true));
}

#[test]
fn no_link_in_the_folder_is_followed() {
    let room = Room::new();
    let elsewhere = room.dir.path().join("elsewhere");
    fs::write(&elsewhere, "mine").expect("written");
    std::os::unix::fs::symlink(&elsewhere, room.file("audit.jsonl")).expect("a link");
    assert!(room.audit.record(&act("x"), now()).is_err());
    assert_eq!(fs::read_to_string(&elsewhere).expect("read"), "mine");
    let linked = room.dir.path().join("linked");
    std::os::unix::fs::symlink(room.file(""), &linked).expect("a link");
    assert!(Audit::open(&linked).is_err());
    assert!(Audit::open_existing(&room.dir.path().join("absent")).is_err());
}
