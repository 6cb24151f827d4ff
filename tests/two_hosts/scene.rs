//! One scene: the vendor's API and the agent on the near host; rsyslog by TLS, rsyslog by RELP and an HTTP collector on
//! the far one.
//!
//! Promise: [`Scene::end`] holds each receiver to everything that the API held.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conductor_sim::api::Api;
use conductor_sim::collector::{Collector, CollectorOptions, Language};
use serde_json::Value;

use super::arrivals::Arrivals;
use super::hosts::{FAR, Hosts};
use crate::agent::{Agent, Place};
use crate::receivers::{Certs, Driver, Rsyslog, free_port};
use crate::world::{Judge, Trust, Truth, threats};

pub const PATIENCE: Duration = Duration::from_secs(180);
pub const NAMES: [&str; 3] = ["syslog", "relp", "http"];
/// Of the TLS syslog destination, in bytes; two may be unconfirmed.
pub const WINDOW: u64 = 256 << 10;
/// Events of one request.
pub const REQUEST: usize = 100;

pub struct Scene {
    pub syslog: Rsyslog,
    pub relp: Rsyslog,
    pub collector: Collector,
    pub at_syslog: Arrivals,
    pub at_relp: Arrivals,
    pub at_http: Judge,
    judged: usize,
    pub place: Place,
    pub truth: Arc<Truth>,
    _api: Api,
    _trust: Trust,
}

impl Scene {
    /// The receivers listen on the far host; the settings are written.
    pub fn new(hosts: &Hosts, seed: u64, count: usize) -> Scene {
        let (trust, place) = (Trust::new(), Place::new(""));
        let api = trust.api();
        api.put(threats(seed, count));
        let truth = Arc::new(Truth::of("acme", &api));
        let certs = Certs::in_dir(trust.paths.ca.parent().expect("it lies in a folder"));
        let folders = [trust.folder("syslog"), trust.folder("relp")];
        let mut options = CollectorOptions::new(Language::Plain, trust.paths.server().expect("a certificate"));
        options.at = FAR.parse().expect("an address");
        let (syslog, relp, collector) = hosts.at_far(|| {
            let syslog = Rsyslog::start_open(&folders[0], &certs, free_port(), Driver::Ossl);
            let relp = Rsyslog::start_open_relp(&folders[1], &certs, free_port(), Driver::Ossl);
            (syslog, relp, Collector::start(options).expect("it listens"))
        });
        let far = |receiver: &Rsyslog| format!("{FAR}:{}", receiver.port());
        // Their certificate is for loopback's names.
        let named = "server-name = \"localhost\"";
        let window = format!("{named}\nwindow = \"{}KiB\"", WINDOW >> 10);
        let by_syslog = trust.destination("syslog", &far(&syslog), &window);
        let by_relp = trust.destination("relp", &far(&relp), named).replace("type = \"syslog\"", "type = \"relp\"");
        let by_http = format!(
            "[destinations.http]\ntype = \"http\"\nurl = \"https://{}/\"\nca = \"{}\"\nstart = \"oldest\"\n{named}\n\
             batch-events = {REQUEST}\n",
            collector.addr(),
            trust.paths.ca.display(),
        );
        // No faster than the slowest receiver takes it over the wire: troubles are to fall into the stream of each.
        let quick = trust.integration(&place, "acme", &api);
        let integration = quick.replace("requests-per-minute = 100000", "requests-per-minute = 6000");
        assert_ne!(quick, integration);
        place.write_settings(&[integration, by_syslog, by_relp, by_http].concat());
        Scene {
            at_syslog: Arrivals::of("syslog", &folders[0], &truth),
            at_relp: Arrivals::of("relp", &folders[1], &truth),
            at_http: Judge::new("http"),
            judged: 0,
            syslog,
            relp,
            collector,
            place,
            truth,
            _api: api,
            _trust: trust,
        }
    }

    /// Different events at each receiver.
    pub fn arrived(&mut self) -> [usize; 3] {
        if self.collector.count() > self.judged as u64 {
            let kept = self.collector.kept();
            for text in &kept[self.judged..] {
                self.at_http.take(&self.truth, text, text.len() as u64);
            }
            self.judged = kept.len();
        }
        [self.at_syslog.look(), self.at_relp.look(), self.at_http.events()]
    }

    /// Waits until each receiver has a share of everything, and holds that none has all.
    pub fn play_until(&mut self, agent: &mut Agent, hundredths: usize) {
        let all = self.truth.events();
        let mark = all * hundredths / 100;
        agent.wait_within(PATIENCE, "a part has arrived", |_| self.arrived().iter().all(|have| *have >= mark));
        let had = self.arrived();
        assert!(had.iter().all(|have| *have < all), "in mid-stream: {had:?} of {all}");
    }

    /// Waits until `so` is true of each destination on /status; returns after how long it was, for each.
    pub fn each(&mut self, agent: &mut Agent, what: &str, so: impl Fn(&Value) -> bool) -> [Duration; 3] {
        let begun = Instant::now();
        let mut after = [None; 3];
        agent.wait_within(PATIENCE, what, |agent| {
            let all = told(agent);
            for (after, one) in after.iter_mut().zip(&all) {
                if after.is_none() && so(one) {
                    *after = Some(begun.elapsed());
                }
            }
            after.iter().all(Option::is_some)
        });
        after.map(|after| after.expect("all are"))
    }

    /// Waits until something more has come to each; returns after how long it was, for each.
    pub fn resumed(&mut self, agent: &mut Agent) -> [Duration; 3] {
        let (before, begun, mut after) = (self.arrived(), Instant::now(), [None; 3]);
        agent.wait_within(PATIENCE, "it goes on by itself", |_| {
            for ((after, now), before) in after.iter_mut().zip(self.arrived()).zip(before) {
                if after.is_none() && now > before {
                    *after = Some(begun.elapsed());
                }
            }
            after.iter().all(Option::is_some)
        });
        after.map(|after| after.expect("all are"))
    }

    /// Waits until each has everything and the agent knows it, stops all in order and tells the figures.
    pub fn end(&mut self, mut agent: Agent, scene: &str) {
        let all = self.truth.events();
        agent.wait_within(PATIENCE, "every event is everywhere", |_| self.arrived() == [all; 3]);
        agent.wait_within(PATIENCE, "all is confirmed", |agent| told(agent).iter().all(|one| one["depth"] == 0));
        assert!(agent.stop().0.success(), "{}", self.place.log());
        assert_eq!(self.arrived(), [all; 3]);
        for judge in [&self.at_syslog.judge, &self.at_relp.judge, &self.at_http] {
            println!("{scene}: {}", judge.told());
        }
    }
}

/// What /status tells of the destinations, in the order of [`NAMES`]; null for one that has not begun yet.
pub fn told(agent: &Agent) -> [Value; 3] {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    NAMES.map(|name| all.iter().find(|one| one["name"] == name).cloned().unwrap_or_default())
}
