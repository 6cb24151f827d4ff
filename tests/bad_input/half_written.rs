//! A state folder that a crash, a bad disk or a hand has left half-written.
//!
//! Each round: events that only the queue holds, the agent killed, a file damaged, a start. The start either works,
//! and then everything arrives, or ends with 74 or 77 and a sentence. Nothing panics.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::world::World;

/// Files below a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").flatten().map(|e| e.path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }
}

/// Cuts the file or writes garbage into it; says what it did.
fn damage(file: &Path, dice: &mut Dice) -> String {
    let length = fs::metadata(file).expect("there").len();
    let open = OpenOptions::new().write(true).open(file).expect("opened");
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match dice.roll(3) {
        0 => {
            open.set_len(0).expect("cut");
            format!("{name} of {length} bytes is empty")
        }
        1 => {
            let to = dice.roll(length);
            open.set_len(to).expect("cut");
            format!("{name} of {length} bytes is cut to {to}")
        }
        _ => {
            let (at, bytes) = (dice.roll(length), 1 + dice.roll(200));
            let garbage: Vec<u8> = (0..bytes).map(|_| dice.roll(256) as u8).collect();
            open.write_all_at(&garbage, at).expect("written");
            format!("{name} of {length} bytes has {bytes} bytes of garbage at {at}")
        }
    }
}

fn round(seed: u64, spoil: impl FnOnce(&World, &mut Dice) -> String) {
    let world = World::new();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    world.soc.refuse();
    world.put(seed, 30);
    let oldest = world.settings() + "start = \"oldest\"\n";
    world.place.write_settings(&oldest);
    let mut agent = world.place.start();
    let wanted = world.wanted().len() as u64;
    agent.wait_until("the queue holds all", |agent| {
        crate::world::number_at(agent, "/destinations/0/depth").is_some_and(|depth| depth >= wanted)
    });
    agent.kill();
    let done = spoil(&world, &mut dice);
    world.soc.listen_again().expect("the same port");
    let mut agent = world.place.start();
    let what = format!("seed {seed}, {done}: every message is at the SOC");
    agent.wait_within(std::time::Duration::from_secs(100), &what, |_| world.everything_arrived());
    let log = world.place.log();
    assert!(!log.contains("panicked"), "seed {seed}, {done}: {log}");
}

#[test]
fn a_control_socket_and_an_address_that_were_left_behind_are_replaced() {
    round(1_020, |world, _| {
        let state = world.place.state();
        assert!(state.join("control.sock").exists(), "a killed agent leaves it");
        fs::write(state.join("local-address"), "127.0.0.1:1").expect("written");
        "a dead socket".to_owned()
    });
    round(1_021, |world, _| {
        let socket = world.place.state().join("control.sock");
        fs::remove_file(&socket).and_then(|()| fs::write(&socket, "a file")).expect("replaced");
        "a file in the socket's place".to_owned()
    });
}

#[test]
fn a_folder_in_the_place_of_a_file_ends_a_start_with_a_sentence_or_is_survived() {
    let table = [
        ("queue/lock", Some(74)),
        ("queue/journal", Some(74)),
        ("queue/reserve", None),
        ("control.sock", Some(74)),
        ("local-address", Some(74)),
    ];
    for (name, expected) in table {
        let world = World::new();
        let state = world.place.state();
        let path = state.join(name);
        if name == "queue/journal" {
            fs::create_dir_all(state.join("queue")).and_then(|()| fs::write(&path, "a file")).expect("made");
        } else {
            fs::create_dir_all(&path).expect("made");
        }
        let mut agent = world.place.spawn();
        let ended = agent.ready_or_ended();
        let log = world.place.log();
        assert!(!log.contains("panicked"), "{name}: {log}");
        assert_eq!(ended, expected, "{name}: {log}");
        if ended.is_some() {
            assert!(log.contains(name.rsplit('/').next().unwrap_or(name)), "{name}: the sentence names it: {log}");
        }
    }
}

#[test]
fn a_journal_that_ends_before_the_books_place_sends_its_streams_back() {
    round(1_010, |world, _| {
        let journal = world.place.state().join("queue/journal");
        let newest = files(&journal).pop().expect("a segment");
        let length = fs::metadata(&newest).expect("there").len();
        OpenOptions::new().write(true).open(&newest).and_then(|f| f.set_len(length / 2)).expect("cut");
        format!("the newest segment of {length} bytes is cut in half")
    });
}

#[test]
fn an_empty_segment_and_an_empty_book_are_mended() {
    round(1_000, |world, _| {
        let journal = world.place.state().join("queue/journal");
        for segment in files(&journal) {
            OpenOptions::new().write(true).open(&segment).and_then(|f| f.set_len(0)).expect("cut");
        }
        "every segment is empty".to_owned()
    });
    round(1_001, |world, _| {
        let book = world.place.state().join("queue/book");
        fs::remove_dir_all(&book).and_then(|()| fs::create_dir(&book)).expect("emptied");
        "the book is an empty folder".to_owned()
    });
    round(1_002, |world, _| {
        let book = world.place.state().join("queue/book");
        fs::remove_dir_all(&book).and_then(|()| fs::write(&book, "a file")).expect("replaced");
        "the book is a file".to_owned()
    });
}

#[test]
fn whatever_one_file_of_the_queue_has_lost_the_agent_starts_and_everything_arrives() {
    for seed in 0..12 {
        round(seed, |world, dice| {
            let queue = world.place.state().join("queue");
            let all = files(&queue);
            damage(&all[dice.roll(all.len() as u64) as usize], dice)
        });
    }
}
