//! Faults in mid-stream. Repeats are allowed, one window a fault; losses are not.

use std::time::{Duration, Instant};

use super::cutter::Cutter;
use super::scene::{IN_HAND, Scene, destination};
use crate::receivers::Driver;

/// Some 8,000 messages: many windows.
const THREATS: usize = 4_000;

#[test]
fn undisturbed_every_event_comes_once_by_openssl() {
    let mut scene = Scene::new(1, THREATS, Driver::Ossl);
    let agent = scene.start();
    scene.end(agent, "undisturbed, openssl", 0);
}

#[test]
fn undisturbed_every_event_comes_once_by_gnutls() {
    let mut scene = Scene::new(2, THREATS, Driver::Gtls);
    let agent = scene.start();
    scene.end(agent, "undisturbed, gnutls", 0);
}

#[test]
fn five_resets_in_mid_stream_lose_nothing() {
    const CUTS: u64 = 5;
    let mut scene = Scene::new(9, THREATS, Driver::Gtls);
    let all = scene.truth.bytes();
    let cuts = (1..=CUTS).map(|n| all * n / (CUTS + 2)).collect();
    let cutter = Cutter::before(([127, 0, 0, 1], scene.receiver.port()).into(), cuts);
    scene.settings(&scene.destination("").replace(&scene.receiver.address(), &cutter.address()));
    let agent = scene.place.start();
    scene.end(agent, "five resets", CUTS as usize);
    assert_eq!(cutter.cuts(), 5);
}

#[test]
fn a_receiver_that_is_killed_and_started_again_five_times_loses_nothing() {
    const KILLS: usize = 5;
    let mut scene = Scene::new(3, THREATS, Driver::Ossl);
    let mut agent = scene.start_with_backlog();
    for kill in 1..=KILLS {
        scene.play_until(&mut agent, 60 * kill / (KILLS + 1));
        scene.receiver.restart();
    }
    scene.end(agent, "five kills", KILLS);
    assert!(scene.at.torn <= KILLS, "a kill tears one line");
}

#[test]
fn a_receiver_that_stands_still_for_half_a_minute_and_is_killed_then_loses_nothing() {
    let mut scene = Scene::new(4, THREATS, Driver::Ossl);
    let mut agent = scene.start_with_backlog();
    scene.play_until(&mut agent, 20);
    scene.receiver.stop_reading();
    let stopped = Instant::now();
    // The stop has its length by definition.
    agent.wait_within(Duration::from_secs(60), "half a minute", |_| stopped.elapsed() >= Duration::from_secs(30));
    let had = scene.at.look();
    assert!(had < scene.truth.events(), "stopped in mid-stream");
    assert!(destination(&agent)["depth"].as_u64() > Some(0), "the rest waits");
    scene.receiver.restart();
    scene.end(agent, "stopped and killed", 1);
}

#[test]
fn a_receiver_that_stands_still_for_half_a_minute_and_goes_on_gets_nothing_twice() {
    let mut scene = Scene::new(5, THREATS, Driver::Gtls);
    let mut agent = scene.start_with_backlog();
    scene.play_until(&mut agent, 20);
    scene.receiver.stop_reading();
    let stopped = Instant::now();
    agent.wait_within(Duration::from_secs(60), "half a minute", |_| stopped.elapsed() >= Duration::from_secs(30));
    scene.receiver.resume();
    scene.end(agent, "stopped and resumed", 0);
}

#[test]
fn a_receiver_that_is_stopped_in_order_and_started_again_loses_nothing() {
    let mut scene = Scene::new(6, THREATS, Driver::Ossl);
    let mut agent = scene.start_with_backlog();
    scene.play_until(&mut agent, 30);
    scene.receiver.terminate();
    scene.receiver.restart();
    scene.end(agent, "restarted", 1);
}

#[test]
fn kills_of_the_agent_in_mid_stream_lose_nothing() {
    const KILLS: usize = 5;
    let mut scene = Scene::new(7, THREATS, Driver::Ossl);
    // What of the batch in its hand was answered, it had not told yet.
    scene.again += IN_HAND;
    scene.settings(&scene.destination(""));
    for kill in 1..=KILLS {
        let mut agent = scene.place.spawn();
        scene.play_until(&mut agent, 60 * kill / (KILLS + 1));
        agent.kill();
    }
    let agent = scene.place.start();
    scene.end(agent, "kills of the agent", KILLS);
}

#[test]
fn after_a_clean_stop_in_mid_stream_nothing_comes_twice() {
    let mut scene = Scene::new(8, THREATS, Driver::Ossl);
    let mut agent = scene.start();
    scene.play_until(&mut agent, 20);
    let (exit, _) = agent.stop();
    assert!(exit.success(), "{exit}");
    assert!(scene.at.look() < scene.truth.events(), "stopped in mid-stream");
    let agent = scene.place.start();
    scene.end(agent, "clean stop", 0);
}
