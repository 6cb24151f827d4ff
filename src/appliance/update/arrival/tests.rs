//! Bundles that come in whole, cut, wrong and too large, in a folder.

use std::fs;

use super::*;

const BUNDLE: &[u8] = b"hsqs and the rest of a bundle";

fn state() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn names(state: &tempfile::TempDir) -> Vec<String> {
    let listed = fs::read_dir(state.path().join(FOLDER)).expect("the folder");
    let mut names: Vec<String> =
        listed.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn a_whole_bundle_is_in_its_place_and_until_its_end_there_is_nothing_that_the_system_looks_for() {
    let state = state();
    let size = Some(BUNDLE.len() as u64);
    let mut arrival = Arrival::begin(state.path(), "/tmp/conductor-1.1.0.raucb", size, LARGEST).expect("begun");
    for piece in BUNDLE.chunks(3) {
        arrival.put(piece).expect("taken");
    }
    assert_eq!(names(&state), [".part"]);
    let refused = Arrival::begin(state.path(), "x", None, LARGEST).err().expect("one at a time");
    assert!(matches!(refused, NotTaken::Busy));
    let arrived = arrival.end(None).expect("whole");
    assert_eq!((arrived.name.as_str(), arrived.bytes), ("conductor-1.1.0.raucb", BUNDLE.len() as u64));
    assert_eq!(names(&state), ["conductor-1.1.0.raucb"]);
    assert_eq!(fs::read(state.path().join("update/conductor-1.1.0.raucb")).expect("read"), BUNDLE);
    let mut again = Arrival::begin(state.path(), "x.raucb", None, LARGEST).expect("begun");
    again.put(BUNDLE).expect("taken");
    assert!(matches!(again.end(Some("6b6f5c3c")), Err(NotTaken::Another { got }) if got == arrived.sha256));
    let mut again = Arrival::begin(state.path(), "x.raucb", None, LARGEST).expect("begun");
    again.put(BUNDLE).expect("taken");
    again.end(Some(&arrived.sha256.to_uppercase())).expect("the announced one");
}

#[test]
fn what_is_cut_or_no_bundle_or_too_large_leaves_nothing_behind() {
    let state = state();
    let begin = |expected, most| Arrival::begin(state.path(), "x.raucb", expected, most).expect("begun");
    let mut cut = begin(None, LARGEST);
    cut.put(BUNDLE).expect("taken");
    drop(cut);
    let mut short = begin(Some(1000), LARGEST);
    short.put(BUNDLE).expect("taken");
    assert!(matches!(short.end(None), Err(NotTaken::Short { got: 29, expected: 1000 })));
    let mut picture = begin(None, LARGEST);
    assert!(matches!(picture.put(b"\x89PNG"), Err(NotTaken::NoBundle)));
    drop(picture);
    let mut bytewise = begin(None, LARGEST);
    bytewise.put(b"hs").expect("so far");
    assert!(matches!(bytewise.put(b"QS"), Err(NotTaken::NoBundle)));
    drop(bytewise);
    assert!(matches!(begin(None, LARGEST).end(None), Err(NotTaken::NoBundle)), "an empty file");
    let mut large = begin(None, 10);
    assert!(matches!(large.put(BUNDLE), Err(NotTaken::TooLarge { most: 10 })));
    drop(large);
    assert!(matches!(Arrival::begin(state.path(), "x", Some(11), 10), Err(NotTaken::TooLarge { most: 10 })));
    assert_eq!(names(&state), Vec::<String>::new());
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_still_comes_in_is_not() {
    let state = state();
    assert!(!clean(state.path()).expect("no folder yet"));
    let arrival = Arrival::begin(state.path(), "x.raucb", None, LARGEST).expect("begun");
    assert!(!clean(state.path()).expect("looked"), "it is coming in");
    drop(arrival);
    let other = tempfile::tempdir().expect("a folder");
    fs::create_dir(other.path().join(FOLDER)).expect("made");
    fs::write(other.path().join("update/.part"), "half").expect("written");
    assert!(clean(other.path()).expect("cleaned"));
    assert_eq!(names(&other), Vec::<String>::new());
}

#[test]
fn while_the_system_installs_no_other_comes_in() {
    let state = state();
    fs::create_dir(state.path().join(FOLDER)).expect("made");
    fs::write(state.path().join("update/state.json"), r#"{"last": {"outcome": "installing"}}"#).expect("written");
    assert!(matches!(Arrival::begin(state.path(), "x", None, LARGEST), Err(NotTaken::Installing)));
}

#[test]
fn no_sentence_about_a_bundle_sends_to_a_command_that_nobody_can_type_on_an_appliance() {
    let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    for refused in [
        NotTaken::Busy,
        NotTaken::Installing,
        NotTaken::NoBundle,
        NotTaken::TooLarge { most: LARGEST },
        NotTaken::NoRoom { free: 1, needed: 2 },
        NotTaken::Short { got: 1, expected: 2 },
        NotTaken::Another { got: "6b6f5c3c".to_owned() },
        NotTaken::Disk { path: "/data/update".into(), source },
    ] {
        let told = refused.to_string();
        assert!(!told.contains('`') && !told.contains("root"), "{told}");
    }
}

#[test]
fn the_queues_room_is_left_alone() {
    const MIB: u64 = 1 << 20;
    let space = |free| Space { free: free * MIB, total: 4096 * MIB };
    // The bundle, its copy, and twice the 64 MiB at which polling pauses.
    assert!(has_room(space(400 + 400 + 128), 400 * MIB, 0).is_ok());
    assert!(matches!(has_room(space(400 + 400 + 127), 400 * MIB, 0), Err(NotTaken::NoRoom { .. })));
    assert!(has_room(space(400 + 128), 400 * MIB, 400 * MIB).is_ok(), "the copy alone is still to come");
    assert!(has_room(space(400 + 127), 400 * MIB, 400 * MIB).is_err());
    assert!(has_room(space(1), u64::MAX, 0).is_err());
}

#[test]
fn a_name_leads_nowhere_else_and_ends_as_the_system_looks_for_it() {
    for (given, name) in [
        ("conductor-1.1.0.raucb", "conductor-1.1.0.raucb"),
        ("../../etc/passwd", "passwd.raucb"),
        ("C:\\x\\new version.raucb", "newversion.raucb"),
        (".raucb", "update.raucb"),
        ("..", "update.raucb"),
        ("a\nb;rm -rf $HOME", "abrm-rfHOME.raucb"),
        ("", "update.raucb"),
    ] {
        assert_eq!(file_name(given), name, "{given:?}");
    }
    assert_eq!(file_name(&"x".repeat(500)).len(), 106);
}
