//! Eight destinations, three of them ill: the others do not notice.

use std::net::TcpListener;
use std::time::Duration;

use crate::agent::{Agent, Place};
use crate::receivers::free_port;
use crate::world::{AtSoc, Trust, Truth, new_threats, threats};

const PATIENCE: Duration = Duration::from_secs(120);

fn told(agent: &Agent, name: &str) -> serde_json::Value {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {status}"))
}

/// The value of a metric of one destination.
fn metric(agent: &Agent, family: &str, name: &str) -> Option<f64> {
    let (_, text) = agent.get("/metrics")?;
    let wanted = format!("{family}{{destination=\"{name}\"");
    text.lines().find(|line| line.starts_with(&wanted))?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn five_destinations_get_everything_beside_one_that_hangs_one_that_is_refused_and_one_that_is_slow() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    api.put(threats(1, 300));
    let mut truth = Truth::of("acme", &api);
    let mut well: Vec<AtSoc> = (0..5).map(|_| AtSoc::start(&trust)).collect();
    let mut slow = AtSoc::start(&trust);
    slow.soc.slow(Some(1));
    // It takes connections and says nothing, ever.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let hanging = (hanging.local_addr().expect("bound"), hanging);
    let mut settings = trust.integration(&place, "acme", &api);
    for (at, one) in well.iter().enumerate() {
        settings += &trust.destination(&format!("well-{at}"), &one.soc.addr().to_string(), "");
    }
    settings += &trust.destination("slow", &slow.soc.addr().to_string(), "");
    settings += &trust.destination("hanging", &hanging.0.to_string(), "");
    settings += &trust.destination("refused", &format!("127.0.0.1:{}", free_port()), "");
    place.write_settings(&settings);
    let mut agent = place.start();
    let complete = |well: &mut Vec<AtSoc>, truth: &Truth| well.iter_mut().all(|one| one.look(truth) == truth.events());
    agent.wait_within(PATIENCE, "the five have the first", |_| complete(&mut well, &truth));
    // More comes while three are ill.
    api.put(new_threats(2, 100));
    truth.note("acme", &api);
    agent.wait_within(PATIENCE, "the five have all", |_| complete(&mut well, &truth));
    let total = truth.events() as u64;
    assert!((slow.look(&truth) as u64) < total, "the slow one is still busy with it");

    // How long events wait is looked at each second, how many do at once.
    agent.wait_within(PATIENCE, "the cursors of the five are at the head", |agent| {
        (0..5).all(|at| {
            let one = told(agent, &format!("well-{at}"));
            one["depth"] == 0 && one["oldest_seconds"] == 0 && one["taken_total"] == total
        })
    });
    // It looks back a minute.
    assert!(metric(&agent, "conductor_destination_taken_per_second", "well-0") > Some(0.0));
    for at in 0..5 {
        let one = told(&agent, &format!("well-{at}"));
        assert_eq!(
            (&one["taken_total"], &one["resent_total"], &one["last_fault"]),
            (&total.into(), &0.into(), &().into())
        );
        assert_eq!((&one["oldest_seconds"], &one["state"]), (&0.into(), &"ok".into()), "{one}");
    }
    for name in ["hanging", "refused"] {
        agent.wait_within(PATIENCE, "it is told that they fail, and how long events wait", |agent| {
            let one = told(agent, name);
            one["state"] == "failing" && one["depth"] == total && one["oldest_seconds"].as_u64() > Some(0)
        });
        let one = told(&agent, name);
        assert_eq!((&one["taken_total"], &one["taken_per_second"]), (&0.into(), &0.0.into()), "{one}");
        assert!(one["last_fault"]["text"].as_str().is_some_and(|text| text.contains("127.0.0.1")), "{one}");
        assert_eq!(metric(&agent, "conductor_destination_depth", name), Some(total as f64));
        assert!(metric(&agent, "conductor_destination_oldest_seconds", name) > Some(0.0));
        assert!(metric(&agent, "conductor_destination_last_fault_timestamp_seconds", name) > Some(0.0));
    }
    assert!(metric(&agent, "conductor_destination_certificate_expires_timestamp_seconds", "well-0") > Some(0.0));

    // A new one that begins with the oldest gets what the others had long ago; one at the head gets what is new.
    let (mut late, at_head) = (AtSoc::start(&trust), AtSoc::start(&trust));
    let head = trust.destination("at-head", &at_head.soc.addr().to_string(), "").replace("start = \"oldest\"", "");
    settings += &(trust.destination("late", &late.soc.addr().to_string(), "") + &head);
    place.write_settings(&settings);
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    agent.wait_within(PATIENCE, "the late one has all", |_| late.look(&truth) == truth.events());
    api.put(new_threats(3, 20));
    let before = truth.events();
    truth.note("acme", &api);
    agent.wait_within(PATIENCE, "the late one has what is new", |_| late.look(&truth) == truth.events());
    let only = (truth.events() - before) as u64;
    agent.wait_within(PATIENCE, "the one at the head has what is new", |_| at_head.soc.count() >= only);
    assert_eq!(at_head.soc.count(), only);
    assert!(slow.look(&truth) < truth.events());
}
