//! The world around one agent: a CA, the simulated API behind TLS, and what the API holds.
//!
//! Promise: what must arrive is computed from what the API serves, never from what the agent says.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod at_soc;
mod judge;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use conductor_sim::api::{Api, ApiOptions, Case, Item, Threat, VendorCase, generate};
use conductor_sim::ca::{Authority, Paths};
use jiff::{SignedDuration, Timestamp};

pub use at_soc::AtSoc;
pub use judge::Judge;

use crate::agent::Place;

/// Bytes of the frames that the engine hands to a destination at once: 1 MiB of texts, and what stands around them.
pub const BATCH: u64 = 3 << 19;

/// How the ids of imported lines begin.
pub const IMPORT: &str = "import/import/";

/// The bearer token that every simulated API of the tests takes.
pub const TOKEN: &str = "a-token-of-the-tests";

/// A CA with its files; APIs and receivers get their certificates from it.
pub struct Trust {
    pub authority: Authority,
    pub paths: Paths,
    dir: tempfile::TempDir,
}

impl Trust {
    pub fn new() -> Trust {
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::new("The tests' CA").expect("a CA");
        let paths = authority.write_to(dir.path()).expect("its files");
        Trust { authority, paths, dir }
    }

    /// A folder inside, for a receiver.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An API that answers as the vendor does, holding nothing yet.
    pub fn api(&self) -> Api {
        Api::start(ApiOptions::new(TOKEN, self.paths.server().expect("a certificate"))).expect("it listens")
    }

    /// Settings of an integration that asks `api` as often and as fast as it may. Without an overlap nothing is listed
    /// twice: a window that was passed over would be missing for good, and seen.
    pub fn integration(&self, place: &Place, name: &str, api: &Api) -> String {
        format!(
            "[integrations.{name}]\nconnector = \"abnormal-security\"\nhost = \"{}\"\nca = \"{}\"\napi-key = {}\n\
             streams = [\"threats\"]\npolling-interval = \"1s\"\nlag = \"1s\"\noverlap = \"0s\"\nrequests-per-minute = 100000\n",
            api.addr(),
            self.paths.ca.display(),
            place.secret(name, TOKEN),
        )
    }

    /// Settings of a destination that begins with the oldest event and shows our certificate; `more` is the rest.
    pub fn destination(&self, name: &str, address: &str, more: &str) -> String {
        format!(
            "[destinations.{name}]\ntype = \"syslog\"\naddress = \"{address}\"\nca = \"{}\"\ncert = \"{}\"\n\
             key = {{ file = \"{}\" }}\nstart = \"oldest\"\n{more}\n",
            self.paths.ca.display(),
            self.paths.client_cert.display(),
            self.paths.client_key.display(),
        )
    }
}

/// Threats received between 20 hours and one hour ago: the first poll of a new integration finds all of them.
pub fn threats(seed: u64, count: usize) -> Vec<Threat> {
    let ago = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    generate(seed, count, ago(20), ago(1))
}

/// More of them, received just now: the polls to come will find them.
pub fn new_threats(seed: u64, count: usize) -> Vec<Threat> {
    // A moment ahead: a poll that ends between this and their being put would have passed their second for good.
    let soon = Timestamp::now() + SignedDuration::from_secs(2);
    generate(seed, count, soon, soon)
}

/// What may arrive, and must: the vendor's JSON of each message (of each version of it), by the beginning of its
/// event id.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    raws: HashMap<String, Vec<String>>,
    versions: usize,
    lines: HashSet<String>,
    /// Stream and JSON of what has no id of its own.
    nameless: HashSet<(&'static str, String)>,
}

impl Truth {
    /// What this API holds now, as `integration` will tell it.
    pub fn of(integration: &str, api: &Api) -> Truth {
        let mut truth = Truth::default();
        truth.note(integration, api);
        truth
    }

    /// Adds what this API holds now: a message that has changed since is one more version of it.
    pub fn note(&mut self, integration: &str, api: &Api) {
        self.note_threats(integration, &api.threats());
    }

    /// Adds these threats, as they are now.
    pub fn note_threats(&mut self, integration: &str, threats: &[Threat]) {
        for threat in threats {
            for message in &threat.messages {
                self.add(integration, "threats", &format!("{}:{}", threat.id, message.id), message.json(&threat.id));
            }
        }
    }

    /// Adds a case, which does not change meanwhile: what the vendor says of it in three places.
    pub fn note_case(&mut self, integration: &str, case: &Case) {
        let raw = format!(r#"{{"list":{},"detail":{},"analysis":{}}}"#, case.listed(), case.detail(), case.analysed());
        self.add(integration, "cases", &case.id.to_string(), raw);
    }

    /// Adds a vendor case, which does not change meanwhile.
    pub fn note_vendor_case(&mut self, integration: &str, case: &VendorCase) {
        self.add(integration, "vendor-cases", &case.id.to_string(), case.detail());
    }

    fn add(&mut self, integration: &str, stream: &str, native: &str, raw: String) {
        let known = self.raws.entry(format!("{integration}/{stream}/{native}")).or_default();
        if !known.contains(&raw) {
            known.push(raw);
            self.versions += 1;
        }
    }

    /// Adds what this API holds beside threats, which does not change meanwhile.
    pub fn note_others(&mut self, integration: &str, api: &Api) {
        api.cases().iter().for_each(|case| self.note_case(integration, case));
        for campaign in api.campaigns() {
            let detail = campaign.detail(campaign.settled(Timestamp::now()));
            self.add(integration, "abuse-campaigns", &campaign.id, detail);
        }
        api.vendor_cases().iter().for_each(|case| self.note_vendor_case(integration, case));
        // These have no ids of the vendor's: what counts is that each comes, byte for byte.
        self.nameless.extend(api.audit().iter().map(|entry| ("audit-logs", entry.listed())));
        self.nameless.extend(api.not_analyzed().iter().map(|row| ("not-analyzed", row.listed())));
    }

    /// Adds a line that is imported. Returns whether it is new.
    pub fn note_line(&mut self, line: String) -> bool {
        self.lines.insert(line)
    }

    /// Versions of messages, and lines: so many different events must arrive.
    pub fn events(&self) -> usize {
        self.versions + self.lines.len() + self.nameless.len()
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> u64 {
        self.raws.values().flatten().map(|raw| raw.len() as u64).sum()
    }

    /// Is `raw`, byte for byte, what the API held under this event id?
    pub fn holds(&self, id: &str, raw: &str) -> bool {
        if id.starts_with(IMPORT) {
            return self.lines.contains(raw);
        }
        if let Some(stream) = ["audit-logs", "not-analyzed"].iter().find(|stream| id.split('/').nth(1) == Some(stream))
        {
            return self.nameless.contains(&(*stream, raw.to_owned()));
        }
        let native = id.rsplit_once('/').map_or("", |(native, _version)| native);
        self.raws.get(native).is_some_and(|known| known.iter().any(|one| one == raw))
    }
}
