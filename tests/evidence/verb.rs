//! `conductor evidence`, with and without an agent.

use std::fs;

use serde_json::Value;

use crate::world::{World, number_at};

fn evidence(world: &World, more: &[&str]) -> String {
    let output = world.place.verb(&[&["evidence", "--since", "2d"], more].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(world: &World, more: &[&str]) -> Value {
    serde_json::from_str(&evidence(world, &[&["--format", "json"], more].concat())).expect("JSON")
}

/// What changes by the moment of asking, and what only a running agent knows.
fn lasting(mut report: Value) -> Value {
    for member in ["generated", "asked", "days", "horizon"] {
        report[member].take();
    }
    report["streams"].as_array_mut().expect("streams").iter_mut().for_each(|row| row["last_poll"] = Value::Null);
    report
}

#[test]
fn the_report_is_the_same_with_and_without_an_agent_but_for_the_last_poll() {
    let world = World::new();
    world.soc.refuse();
    world.put(30, 20);
    let wanted = world.wanted().len() as u64;
    let mut agent = world.place.start();
    agent.wait_until("the queue holds all", |agent| number_at(agent, "/destinations/0/depth") >= Some(wanted));
    let running = json(&world, &[]);
    assert_eq!(running["totals"]["items"].as_u64(), Some(wanted));
    assert!(running["streams"][0]["last_poll"].is_string(), "{running}");
    assert!(!running["attack_types"].as_array().expect("rows").is_empty());
    assert_eq!(running["horizon"]["covers_period"].as_bool(), Some(false), "this agent is younger than the period");
    assert!(agent.stop().0.success());

    let stopped = json(&world, &[]);
    assert!(stopped["streams"][0]["last_poll"].is_null(), "nobody knows it now");
    assert_eq!(lasting(stopped), lasting(running));

    let page = world.place.dir.path().join("report.html");
    assert_eq!(evidence(&world, &["--output", &page.display().to_string()]), "");
    assert!(fs::read_to_string(&page).expect("the page").starts_with("<!doctype html>"));
    assert!(evidence(&world, &["--integration", "acme"]).contains("acme/threats"));
    assert!(evidence(&world, &["--format", "csv"]).starts_with("section,integration,stream,"));
}

#[test]
fn what_can_not_be_asked_is_said_and_asks_nothing() {
    let world = World::new();
    for (arguments, code, said) in [
        (&["--since", "yesterday"][..], 64, "--since \"yesterday\" is no time"),
        (&["--since", "1d", "--until", "2d"], 64, "the period is empty"),
        (&["--since", "1d"], 69, "has the agent ever run here?"),
    ] {
        let output = world.place.verb(&[&["evidence"], arguments].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && error.contains(said), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_integration_that_nobody_knows_is_a_slip_and_no_empty_report() {
    let world = World::new();
    let agent = world.place.start();
    let output = world.place.verb(&["evidence", "--integration", "amce"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(64) && error.contains("no integration \"amce\" is set"), "{error}");
    drop(agent);
}
