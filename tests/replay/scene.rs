//! An agent between the simulated API and two simulated SOCs, all of whose messages are kept.
//!
//! Promise: what a SOC has of a replay is told by the messages alone, never by what the agent says.

use std::collections::BTreeSet;
use std::time::Duration;

use conductor_sim::api::Api;
use conductor_sim::soc::{KeyUpdates, Soc, SocOptions};
use serde_json::Value;

use crate::agent::{Agent, Place};
use crate::world::{Trust, Truth, threats};

pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Scene {
    pub trust: Trust,
    pub api: Api,
    pub place: Place,
    pub soc: Soc,
    pub other: Soc,
}

/// One message as a SOC read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub id: String,
    pub seq: u64,
    /// By the envelope and by the structured data, which must agree.
    pub replayed: bool,
}

impl Scene {
    /// `soc` and `other` are set, and nothing runs yet.
    pub fn new(count: usize, more: &str) -> Scene {
        let trust = Trust::new();
        let api = trust.api();
        api.put(threats(7, count));
        let soc = || {
            let tls = trust.paths.server().expect("a certificate");
            Soc::start(SocOptions { key_updates: KeyUpdates::AllButFirst, ..SocOptions::new(tls) }).expect("it listens")
        };
        let (soc, other) = (soc(), soc());
        let place = Place::new("");
        let scene = Scene { trust, api, place, soc, other };
        scene.settings(more);
        scene
    }

    pub fn settings(&self, more: &str) {
        let both = [("soc", &self.soc), ("other", &self.other)];
        let both = both.map(|(name, soc)| self.trust.destination(name, &soc.addr().to_string(), ""));
        let integration = self.trust.integration(&self.place, "acme", &self.api);
        self.place.write_settings(&format!("{integration}{}{more}", both.concat()));
    }

    /// Starts the agent and waits until it has taken its settings up: it is ready before.
    pub fn start(&self) -> Agent {
        let mut agent = self.place.start();
        agent.wait_until("both SOCs are on /status", |agent| {
            agent.status()["destinations"].as_array().is_some_and(|all| all.len() == 2)
        });
        agent
    }

    /// Starts the agent and waits until both have everything. Returns how many events that is.
    pub fn start_and_fill(&self) -> (Agent, usize) {
        let mut agent = self.start();
        let all = Truth::of("acme", &self.api).events();
        agent.wait_within(PATIENCE, "both SOCs have everything", |agent| {
            let status = agent.status();
            let taken = |at: usize| status["destinations"][at]["taken_total"].as_u64() >= Some(all as u64);
            taken(0) && taken(1)
        });
        (agent, all)
    }

    /// What `queue replay` says, and how it ends.
    pub fn replay(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let verb: Vec<&str> = ["queue", "replay", "--destination", "soc"].iter().chain(arguments).copied().collect();
        let output = self.place.verb(&verb);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// What /status tells of the destination `soc`.
pub fn soc_status(agent: &Agent) -> Value {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["name"] == "soc").expect("soc is on /status")
}

pub fn got(soc: &Soc) -> Vec<Got> {
    let read = |message: &bytes::Bytes| {
        let text = std::str::from_utf8(message).expect("UTF-8");
        let (head, msg) = text.split_once("\"] ").expect("structured data and MSG");
        let msg: Value = serde_json::from_str(msg.trim_start_matches('\u{feff}')).expect("an envelope");
        let replayed = msg["replayed"] == true;
        assert_eq!(replayed, head.ends_with("replayed=\"true"), "both places say the same: {head}");
        assert!(replayed || msg.get("replayed").is_none(), "what is new has no such member");
        Got { id: msg["id"].as_str().expect("an id").into(), seq: msg["seq"].as_u64().expect("a seq"), replayed }
    };
    soc.messages().iter().map(read).collect()
}

/// Ids of what came as new, and of what came again, each once and in the order of their first coming.
pub fn parted(messages: &[Got]) -> (Vec<String>, Vec<String>) {
    let first = |replayed: bool| {
        let mut seen = BTreeSet::new();
        let of = messages.iter().filter(|got| got.replayed == replayed);
        of.filter(|got| seen.insert(got.id.clone())).map(|got| got.id.clone()).collect()
    };
    (first(false), first(true))
}
