//! A 403 has three causes; the other streams tell which of them are left.

use conductor_sim::api::{Behaviour, Endpoint};

use crate::world::{World, wait_for, wait_gone};

#[test]
fn one_stream_that_is_refused_is_a_matter_of_permission_and_the_others_go_on() {
    let world = World::new();
    world.api.set(Behaviour::NotPermitted.on(Endpoint::Cases));
    world.place.write_settings(&world.settings().replace("[\"threats\"]", "[\"threats\", \"cases\"]"));
    let mut agent = world.place.start();
    world.put_now(1, 3);
    world.everything_arrives(&mut agent);
    let text = wait_for(&mut agent, "stream-refused", &["403", "threats"]);
    assert!(!text.contains("IP Safelist"), "the same address is let in for threats: {text}");
    assert!(!agent.has_condition("integration-refused"));
    world.put_now(2, 3);
    world.everything_arrives(&mut agent);
    world.api.clear();
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    wait_gone(&mut agent, "stream-refused");
}

#[test]
fn all_streams_refused_leave_the_safelist_and_the_key_and_the_egress_ip_is_named() {
    let world = World::new();
    world.api.set(Behaviour::IpDeniedSilently);
    let streams = world.settings().replace("[\"threats\"]", "[\"threats\", \"cases\"]");
    world.place.write_settings(&format!("{}{streams}", world.egress("\"203.0.113.10\"")));
    let mut agent = world.place.start();
    wait_for(&mut agent, "integration-refused", &["refuses every stream (403)", "IP Safelist", "127.0.0.1"]);
    // Told of the first while the second was still asked.
    wait_gone(&mut agent, "stream-refused");
    world.api.clear();
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    wait_gone(&mut agent, "integration-refused");
}
