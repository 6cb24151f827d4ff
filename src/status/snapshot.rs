//! The shape of `GET /status`: what the agent says about itself at one moment.
//!
//! Promise: field names are stable; fields may be added, none is renamed or removed. Unknown ones are
//! passed over when reading, so a newer `conductor status` understands an older agent and the reverse.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::api_key::KeySource;
use super::appliance::Appliance;
use super::conditions::Condition;
use super::note::FaultNote;
use super::remote::Remote;
use super::sealing::Secrets;
use super::state::State;
use super::update::Update;

/// Everything, at `time`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When this was made.
    pub time: Timestamp,
    pub agent: Agent,
    pub state: State,
    /// The gravest first, then the oldest.
    pub conditions: Vec<Condition>,
    pub egress: Egress,
    pub clock: Clock,
    pub queue: Queue,
    #[serde(default)]
    pub secrets: Secrets,
    /// `null`: nothing listens beyond loopback.
    #[serde(default)]
    pub remote: Option<Remote>,
    /// Absent: this is no appliance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appliance: Option<Appliance>,
    /// `null`: no URL of updates is set.
    #[serde(default)]
    pub update: Option<Update>,
    /// By name.
    pub integrations: Vec<Integration>,
    /// By name.
    pub destinations: Vec<Destination>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    pub name: String,
    pub version: String,
    pub started: Timestamp,
    pub uptime_seconds: u64,
    pub arch: String,
    pub task_restarts_total: u64,
    pub reloads_total: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Egress {
    /// Addresses and ranges of the vendor's IP Safelist, as the settings name them.
    pub allowlisted: Vec<String>,
    /// The address that the probe saw us come from.
    pub observed: Option<String>,
    /// Who saw it: the probe's URL.
    pub observed_by: Option<String>,
    /// The local address that we leave by, where the settings choose one.
    pub source_address: Option<String>,
    /// `null`: not observed, or nothing is allowlisted.
    pub matches: Option<bool>,
    /// When the probe last answered.
    pub checked: Option<Timestamp>,
    /// The same in a sentence.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// The vendor's clock less ours, in seconds; `null`: never compared.
    pub offset_seconds: Option<f64>,
    pub checked: Option<Timestamp>,
}

/// Can the queue keep what comes in?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueState {
    /// It is not open yet.
    #[default]
    Opening,
    /// It is open and persists what comes (a full queue pauses polling and is open all the same).
    Open,
    /// It can't be opened, or the disk refuses writes.
    Failed,
}

impl QueueState {
    /// The word in JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            QueueState::Opening => "opening",
            QueueState::Open => "open",
            QueueState::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    pub state: QueueState,
    /// Events that some destination has still to take.
    pub events: u64,
    /// Bytes of the journal that hold those events, as they are on disk.
    pub bytes: u64,
    /// Bytes that the queue's folder takes on the disk.
    pub disk_bytes: u64,
    /// The quota.
    pub max_bytes: u64,
    /// The age of the oldest waiting event; 0: nothing waits.
    pub oldest_seconds: u64,
    /// Polling is paused because there is no room.
    pub paused: bool,
    /// Events in stretches that did not check out and were set aside.
    pub damaged: u64,
    /// Events that came again under a known id and were left out, since the start.
    pub duplicates: u64,
    pub appended_total: u64,
    /// Events that left before all took them, by the operator's rule.
    pub dropped_total: u64,
    /// Why it is not open, or where its place goes.
    pub text: String,
}

/// How an integration, a stream or a destination stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its last try worked.
    Ok,
    /// It has not tried yet, or waits for its turn.
    #[default]
    Waiting,
    /// Its last try failed; it tries again by itself, soon.
    Failing,
    /// It is stopped for long, or until a key or a setting changes.
    Parked,
    /// The operator switched it off.
    Disabled,
}

impl Standing {
    /// All of them, for tables.
    pub const ALL: [Standing; 5] =
        [Standing::Ok, Standing::Waiting, Standing::Failing, Standing::Parked, Standing::Disabled];

    /// The word in JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Ok => "ok",
            Standing::Waiting => "waiting",
            Standing::Failing => "failing",
            Standing::Parked => "parked",
            Standing::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    pub name: String,
    /// The connector's word, such as `abnormal-security`.
    pub connector: String,
    pub host: String,
    pub enabled: bool,
    pub state: Standing,
    pub streams: Vec<Stream>,
    /// The day that the API key ends, in UTC.
    pub api_key_expires: Option<Date>,
    /// The moment itself; of a day that the settings name, its beginning.
    pub api_key_expires_at: Option<Timestamp>,
    /// Who says so.
    pub api_key_expires_source: Option<KeySource>,
    /// When the key was made, where the vendor tells; else when it was first seen here.
    pub api_key_since: Option<Timestamp>,
    /// As set.
    pub requests_per_minute: u32,
    /// What it is now: fewer after a 429.
    pub requests_per_minute_now: u32,
    pub requests_total: u64,
    /// Answers 429.
    pub throttled_total: u64,
    /// All the time that requests waited for their permits, since the start.
    pub waited_seconds_total: f64,
    /// Why the whole integration is parked, where it is.
    pub fault: Option<FaultNote>,
    /// The same in a sentence.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub name: String,
    pub state: Standing,
    pub last_poll: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub next_poll: Option<Timestamp>,
    /// Events kept, since the start.
    pub events_total: u64,
    /// Seconds since a poll last found nothing more to ask for; `null`: not since the start.
    pub lag_seconds: Option<u64>,
    /// Where it stands, in its connector's own words.
    pub checkpoint: Option<String>,
    /// What its last poll ended with, where that was a fault.
    pub fault: Option<FaultNote>,
    /// Items that failed and are tried again.
    pub deferred: u64,
    /// Items that wait for a verdict.
    #[serde(default)]
    pub unsettled: u64,
    /// Ranges that will never be collected, since the start.
    pub gaps: u64,
    pub polls_total: u64,
    /// Faults by kind, since the start.
    pub faults_total: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    pub name: String,
    /// The protocol's word, such as `syslog`.
    #[serde(rename = "type")]
    pub protocol: String,
    /// Host and port, or a URL without its secrets.
    pub address: String,
    pub state: Standing,
    /// The last seq that it took.
    pub cursor: u64,
    /// Events that wait for it.
    pub depth: u64,
    /// The age of the oldest of them, since it was kept; 0: nothing waits.
    #[serde(default)]
    pub oldest_seconds: u64,
    /// Events that the peer confirmed, a second, over the last minute.
    #[serde(default)]
    pub taken_per_second: f64,
    /// When the certificates end: of its files, and the one that the peer showed.
    #[serde(default)]
    pub certificates: Vec<CertificateEnd>,
    /// Events that the peer has confirmed, since the start.
    pub taken_total: u64,
    pub last_taken: Option<Timestamp>,
    pub last_fault: Option<FaultNote>,
    pub connected: bool,
    /// How this peer confirms: `unknown`, `read-key-update`, `read-close`, `acknowledged`, `held-by-tcp`, `sent`.
    pub receipt: String,
    /// The same in a sentence.
    pub receipt_text: String,
    /// Events handed to the connection, confirmed or not, resent ones included.
    pub forwarded_total: u64,
    pub resent_total: u64,
    pub quarantined_total: u64,
    /// Events that when-full = "drop-oldest" dropped before it took them, ever.
    #[serde(default)]
    pub dropped_total: u64,
    /// The first and the last seq of them; what lies between, it may have taken in part.
    #[serde(default)]
    pub dropped_first: Option<u64>,
    #[serde(default)]
    pub dropped_last: Option<u64>,
    /// What it is handed again now; `null`: nothing.
    #[serde(default)]
    pub replay: Option<Replay>,
    /// Events of replays that the peer confirmed, since the start.
    #[serde(default)]
    pub replayed_total: u64,
    pub reconnects_total: u64,
    /// Faults by kind, since the start.
    pub faults_total: BTreeMap<String, u64>,
    /// How it stands, in a sentence.
    pub text: String,
}

/// When a certificate ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateEnd {
    pub whose: Whose,
    pub expires: Timestamp,
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// That of `cert`.
    Ours,
    /// The first to end of `ca`.
    Ca,
    /// The one that the peer showed when the connection was made.
    Peer,
}

impl Whose {
    /// The word in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Whose::Ours => "ours",
            Whose::Ca => "ca",
            Whose::Peer => "peer",
        }
    }

    /// In a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Whose::Ours => "our certificate (`cert`)",
            Whose::Ca => "the CA's (`ca`)",
            Whose::Peer => "the receiver's own",
        }
    }
}

/// A replay under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The range as it was asked for: when events were kept.
    pub from: Timestamp,
    pub to: Timestamp,
    /// The next seq to hand over, and the last.
    pub next: u64,
    pub last: u64,
    /// Events, as counted before it began.
    pub events: u64,
    /// Of these, what the peer has confirmed.
    pub handed: u64,
    /// And what is still to be handed over.
    pub left: u64,
    /// Places that were let go before their turn came.
    pub gone: u64,
    /// What the last try failed with; `null` once it works.
    pub fault: Option<FaultNote>,
}

impl Snapshot {
    /// True while the queue is open and persists what comes in: what `/readyz` answers.
    pub fn ready(&self) -> bool {
        self.queue.state == QueueState::Open
    }
}
