//! What `check` finds on the box itself: its secret files, the state folder and its disk, the agent's user.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::site::{Site, mode, said};
use super::{check, expect, lines, silent};

#[test]
fn a_key_that_is_not_there_or_not_a_file_is_told_by_its_path() {
    let site = Site::new();
    fs::remove_file(site.path("token")).expect("it was there");
    let said = check(&site, &site.good(), &[]);
    expect(
        &said,
        77,
        "failed secrets integrations.acme.api-key",
        &["/token does not exist", "integrations.acme.api-key"],
    );
    expect(&said, 77, "failed integration acme", &["does not exist", "`api-key`"]);
    fs::create_dir(site.path("token")).expect("a folder");
    let said = check(&site, &site.good(), &[]);
    expect(&said, 77, "failed secrets integrations.acme.api-key", &["not a regular file"]);
}

#[test]
fn a_private_key_that_is_none_is_told_without_a_line_of_it() {
    let site = Site::new();
    site.write(
        "tls/client.key",
        "-----BEGIN PRIVATE KEY-----\nCANARY-token-5f1c09\n-----END PRIVATE KEY-----\n",
        0o600,
    );
    let said = check(&site, &site.good(), &[]);
    expect(&said, 77, "failed destination soc", &["not an unencrypted PEM", "`cert`"]);
}

#[test]
fn a_key_and_a_state_folder_of_somebody_else_are_a_matter_of_permission() {
    let site = Site::new();
    mode(&site.path("token"), 0o000);
    fs::create_dir(site.path("state")).expect("a folder");
    mode(&site.path("state"), 0o555);
    site.write("conductor.toml", &site.good(), 0o644);
    let mut command = site.command(&["check", "--offline"]);
    if nix::unistd::geteuid().is_root() {
        // Root may read everything: somebody else runs a copy of the binary where he can reach it.
        let copy = site.path("conductor");
        // By another process: what a test beside us forks would hold a descriptor of ours, and what is open for writing can't be run.
        assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_conductor")).arg(&copy).status().expect("cp").success());
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = Command::new(copy);
        command.args(arguments).env_clear().uid(65_534).gid(65_534);
    }
    let said = silent(said(command.output().expect("the binary runs")));
    expect(&said, 77, "failed secrets integrations.acme.api-key", &["/token may not be read", "chown"]);
    expect(&said, 77, "failed disk state", &["can't be written to", "chown"]);
}

#[test]
fn a_key_that_anyone_may_read_is_a_warning_and_works() {
    let site = Site::new();
    mode(&site.path("token"), 0o644);
    let said = check(&site, &site.good(), &[]);
    expect(&said, 0, "warning secrets integrations.acme.api-key", &["anyone on this machine", "chmod 600"]);
    lines(&said, "warning settings");
    lines(&said, "ok integration acme");
    mode(&site.path("token"), 0o640);
    expect(&check(&site, &site.good(), &[]), 0, "ok secrets integrations.acme.api-key", &["mode 640"]);
}

#[test]
fn a_disk_that_takes_no_write_is_told_with_its_own_exit_code() {
    let site = Site::new();
    fs::create_dir(site.path("state")).expect("a folder");
    site.write("conductor.toml", &site.good(), 0o644);
    let check = site.command(&["check", "--offline"]);
    // A limit of no bytes a file, whose signal is ignored, is a disk that refuses every write.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    shell.arg(check.get_program()).args(check.get_args()).env_clear();
    let said = silent(said(shell.output().expect("the binary runs")));
    expect(&said, 74, "failed disk state", &["can't be written to", "agent.state-dir"]);
    assert!(names(&site.path("state")).is_empty(), "the probe file is gone");
}

#[test]
fn the_state_folder_is_left_as_it_was_and_an_agent_on_it_is_told() {
    let site = Site::new();
    fs::create_dir(site.path("state")).expect("a folder");
    expect(&check(&site, &site.good(), &["--offline"]), 0, "ok disk agent", &["no agent runs"]);
    let _agent = UnixListener::bind(site.path("state/control.sock")).expect("a socket");
    let said = check(&site, &site.good(), &["--offline"]);
    expect(&said, 0, "ok disk agent", &["an agent runs on this state folder"]);
    expect(&said, 0, "ok disk state", &["writes reach the disk"]);
    assert_eq!(names(&site.path("state")), ["control.sock"], "the probe file is gone");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_queue_that_may_outgrow_the_disk_is_a_warning() {
    let site = Site::new();
    let settings = site.good().replace("64MiB", "900TiB");
    expect(
        &check(&site, &settings, &["--offline"]),
        0,
        "warning disk space",
        &["may grow to 900TiB", "queue.max-size"],
    );
}

#[test]
fn the_secrets_of_the_remote_listener_are_looked_at_too() {
    let site = Site::new();
    let settings = site.good() + "[remote]\nlisten = \"127.0.0.1:0\"\nhealth-token = { file = \"health-token\" }\n";
    site.write("health-token", "CANARY-token-5f1c09-of-the-soc\n", 0o644);
    let said = check(&site, &settings, &["--offline"]);
    expect(&said, 0, "warning secrets remote.health-token", &["anyone on this machine", "chmod 600"]);
    fs::remove_file(site.path("health-token")).expect("it was there");
    let said = check(&site, &settings, &["--offline"]);
    expect(&said, 77, "failed secrets remote.health-token", &["does not exist"]);
}

#[test]
fn a_check_by_root_looks_with_the_eyes_of_the_agents_user() {
    if !nix::unistd::geteuid().is_root() {
        // Not by eprintln!: what a test that passes prints is not shown.
        let _ = writeln!(std::io::stderr(), "NOT RUN: what root sees with the agent's eyes, since we are not root");
        return;
    }
    let site = Site::new();
    fs::create_dir(site.path("state")).expect("a folder");
    mode(&site.path("state"), 0o700);
    std::os::unix::fs::chown(site.path("state"), Some(65_534), Some(65_534)).expect("given away");
    let said = check(&site, &site.good(), &["--offline"]);
    let words = ["root may read", "/token, the agent's user (uid 65534) may not", "mode 600", "LoadCredential="];
    expect(&said, 77, "failed readable integrations.acme.api-key", &words);
    expect(&said, 77, "ok disk state", &["belongs to the agent's user (uid 65534)"]);
    for file in ["token", "tls/client.key"] {
        std::os::unix::fs::chown(site.path(file), Some(65_534), None).expect("given away");
    }
    let said = check(&site, &site.good(), &["--offline"]);
    expect(&said, 0, "ok readable", &["uid 65534", "files of its own"]);
    // A folder above that lets nobody pass.
    mode(&site.path("tls"), 0o700);
    let said = check(&site, &site.good(), &["--offline"]);
    expect(&said, 77, "failed readable destinations.soc.ca", &["/tls has mode 700"]);
}
