//! `queue verify` and `queue repair`, with and without an agent.

use std::fs;
use std::path::PathBuf;

use crate::world::{World, number_at};

fn only_segment(world: &World) -> PathBuf {
    let journal = world.place.state().join("queue/journal");
    fs::read_dir(journal).expect("the journal").next().expect("a segment").expect("an entry").path()
}

/// Exit code, stdout, stderr.
fn said(world: &World, verb: &[&str]) -> (Option<i32>, String, String) {
    let output = world.place.verb(verb);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_queue_is_verified_with_and_without_an_agent_and_a_repair_tells_before_it_does() {
    let world = World::new();
    world.soc.refuse();
    world.put(40, 30);
    let mut agent = world.place.start();
    let wanted = world.wanted().len() as u64;
    agent.wait_until("the queue holds all", |agent| number_at(agent, "/destinations/0/depth") >= Some(wanted));
    let (code, text, _) = said(&world, &["queue", "verify"]);
    assert!(code == Some(0) && text.contains("all is well"), "{text}");
    let (code, _, text) = said(&world, &["queue", "repair", "--dry-run"]);
    assert!(code == Some(69) && text.contains("stop it to repair"), "{text}");
    assert_eq!(said(&world, &["queue", "repair"]).0, Some(64), "one of the two has to be said");
    let (status, _) = agent.stop();
    assert!(status.success());

    let (code, text, _) = said(&world, &["queue", "verify", "--json"]);
    let counted: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, counted["events"].as_u64()), (Some(0), Some(wanted)), "{text}");
    let segment = only_segment(&world);
    let mut bytes = fs::read(&segment).expect("read");
    // In the first page, behind the snapshot that the segment begins with.
    let second = memchr::memmem::find_iter(&bytes, b"CDJF").nth(1).expect("a page");
    bytes[second + 80] ^= 1;
    fs::write(&segment, bytes).expect("damaged");
    let before = fs::read(&segment).expect("read");
    for verb in [&["queue", "verify"][..], &["queue", "repair", "--dry-run"]] {
        let (code, text, _) = said(&world, verb);
        assert!(code == Some(74) && text.contains(&format!("at byte {second}")), "{verb:?}: {text}");
    }
    assert_eq!(fs::read(&segment).expect("read"), before);
    assert!(!world.place.state().join("queue/rehearsal").exists(), "the copy is gone");

    let (code, text, _) = said(&world, &["queue", "repair", "--yes"]);
    assert!(code == Some(0) && text.contains("fetches again"), "{text}");
    assert!(world.place.state().join("queue/damaged").exists());
    let (code, text, _) = said(&world, &["queue", "verify"]);
    assert!(code == Some(0) && text.contains("fetched again already"), "{text}");
    world.soc.listen_again().expect("the same port");
    let mut agent = world.place.start();
    world.everything_arrives(&mut agent);
}
