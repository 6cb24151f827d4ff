//! The pace of the real agent beside a vendor that says 429. The arithmetic and the 20,000 threats are held in paused
//! time, in `src/engine/pace/model.rs`; here it is held that the agent counts, slows, tells, and loses nothing.

mod agent;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use conductor::net::http::{Client, ClientOptions, Get, Limits};
use conductor::net::tls::TlsOptions;
use conductor::values::Secret;
use conductor_sim::api::{Api, Behaviour, Endpoint, Seen};

use crate::agent::{Agent, Place};
use crate::world::{AtSoc, TOKEN, Trust, Truth, threats};

/// One sample of /metrics.
fn sample(agent: &Agent, name: &str) -> f64 {
    let (_, text) = agent.get("/metrics").expect("the agent answers");
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
    let number = line.and_then(|line| line.rsplit_once(' ')).map(|(_, number)| number.parse());
    number.unwrap_or_else(|| panic!("{name} is on /metrics: {text}")).expect("a number")
}

fn refused(seen: &[Seen]) -> usize {
    seen.iter().filter(|one| one.status == Some(429)).count()
}

#[test]
fn each_429_is_counted_and_slows_the_whole_integration_and_costs_no_threat() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut soc) = (trust.api(), AtSoc::start(&trust));
    api.put(threats(3, 60));
    let truth = Truth::of("acme", &api);
    api.set(Behaviour::ThrottledSeconds { seconds: 1 }.on(Endpoint::Detail).times(7));
    let address = soc.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &address, "")));
    let mut agent = place.start();
    agent.wait_until("all has arrived", |_| soc.look(&truth) == truth.events());
    agent.wait_until("it is told", |agent| {
        let told = &agent.status()["integrations"][0]["throttled_total"];
        told.as_u64() == Some(7) && refused(&api.requests()) == 7
    });
    let acme = &agent.status()["integrations"][0];
    assert_eq!(acme["requests_per_minute"], 100_000, "the setting stays what it is");
    let now = acme["requests_per_minute_now"].as_u64().expect("a number");
    assert!((6..100_000).contains(&now), "{acme}");
    assert_eq!(sample(&agent, "conductor_integration_throttled_total"), 7.0);
    assert_eq!(sample(&agent, "conductor_integration_requests_per_minute_set"), 100_000.0);
    assert!(sample(&agent, "conductor_integration_requests_per_minute") < 100_000.0);
    assert!(sample(&agent, "conductor_integration_permit_wait_seconds_total") > 0.0);
    assert!(agent.stop().0.success());
}

/// Another tool of the same customer: 150 requests a minute, whatever the answers.
fn other_client(trust: &Trust, api: &Api, over: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let tls = TlsOptions { ca: Some(trust.paths.ca.clone()), ..TlsOptions::default() };
    let options = ClientOptions { tls, limits: Limits::default(), ..ClientOptions::default() };
    let (client, url) = (Client::new(options).expect("a client"), format!("https://{}/v1/cases", api.addr()));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (token, mut next) = (Secret::new(TOKEN.to_owned()), tokio::time::interval(Duration::from_millis(400)));
            while !over.load(Ordering::Relaxed) {
                next.tick().await;
                client.get(&url, &[], Some(&token)).await.expect("an answer");
            }
        });
    })
}

/// Some minutes of the real thing, `PACE_MINUTES` of them, beside another client that takes half.
#[test]
#[ignore = "takes as many minutes as it measures: PACE_MINUTES, 12 unless set"]
fn beside_a_client_that_takes_half_no_more_than_one_in_a_hundred_requests_meets_a_429() {
    let minutes = std::env::var("PACE_MINUTES").map_or(12, |text| text.parse().expect("minutes"));
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, soc) = (trust.api(), AtSoc::start(&trust));
    api.put(threats(4, 20_000));
    api.set(Behaviour::RateLimit { per_minute: 300 });
    let integration = trust.integration(&place, "acme", &api).replace("= 100000", "= 240");
    let address = soc.soc.addr().to_string();
    place.write_settings(&(integration + &trust.destination("soc", &address, "")));
    let over = Arc::new(AtomicBool::new(false));
    let other = other_client(&trust, &api, Arc::clone(&over));
    let begun = Instant::now();
    let mut agent = place.start();
    let mut after = |minutes: u64| {
        let end = begun + Duration::from_secs(60 * minutes);
        agent.wait_within(Duration::MAX, "the time is over", |_| Instant::now() >= end);
        api.requests()
    };
    let first = after(1).len();
    let seen = after(minutes).split_off(first);
    over.store(true, Ordering::Relaxed);
    other.join().expect("the other client ends");
    let (others, ours): (Vec<Seen>, Vec<Seen>) = seen.into_iter().partition(|one| one.path == "/v1/cases");
    let free = 300.0 * (minutes - 1) as f64 - (others.len() - refused(&others)) as f64;
    let (asked, met) = (ours.len(), refused(&ours));
    println!(
        "{minutes} min: after the first {asked} requests of ours, {met} met a 429 ({:.2} %), {:.1} % of the free \
         budget used; the rate is {} a minute",
        100.0 * met as f64 / asked as f64,
        100.0 * (asked - met) as f64 / free,
        sample(&agent, "conductor_integration_requests_per_minute")
    );
    assert!(met * 100 <= asked, "{met} of {asked}");
}
