//! Who trusts whom: a receiver that shows another's certificate, and one that does not like ours.

use super::scene::{Scene, certs, destination};
use crate::agent::Agent;
use crate::receivers::{Certs, Driver, Rsyslog, free_port};
use crate::world::Trust;

/// The last fault that /status tells of the destination.
fn fault(agent: &Agent) -> String {
    destination(agent)["last_fault"].to_string()
}

#[test]
fn a_receiver_of_an_unknown_ca_gets_nothing_and_the_setting_is_named() {
    for driver in [Driver::Ossl, Driver::Gtls] {
        let scene = Scene::new(11, 20, driver);
        let other = Trust::new();
        let ours = scene.trust.paths.ca.display().to_string();
        scene.settings(&scene.destination("").replace(&ours, &other.paths.ca.display().to_string()));
        let mut agent = scene.place.start();
        agent.wait_until("it is refused", |agent| agent.has_condition("destination-refused"));
        assert!(fault(&agent).contains("`ca`"), "{}", fault(&agent));
        assert_eq!(destination(&agent)["taken_total"], 0);
        assert!(scene.receiver.raw_lines().is_empty());
    }
}

#[test]
fn without_the_certificate_that_is_asked_for_nothing_is_taken_and_the_sentence_names_it() {
    for driver in [Driver::Ossl, Driver::Gtls] {
        let scene = Scene::new(12, 20, driver);
        let without: Vec<String> = scene
            .destination("")
            .lines()
            .filter(|line| !line.starts_with("cert =") && !line.starts_with("key ="))
            .map(str::to_owned)
            .collect();
        scene.settings(&without.join("\n"));
        let mut agent = scene.place.start();
        agent.wait_until("there is a fault", |agent| fault(agent).contains("`cert`"));
        println!("{driver:?}: {}", fault(&agent));
        assert_eq!(destination(&agent)["taken_total"], 0);
        assert!(scene.receiver.raw_lines().is_empty());
    }
}

#[test]
fn a_receiver_that_asks_for_no_certificate_is_served_without_one() {
    let scene = Scene::new(13, 20, Driver::Ossl);
    let folder = scene.trust.folder("anonymous");
    let open = Certs { verify_client: false, ..certs(&scene.trust) };
    let receiver = Rsyslog::start_relp(&folder, &open, free_port(), Driver::Ossl);
    let without: Vec<String> = scene
        .destination("")
        .replace(&scene.receiver.address(), &receiver.address())
        .lines()
        .filter(|line| !line.starts_with("cert =") && !line.starts_with("key ="))
        .map(str::to_owned)
        .collect();
    scene.settings(&without.join("\n"));
    let mut agent = scene.place.start();
    let events = scene.truth.events();
    agent.wait_until("every event is there", |_| receiver.raw_lines().len() == events);
    agent.wait_until("everything is acknowledged", |agent| destination(agent)["depth"] == 0);
}
