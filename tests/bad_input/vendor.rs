//! The API refuses us, is elsewhere, or is another: token, IP safelist, host, port, CA, clock, key file.

use std::fs;

use conductor_sim::api::{Behaviour, Endpoint};
use conductor_sim::ca::Authority;

use crate::world::{TOKEN, World, stream_fault, text_at, wait_for, wait_gone};

#[test]
fn a_wrong_token_is_told_with_the_place_to_make_a_new_one_and_a_new_one_goes_on_where_it_stopped() {
    let world = World::new();
    world.put(1, 20);
    world.place.secret("acme.key", "a-wrong-token");
    let mut agent = world.place.start();
    let text = wait_for(&mut agent, "integration-refused", &["401", "Abnormal portal", "set it"]);
    assert!(!text.contains("a-wrong-token"), "{text}");
    assert_eq!(text_at(&agent, "/integrations/0/streams/0/state"), "parked");
    assert_eq!(text_at(&agent, "/state"), "degraded");
    world.place.secret("acme.key", TOKEN);
    world.reload_as_is(&mut agent);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-refused");
    assert!(!world.place.log().contains("a-wrong-token"));
}

#[test]
fn a_403_names_the_egress_ip_that_was_observed_and_the_allowlisted_ones() {
    let world = World::new();
    world.put(2, 20);
    world.api.set_egress(Some("198.51.100.77"));
    world.api.set(Behaviour::IpDenied);
    let wrong = format!("{}{}", world.settings(), world.egress("\"203.0.113.10\""));
    world.place.write_settings(&wrong);
    let mut agent = world.place.start();
    wait_for(&mut agent, "egress-mismatch", &["198.51.100.77", "203.0.113.10", "Safelist"]);
    // The first 403 may have come before the first look at our address: the reload asks again.
    world.reload(&mut agent, &format!("{wrong}source-address = \"127.0.0.1\"\n"));
    let text = wait_for(&mut agent, "integration-refused", &["403", "IP Safelist", "198.51.100.77", "203.0.113.10"]);
    assert!(text.contains("permission"), "{text}");
    assert_eq!(agent.status()["egress"]["matches"], false);
    world.api.clear();
    world.reload(&mut agent, &format!("{}{}", world.settings(), world.egress("\"198.51.100.77\"")));
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "egress-mismatch");
    wait_gone(&mut agent, "integration-refused");
}

#[test]
fn a_wrong_host_name_and_a_closed_port_are_told_apart_and_mended_by_a_reload() {
    let world = World::new();
    world.put(3, 20);
    let right = world.settings();
    world.place.write_settings(&right.replace(&world.host(), "no-such-host.invalid"));
    let mut agent = world.place.start();
    agent.wait_until("DNS is named", |agent| {
        let text = stream_fault(agent);
        text.contains("DNS") && text.contains("no-such-host.invalid") && text.contains("this box's DNS servers")
    });
    // Bound and no listener: it stays nobody's.
    let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    held.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let closed = held.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    world.reload(&mut agent, &right.replace(&world.host(), &closed.to_string()));
    agent.wait_until("the port is named", |agent| {
        let text = stream_fault(agent);
        text.contains(&closed.to_string()) && text.contains("nothing listens there")
    });
    assert_eq!(text_at(&agent, "/integrations/0/state"), "failing");
    world.reload(&mut agent, &right);
    world.everything_arrives(&mut agent);
}

#[test]
fn a_certificate_for_another_name_is_told_as_such() {
    let world = World::new();
    let stranger = world.authority.server(&["another.example"]).expect("a certificate");
    let api = conductor_sim::api::Api::start(conductor_sim::api::ApiOptions::new(TOKEN, stranger)).expect("an API");
    world.place.write_settings(&world.settings().replace(&world.host(), &api.addr().to_string()));
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-refused", &["another.example"]);
    world.put(6, 5);
    world.reload(&mut agent, &world.settings());
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-refused");
}

#[test]
fn a_clock_that_differs_from_the_vendors_is_told_and_loses_no_event_on_either_side() {
    for (seed, seconds) in [(70, 300), (71, -300)] {
        let world = World::new();
        world.put(seed, 20);
        world.api.set(Behaviour::ClockSkew { seconds });
        let mut agent = world.place.start();
        let text = wait_for(&mut agent, "clock-skew", &["timedatectl"]);
        // The header tells whole seconds, and its way to us is not free.
        let near = |word: &str| word.parse::<u64>().is_ok_and(|told| (290..=310).contains(&told));
        assert!(text.split_whitespace().any(near), "{text}");
        world.put_now(seed + 10, 10);
        let offset = agent.status()["clock"]["offset_seconds"].as_f64().expect("compared");
        assert!((offset - seconds as f64).abs() < 30.0, "{offset}");
        world.api.clear();
        world.everything_arrives(&mut agent);
        wait_gone(&mut agent, "clock-skew");
    }
}

#[test]
fn a_key_file_that_can_not_be_read_parks_its_integration_alone_until_it_can_and_a_reload_comes() {
    let world = World::new();
    world.put(8, 20);
    let key = world.place.dir.path().join("acme.key");
    let other = world.integration().replace("integrations.acme", "integrations.other");
    let other =
        other.replace(&key.display().to_string(), &world.place.dir.path().join("other.key").display().to_string());
    world.place.write_settings(&format!("{}{other}", world.settings()));
    world.place.secret("other.key", TOKEN);
    fs::remove_file(&key).expect("removed");
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-keyless", &["acme.key", "does not exist"]);
    agent.wait_until("the other goes on", |_| world.soc.count() >= world.wanted().len() as u64);
    assert!(!world.everything_arrived());
    for (written, said) in [("", "is empty"), ("two words", "must hold the key alone")] {
        world.place.secret("acme.key", written);
        world.reload_as_is(&mut agent);
        // The same fault reads the same; another is told with the next look, which a reload does not hasten.
        let log = world.place.log();
        assert!(agent.has_condition("integration-keyless"), "{written:?} {said} {log}");
    }
    world.place.secret("acme.key", TOKEN);
    world.reload_as_is(&mut agent);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-keyless");
}

#[test]
fn a_wrong_ca_for_the_api_is_told_with_the_setting_and_the_right_file_counts_at_the_next_reload() {
    let world = World::new();
    world.put(4, 20);
    let right = fs::read(world.ca()).expect("the CA");
    let other = Authority::new("Another CA").expect("a CA");
    let own = world.place.dir.path().join("api-ca.pem");
    let settings = world.settings().replacen(&world.ca().display().to_string(), &own.display().to_string(), 1);
    fs::write(&own, other.ca_pem()).expect("written");
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-refused", &["certificate", "issuer", "`ca`"]);
    // Only the file changes: the settings are the same to the letter.
    fs::write(&own, right).expect("written");
    world.reload_as_is(&mut agent);
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-refused");
}

pub fn a_ca_file_that_is_missing_parks_the_integration_until_it_is_there_and_nothing_is_told_afterwards() {
    let world = World::new();
    world.put(5, 20);
    let own = world.place.dir.path().join("api-ca.pem");
    let settings = world.settings().replacen(&world.ca().display().to_string(), &own.display().to_string(), 1);
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-failing", &["api-ca.pem", "can't be read"]);
    fs::copy(world.ca(), &own).expect("copied");
    // No reload: it looks again by itself, each minute.
    world.everything_arrives(&mut agent);
    wait_gone(&mut agent, "integration-failing");
}

#[test]
fn an_integration_that_is_switched_off_leaves_no_condition_behind() {
    let world = World::new();
    world.place.secret("acme.key", "a-wrong-token");
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-refused", &["401"]);
    let off = world.settings().replace("polling-interval", "enabled = false\npolling-interval");
    world.place.secret("acme.key", "a-wrong-token");
    world.reload(&mut agent, &off);
    assert_eq!(text_at(&agent, "/integrations/0/state"), "disabled");
    assert!(!agent.has_condition("integration-refused"), "{:?}", agent.conditions());
    assert_eq!(text_at(&agent, "/state"), "healthy");
}

#[test]
fn a_probe_that_fails_does_not_say_that_the_address_is_allowlisted_again() {
    let world = World::new();
    world.api.set_egress(Some("198.51.100.77"));
    let settings = format!("{}{}", world.settings(), world.egress("\"203.0.113.10\""));
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    wait_for(&mut agent, "egress-mismatch", &["198.51.100.77"]);
    world.api.set(Behaviour::ServerError.on(Endpoint::Ip));
    world.reload_as_is(&mut agent);
    wait_for(&mut agent, "egress-unknown", &["could not be observed", "500"]);
    assert!(agent.has_condition("egress-mismatch"), "what was last seen still did not match");
    assert!(!world.place.log().contains("among the allowlisted again"), "{}", world.place.log());
}

#[test]
fn a_change_of_the_egress_ip_across_a_probe_that_failed_is_still_told_with_both_addresses() {
    let world = World::new();
    world.api.set_egress(Some("203.0.113.10"));
    world.place.write_settings(&format!("{}{}", world.settings(), world.egress("\"203.0.113.10\"")));
    let mut agent = world.place.start();
    agent.wait_until("the first look", |agent| text_at(agent, "/egress/observed") == "203.0.113.10");
    assert_eq!(agent.status()["egress"]["matches"], true);
    world.api.set(Behaviour::ServerError.on(Endpoint::Ip));
    world.reload_as_is(&mut agent);
    wait_for(&mut agent, "egress-unknown", &["could not be observed"]);
    world.api.clear();
    world.api.set_egress(Some("198.51.100.77"));
    world.reload_as_is(&mut agent);
    wait_for(&mut agent, "egress-mismatch", &["198.51.100.77"]);
    let log = world.place.log();
    let told = |line: &str| line.contains("changed from 203.0.113.10 to 198.51.100.77");
    assert!(log.lines().any(told), "{log}");
}
