//! SIGHUP: what is new starts, what went stops, what changed restarts, and the process stays.

use std::collections::HashSet;

use nix::sys::signal::Signal;

use crate::world::{TOKEN, World, number_at, text_at, wait_for, wait_gone};

#[test]
fn a_reload_adds_an_integration_and_changes_an_interval_without_a_restart() {
    let world = World::new();
    let mut agent = world.place.start();
    let started = text_at(&agent, "/agent/started");
    let other = world.integration().replace("integrations.acme", "integrations.other");
    world.put_now(1, 5);
    world.everything_arrives(&mut agent);
    world.reload(&mut agent, &format!("{}{other}", world.settings()));
    let others = |world: &World| world.arrived().iter().filter(|id| id.starts_with("other/")).count();
    agent.wait_until("the new one collects", |_| others(&world) >= world.wanted().len());
    // An hour: nothing is asked any more but by the other one.
    let slow = world.settings().replace("polling-interval = \"1s\"", "polling-interval = \"1h\"");
    world.reload(&mut agent, &format!("{slow}{other}"));
    agent.wait_until("the next poll is an hour away", |agent| {
        let next: Option<jiff::Timestamp> = text_at(agent, "/integrations/0/streams/0/next_poll").parse().ok();
        next.is_some_and(|next| next.duration_since(jiff::Timestamp::now()).as_secs() > 3_000)
    });
    assert_eq!(text_at(&agent, "/agent/started"), started);
}

#[test]
fn a_destination_that_comes_back_goes_on_where_it_stopped() {
    let world = World::new();
    let mut agent = world.place.start();
    world.put_now(4, 5);
    world.everything_arrives(&mut agent);
    world.reload(&mut agent, &world.integration());
    wait_for(&mut agent, "no-destination", &["soc"]);
    world.put_now(5, 5);
    agent.wait_until("the queue has it", |agent| number_at(agent, "/queue/events") >= Some(5));
    world.reload(&mut agent, &world.settings());
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "no-destination");
    let all = world.arrived();
    assert_eq!(all.len(), all.iter().collect::<HashSet<_>>().len(), "nothing came twice");
}

#[test]
fn a_rotated_token_counts_from_the_reload_on_in_the_same_process() {
    let world = World::new();
    let mut agent = world.place.start();
    world.put_now(6, 5);
    world.everything_arrives(&mut agent);
    let (pid, started) = (agent.pid(), text_at(&agent, "/agent/started"));
    world.api.set_token("rotated-0815");
    world.place.secret("acme.key", "rotated-0815");
    world.reload_as_is(&mut agent);
    world.put_now(7, 5);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-refused");
    assert_eq!((agent.pid(), text_at(&agent, "/agent/started")), (pid, started));
    let log = world.place.log();
    assert!(!log.contains("rotated-0815") && !log.contains(TOKEN));
}

#[test]
fn an_integration_that_is_disabled_asks_nothing_more_and_goes_on_when_it_is_enabled() {
    let world = World::new();
    let mut agent = world.place.start();
    world.put_now(8, 5);
    world.everything_arrives(&mut agent);
    world.reload(&mut agent, &world.settings().replace("lag =", "enabled = false\nlag ="));
    assert_eq!(text_at(&agent, "/integrations/0/state"), "disabled");
    // What was on its way when it was disabled has come by the end of another reload.
    world.reload_as_is(&mut agent);
    let asked = world.api.request_count();
    world.put_now(9, 5);
    world.reload_as_is(&mut agent);
    assert!(!world.api.wait_for_requests(asked + 1, std::time::Duration::from_secs(3)), "three intervals of silence");
    world.reload(&mut agent, &world.settings());
    world.everything_arrives(&mut agent);
}

#[test]
fn many_reloads_at_once_end_in_the_last_settings() {
    let world = World::new();
    let mut agent = world.place.start();
    world.put_now(10, 5);
    for _ in 0..50 {
        agent.signal(Signal::SIGHUP);
    }
    world.everything_arrives(&mut agent);
    world.reload(&mut agent, &world.settings());
    world.put_now(11, 5);
    world.everything_arrives(&mut agent);
    assert_eq!(agent.conditions(), []);
}

#[test]
fn a_destination_that_is_removed_keeps_its_place_until_it_is_forgotten_by_name_and_with_yes() {
    let world = World::new();
    let second = world.destination().replace("destinations.soc", "destinations.old");
    world.place.write_settings(&format!("{}{second}", world.settings()));
    let mut agent = world.place.start();
    world.put_now(2, 5);
    world.everything_arrives(&mut agent);
    agent.wait_until("both took all", |agent| {
        number_at(agent, "/destinations/0/depth") == Some(0) && number_at(agent, "/destinations/1/depth") == Some(0)
    });
    let refused = world.place.verb(&["queue", "forget", "old", "--yes"]);
    assert_eq!(refused.status.code(), Some(64), "it is set: {refused:?}");

    // Out of the file, but not yet out of the agent: what it hands over still moves the cursor.
    world.place.write_settings(&world.settings());
    let early = world.place.verb(&["queue", "forget", "old", "--yes"]);
    let said = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(early.status.code() == Some(64) && said.contains("reload"), "{early:?}");

    world.reload_as_is(&mut agent);
    wait_for(&mut agent, "no-destination", &["old", "conductor queue forget old"]);
    world.put_now(3, 5);
    world.everything_arrives(&mut agent);
    let without_yes = world.place.verb(&["queue", "forget", "old"]);
    let said = String::from_utf8_lossy(&without_yes.stderr).into_owned();
    assert!(without_yes.status.code() == Some(64) && said.contains("--yes") && said.contains("events"), "{said}");
    assert!(agent.has_condition("no-destination"));
    let forgotten = world.place.verb(&["queue", "forget", "old", "--yes"]);
    let said = String::from_utf8_lossy(&forgotten.stderr).into_owned();
    assert!(forgotten.status.success() && said.contains("forgot old"), "{said}");
    // And nobody keeps telling how to forget it.
    wait_gone(&mut agent, "no-destination");
    let again = world.place.verb(&["queue", "forget", "old", "--yes"]);
    assert_eq!(again.status.code(), Some(64), "{again:?}");
}

#[test]
fn what_was_switched_off_and_then_removed_is_gone_from_the_status() {
    let world = World::new();
    let off = world.settings().replace("lag =", "enabled = false\nlag =") + "enabled = false\n";
    world.place.write_settings(&off);
    let mut agent = world.place.start();
    agent.wait_until("the settings are in force", |agent| text_at(agent, "/destinations/0/state") == "disabled");
    world.reload(&mut agent, "");
    let status = agent.status();
    assert_eq!((status["integrations"].as_array(), status["destinations"].as_array()), (Some(&vec![]), Some(&vec![])));
}

#[test]
fn a_first_destination_that_passes_over_what_was_kept_is_told_with_a_way_back_that_works() {
    let world = World::new();
    world.place.write_settings(&world.integration());
    let mut agent = world.place.start();
    world.put_now(45, 5);
    let wanted = world.wanted().len() as u64;
    agent.wait_until("it is kept for nobody yet", |agent| number_at(agent, "/queue/events") >= Some(wanted));
    world.reload(&mut agent, &world.settings());
    assert!(world.place.log().contains(&format!("the {wanted} events that were kept while there was no destination")));
    world.reload(&mut agent, &world.integration());
    assert!(world.place.verb(&["queue", "forget", "soc", "--yes"]).status.success());
    world.reload(&mut agent, &format!("{}start = \"oldest\"\n", world.settings()));
    world.everything_arrives(&mut agent);
}
