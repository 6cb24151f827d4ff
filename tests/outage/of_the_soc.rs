//! The SOC is away, or its receiver is ill.

use std::time::{Duration, Instant};

use crate::agent::Place;
use crate::world::{AtSoc, Trust, Truth, new_threats};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_comes_in_while_the_soc_refuses_arrives_in_order_when_it_listens_again() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut at) = (trust.api(), AtSoc::start(&trust));
    let soc = at.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &soc, "")));
    api.put(new_threats(1, 100));
    let mut agent = place.start();
    let mut truth = Truth::of("acme", &api);
    agent.wait_within(PATIENCE, "the first have arrived", |_| at.look(&truth) == truth.events());
    at.soc.refuse();
    at.soc.kill_all();
    let away = Instant::now();
    for batch in 2..=4 {
        api.put(new_threats(batch, 100));
        truth.note("acme", &api);
        let all = truth.events();
        agent.wait_within(PATIENCE, "they are kept", |agent| agent.status()["queue"]["appended_total"] == all);
    }
    assert!(at.look(&truth) < truth.events(), "nobody listened");
    let (away, back) = (away.elapsed(), Instant::now());
    let before = at.soc.count();
    at.soc.listen_again().expect("its port is still its own");
    assert!(at.soc.wait_for(before + 1, PATIENCE), "nothing comes: {}", place.log());
    let resumed = back.elapsed();
    agent.wait_within(PATIENCE, "all have arrived", |_| at.look(&truth) == truth.events());
    println!("away {away:.1?}, first event {resumed:.1?} after: {}", at.judge.told());
    let status = agent.status();
    let told = &status["destinations"][0];
    assert_eq!(told["reconnects_total"], 1, "one outage is told as one: {told}");
    // The first batch may come again; what never left the box is neither forwarded nor resent.
    let (forwarded, resent) = (told["forwarded_total"].as_u64(), told["resent_total"].as_u64());
    assert!(forwarded <= Some((truth.events() + at.judge.repeats) as u64), "{told}");
    assert!(resent <= Some(at.judge.repeats as u64), "{told}");
    let log = place.log();
    assert_eq!(log.matches("trying again").count(), 1, "and once in the log: {log}");
    assert!(agent.stop().0.success());
    assert_eq!(at.look(&truth), truth.events());
}
