//! One scene: an API full of threats, an agent, and both receivers behind it.
//!
//! Promise: whatever a test did to it, [`Scene::play_out`] holds each receiver to everything that the API held.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conductor_sim::api::Api;

use super::arrivals::Arrivals;
use crate::agent::{Agent, Place};
use crate::receivers::{Certs, Driver, Rsyslog, SyslogNg, free_port};
use crate::world::{Trust, Truth, threats};

/// The size that the project is measured by.
pub const THREATS: usize = 5_000;
/// How long a whole scene may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub struct Scene {
    pub api: Api,
    pub place: Place,
    pub rsyslog: Rsyslog,
    pub syslog_ng: SyslogNg,
    pub at_rsyslog: Arrivals,
    pub at_syslog_ng: Arrivals,
    pub truth: Arc<Truth>,
    pub trust: Trust,
}

impl Scene {
    /// The receivers listen; no settings are written yet.
    pub fn new(seed: u64, count: usize) -> Scene {
        let trust = Trust::new();
        let api = trust.api();
        api.put(threats(seed, count));
        let truth = Arc::new(Truth::of("acme", &api));
        let certs = Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"));
        let (r, s) = (trust.folder("rsyslog"), trust.folder("syslog-ng"));
        let rsyslog = Rsyslog::start(&r, &certs, free_port(), Driver::Ossl);
        let syslog_ng = SyslogNg::start(&s, &certs, free_port());
        let at_rsyslog = Arrivals::of("rsyslog", &r, &truth);
        let at_syslog_ng = Arrivals::of("syslog-ng", &s, &truth);
        Scene { api, place: Place::new(""), rsyslog, syslog_ng, at_rsyslog, at_syslog_ng, truth, trust }
    }

    /// Writes settings with both receivers at these addresses, with `each` in both destinations.
    pub fn settings(&self, rsyslog: &str, syslog_ng: &str, each: &str) {
        self.write(rsyslog, syslog_ng, each, "");
    }

    /// The same with nothing between, and with `beside` as further settings.
    pub fn plain_settings(&self, beside: &str) {
        self.write(&self.rsyslog.address(), &self.syslog_ng.address(), "", beside);
    }

    /// The same, and everything that the vendor has is collected.
    pub fn all_streams_settings(&self) {
        self.plain_settings("");
        let settings = std::fs::read_to_string(self.place.config()).expect("written just now");
        let settings = settings.replace("streams = [\"threats\"]", "streams = \"all\"");
        std::fs::write(self.place.config(), settings).expect("settings");
    }

    fn write(&self, rsyslog: &str, syslog_ng: &str, each: &str, beside: &str) {
        let integration = self.trust.integration(&self.place, "acme", &self.api);
        let rsyslog = self.trust.destination("rsyslog", rsyslog, each);
        let syslog_ng = self.trust.destination("syslog-ng", syslog_ng, each);
        self.place.write_settings(&format!("{integration}{rsyslog}{syslog_ng}{beside}"));
    }

    /// Different events at the receiver that has fewer of them.
    pub fn arrived(&mut self) -> usize {
        self.at_rsyslog.look().min(self.at_syslog_ng.look())
    }

    /// So many hundredths of all events.
    pub fn share(&self, hundredths: usize) -> usize {
        self.truth.events() * hundredths / 100
    }

    /// Waits until each receiver has everything.
    pub fn play_out(&mut self, agent: &mut Agent) {
        let (first, second) = (&mut self.at_rsyslog, &mut self.at_syslog_ng);
        agent.wait_within(PATIENCE, "every event is at both receivers", |_| first.complete() & second.complete());
    }

    /// The same, then stops all in order and judges what the receivers have in the end. Tells the figures.
    pub fn end(&mut self, mut agent: Agent, scene: &str) {
        self.play_out(&mut agent);
        let (exit, _) = agent.stop();
        assert!(exit.success(), "{exit}: {}", self.place.log());
        self.rsyslog.terminate();
        self.syslog_ng.terminate();
        let total = self.truth.events();
        for (name, at) in [("rsyslog", &mut self.at_rsyslog), ("syslog-ng", &mut self.at_syslog_ng)] {
            assert_eq!(at.look(), total, "{name}: events, of so many that the API holds");
            println!("{scene}: {}, {} torn", at.judge.told(), at.torn);
        }
        assert!(
            self.at_rsyslog.judge.order == self.at_syslog_ng.judge.order,
            "the receivers have seen different orders"
        );
    }
}

/// `127.0.0.1:PORT`.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// What /status tells of a destination; null in an agent's first moment.
pub fn destination(agent: &Agent, name: &str) -> serde_json::Value {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["name"] == name).unwrap_or_default()
}
