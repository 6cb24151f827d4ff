//! Certificates that are replaced while the agent runs, well or badly.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::agent::Place;
use crate::world::{AtSoc, Trust, Truth, new_threats};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_renewed_certificate_is_taken_without_a_restart_and_a_bad_one_takes_the_place_of_none() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (api, mut at) = (trust.api(), AtSoc::start(&trust));
    let soc = at.soc.addr().to_string();
    place.write_settings(&(trust.integration(&place, "acme", &api) + &trust.destination("soc", &soc, "")));
    let mut agent = place.start();
    let mut truth = Truth::default();
    let mut batch = 0;
    let mut more = |agent: &mut crate::agent::Agent, at: &mut AtSoc, what: &str| {
        batch += 1;
        api.put(new_threats(batch, 10));
        truth.note("acme", &api);
        agent.wait_within(PATIENCE, what, |_| at.look(&truth) == truth.events());
    };
    more(&mut agent, &mut at, "the first arrive");
    agent.wait_until("its three certificates are told", |agent| {
        let told = agent.status()["destinations"][0]["certificates"].clone();
        let whose: Vec<&str> =
            told.as_array().expect("a list").iter().filter_map(|one| one["whose"].as_str()).collect();
        whose == ["ours", "ca", "peer"]
    });

    let (cert, key) = (&trust.paths.client_cert, &trust.paths.client_key);
    let old = (fs::read_to_string(cert).expect("there"), fs::read_to_string(key).expect("there"));
    let new = trust.authority.client("renewed").expect("a certificate");
    let not_taken = |agent: &crate::agent::Agent, words: &str| {
        agent.conditions().iter().any(|(code, text)| code == "certificate-not-taken" && text.contains(words))
    };
    let half = &new.cert_pem[..new.cert_pem.len() / 2];
    for (text, words) in [(half, "well-formed"), ("", "no PEM certificate"), (new.cert_pem.as_str(), "pair")] {
        fs::write(cert, text).expect("written");
        agent.wait_until("the bad set is told", |agent| not_taken(agent, words));
        // New connections are made with the old set.
        let connections = at.soc.connections();
        at.soc.kill_all();
        more(&mut agent, &mut at, "events go on by the old set");
        assert!(at.soc.connections() > connections);
        agent.signal(Signal::SIGHUP);
        more(&mut agent, &mut at, "and after a reload");
        assert!(not_taken(&agent, words));
    }
    // The other half of the new pair: now they fit.
    let (connections, repeats) = (at.soc.connections(), at.judge.repeats);
    fs::write(key, &new.key_pem).expect("written");
    agent.wait_until("the new set is taken", |agent| !agent.has_condition("certificate-not-taken"));
    assert!(at.soc.wait_for_connections(connections, PATIENCE));
    more(&mut agent, &mut at, "events go by the new set");
    assert_eq!(at.soc.connections(), connections + 1, "the old connection was ended for it");
    assert_eq!(at.judge.repeats, repeats, "in order: nothing came again");
    assert_eq!((at.soc.handshakes_failed(), agent.conditions()), (0, vec![]));
    let log = place.log();
    assert!(log.contains("certificates or secrets are in use") && !log.contains(old.1.lines().nth(1).expect("a key")));
    assert!(!log.contains(new.key_pem.lines().nth(1).expect("a key")));
    drop(old);
}

#[test]
fn a_ca_that_is_replaced_lets_the_next_connection_in_and_one_that_was_missing_wakes_the_destination() {
    let (trust, other, place) = (Trust::new(), Trust::new(), Place::new(""));
    let (api, mut at) = (trust.api(), AtSoc::start(&trust));
    let ca = place.dir.path().join("soc-ca.pem");
    let own = trust.destination("soc", &at.soc.addr().to_string(), "");
    let own = own.replace(&trust.paths.ca.display().to_string(), &ca.display().to_string());
    place.write_settings(&(trust.integration(&place, "acme", &api) + &own));
    api.put(new_threats(1, 10));
    let mut agent = place.start();
    // Not there yet: it is parked for a minute at a time, and looks as soon as the file comes.
    agent.wait_until("it is refused", |agent| agent.has_condition("destination-refused"));
    fs::write(&ca, other.authority.ca_pem()).expect("written");
    agent.wait_until("the wrong one is tried", |agent| {
        agent.conditions().iter().any(|(_, text)| text.contains("not trusted"))
    });
    fs::write(&ca, other.authority.ca_pem() + &trust.authority.ca_pem()).expect("written");
    let truth = Truth::of("acme", &api);
    agent.wait_until("everything arrives", |_| at.look(&truth) == truth.events());
    agent.wait_until("nothing stands", |agent| agent.conditions().is_empty());
}
