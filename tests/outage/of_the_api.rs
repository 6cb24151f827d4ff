//! The vendor's API is ill, in every way that was seen, while threats keep coming.

use std::time::Duration;

use conductor_sim::api::{Behaviour, Endpoint, Rule};

use crate::agent::Place;
use crate::world::{AtSoc, Trust, Truth, new_threats};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn an_api_that_fails_in_every_way_in_turns_costs_time_and_no_threat() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut at) = (trust.api(), AtSoc::start(&trust));
    let soc = at.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &soc, "")));
    let mut agent = place.start();
    let mut truth = Truth::default();
    let turns: [Rule; 8] = [
        Behaviour::ServerError.into(),
        Behaviour::ServerError.on(Endpoint::Detail),
        Behaviour::ThrottledSeconds { seconds: 1 }.into(),
        Behaviour::Hung.into(),
        Behaviour::Truncated.into(),
        Behaviour::Html.into(),
        Behaviour::Reset.into(),
        Behaviour::EmptyBody.on(Endpoint::List),
    ];
    for (turn, rule) in (0..).zip(turns) {
        let name = rule.behaviour.name();
        api.set(rule);
        api.put(new_threats(turn * 2, 10));
        // The fault is met: a request has come since it was set.
        assert!(api.wait_for_requests(api.request_count() + 1, PATIENCE), "{name}: {}", place.log());
        api.put(new_threats(turn * 2 + 1, 10));
        api.clear();
        truth.note("acme", &api);
        agent.wait_within(PATIENCE, name, |_| at.look(&truth) == truth.events());
    }
    println!("8 illnesses: {}", at.judge.told());
    assert!(agent.stop().0.success());
    assert_eq!(at.look(&truth), truth.events());
    assert_eq!(at.judge.repeats, 0);
}
