//! One scene: an API full of threats, an agent, and an rsyslog behind it that takes RELP.
//!
//! Promise: [`Scene::end`] holds the receiver to everything that the API held, and to its repeats.

use std::sync::Arc;
use std::time::Duration;

use conductor_sim::api::Api;

use super::arrivals::Arrivals;
use crate::agent::{Agent, Place};
use crate::receivers::{Certs, Driver, Rsyslog, free_port};
use crate::world::{Trust, Truth, threats};

/// How long a whole scene may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// Messages under way, at the most, unless settings say otherwise.
pub const WINDOW: usize = 128;
/// Messages that the engine hands over at once: half a MiB of these are some 200.
pub const IN_HAND: usize = 300;

pub struct Scene {
    pub api: Api,
    pub place: Place,
    pub receiver: Rsyslog,
    pub at: Arrivals,
    pub truth: Arc<Truth>,
    pub trust: Trust,
    /// Messages that may come again after each fault.
    pub again: usize,
}

impl Scene {
    /// The receiver listens and asks for our certificate; no settings are written yet.
    pub fn new(seed: u64, count: usize, driver: Driver) -> Scene {
        let trust = Trust::new();
        let api = trust.api();
        api.put(threats(seed, count));
        let truth = Arc::new(Truth::of("acme", &api));
        let certs = certs(&trust);
        let folder = trust.folder("imrelp");
        let receiver = Rsyslog::start_relp(&folder, &certs, free_port(), driver);
        let at = Arrivals::of("imrelp", &folder, &truth);
        Scene { api, place: Place::new(""), receiver, at, truth, trust, again: WINDOW }
    }

    /// Writes the settings; `destination` is the whole table.
    pub fn settings(&self, destination: &str) {
        let integration = self.trust.integration(&self.place, "acme", &self.api);
        self.place.write_settings(&format!("{integration}{destination}"));
    }

    /// The usual settings, and the agent started with them.
    pub fn start(&self) -> Agent {
        self.settings(&self.destination(""));
        self.place.start()
    }

    /// The same, with everything collected while the receiver is away: what follows goes as fast as it can.
    pub fn start_with_backlog(&mut self) -> Agent {
        self.receiver.terminate();
        let mut agent = self.start();
        let all = self.truth.events();
        agent.wait_within(PATIENCE, "everything waits", |agent| destination(agent)["depth"] == all);
        self.receiver.restart();
        agent
    }

    /// The usual destination; `more` is the rest of its table.
    pub fn destination(&self, more: &str) -> String {
        let as_syslog = self.trust.destination("soc", &self.receiver.address(), more);
        as_syslog.replace("type = \"syslog\"", "type = \"relp\"")
    }

    /// So many hundredths of all events.
    pub fn share(&self, hundredths: usize) -> usize {
        self.truth.events() * hundredths / 100
    }

    /// Waits until the receiver has a share of all events, and holds that it does not have all of them.
    pub fn play_until(&mut self, agent: &mut Agent, hundredths: usize) {
        let mark = self.share(hundredths);
        let at = &mut self.at;
        agent.wait_within(PATIENCE, "a part has arrived", |_| at.look() >= mark);
        assert!(self.at.judge.events() < self.truth.events(), "in mid-stream");
    }

    /// Waits until the receiver has everything and the agent knows it, stops all in order and judges what came in the
    /// end: at most so much again for each fault.
    pub fn end(&mut self, mut agent: Agent, scene: &str, faults: usize) {
        let at = &mut self.at;
        agent.wait_within(PATIENCE, "every event is there", |_| at.complete());
        agent.wait_until("everything is acknowledged", |agent| destination(agent)["depth"] == 0);
        assert_eq!(destination(&agent)["receipt"], "acknowledged");
        let (exit, _) = agent.stop();
        assert!(exit.success(), "{exit}: {}", self.place.log());
        self.receiver.terminate();
        assert_eq!(self.at.look(), self.truth.events(), "events, of so many that the API holds");
        println!("{scene}: {}, {} torn", self.at.judge.told(), self.at.torn);
        let repeats = self.at.judge.repeats;
        assert!(repeats <= faults * self.again, "{repeats} repeats after {faults} faults");
    }
}

/// What the world's CA issued, as a receiver wants it.
pub fn certs(trust: &Trust) -> Certs {
    Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"))
}

/// What /status tells of the destination.
pub fn destination(agent: &Agent) -> serde_json::Value {
    agent.status()["destinations"][0].clone()
}
