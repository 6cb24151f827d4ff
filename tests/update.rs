//! `conductor update` by the real program: on a machine that is no appliance, and in a namespace that looks like one.

mod agent;

#[path = "update/bundle_server.rs"]
mod bundle_server;

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use agent::Place;
use bundle_server::BundleServer;

const BUNDLE: &[u8] = b"hsqs and then the rest of what the system will judge";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// A verb on an appliance: its version file is there, in a mount namespace of the verb's own.
fn on_appliance(place: &Place, arguments: &[&str]) -> Command {
    let script =
        "mount -t tmpfs none /run && mkdir /run/appliance && echo 1.0.0 > /run/appliance/version && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_conductor")]);
    command.args(arguments).arg("--config").arg(place.config()).stdin(Stdio::null());
    command
}

/// Can there be such a namespace here? Said aloud where not.
fn can_mount() -> bool {
    let can = Command::new("unshare").args(["--mount", "--", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        let _ = writeln!(std::io::stderr(), "NOT RUN: no mount namespace here (it takes root)");
    }
    can
}

fn place() -> Place {
    let place = Place::new("");
    fs::create_dir(place.state()).expect("made");
    place
}

fn bundle(place: &Place) -> String {
    let path = place.dir.path().join("conductor-1.1.0.raucb");
    fs::write(&path, BUNDLE).expect("written");
    path.display().to_string()
}

fn handed_over(place: &Place) -> Vec<String> {
    let Ok(entries) = fs::read_dir(place.state().join("update")) else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut names: Vec<String> = names.filter(|name| name != "state.json").collect();
    names.sort();
    names
}

/// What the system tells, as it writes it.
fn tell(place: &Place, last: &str) {
    fs::create_dir_all(place.state().join("update")).expect("made");
    let text = format!(r#"{{"running": "1.0.0", "slot": "A", "last": {last}}}"#);
    let beside = place.state().join("update/state.new");
    fs::write(&beside, text).expect("written");
    fs::rename(beside, place.state().join("update/state.json")).expect("renamed");
}

#[test]
fn a_machine_that_is_no_appliance_is_told_how_packages_are_updated_and_nothing_is_written() {
    let place = place();
    let told = place.verb(&["update"]);
    assert!(told.status.success() && said(&told).contains("apt update"), "{}", said(&told));
    let refused = place.verb(&["update", &bundle(&place)]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(said(&refused).contains("dnf upgrade conductor"), "{}", said(&refused));
    assert_eq!(handed_over(&place), Vec::<String>::new());
}

#[test]
fn a_file_is_handed_to_the_appliances_system_whole_and_what_is_no_bundle_is_not() {
    if !can_mount() {
        return;
    }
    let place = place();
    let done = on_appliance(&place, &["update", &bundle(&place)]).output().expect("it ran");
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("newer than 1.0.0"), "{}", said(&done));
    assert_eq!(fs::read(place.state().join("update/conductor-1.1.0.raucb")).expect("there"), BUNDLE);
    fs::remove_file(place.state().join("update/conductor-1.1.0.raucb")).expect("removed");

    let picture = place.dir.path().join("picture.raucb");
    fs::write(&picture, "\u{89}PNG").expect("written");
    let missing = place.dir.path().join("missing.raucb").display().to_string();
    let bundle = bundle(&place);
    for (verb, exit, sentence) in [
        (vec!["update", picture.to_str().expect("text")], 64, "no update bundle"),
        (vec!["update", missing.as_str()], 74, "can't be read"),
        (vec!["update", "http://127.0.0.1/x.raucb"], 64, "https:// only"),
        (vec!["update", bundle.as_str(), "--sha256", "00"], 64, "its SHA-256 is"),
    ] {
        let refused = on_appliance(&place, &verb).output().expect("it ran");
        assert_eq!(refused.status.code(), Some(exit), "{verb:?}: {}", said(&refused));
        assert!(said(&refused).contains(sentence), "{verb:?}: {}", said(&refused));
        assert_eq!(handed_over(&place), Vec::<String>::new(), "{verb:?}");
    }
    let audit = said(&place.verb(&["audit", "show"]));
    assert!(audit.contains("conductor-1.1.0.raucb"), "{audit}");
}

#[test]
fn a_url_is_fetched_over_https_and_one_that_is_cut_leaves_nothing() {
    if !can_mount() {
        return;
    }
    let place = place();
    let server = BundleServer::start(BUNDLE);
    let ca = place.dir.path().join("ca.pem");
    fs::write(&ca, &server.ca_pem).expect("written");
    let ca = ca.display().to_string();
    let fetch = |path: &str, with_ca: bool| {
        let url = format!("https://localhost:{}/{path}", server.port);
        let mut verb = vec!["update", url.as_str()];
        if with_ca {
            verb.extend(["--ca", ca.as_str()]);
        }
        on_appliance(&place, &verb).output().expect("it ran")
    };
    let refused = fetch("cut/conductor-1.1.0.raucb", true);
    assert_eq!(refused.status.code(), Some(69), "{}", said(&refused));
    assert_eq!(handed_over(&place), Vec::<String>::new(), "{}", said(&refused));
    assert_eq!(fetch("missing/x.raucb", true).status.code(), Some(69));
    let moved = fetch("moved/x.raucb", true);
    assert!(!moved.status.success() && said(&moved).contains("name the address that it leads to"), "{}", said(&moved));
    assert!(!fetch("whole/x.raucb", false).status.success(), "its certificate is nobody's that we know");
    let done = fetch("whole/conductor-1.1.0.raucb?token=CANARY", true);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(handed_over(&place), ["conductor-1.1.0.raucb"]);
    let audit = said(&place.verb(&["audit", "show"]));
    assert!(audit.contains("conductor-1.1.0.raucb") && !audit.contains("CANARY"), "{audit}");
}

/// What a verb that waits says in the end.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let begun = Instant::now();
    while child.try_wait().expect("asked").is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
            panic!("it still waits");
        }
        // Not a synchronisation: only how often the question is asked.
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("ended");
    (output.status.code(), said(&output))
}

#[test]
fn who_waits_is_told_how_it_ended_and_an_older_update_is_not_taken_for_it() {
    if !can_mount() {
        return;
    }
    for (outcome, exit) in [("good", 0), ("refused", 77), ("not-good", 70)] {
        let place = place();
        tell(&place, r#"{"version": "1.0.0", "when": "2026-11-01T00:00:00Z", "outcome": "good"}"#);
        let bundle = bundle(&place);
        let mut command = on_appliance(&place, &["update", &bundle, "--wait"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let begun = Instant::now();
        while handed_over(&place) != ["conductor-1.1.0.raucb"] {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing was handed over");
            // Not a synchronisation: only how often the question is asked.
            std::thread::sleep(Duration::from_millis(20));
        }
        tell(&place, r#"{"version": "1.1.0", "when": "2026-11-21T12:00:00Z", "outcome": "installing"}"#);
        tell(
            &place,
            &format!(
                r#"{{"version": "1.1.0", "when": "2026-11-21T12:01:00Z", "outcome": "{outcome}", "why": "so it is"}}"#
            ),
        );
        let (code, text) = ended(child);
        assert_eq!(code, Some(exit), "{text}");
        assert!(text.contains("so it is"), "{text}");
        let told = said(&on_appliance(&place, &["update"]).output().expect("it ran"));
        assert!(told.contains("version 1.0.0 in slot A") && told.contains("last update: 1.1.0"), "{told}");
    }
}

#[test]
fn while_the_system_installs_no_other_bundle_is_taken_in() {
    if !can_mount() {
        return;
    }
    let place = place();
    tell(&place, r#"{"version": "1.1.0", "outcome": "installing"}"#);
    let refused = on_appliance(&place, &["update", &bundle(&place)]).output().expect("it ran");
    assert_eq!(refused.status.code(), Some(69), "{}", said(&refused));
    assert!(said(&refused).contains("is being installed"), "{}", said(&refused));
}

#[test]
fn on_an_appliance_a_factory_reset_is_asked_of_the_system_and_nothing_is_wiped_by_us() {
    if !can_mount() {
        return;
    }
    let place = place();
    fs::create_dir(place.state().join("secrets")).expect("made");
    let done = on_appliance(&place, &["reset", "--factory", "--yes"]).output().expect("it ran");
    assert!(done.status.success(), "{}", said(&done));
    let asked = fs::read_to_string(place.state().join("reset/asked")).expect("asked");
    assert!(asked.contains("(uid "), "{asked}");
    assert!(place.state().join("secrets").is_dir());
}

/// An agent on an appliance, ended with the test.
struct Polling(Child);

impl Drop for Polling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Settings that have the index looked at.
fn look_at(place: &Place, server: &BundleServer, index: &str, interval: &str) {
    fs::write(place.dir.path().join("ca.pem"), &server.ca_pem).expect("written");
    let url = format!("https://localhost:{}/{index}/stable.json", server.port);
    place.write_settings(&format!("[update]\nurl = \"{url}\"\nca = \"ca.pem\"\ninterval = \"{interval}\"\n"));
}

/// Has a polling agent look again at once, by settings that it reads anew, and waits until its status tells this.
fn looks_again_until(polling: &Polling, place: &Place, sentence: &str) {
    let agent = nix::unistd::Pid::from_raw(polling.0.id().try_into().expect("a process"));
    nix::sys::signal::kill(agent, nix::sys::signal::Signal::SIGHUP).expect("it runs");
    tells_of_updates(place, sentence);
}

/// Starts an agent that polls the index, and waits until its status tells this of updates.
fn polls_until(place: &Place, server: &BundleServer, sentence: &str) -> Polling {
    look_at(place, server, "index", "60s");
    polls(place, sentence)
}

fn polls(place: &Place, sentence: &str) -> Polling {
    let mut command = on_appliance(place, &["run"]);
    let log = fs::File::create(place.dir.path().join("agent.log")).expect("a log");
    let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it runs");
    let polling = Polling(child);
    tells_of_updates(place, sentence);
    polling
}

/// Waits until the agent's status tells this of updates.
fn tells_of_updates(place: &Place, sentence: &str) {
    let begun = Instant::now();
    loop {
        let told = said(&place.verb(&["status", "--json"]));
        let told = serde_json::from_str::<serde_json::Value>(&told).unwrap_or_default();
        if told["update"]["text"].as_str().is_some_and(|text| text.contains(sentence)) {
            assert_eq!(told["update"]["offered"], "1.1.0", "{told}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{}\n{}", told["update"], place.log());
        // Not a synchronisation: only how often the question is asked.
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_that_polls_an_index_hands_a_newer_version_over_and_one_that_failed_here_not() {
    if !can_mount() {
        return;
    }
    let server = BundleServer::start(BUNDLE);
    let place = self::place();
    tell(&place, r#"{"version": "1.1.0", "outcome": "not-good", "why": "it was not ready"}"#);
    drop(polls_until(&place, &server, "is not fetched again now: 1.1.0 did not show itself good"));
    assert_eq!(handed_over(&place), Vec::<String>::new());

    let place = self::place();
    fs::create_dir(place.state().join("update")).expect("made");
    fs::write(place.state().join("update/.part"), "cut off by a power cut").expect("written");
    drop(polls_until(&place, &server, "1.1.0 is with the system, which judges it"));
    assert_eq!(handed_over(&place), ["conductor-1.1.0.raucb"]);
    assert_eq!(fs::read(place.state().join("update/conductor-1.1.0.raucb")).expect("there"), BUNDLE);
}

#[test]
fn an_update_that_the_system_refused_was_said_to_be_with_the_system_until_the_agent_restarted() {
    if !can_mount() {
        return;
    }
    let server = BundleServer::start(BUNDLE);
    let place = self::place();
    let polling = polls_until(&place, &server, "1.1.0 is with the system, which judges it");
    // As the system tells of a bundle that is not signed for this box: without a version.
    let refused = format!(r#"{{"when": "{}", "outcome": "refused", "why": "not signed"}}"#, jiff::Timestamp::now());
    tell(&place, &refused);
    fs::remove_file(place.state().join("update/conductor-1.1.0.raucb")).expect("removed");
    look_at(&place, &server, "index", "61s");
    looks_again_until(&polling, &place, "is not fetched again now: 1.1.0 was refused");
    drop(polling);
    drop(polls_until(&place, &server, "is not fetched again now: a version was refused"));
    assert_eq!((handed_over(&place), server.sent()), (Vec::new(), 1));
}

#[test]
fn a_bundle_that_does_not_fit_its_index_was_fetched_whole_at_every_look() {
    if !can_mount() {
        return;
    }
    let server = BundleServer::start(BUNDLE);
    let place = self::place();
    look_at(&place, &server, "unfit", "60s");
    let polling = polls(&place, "1.1.0 was not taken: the bundle is not the one that was announced");
    look_at(&place, &server, "unfit", "61s");
    looks_again_until(&polling, &place, "is not fetched again within a day: the bundle is not the one");
    assert_eq!((handed_over(&place), server.sent()), (Vec::new(), 1));
    // The index is mended; what the system tells is not.
    fs::write(place.state().join("update/state.json"), "{").expect("written");
    look_at(&place, &server, "index", "62s");
    looks_again_until(&polling, &place, "is not taken now: what the system tells of updates can't be read");
    fs::remove_file(place.state().join("update/state.json")).expect("removed");
    look_at(&place, &server, "index", "63s");
    looks_again_until(&polling, &place, "1.1.0 is with the system, which judges it");
    assert_eq!(server.sent(), 2);
}

#[test]
fn an_agent_elsewhere_asks_no_index_and_says_why() {
    let place = place();
    place.write_settings("[update]\nurl = \"https://127.0.0.1:1/stable.json\"\nwindow = \"Sun 02:00-04:00\"\n");
    let mut agent = place.start();
    agent.wait_until("it is told", |agent| {
        agent.status()["update"]["text"].as_str().is_some_and(|text| text.contains("this machine is no appliance"))
    });
    assert!(agent.stop().0.success());
}
