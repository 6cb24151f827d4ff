//! What comes back is not what the API says: HTML, half of it, nothing, too much, too slowly, never.

use std::fs;
use std::time::Duration;

use conductor_sim::api::{Behaviour, Endpoint};

use crate::agent::Agent;
use crate::world::{World, stream_fault, wait_for, wait_gone};

#[test]
fn an_answer_that_is_not_the_apis_is_told_with_how_it_begins_and_asked_for_again() {
    let world = World::new();
    let mut agent = world.place.start();
    let table = [
        (Behaviour::Html, vec!["not Abnormal's API", "<!doctype html>"]),
        (Behaviour::Truncated, vec!["not Abnormal's API", "{"]),
        (Behaviour::EmptyBody, vec!["not Abnormal's API"]),
        (Behaviour::WrongShape, vec!["not Abnormal's API", "["]),
        (Behaviour::Redirected { to: "https://elsewhere.example.test/".into() }, vec!["redirect", "check `host`"]),
    ];
    for (seed, (behaviour, words)) in table.into_iter().enumerate() {
        world.api.set(behaviour.on(Endpoint::List));
        world.put_now(100 + seed as u64, 5);
        wait_for(&mut agent, "integration-failing", &words);
        world.api.clear();
        world.everything_arrives(&mut agent);
        wait_gone(&mut agent, "integration-failing");
    }
}

pub fn one_threat_whose_detail_never_parses_is_deferred_and_told_and_stops_no_other() {
    let world = World::new();
    world.put(110, 20);
    let ill = world.api.threats()[7].id.clone();
    world.api.set(Behaviour::Truncated.about(&ill));
    let mut agent = world.place.start();
    wait_for(&mut agent, "items-deferred", &["1 item is", &ill]);
    let others = |id: &String| !id.contains(&ill);
    agent.wait_until("the others arrive", |_| {
        let arrived = world.arrived();
        world.wanted().iter().filter(|id| others(id)).all(|id| arrived.contains(id))
    });
    world.api.clear();
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "items-deferred");
}

pub fn a_socket_that_hangs_is_given_up_after_its_time_and_asked_again() {
    slow(Behaviour::Hung, "did not answer in time", 130);
}

pub fn a_body_that_trickles_is_given_up_after_its_time_and_asked_again() {
    slow(Behaviour::Trickled { every: Duration::from_millis(500) }, "did not finish its answer within", 131);
}

fn slow(behaviour: Behaviour, said: &str, seed: u64) {
    let world = World::new();
    world.put(seed, 20);
    world.api.set(behaviour.on(Endpoint::List));
    let mut agent = world.place.start();
    agent.wait_within(Duration::from_secs(100), said, |agent| stream_fault(agent).contains(said));
    // The limit is ours, so the listener answered all the while; and the stream says that it fails.
    assert_eq!(agent.status()["integrations"][0]["state"], "failing");
    world.api.clear();
    world.everything_arrives(&mut agent);
}

/// The most memory that the process ever had, in KiB (proc_pid_status(5)).
fn high_water(agent: &Agent) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("procfs");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Of the whole process: a few answers of 4 MiB, and far from one of a gibibyte. A build for tests has twice the program in memory,
/// and how much the allocator holds hangs on which threads read.
const MOST_KIB: u64 = if cfg!(debug_assertions) { 192 << 10 } else { 64 << 10 };

#[test]
fn an_answer_of_a_gibibyte_is_cut_off_and_the_agent_stays_small() {
    for (on, code) in [(Endpoint::List, "integration-failing"), (Endpoint::Detail, "items-deferred")] {
        let world = World::new();
        world.put(120, 8);
        world.api.set(Behaviour::Endless { bytes: 1 << 30 }.on(on));
        let mut agent = world.place.start();
        wait_for(&mut agent, code, &["larger than"]);
        let most = high_water(&agent);
        assert!(most < MOST_KIB, "VmHWM is {most} KiB with {on:?}");
        world.api.clear();
        if on == Endpoint::List {
            world.everything_arrives(&mut agent);
        }
    }
}
