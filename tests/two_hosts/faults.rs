//! What wires do. Each fault falls into the stream: each test holds that less than everything had arrived by then.
//!
//! Lengths are part of the faults; times to notice and to resume are printed, and held to what is documented.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::hosts::between_two_hosts;
use super::scene::{PATIENCE, REQUEST, Scene, WINDOW, told};
use super::wire::Weather;
use crate::world::BATCH;

const THREATS: usize = 1000;
/// RELP's events under way, at the most.
const TRANSACTIONS: usize = 128;
/// A dead peer is noticed in 30 s; the rest is for a slow machine.
const NOTICED: Duration = Duration::from_secs(60);
/// Between two tries of a destination that has been away are 15 s at most, and a dial may take 10 s.
const RESUMED: Duration = Duration::from_secs(60);

/// The far host is far: what is sent at once does not arrive at once.
fn fair() -> Weather {
    Weather { delay: Duration::from_millis(20), ..Weather::default() }
}

/// Seconds of the cut: `CONDUCTOR_CUT_SECONDS` makes it longer.
fn cut() -> Duration {
    let longer = std::env::var("CONDUCTOR_CUT_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(longer.unwrap_or(65))
}

/// Holds the repeats to what is documented, for so many faults.
fn no_more_than_documented(scene: &Scene, faults: usize) {
    let back = scene.at_syslog.judge.furthest_back;
    assert!(back <= 2 * WINDOW + BATCH, "syslog: {back} bytes came again");
    assert!(scene.at_relp.judge.repeats <= faults * TRANSACTIONS, "{}", scene.at_relp.judge.told());
    assert!(scene.at_http.repeats <= faults * REQUEST, "{}", scene.at_http.told());
}

#[test]
fn a_wire_that_loses_delays_and_reorders_costs_no_event() {
    between_two_hosts(|hosts| {
        let mut scene = Scene::new(hosts, 31, THREATS / 2);
        let jitter = Duration::from_millis(10);
        hosts.wire.set(Weather { loss: 5, jitter, ..fair() });
        let agent = scene.place.start();
        scene.end(agent, "5 % lost, 20 to 30 ms");
        let count = hosts.wire.count();
        println!("{count:?}");
        assert!(count.lost > 50 && count.overtook > 50, "the weather was bad: {count:?}");
        no_more_than_documented(&scene, 1);
    });
}

#[test]
fn a_cut_of_a_minute_is_noticed_and_over_when_it_is_over() {
    between_two_hosts(|hosts| {
        let mut scene = Scene::new(hosts, 32, THREATS);
        hosts.wire.set(fair());
        let mut agent = scene.place.start();
        scene.play_until(&mut agent, 10);
        let begun = Instant::now();
        hosts.wire.set(Weather { cut: true, ..fair() });
        let noticed = scene.each(&mut agent, "it is noticed", |one| one["connected"] == false);
        println!("cut: noticed after {noticed:?}");
        assert!(noticed.iter().all(|after| *after <= NOTICED), "{noticed:?}");
        let had = scene.arrived();
        agent.wait_within(cut() + PATIENCE, "the cut has its length", |_| begun.elapsed() >= cut());
        for one in told(&agent) {
            assert!(one["connected"] == false && one["depth"] != 0 && one["last_fault"] != "", "{one}");
        }
        // Noticed after 30 s, a condition after a minute more: a shorter cut raises none.
        if cut() > Duration::from_secs(110) {
            assert!(agent.has_condition("destination-down"), "{:?}", agent.conditions());
        }
        assert_eq!(scene.arrived(), had, "nothing passes");
        hosts.wire.set(fair());
        let resumed = scene.resumed(&mut agent);
        println!("cut of {:?}: resumed after {resumed:?}", cut());
        assert!(resumed.iter().all(|after| *after <= RESUMED), "{resumed:?}");
        agent.wait_within(PATIENCE, "it is not down any more", |agent| !agent.has_condition("destination-down"));
        scene.end(agent, "cut");
        no_more_than_documented(&scene, 1);
    });
}

#[test]
fn a_receivers_host_that_vanishes_and_comes_back_as_another_gets_what_the_old_one_had_not_confirmed() {
    between_two_hosts(|hosts| {
        let mut scene = Scene::new(hosts, 33, THREATS);
        hosts.wire.set(fair());
        let mut agent = scene.place.start();
        scene.play_until(&mut agent, 10);
        // Cut before it dies: not one FIN or RST of the old host's gets out.
        hosts.wire.set(Weather { cut: true, ..fair() });
        hosts.replace_far();
        scene.collector.refuse();
        scene.collector.kill_all();
        hosts.at_far(|| {
            scene.syslog.restart();
            scene.relp.restart();
            scene.collector.listen_again().expect("its port is free on the new host");
        });
        let had = scene.arrived();
        assert!(had.iter().all(|have| *have < scene.truth.events()), "{had:?}");
        hosts.wire.set(fair());
        let resumed = scene.resumed(&mut agent);
        println!("half open: resumed after {resumed:?}");
        assert!(resumed.iter().all(|after| *after <= RESUMED), "{resumed:?}");
        scene.end(agent, "half open");
        no_more_than_documented(&scene, 1);
    });
}

#[test]
fn a_peer_that_swallows_every_dial_is_called_down_and_gets_everything_when_it_answers() {
    between_two_hosts(|hosts| {
        let mut scene = Scene::new(hosts, 34, THREATS / 5);
        hosts.wire.set(Weather { swallows_syn: true, ..fair() });
        let mut agent = scene.place.start();
        let noticed = scene.each(&mut agent, "it is noticed", |one| one["last_fault"] != Value::Null);
        println!("black hole: noticed after {noticed:?}");
        let all = scene.truth.events();
        agent.wait_within(PATIENCE, "everything waits", |agent| told(agent).iter().all(|one| one["depth"] == all));
        for one in told(&agent) {
            assert!(one["connected"] == false && one["taken_total"] == 0, "{one}");
        }
        assert!(hosts.wire.count().syns >= 3, "{:?}", hosts.wire.count());
        hosts.wire.set(fair());
        let resumed = scene.resumed(&mut agent);
        println!("black hole: resumed after {resumed:?}");
        assert!(resumed.iter().all(|after| *after <= RESUMED), "{resumed:?}");
        scene.end(agent, "black hole");
        no_more_than_documented(&scene, 0);
    });
}
