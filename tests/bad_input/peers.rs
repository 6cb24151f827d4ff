//! The SOC's side is wrong: its CA, its port, nobody there.

use std::fs;
use std::time::Duration;

use conductor_sim::ca::Authority;

use crate::world::{World, text_at, wait_for, wait_gone};

pub fn a_soc_that_is_away_is_told_after_a_minute_and_gets_everything_when_it_is_back() {
    let world = World::new();
    world.soc.refuse();
    world.put(21, 20);
    let mut agent = world.place.start();
    agent.wait_until("the port is named", |agent| {
        text_at(agent, "/destinations/0/last_fault/text").contains("nothing listens there")
    });
    assert!(!agent.has_condition("destination-down"), "not within the first seconds");
    agent.wait_within(Duration::from_secs(120), "destination-down stands", |a| a.has_condition("destination-down"));
    assert_eq!(agent.get("/readyz").map(|(status, _)| status), Some(200), "a box that waits does its job");
    world.soc.listen_again().expect("the same port");
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "destination-down");
}

#[test]
fn a_wrong_ca_for_the_destination_is_told_with_the_setting_and_the_right_file_counts_at_the_next_reload() {
    let world = World::new();
    world.put(20, 20);
    let right = fs::read(world.ca()).expect("the CA");
    let own = world.place.dir.path().join("soc-ca.pem");
    let destination = world.destination().replace(&world.ca().display().to_string(), &own.display().to_string());
    fs::write(&own, Authority::new("Another CA").expect("a CA").ca_pem()).expect("written");
    world.place.write_settings(&format!("{}{destination}", world.integration()));
    let mut agent = world.place.start();
    wait_for(&mut agent, "destination-refused", &["not trusted", "`ca`"]);
    assert_eq!(text_at(&agent, "/destinations/0/state"), "parked");
    fs::write(&own, right).expect("written");
    world.reload_as_is(&mut agent);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "destination-refused");
}

#[test]
fn a_destination_that_is_switched_off_leaves_no_condition_behind_and_keeps_its_place() {
    let world = World::new();
    let own = world.place.dir.path().join("soc-ca.pem");
    let wrong = world.destination().replace(&world.ca().display().to_string(), &own.display().to_string());
    fs::write(&own, Authority::new("Another CA").expect("a CA").ca_pem()).expect("written");
    world.place.write_settings(&format!("{}{wrong}", world.integration()));
    world.put(22, 10);
    let mut agent = world.place.start();
    wait_for(&mut agent, "destination-refused", &["`ca`"]);
    world.reload(&mut agent, &format!("{}{wrong}enabled = false\n", world.integration()));
    assert_eq!(text_at(&agent, "/destinations/0/state"), "disabled");
    assert!(!agent.has_condition("destination-refused"), "{:?}", agent.conditions());
    world.reload(&mut agent, &world.settings());
    world.everything_arrives(&mut agent);
}
