//! `conductor integration set-key`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use crate::world::{TOKEN, World, wait_gone};

const NEW: &str = "CANARY-set-key-0815";

fn set_key(world: &World, name: &str, stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["integration", "set-key", name, "--config"])
        .arg(world.place.config())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // A refusal may come before anything is read.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_key_from_stdin_is_put_into_its_file_and_a_running_agent_takes_it() {
    let world = World::new();
    let mut agent = world.place.start();
    world.put_now(1, 3);
    world.everything_arrives(&mut agent);
    let path = world.place.dir.path().join("acme.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("a mode");
    world.api.set_token(NEW);
    let done = set_key(&world, "acme", &format!("{NEW}\r\n"));
    assert!(done.status.success() && !said(&done).contains(NEW), "{done:?}");
    assert_eq!(fs::read_to_string(&path).expect("read"), format!("{NEW}\n"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o440);
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-refused");
    let again = set_key(&world, "acme", NEW);
    assert!(again.status.success() && said(&again).contains("already"), "{again:?}");
}

#[test]
fn what_is_no_key_or_has_no_file_is_refused_with_what_to_do_and_changes_nothing() {
    let world = World::new();
    let more = "[integrations.unit]\napi-key = { credential = \"unit-key\" }\nenabled = false\n\
                [integrations.store]\napi-key = { sealed = \"store-key\" }\nenabled = false\n";
    world.place.write_settings(&format!("{}{more}", world.settings()));
    let table = [
        ("acme", "", "is empty"),
        ("acme", "CANARY one two\n", "without \"Bearer\""),
        ("acme", "CANARY\u{fc}", "no key has"),
        ("unit", NEW, "LoadCredential=unit-key:"),
        ("store", "CANARY one two\n", "without \"Bearer\""),
        ("nobody", NEW, "conductor integration list"),
    ];
    for (name, stdin, words) in table {
        let refused = set_key(&world, name, stdin);
        assert_eq!(refused.status.code(), Some(64), "{name}: {refused:?}");
        assert!(said(&refused).contains(words) && !said(&refused).contains("CANARY"), "{name}: {refused:?}");
    }
    let path = world.place.dir.path().join("acme.key");
    assert_eq!(fs::read_to_string(path).expect("read"), TOKEN);
}

#[test]
fn a_terminal_is_asked_and_does_not_show_what_is_typed() {
    let world = World::new();
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let mut screen = File::from(terminal.master);
    let mut keyboard = screen.try_clone().expect("a handle");
    let slave = File::from(terminal.slave);
    let child = Command::new(env!("CARGO_BIN_EXE_conductor"))
        .args(["integration", "set-key", "acme", "--config"])
        .arg(world.place.config())
        .stdin(slave.try_clone().expect("a handle"))
        .stdout(Stdio::piped())
        .stderr(slave)
        .spawn()
        .expect("it runs");
    let mut shown = String::new();
    let mut read = |shown: &mut String| {
        let mut part = [0; 256];
        // The terminal's other end closes with the child: that is the end.
        let length = screen.read(&mut part).unwrap_or(0);
        shown.push_str(&String::from_utf8_lossy(&part[..length]));
        length
    };
    while !shown.contains("not shown") {
        assert!(read(&mut shown) > 0, "{shown}");
    }
    keyboard.write_all(format!("{NEW}\n").as_bytes()).expect("typed");
    let done = child.wait_with_output().expect("it ends");
    while read(&mut shown) > 0 {}
    assert!(done.status.success(), "{done:?} {shown}");
    assert!(!shown.contains(NEW), "{shown}");
    let path = world.place.dir.path().join("acme.key");
    assert_eq!(fs::read_to_string(path).expect("read"), format!("{NEW}\n"));
}
