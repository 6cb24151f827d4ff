//! What ends a start: another agent, mistakes in the settings, a port in use, a verb that is none.

use std::net::TcpListener;
use std::process::Output;

use nix::sys::signal::Signal;

use crate::agent::Place;
use crate::world::{World, wait_for, wait_gone};

/// The exit code and stderr, which must hold these words and no sign of a panic.
#[track_caller]
fn ends(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(words.iter().all(|word| said.contains(word)) && !said.contains("panicked"), "{words:?}: {said}");
}

#[test]
fn a_second_agent_on_the_same_state_folder_ends_with_69_and_the_first_goes_on() {
    let world = World::new();
    let mut agent = world.place.start();
    let second = world.place.verb(&["run"]);
    ends(&second, 69, &["another agent holds the state folder", "systemctl stop conductor", "agent.state-dir"]);
    world.put_now(30, 10);
    world.everything_arrives(&mut agent);
    let show = world.place.verb(&["queue", "show"]);
    assert!(show.status.success(), "the first one's control socket is untouched: {show:?}");
}

#[test]
fn mistakes_in_the_settings_end_a_start_with_78_and_every_one_of_them_with_its_line() {
    let place = Place::new("[queue]\nmax-sise = \"1GiB\"\n[destinations.soc]\ntype = \"carrier-pigeon\"\n");
    let ended = place.verb(&["run"]);
    ends(&ended, 78, &["conductor.toml:7", "max-sise", "max-size", "conductor.toml:9", "type must be"]);
    place.write_settings("[queue\n");
    ends(&place.verb(&["run"]), 78, &["conductor.toml:6"]);
    assert!(!place.state().exists(), "nothing was made before the settings were right");
}

#[test]
fn mistakes_at_a_reload_leave_the_old_settings_in_force_until_they_are_mended() {
    let world = World::new();
    let mut agent = world.place.start();
    world.place.write_settings(&world.settings().replace("polling-interval", "poling-interval"));
    agent.signal(Signal::SIGHUP);
    wait_for(&mut agent, "settings-refused", &["old ones stay in force", "poling-interval", "conductor.toml:"]);
    world.put_now(31, 10);
    world.everything_arrives(&mut agent);
    world.reload(&mut agent, &world.settings());
    wait_gone(&mut agent, "settings-refused");
    world.put_now(32, 10);
    world.everything_arrives(&mut agent);
}

#[test]
fn a_local_port_that_is_in_use_ends_a_start_with_69_and_the_setting_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let place = Place::new("");
    let text = std::fs::read_to_string(place.config()).expect("settings").replace("127.0.0.1:0", &address);
    std::fs::write(place.config(), text).expect("settings");
    ends(&place.verb(&["run"]), 69, &[&address, "local.listen", "free port"]);
    // Whatever answers there is no conductor, and status does not believe it.
    drop(taken);
    ends(&place.verb(&["status"]), 2, &["down", "is it running?"]);
}

#[test]
fn a_verb_or_a_flag_that_is_none_ends_with_64() {
    let place = Place::new("");
    for line in [&["rnu"][..], &["run", "--fast"], &["queue"], &["queue", "eat"], &["queue", "forget"], &[]] {
        let ended = place.verb(line);
        ends(&ended, 64, &["Usage"]);
    }
    ends(&place.verb(&["integration", "test", "nobody"]), 64, &["no integration is called"]);
    ends(&place.verb(&["queue", "import", "/no/such/file"]), 64, &["/no/such/file", "can't be read"]);
}

#[test]
fn status_without_an_agent_ends_with_2_and_a_sentence() {
    let world = World::new();
    ends(&world.place.verb(&["status"]), 2, &["down", "does not run"]);
    let agent = world.place.start();
    assert_eq!(world.place.verb(&["status"]).status.code(), Some(0));
    agent.kill();
    // The address file of the one that was killed is still there.
    ends(&world.place.verb(&["status"]), 2, &["down", "is it running?"]);
    ends(&world.place.verb(&["queue", "peek", "--destination", "nobody"]), 69, &["knows no destination"]);
}
