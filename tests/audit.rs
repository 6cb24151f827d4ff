//! The audit log of the real agent and its commands: recorded, chained, forwarded once, and silent about secrets.

mod agent;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use agent::{Agent, Place};
use nix::sys::signal::Signal;
use serde_json::Value;

const CANARY: &str = "CANARY-audit-3b77e1";

/// A place whose audit log is forwarded, as it is unless somebody says otherwise.
fn place() -> Place {
    let place = Place::new("");
    fs::remove_file(place.audit()).expect("it was there");
    place
}

fn log(place: &Place) -> PathBuf {
    place.state().join("audit/audit.jsonl")
}

fn lines(place: &Place) -> Vec<String> {
    fs::read_to_string(log(place)).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// `act about outcome` of every line.
fn acts(lines: &[String]) -> Vec<String> {
    let told = |line: &String| {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let word = |key: &str| entry[key].as_str().expect("a text").to_owned();
        format!("{} [{}] {}", word("act"), word("about"), word("outcome"))
    };
    lines.iter().map(told).collect()
}

/// What the queue holds of the stream `audit`, in its order: the lines as they were forwarded.
fn forwarded(place: &Place) -> Vec<String> {
    let export = place.verb(&["queue", "peek", "-n", "1000"]);
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    let text = String::from_utf8(export.stdout).expect("UTF-8");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let audit = events.filter(|event| event["integration"] == "conductor" && event["stream"] == "audit");
    audit.map(|event| event["raw"].to_string()).collect()
}

/// JSON's own order of keys is not the line's: compare what both say.
fn same(lines: &[String], events: &[String]) -> bool {
    let read =
        |all: &[String]| all.iter().map(|one| serde_json::from_str::<Value>(one).expect("JSON")).collect::<Vec<_>>();
    read(lines) == read(events)
}

fn verify(place: &Place) -> (Option<i32>, String) {
    let said = place.verb(&["audit", "verify"]);
    (said.status.code(), [said.stdout, said.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat())
}

fn all_is_forwarded(place: &Place, agent: &mut Agent) {
    agent.wait_until("every entry is in the queue", |_| same(&lines(place), &forwarded(place)));
}

#[test]
fn what_is_done_with_and_without_the_agent_is_recorded_in_one_chain_and_forwarded_once() {
    let place = place();
    let key = place.secret("acme.key", CANARY);
    let mut agent = place.start();
    let added = place.verb(&["integration", "add", "acme", "host=127.0.0.1:9", &format!("api-key={key}")]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(place.verb_in(&["secret", "set", "soc"], &[], CANARY).status.success());
    assert!(!place.verb(&["secret", "remove", CANARY]).status.success(), "no name");
    assert!(!place.verb(&["integration", "add", "acme", &format!("api-key={CANARY}")]).status.success(), "taken");
    all_is_forwarded(&place, &mut agent);
    assert!(agent.stop().0.success());
    // While no agent runs, nobody forwards it.
    assert!(place.verb(&["integration", "disable", "acme"]).status.success());
    assert!(place.verb(&["queue", "export", "/dev/null"]).status.code().is_some());

    let mut agent = place.start();
    all_is_forwarded(&place, &mut agent);
    let told = acts(&lines(&place));
    for expected in [
        "integration add [acme] done",
        "settings reload [[integrations.acme] (new)] done",
        "secret set [soc] done",
        "secret remove [(no name)] failed",
        "integration add [acme] failed",
        "integration disable [acme] done",
        "queue export [everything] done",
    ] {
        assert_eq!(told.iter().filter(|one| *one == expected).count(), 1, "{expected}: {told:#?}");
    }
    // A third start forwards nothing again.
    assert!(agent.stop().0.success());
    let mut agent = place.start();
    all_is_forwarded(&place, &mut agent);

    let (exit, said) = verify(&place);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("cut off at its end"), "{said}");
    let shown = place.verb(&["audit", "show", "--since", "1h"]);
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    assert_eq!(shown.lines().count(), lines(&place).len(), "{shown}");
    for file in fs::read_dir(place.state().join("audit")).expect("the folder") {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("read");
        assert!(memchr::memmem::find(&bytes, CANARY.as_bytes()).is_none(), "{} holds the key", path.display());
    }
    assert!(!shown.contains(CANARY) && !forwarded(&place).concat().contains(CANARY));
}

#[test]
fn who_reads_no_further_ends_a_verb_that_prints_without_a_word() {
    let place = place();
    let mut agent = place.start();
    assert!(place.verb_in(&["secret", "set", "soc"], &[], CANARY).status.success());
    all_is_forwarded(&place, &mut agent);
    let verbs: [&[&str]; 5] =
        [&["audit", "show"], &["queue", "peek"], &["queue", "export"], &["check", "--print-schema"], &["status"]];
    let unread = |verbs: &[&[&str]]| {
        for verb in verbs {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let mut command = Command::new(env!("CARGO_BIN_EXE_conductor"));
            let said =
                command.args(*verb).arg("--config").arg(place.config()).stdout(writer).output().expect("it runs");
            let told = String::from_utf8_lossy(&said.stderr);
            assert_eq!((said.status.code(), told.as_ref()), (Some(0), ""), "{verb:?}");
        }
    };
    unread(&verbs);
    let exports = acts(&lines(&place)).iter().filter(|act| *act == "queue export [everything] done").count();
    assert_eq!(exports, 1, "what was taken out is recorded as such");
    // The same from the queue itself.
    assert!(agent.stop().0.success());
    unread(&verbs[..4]);
}

#[test]
fn an_edited_entry_is_named_by_verify() {
    let place = place();
    assert!(place.start().stop().0.success());
    for name in ["soc", "siem"] {
        assert!(place.verb_in(&["secret", "set", name], &[], CANARY).status.success());
    }
    let text = fs::read_to_string(log(&place)).expect("the log");
    fs::write(log(&place), text.replace("\"siem\"", "\"seem\"")).expect("changed");
    let (exit, said) = verify(&place);
    assert_eq!(exit, Some(74), "{said}");
    assert!(said.contains("audit.jsonl line 2") && said.contains("after entry 1"), "{said}");
    let json = place.verb(&["audit", "verify", "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["holds"], &json["misfit"]["line"]), (&Value::Bool(false), &2.into()));
}

#[test]
fn what_was_cut_off_at_the_end_is_noticed_by_what_was_forwarded() {
    let place = place();
    let mut agent = place.start();
    for name in ["soc", "siem"] {
        assert!(place.verb_in(&["secret", "set", name], &[], CANARY).status.success());
    }
    all_is_forwarded(&place, &mut agent);
    let before = forwarded(&place).len();
    agent.kill();
    let kept = lines(&place)[..1].concat() + "\n";
    fs::write(log(&place), kept).expect("cut");
    assert_eq!(verify(&place).0, Some(0), "the chain alone does not show it");
    let mut agent = place.start();
    agent.wait_until("it is told", |agent| {
        agent.conditions().iter().any(|(code, text)| code == "audit-broken" && text.contains("entry 2"))
    });
    agent.wait_until("it is an event too", |_| forwarded(&place).iter().any(|line| line.contains("audit break")));
    assert!(forwarded(&place).len() > before, "and what was forwarded before stays");
}

#[test]
fn a_reload_that_is_refused_is_recorded_and_what_it_would_have_changed_is_not() {
    let place = place();
    let mut agent = place.start();
    place.write_settings(&format!("[integrations.acme]\napi-key = \"{CANARY}\"\n"));
    agent.signal(Signal::SIGHUP);
    agent.wait_until("it is recorded", |_| {
        acts(&lines(&place)).iter().any(|act| act.starts_with("settings reload [refused") && act.ends_with("failed"))
    });
    assert!(!lines(&place).concat().contains(CANARY));
}
