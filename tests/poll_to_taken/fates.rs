//! Separate fates: what is dead takes nothing down with it.

use std::net::TcpListener;
use std::sync::Arc;

use super::arrivals::Arrivals;
use super::scene::{PATIENCE, destination};
use crate::agent::Place;
use crate::receivers::{Certs, Driver, Rsyslog, SyslogNg, free_port};
use crate::world::{Trust, Truth, threats};

#[test]
fn a_dead_destination_holds_up_neither_the_other_nor_the_integrations() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let (acme, globex) = (trust.api(), trust.api());
    acme.put(threats(8, 500));
    globex.put(threats(9, 500));
    let mut truth = Truth::of("acme", &acme);
    truth.note("globex", &globex);
    let truth = Arc::new(truth);
    let certs = Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"));
    let (live, later) = (trust.folder("live"), trust.folder("later"));
    let receiver = SyslogNg::start(&live, &certs, free_port());
    let later_port = free_port();
    // Takes connections into its backlog and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mute_address = mute.local_addr().expect("an address").to_string();
    let parts = [
        trust.integration(&place, "acme", &acme),
        trust.integration(&place, "globex", &globex),
        trust.destination("live", &receiver.address(), ""),
        trust.destination("refusing", &format!("127.0.0.1:{later_port}"), ""),
        trust.destination("mute", &mute_address, ""),
    ];
    place.write_settings(&parts.concat());
    let mut agent = place.start();
    let (mut at_live, mut at_later) = (Arrivals::of("live", &live, &truth), Arrivals::of("later", &later, &truth));
    agent.wait_within(PATIENCE, "the live one has everything", |_| at_live.complete());
    assert_eq!((at_live.judge.repeats, at_live.judge.order.len()), (0, truth.events()));
    for name in ["refusing", "mute"] {
        let all = truth.events();
        agent.wait_until("all of it waits for the dead one", |agent| destination(agent, name)["depth"] == all);
        assert_eq!(destination(&agent, name)["taken_total"], 0, "{name}");
    }
    // It comes to life: nothing was let go meanwhile.
    let _revived = Rsyslog::start(&later, &certs, later_port, Driver::Ossl);
    agent.wait_within(PATIENCE, "the one that refused has everything", |_| at_later.complete());
    assert!(at_live.judge.order == at_later.judge.order, "the receivers have seen different orders");
    assert_eq!(destination(&agent, "mute")["taken_total"], 0);
}
