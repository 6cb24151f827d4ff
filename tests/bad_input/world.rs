//! The agent between a simulated API and a simulated SOC, with settings that work until a test spoils them.
//!
//! Promise: what [`World::everything_arrives`] waits for is every message that the API holds, by its id.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use conductor_sim::api::{Api, ApiOptions, generate};
use conductor_sim::ca::{Authority, LOOPBACK};
use conductor_sim::soc::{Keep, KeyUpdates, Soc, SocOptions};
use jiff::{SignedDuration, Timestamp};

use crate::agent::{Agent, Place};

pub const TOKEN: &str = "right-token-4711";

pub struct World {
    pub authority: Authority,
    pub api: Api,
    pub soc: Soc,
    pub place: Place,
}

impl World {
    /// Everything works; the API holds no threats yet.
    pub fn new() -> World {
        let authority = Authority::new("Test CA").expect("a CA");
        let server = authority.server(&LOOPBACK).expect("a certificate");
        let api = Api::start(ApiOptions::new(TOKEN, server.clone())).expect("an API");
        let options = SocOptions { key_updates: KeyUpdates::Each, ..SocOptions::new(server) };
        // Of each message the event's id is kept: all that is asked for here, and far smaller.
        let options = SocOptions {
            keep: Keep::Part(std::sync::Arc::new(|message| Some(id_of(message).as_bytes().to_vec()))),
            ..options
        };
        let soc = Soc::start(options).expect("a SOC");
        let world = World { authority, api, soc, place: Place::new("") };
        fs::write(world.ca(), world.authority.ca_pem()).expect("the CA's file");
        world.place.write_settings(&world.settings());
        world
    }

    pub fn ca(&self) -> PathBuf {
        self.place.dir.path().join("ca.pem")
    }

    pub fn host(&self) -> String {
        self.api.addr().to_string()
    }

    pub fn integration(&self) -> String {
        let key = self.place.secret("acme.key", TOKEN);
        format!(
            "[integrations.acme]\nhost = \"{}\"\nca = \"{}\"\napi-key = {key}\nstreams = [\"threats\"]\npolling-interval = \"1s\"\n\
             lag = \"0s\"\noverlap = \"1m\"\nrequests-per-minute = 100000\n",
            self.host(),
            self.ca().display()
        )
    }

    pub fn destination(&self) -> String {
        format!(
            "[destinations.soc]\ntype = \"syslog\"\naddress = \"{}\"\nca = \"{}\"\n",
            self.soc.addr(),
            self.ca().display()
        )
    }

    /// The settings under which everything works.
    pub fn settings(&self) -> String {
        format!("{}{}", self.integration(), self.destination())
    }

    /// A probe that tells what the API's `/ip` says, and this allowlist.
    pub fn egress(&self, allowlisted: &str) -> String {
        format!(
            "[egress]\nprobe = \"https://{}/ip\"\nprobe-ca = \"{}\"\nallowlisted = [{allowlisted}]\n",
            self.host(),
            self.ca().display()
        )
    }

    /// Writes other settings and has a running agent read them.
    pub fn reload(&self, agent: &mut Agent, settings: &str) {
        self.place.write_settings(settings);
        self.reload_as_is(agent);
    }

    /// Has a running agent read the settings again and waits until it has.
    pub fn reload_as_is(&self, agent: &mut Agent) {
        let before = agent.status()["agent"]["reloads_total"].as_u64();
        agent.signal(nix::sys::signal::Signal::SIGHUP);
        agent.wait_until("the settings were read again", |agent| {
            agent.status()["agent"]["reloads_total"].as_u64() > before
        });
    }

    /// New threats of the last two hours.
    pub fn put(&self, seed: u64, count: usize) {
        let now = Timestamp::now();
        let from = now.checked_sub(SignedDuration::from_hours(2)).expect("a time");
        self.api.put(generate(seed, count, from, now.checked_sub(SignedDuration::from_secs(900)).expect("a time")));
    }

    /// New threats that have arrived just now.
    pub fn put_now(&self, seed: u64, count: usize) {
        let now = Timestamp::now();
        self.api.put(generate(seed, count, now, now));
    }

    /// `integration/stream/native` of every message that the API holds.
    pub fn wanted(&self) -> HashSet<String> {
        let id = |threat: &str, message: i64| format!("acme/threats/{threat}:{message}");
        self.api.threats().iter().flat_map(|t| t.messages.iter().map(|m| id(&t.id, m.id))).collect()
    }

    /// The ids that the SOC was given, without their versions, in order.
    pub fn arrived(&self) -> Vec<String> {
        let native = |id: String| id.rsplit_once('/').map_or(String::new(), |(native, _)| native.to_owned());
        self.soc.messages().iter().map(|m| native(String::from_utf8_lossy(m).into_owned())).collect()
    }

    pub fn everything_arrived(&self) -> bool {
        let arrived: HashSet<String> = self.arrived().into_iter().collect();
        self.wanted().is_subset(&arrived)
    }

    pub fn everything_arrives(&self, agent: &mut Agent) {
        agent.wait_within(Duration::from_secs(100), "every message is at the SOC", |_| self.everything_arrived());
    }
}

/// The event id of a message, out of its structured data.
pub fn id_of(message: &[u8]) -> &str {
    let at = message.windows(5).position(|five| five == b" id=\"").map_or(message.len(), |at| at + 5);
    let rest = &message[at..];
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
    std::str::from_utf8(&rest[..end]).unwrap_or_default()
}

/// What stopped the last poll of the first stream, in a sentence.
pub fn stream_fault(agent: &Agent) -> String {
    text_at(agent, "/integrations/0/streams/0/fault/text")
}

pub fn text_at(agent: &Agent, pointer: &str) -> String {
    agent.status().pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
}

pub fn number_at(agent: &Agent, pointer: &str) -> Option<u64> {
    agent.status().pointer(pointer).and_then(serde_json::Value::as_u64)
}

/// Waits for a condition whose text holds all of these words; returns the text.
pub fn wait_for(agent: &mut Agent, code: &str, words: &[&str]) -> String {
    let mut found = None;
    agent.wait_within(Duration::from_secs(100), &format!("{code} stands with {words:?}"), |agent| {
        let all = agent.conditions();
        found = all.into_iter().find(|(known, text)| known == code && words.iter().all(|word| text.contains(word)));
        found.is_some()
    });
    found.map(|(_, text)| text).unwrap_or_default()
}

/// Waits until no condition of this code stands.
pub fn wait_gone(agent: &mut Agent, code: &str) {
    agent.wait_within(Duration::from_secs(100), &format!("{code} is gone"), |agent| !agent.has_condition(code));
}
