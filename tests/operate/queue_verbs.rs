//! `queue show|peek|export|import`, with and without an agent.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::world::{World, number_at};

const MIXED: &str = "{\"a\":1}\nnot an object\n{\"b\":2.50,\"n\":9007199254740993}\n[3]\n\n{\"c\":\"\u{1F4A3}\"}\n";

/// What a verb prints, and that it ended well.
#[track_caller]
fn printed(world: &World, verb: &[&str]) -> String {
    let output = world.place.verb(verb);
    assert!(output.status.success(), "{verb:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn export_of(world: &World, name: &str) -> (String, String) {
    let file = world.place.dir.path().join(name).display().to_string();
    printed(world, &["queue", "export", &file]);
    (fs::read_to_string(&file).expect("the export"), file)
}

/// Lines of an export without the place that each has in its own queue.
fn without_seq(export: &str) -> Vec<String> {
    let cut = |line: &str| {
        let (head, rest) = line.split_once("\"seq\":").expect("a seq");
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{head}{rest}")
    };
    export.lines().map(cut).collect()
}

#[test]
fn an_export_is_the_same_with_and_without_an_agent_and_keeps_ids_bytes_and_order_on_another_box() {
    let world = World::new();
    world.soc.refuse();
    world.put(30, 20);
    let mut agent = world.place.start();
    let wanted = world.wanted().len();
    agent.wait_until("the queue holds all", |agent| number_at(agent, "/destinations/0/depth") >= Some(wanted as u64));
    let (running, _) = export_of(&world, "running.ndjson");
    let shown = printed(&world, &["queue", "show"]);
    assert!(shown.contains("events waiting") && shown.contains("soc: "), "{shown}");
    let peeked = printed(&world, &["queue", "peek", "-n", "3", "--destination", "soc"]);
    assert_eq!(peeked.lines().collect::<Vec<_>>(), running.lines().take(3).collect::<Vec<_>>());
    let (status, _) = agent.stop();
    assert!(status.success());

    let (stopped, file) = export_of(&world, "stopped.ndjson");
    assert_eq!(running, stopped);
    assert_eq!(stopped.lines().count(), wanted);
    assert_eq!(printed(&world, &["queue", "peek", "-n", "3"]).lines().count(), 3);
    let show: serde_json::Value = serde_json::from_str(&printed(&world, &["queue", "show", "--json"])).expect("JSON");
    assert_eq!(show["destinations"][0]["depth"].as_u64(), Some(wanted as u64));

    let other = World::new();
    other.soc.refuse();
    let _agent = other.place.start();
    assert!(other.place.verb(&["queue", "import", &file]).status.success());
    let (there, _) = export_of(&other, "there.ndjson");
    assert_eq!(without_seq(&there), without_seq(&stopped));
}

#[test]
fn the_verbs_of_a_queue_that_never_was_say_so() {
    let world = World::new();
    for verb in [&["queue", "show"][..], &["queue", "peek"], &["queue", "export"]] {
        let output = world.place.verb(verb);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(69) && said.contains("has the agent ever run here?"), "{said}");
    }
    assert!(!world.place.state().exists(), "a look makes nothing");
}

#[test]
fn an_export_that_fails_leaves_the_one_before_as_it_is_and_only_its_owner_reads_one() {
    let world = World::new();
    world.soc.refuse();
    world.put(32, 3);
    let mut agent = world.place.start();
    let wanted = world.wanted().len();
    agent.wait_until("the queue holds all", |agent| number_at(agent, "/destinations/0/depth") >= Some(wanted as u64));
    let (whole, file) = export_of(&world, "before.ndjson");
    assert_eq!(whole.lines().count(), wanted);
    let mode = fs::metadata(&file).expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "an export holds mail");

    let failed = world.place.verb(&["queue", "export", "--destination", "nobody", &file]);
    assert_eq!(failed.status.code(), Some(69), "{failed:?}");
    assert_eq!(fs::read_to_string(&file).expect("still there"), whole);
    assert!(!fs::exists(format!("{file}.part")).expect("told"), "what was begun is gone");
    let nowhere = world.place.verb(&["queue", "export", "/nonexistent/out.ndjson"]);
    let said = String::from_utf8_lossy(&nowhere.stderr);
    assert!(said.contains("/nonexistent/out.ndjson can't be written"), "{said}");
    assert_eq!(printed(&world, &["queue", "export", "/dev/stdout"]), whole, "a pipe is written to, not replaced");
}

#[test]
fn an_import_that_is_started_first_waits_for_the_agent_and_skips_what_is_no_object() {
    let world = World::new();
    world.put(31, 1);
    let mut importing = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["queue", "import", "-", "--config"])
        .arg(world.place.config())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the import starts");
    let mut input = importing.stdin.take().expect("piped");
    input.write_all(MIXED.as_bytes()).expect("written");
    drop(input);
    let mut said = std::io::BufReader::new(importing.stderr.take().expect("piped"));
    let mut first = String::new();
    std::io::BufRead::read_line(&mut said, &mut first).expect("a line");
    assert!(first.contains("no agent runs on") && first.contains("waiting for it"), "{first}");
    let mut agent = world.place.start();
    let ended = importing.wait().expect("the import ends");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).expect("text");
    assert_eq!(ended.code(), Some(64), "{rest}");
    for words in ["line 2 ", "line 4 ", "3 lines imported", "2 lines are not JSON objects"] {
        assert!(rest.contains(words), "{words}: {rest}");
    }
    agent
        .wait_until("the three arrive", |_| world.arrived().iter().filter(|id| id.starts_with("import/")).count() == 3);
    let export = printed(&world, &["queue", "export"]);
    assert!(export.contains("{\"b\":2.50,\"n\":9007199254740993}"), "byte for byte: {export}");
}
