//! A new key in its file: no restart, no signal, and the old one until the new one has worked.

use crate::agent::Agent;
use crate::world::{TOKEN, World, text_at, wait_for, wait_gone};

const NEW: &str = "CANARY-new-key-0815";
const WRONG: &str = "CANARY-wrong-key-4712";

/// A world with an agent that has collected something.
fn running(settings: impl Fn(&World) -> String) -> (World, Agent) {
    let world = World::new();
    world.place.write_settings(&settings(&world));
    let mut agent = world.place.start();
    world.put_now(1, 3);
    world.everything_arrives(&mut agent);
    (world, agent)
}

fn holds_no_key(world: &World) {
    let log = world.place.log();
    assert!([NEW, WRONG, TOKEN].iter().all(|key| !log.contains(key)), "{log}");
}

#[test]
fn a_changed_key_file_counts_without_a_signal_and_wakes_what_a_401_has_parked() {
    let (world, mut agent) = running(World::settings);
    let started = text_at(&agent, "/agent/started");
    world.api.set_token(NEW);
    wait_for(&mut agent, "integration-refused", &["401"]);
    world.put_now(2, 3);
    let refused = world.api.request_count();
    // With blanks, as a clipboard leaves them.
    world.place.secret("acme.key", &format!("{NEW} \n\n"));
    // The next try by itself is a minute away.
    agent.wait_within(std::time::Duration::from_secs(40), "it collects", |_| world.everything_arrived());
    wait_gone(&mut agent, "integration-refused");
    assert_eq!(agent.conditions(), []);
    assert_eq!(text_at(&agent, "/agent/started"), started);
    let log = world.place.log();
    assert!(log.contains("the new API key is in use") && log.contains("after the API key were left out"), "{log}");
    assert!(world.api.requests().iter().skip(refused as usize).any(|one| one.authorized));
    holds_no_key(&world);
}

#[test]
fn a_new_key_that_is_refused_leaves_the_old_one_in_use_and_is_taken_when_the_old_one_fails() {
    let (world, mut agent) = running(World::settings);
    world.place.secret("acme.key", NEW);
    let text = wait_for(&mut agent, "api-key-not-taken", &["401", "the old one stays in use"]);
    assert!(!text.contains(NEW));
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
    assert!(!agent.has_condition("integration-refused"), "the old key works");
    // The vendor makes the new key known and ends the old one.
    world.api.set_token(NEW);
    world.put_now(3, 3);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "api-key-not-taken");
    wait_gone(&mut agent, "integration-refused");
    holds_no_key(&world);
}

#[test]
fn a_wrong_key_set_next_to_a_changed_setting_costs_no_old_key_at_the_reload() {
    let (world, mut agent) = running(World::settings);
    let settings = world.settings().replace("lag =", "api-key-expires = \"2031-01-31\"\nlag =");
    world.place.secret("acme.key", WRONG);
    world.reload(&mut agent, &settings);
    wait_for(&mut agent, "api-key-not-taken", &["401", "the old one stays in use"]);
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
    assert!(!agent.has_condition("integration-refused"));
    assert_eq!(text_at(&agent, "/integrations/0/api_key_expires"), "2031-01-31");
    holds_no_key(&world);
}

#[test]
fn a_key_file_that_is_emptied_or_put_back_changes_nothing_but_what_is_told() {
    let (world, mut agent) = running(World::settings);
    world.place.secret("acme.key", "");
    wait_for(&mut agent, "api-key-not-taken", &["acme.key", "is empty"]);
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
    world.place.secret("acme.key", WRONG);
    wait_for(&mut agent, "api-key-not-taken", &["401"]);
    world.place.secret("acme.key", TOKEN);
    wait_gone(&mut agent, "api-key-not-taken");
    assert_eq!(agent.conditions(), []);
    holds_no_key(&world);
}

#[test]
fn a_key_that_appears_where_there_was_none_is_seen_at_once() {
    let world = World::new();
    let settings = world.settings();
    let path = world.place.dir.path().join("acme.key");
    std::fs::remove_file(&path).expect("removed");
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-keyless", &["does not exist"]);
    world.put_now(1, 3);
    world.place.secret("acme.key", TOKEN);
    // Within the look's seconds: the next try by itself is a minute away.
    agent.wait_within(std::time::Duration::from_secs(40), "it collects", |_| world.everything_arrived());
    assert!(!agent.has_condition("integration-keyless"));
}

#[test]
fn a_reload_of_unchanged_settings_wakes_what_a_refusal_has_parked() {
    use conductor_sim::api::Behaviour;
    let (world, mut agent) = running(World::settings);
    world.api.set(Behaviour::IpDenied);
    wait_for(&mut agent, "integration-refused", &["403", "IP Safelist"]);
    world.api.clear();
    world.put_now(2, 3);
    world.reload_as_is(&mut agent);
    // The next try by itself is a minute away.
    agent.wait_within(std::time::Duration::from_secs(40), "it collects", |_| world.everything_arrived());
    wait_gone(&mut agent, "integration-refused");
}
