//! `conductor selftest` on the real binary: it holds here, and where it can't it says why.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn selftest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conductor")).arg("selftest").args(arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_self_test_kills_a_writer_finds_what_it_confirmed_sends_over_tls_and_leaves_nothing() {
    let place = tempfile::tempdir().expect("a folder");
    let output = selftest(&["--folder", place.path().to_str().expect("text")]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for word in ["queue   ", "reopen  ", "tls     ", "holds on this machine"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(fs::read_dir(place.path()).expect("the folder").count(), 0, "it left something behind");
}

#[test]
fn a_self_test_where_nothing_can_be_made_names_the_place_and_the_way_out() {
    let output = selftest(&["--folder", "/proc/self"]);
    assert_eq!(output.status.code(), Some(74), "{}", said(&output));
    assert!(said(&output).contains("/proc/self") && said(&output).contains("--folder"), "{}", said(&output));
}

/// A writer that says more than it has kept: the test of the test.
#[test]
fn a_queue_that_lost_what_it_confirmed_fails_the_self_test() {
    let place = tempfile::tempdir().expect("a folder");
    let liar = place.path().join("liar");
    // It runs the real writer, lets it go for a moment of its own making, and promises events that never were.
    let text = "#!/bin/sh\n\"$@\" | head -n 3\necho 100000\n";
    fs::write(&liar, text)
        .and_then(|()| fs::set_permissions(&liar, fs::Permissions::from_mode(0o755)))
        .expect("a script");
    let output = selftest(&["--folder", &text_of(place.path()), "--through", &text_of(&liar)]);
    assert_eq!(output.status.code(), Some(74), "{}", said(&output));
    assert!(said(&output).contains("100000 events were confirmed"), "{}", said(&output));
}

fn text_of(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}
