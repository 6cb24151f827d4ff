//! Faults in mid-stream, at both receivers at once. Repeats are allowed, within two windows and a batch for each cut; losses are not.
//!
//! What makes sure that a fault falls into the stream: cuts fall at counts of bytes, kills at counts of events that had
//! arrived, and each test holds that less than everything had arrived by then.

use std::time::{Duration, Instant};

use super::cutter::Cutter;
use super::kernel::{Held, held};
use super::scene::{PATIENCE, Scene, THREATS, destination, loopback};
use crate::receivers::Receiver;
use crate::world::BATCH;

/// Small, so that 30 MB are many windows, and that what may come twice is little.
const WINDOW: u64 = 512 << 10;
/// Unconfirmed at any one time, at most, and the batch in hand: so much may come again after each fault.
const AGAIN: u64 = 2 * WINDOW + BATCH;

fn window() -> String {
    format!("window = \"{}KiB\"", WINDOW >> 10)
}

#[test]
fn five_resets_in_mid_stream_lose_nothing() {
    const CUTS: u64 = 5;
    let mut scene = Scene::new(5, THREATS);
    let all = scene.truth.bytes();
    let cuts: Vec<u64> = (1..=CUTS).map(|n| all * n / (CUTS + 2)).collect();
    let before = |receiver: &Receiver| Cutter::before(loopback(receiver.port()), cuts.clone());
    let (r, s) = (before(&scene.rsyslog), before(&scene.syslog_ng));
    scene.settings(&r.address(), &s.address(), &window());
    let agent = scene.place.start();
    scene.end(agent, "5 resets");
    assert_eq!([r.cuts(), s.cuts()], [5, 5]);
    for at in [&scene.at_rsyslog, &scene.at_syslog_ng] {
        assert!(at.judge.furthest_back <= AGAIN, "{} bytes came again", at.judge.furthest_back);
    }
}

#[test]
fn receivers_that_stop_reading_and_are_killed_with_full_buffers_lose_nothing() {
    let mut scene = Scene::new(6, THREATS);
    scene.plain_settings("");
    // Collected first: where collecting is slow, each pause in it asks for a receipt, and a connection has but thirty of them.
    scene.rsyslog.terminate();
    scene.syslog_ng.terminate();
    let mut agent = scene.place.start();
    let all = scene.truth.events();
    agent.wait_within(PATIENCE, "everything waits", |agent| {
        ["rsyslog", "syslog-ng"].iter().all(|name| destination(agent, name)["depth"] == all)
    });
    let part = scene.share(20);
    scene.rsyslog.restart();
    agent.wait_within(PATIENCE, "a fifth has arrived", |_| scene.at_rsyslog.look() >= part);
    scene.rsyslog.stop_reading();
    // Of the first: after a minute of it the agent would rightly call it stalled.
    let stopped = Instant::now();
    scene.syslog_ng.restart();
    agent.wait_within(PATIENCE, "a fifth has arrived", |_| scene.at_syslog_ng.look() >= part);
    scene.syslog_ng.stop_reading();
    let stop = Duration::from_secs(30);
    // The stop has its length by definition; what it must have done is looked for beside it.
    let had = [scene.at_rsyslog.look(), scene.at_syslog_ng.look()];
    assert!(had.iter().all(|had| *had < all), "stopped in mid-stream");
    let (mut full, mut since) = ([Held::default(); 2], Instant::now());
    agent.wait_within(PATIENCE, "the buffers are full and the time is over", |_| {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel tells its connections");
        let now = [held(&table, scene.rsyslog.port()), held(&table, scene.syslog_ng.port())];
        if now != full {
            (full, since) = (now, Instant::now());
        }
        stopped.elapsed() >= stop && since.elapsed() >= Duration::from_secs(1)
    });
    // How much a receiver's side takes before it says that it has no room differs; that it said so is seen at ours.
    assert!(full.iter().all(|held| held.unread > 0 && held.unsent > 0), "there is room: {full:?}");
    for name in ["rsyslog", "syslog-ng"] {
        assert!(destination(&agent, name)["depth"].as_u64() > Some(0), "{name} waits");
    }
    scene.rsyslog.kill();
    scene.syslog_ng.kill();
    scene.rsyslog.restart();
    scene.syslog_ng.restart();
    scene.end(agent, &format!("killed after {stop:?} with {full:?}"));
    for at in [&scene.at_rsyslog, &scene.at_syslog_ng] {
        assert!(at.torn <= 1, "one kill tears one line");
        let default = 4 << 20;
        assert!(at.judge.furthest_back <= 2 * default + BATCH, "{} bytes came again", at.judge.furthest_back);
    }
}

#[test]
fn twenty_kills_of_the_agent_in_mid_stream_lose_nothing() {
    const KILLS: u64 = 20;
    let mut scene = Scene::new(7, THREATS);
    let receivers = (scene.rsyslog.address(), scene.syslog_ng.address());
    scene.settings(&receivers.0, &receivers.1, &window());
    for kill in 1..=KILLS {
        let mut agent = scene.place.spawn();
        // The high-water mark moves on from kill to kill, so none falls before the agent has made way again.
        let mark = scene.share(60) * kill as usize / KILLS as usize;
        agent.wait_within(PATIENCE, "more has arrived", |_| scene.arrived() >= mark);
        agent.kill();
        let had = scene.arrived();
        assert!(had < scene.truth.events(), "kill {kill} falls into the stream");
    }
    let agent = scene.place.start();
    scene.end(agent, "20 kills of the agent");
    for at in [&scene.at_rsyslog, &scene.at_syslog_ng] {
        assert!(at.judge.furthest_back <= AGAIN, "{} bytes came again", at.judge.furthest_back);
    }
}
