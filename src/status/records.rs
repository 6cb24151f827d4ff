//! What the engine writes down about each part: plain data, one record a part.
//!
//! Promise: a record holds facts only (times, counts, the last fault); every judgement is made later, in the
//! snapshot, with the time as an argument.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::api_key::KeyExpiry;
use super::note::FaultNote;
use super::rate::Rate;
use super::snapshot::{CertificateEnd, QueueState, Standing};
use crate::destinations::Receipt;
use crate::fault::{Fault, FaultKind};
use crate::values::IpRange;

/// How often each kind of fault came, since the start.
pub type FaultCounts = BTreeMap<FaultKind, u64>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentRecord {
    /// Tasks that ended unexpectedly and were started again.
    pub task_restarts: u64,
    /// Settings taken over without a restart of the process.
    pub reloads: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClockRecord {
    /// The vendor's clock less ours, in seconds.
    pub offset_seconds: Option<f64>,
    pub checked: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueRecord {
    /// Must be set to `Open` once it persists: until then `/readyz` is false and the state is down.
    pub state: QueueState,
    /// Why it failed, in a sentence.
    pub reason: Option<String>,
    /// Events that some destination has still to take.
    pub events: u64,
    pub bytes: u64,
    pub disk_bytes: u64,
    pub max_bytes: u64,
    /// When the oldest waiting event was observed.
    pub oldest: Option<Timestamp>,
    pub paused: bool,
    pub damaged: u64,
    pub duplicates: u64,
    pub appended: u64,
    pub dropped: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressRecord {
    pub allowlisted: Vec<IpRange>,
    /// The probe's URL, where one is set.
    pub probe: Option<String>,
    pub observed: Option<IpAddr>,
    pub observed_by: Option<String>,
    pub source_address: Option<IpAddr>,
    /// When the probe last answered.
    pub checked: Option<Timestamp>,
    /// What the last probe failed with; `None` once it works.
    pub fault: Option<FaultNote>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegrationRecord {
    pub connector: String,
    pub host: String,
    pub enabled: bool,
    /// The whole integration is stopped (no key, refused), and why: see [`IntegrationRecord::park`].
    pub parked: Option<FaultNote>,
    pub parked_since: Option<Timestamp>,
    /// As the vendor tells, else as the settings do.
    pub api_key_expires: Option<KeyExpiry>,
    /// When the key was made, where the vendor tells; else when it was first seen here.
    pub api_key_since: Option<Timestamp>,
    /// As set.
    pub requests_per_minute: u32,
    /// What it is now: fewer after a 429.
    pub requests_per_minute_now: u32,
    pub requests: u64,
    /// Answers 429.
    pub throttled: u64,
    /// All the time that requests waited for their permits.
    pub waited: Duration,
    pub streams: BTreeMap<String, StreamRecord>,
}

impl IntegrationRecord {
    /// The whole integration stops. Parked again after a try, it keeps the time of the first.
    pub fn park(&mut self, fault: &Fault, now: Timestamp) {
        self.parked = Some(FaultNote::new(fault, now));
        self.parked_since = self.parked_since.or(Some(now));
    }

    /// It runs again: to be called when something worked, not when a try begins.
    pub fn unpark(&mut self) {
        self.parked = None;
        self.parked_since = None;
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamRecord {
    pub standing: Standing,
    pub last_poll: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub next_poll: Option<Timestamp>,
    /// When a poll last found nothing more to ask for.
    pub caught_up: Option<Timestamp>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    pub events: u64,
    pub checkpoint: Option<String>,
    pub fault: Option<FaultNote>,
    /// Items that failed and are tried again.
    pub deferred: u64,
    /// Items that wait for a verdict.
    pub unsettled: u64,
    pub gaps: u64,
    pub polls: u64,
    pub faults: FaultCounts,
}

impl StreamRecord {
    /// A poll worked and its page is kept; `more`: there is still more to ask for.
    pub fn succeeded(&mut self, events: u64, more: bool, now: Timestamp) {
        self.polls += 1;
        self.events += events;
        self.standing = Standing::Ok;
        self.last_poll = Some(now);
        self.last_success = Some(now);
        if !more {
            self.caught_up = Some(now);
        }
        self.failing_since = None;
        self.fault = None;
    }

    /// Where it stands, as /status shows it: work that is still to be done makes a checkpoint long.
    pub fn stands_at(&mut self, checkpoint: Option<String>) {
        const MOST: usize = 2048;
        self.checkpoint = checkpoint.map(|mut text| {
            if text.len() > MOST {
                let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                text.truncate(end);
                text.push('…');
            }
            text
        });
    }

    /// A poll failed. `standing` is `Failing` when it is tried again soon, `Parked` when it is stopped for long.
    /// A stream that the vendor has not licensed is parked, but does not count as failing.
    pub fn failed(&mut self, standing: Standing, fault: &Fault, now: Timestamp) {
        self.polls += 1;
        *self.faults.entry(fault.kind).or_default() += 1;
        self.standing = standing;
        self.last_poll = Some(now);
        self.fault = Some(FaultNote::new(fault, now));
        self.failing_since = match fault.kind {
            FaultKind::Unlicensed => None,
            FaultKind::Misconfigured
            | FaultKind::Keyless
            | FaultKind::Refused
            | FaultKind::Throttled
            | FaultKind::Unavailable
            | FaultKind::OutOfRetention
            | FaultKind::Unreadable
            | FaultKind::Rejected
            | FaultKind::Full
            | FaultKind::Corrupt => self.failing_since.or(Some(now)),
        };
    }
}

/// A replay under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRecord {
    /// The range as it was asked for: when events were kept.
    pub from: Timestamp,
    pub to: Timestamp,
    /// The next seq, and the last.
    pub next: u64,
    pub last: u64,
    /// Events, as counted before it began.
    pub events: u64,
    pub handed: u64,
    pub left: u64,
    /// Places that were let go before their turn came.
    pub gone: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRecord {
    /// The protocol's word, such as `syslog`.
    pub protocol: String,
    /// Host and port, or a URL without its secrets.
    pub address: String,
    pub standing: Standing,
    /// The last seq that it took.
    pub cursor: u64,
    /// Events that wait for it.
    pub depth: u64,
    /// When the oldest of them was kept.
    pub oldest: Option<Timestamp>,
    /// How fast it takes events.
    pub rate: Rate,
    /// Of its files and of its peer.
    pub certificates: Vec<CertificateEnd>,
    pub taken: u64,
    pub last_taken: Option<Timestamp>,
    pub last_fault: Option<FaultNote>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    pub connected: bool,
    pub receipt: Receipt,
    pub forwarded: u64,
    pub resent: u64,
    pub quarantined: u64,
    /// Events that were dropped before it took them, and the first and the last seq of them.
    pub dropped: u64,
    pub dropped_seqs: Option<(u64, u64)>,
    /// What it is handed again now, where it is.
    pub replay: Option<ReplayRecord>,
    /// What the last try of that failed with; `None` once it works.
    pub replay_fault: Option<FaultNote>,
    /// Events of replays that the peer confirmed.
    pub replayed: u64,
    pub reconnects: u64,
    pub faults: FaultCounts,
}

impl Default for DestinationRecord {
    fn default() -> DestinationRecord {
        DestinationRecord {
            protocol: String::new(),
            address: String::new(),
            standing: Standing::Waiting,
            cursor: 0,
            depth: 0,
            oldest: None,
            rate: Rate::default(),
            certificates: Vec::new(),
            taken: 0,
            last_taken: None,
            last_fault: None,
            failing_since: None,
            connected: false,
            receipt: Receipt::Unknown,
            forwarded: 0,
            resent: 0,
            quarantined: 0,
            dropped: 0,
            dropped_seqs: None,
            replay: None,
            replay_fault: None,
            replayed: 0,
            reconnects: 0,
            faults: FaultCounts::new(),
        }
    }
}

impl DestinationRecord {
    /// The peer confirmed `events` more, up to the place `cursor`.
    pub fn took(&mut self, events: u64, cursor: u64, now: Timestamp) {
        self.taken += events;
        self.cursor = cursor;
        self.last_taken = Some(now);
        self.works();
    }

    /// It stands well: connected, or a try worked with nothing to hand over. The last fault stays to be read.
    pub fn works(&mut self) {
        self.standing = Standing::Ok;
        self.failing_since = None;
    }

    /// A try failed; `Failing` when it is tried again soon, `Parked` when it is stopped for long.
    pub fn failed(&mut self, standing: Standing, fault: &Fault, now: Timestamp) {
        *self.faults.entry(fault.kind).or_default() += 1;
        self.standing = standing;
        self.last_fault = Some(FaultNote::new(fault, now));
        self.failing_since = self.failing_since.or(Some(now));
    }

    /// A try to hand over again failed. The destination itself is judged by what is new.
    pub fn replay_failed(&mut self, fault: &Fault, now: Timestamp) {
        self.replay_fault = Some(FaultNote::new(fault, now));
    }
}
