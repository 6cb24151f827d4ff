//! The vendor's API is ill, in every way that was seen, while threats keep coming.

use std::time::Duration;

use conductor_sim::api::{Behaviour, Endpoint, Rule, Seen, generate};
use jiff::{SignedDuration, Timestamp};

use crate::agent::Place;
use crate::world::{AtSoc, Trust, Truth, new_threats};

const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn an_api_that_fails_in_every_way_in_turns_costs_time_and_no_threat() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut soc) = (trust.api(), AtSoc::start(&trust));
    let address = soc.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &address, "")));
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
        let (name, lists_fail) = (rule.behaviour.name(), rule.on != Some(Endpoint::Detail));
        api.set(rule);
        let before = api.requests().len();
        api.put(new_threats(turn * 2, 10));
        // The fault is met: a request has come since it was set; where it is a list that fails, the list by the time of arrival.
        let mut window = None;
        agent.wait_within(PATIENCE, name, |_| {
            let seen = &api.requests()[before..];
            window = newest_window(seen);
            if lists_fail { window.is_some() } else { !seen.is_empty() }
        });
        // These lie in the very window that could not be listed, if it was a list that failed.
        let at = window.filter(|_| lists_fail).unwrap_or_else(|| Timestamp::now() + SignedDuration::from_secs(2));
        api.put(generate(turn * 2 + 1, 10, at, at));
        api.clear();
        truth.note("acme", &api);
        agent.wait_within(PATIENCE, name, |_| soc.look(&truth) == truth.events());
    }
    println!("8 illnesses: {}", soc.judge.told());
    assert!(agent.stop().0.success());
    assert_eq!(soc.look(&truth), truth.events());
    assert_eq!(soc.judge.repeats, 0);
}

/// The last second of the window that was listed last by the time of arrival.
fn newest_window(requests: &[Seen]) -> Option<Timestamp> {
    let end = |seen: &Seen| {
        let filter = seen.query.replace("%3A", ":").replace("%20", " ");
        let (_, to) = filter.split_once("receivedTime gte ")?.1.split_once(" lte ")?;
        to.split('&').next()?.parse::<Timestamp>().ok()
    };
    Some(requests.iter().rev().find_map(end)? - SignedDuration::from_secs(1))
}
