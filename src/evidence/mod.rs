//! Evidence: what was detected in a period, what became of it, and what is not known. For an auditor who asks whether
//! detection is active and attacks are remediated.
//!
//! [`Tally`] makes a [`Report`] of the ids and marks that the queue's book keeps; [`text`], [`csv`] and [`html`] write it
//! for people. All of it is pure. Promise: what is not known is said, never shown as 0, and nothing that came from a
//! mail or a vendor can leave its place in any of the formats.
//!
//! An *item* is one thing at the vendor (one message to one recipient, one case, one campaign); an *event* is one
//! version of it. An item belongs to the period in which Conductor first kept it, and has the state of its newest
//! version.

pub mod csv;
pub mod durations;
mod group;
mod horizon;
pub mod html;
mod tally;
pub mod text;
mod words;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::marks::Remediation;

pub use horizon::Memory;
pub use tally::{Entry, Tally};

/// The layout of [`Report`] as JSON. A member may be added to it; a changed meaning gets another number.
pub const FORMAT: u32 = 1;
/// Rows of a table that names what vendors name; what comes after them is counted in one row.
pub const MOST_NAMES: usize = 100;
/// Gaps and deferred items that are listed; the rest is counted.
pub const MOST_LISTED: usize = 200;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// Only this integration; default: all.
    pub integration: Option<String>,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub format: u32,
    /// The agent's name.
    pub agent: String,
    /// Of the conductor that made it.
    pub version: String,
    pub generated: Timestamp,
    pub asked: Asked,
    pub horizon: Horizon,
    pub totals: Counts,
    /// Times from receiving to remediation, over the items that tell both.
    pub times: Times,
    pub streams: Vec<StreamRow>,
    pub attack_types: Vec<NamedRow>,
    pub severities: Vec<NamedRow>,
    pub judgements: Vec<NamedRow>,
    /// Every day of the period, by UTC.
    pub days: Vec<Day>,
    /// Remediated items of the period that no day of it counts: no time is told, or one outside of it.
    pub remediated_on_no_day: u64,
    /// Ranges that could not be collected, and touch the period.
    pub gaps: Vec<GapRow>,
    pub gaps_not_listed: u64,
    /// Items to come back to, as they stand now.
    pub deferred: Vec<DeferredRow>,
    pub deferred_not_listed: u64,
    /// What limits this report, in sentences.
    pub notes: Vec<String>,
}

/// How far back the queue's book can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// Ids are remembered for as many days.
    pub days: u32,
    /// Before this moment nothing, or not all, is known; `null`: it is not known since when the book counts.
    pub known_since: Option<Timestamp>,
    /// The book was lost and made again from what the queue still held.
    pub rebuilt: bool,
    /// The whole period is within what is known; `null`: that can't be told.
    pub covers_period: Option<bool>,
}

/// Items, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub items: u64,
    pub remediated: u64,
    pub attempted: u64,
    pub would_remediate: u64,
    pub not_remediated: u64,
    /// The vendor says that nothing is to be done.
    pub not_needed: u64,
    /// The vendor does not tell.
    pub unknown: u64,
    /// Nothing is ever remediated about such items (audit logs, vendor cases).
    pub not_applicable: u64,
    /// Kept by a version that noted nothing but their ids.
    pub unmarked: u64,
}

impl Counts {
    /// Items of which it is known whether they were remediated, and which needed it.
    pub fn decided(&self) -> u64 {
        self.remediated + self.attempted + self.would_remediate + self.not_remediated
    }

    /// Tenths of a percent of [`Counts::decided`] that were remediated, to the nearest; `None` where there are none.
    /// But all is said of all alone and none of none alone: 1,999 of 2,000 are 99.9 %, 1 of 10,000 is 0.1 %.
    pub fn share_permille(&self) -> Option<u64> {
        let all = self.decided();
        let nearest = (self.remediated * 1000 + all / 2).checked_div(all)?;
        Some(match self.remediated {
            0 => 0,
            some if some == all => 1000,
            _ => nearest.clamp(1, 999),
        })
    }

    /// How many have this state.
    pub fn of(&self, state: Remediation) -> u64 {
        match state {
            Remediation::Unknown => self.unknown,
            Remediation::Remediated => self.remediated,
            Remediation::Attempted => self.attempted,
            Remediation::WouldRemediate => self.would_remediate,
            Remediation::NotRemediated => self.not_remediated,
            Remediation::NotNeeded => self.not_needed,
        }
    }

    /// Adds another count to this one.
    fn join(&mut self, other: &Counts) {
        let Counts {
            items,
            remediated,
            attempted,
            would_remediate,
            not_remediated,
            not_needed,
            unknown,
            not_applicable,
            unmarked,
        } = other;
        self.items += items;
        self.remediated += remediated;
        self.attempted += attempted;
        self.would_remediate += would_remediate;
        self.not_remediated += not_remediated;
        self.not_needed += not_needed;
        self.unknown += unknown;
        self.not_applicable += not_applicable;
        self.unmarked += unmarked;
    }

    fn add_unmarked(&mut self) {
        self.items += 1;
        self.unmarked += 1;
    }

    fn add(&mut self, state: Option<Remediation>) {
        self.items += 1;
        let place = match state {
            None => &mut self.not_applicable,
            Some(Remediation::Unknown) => &mut self.unknown,
            Some(Remediation::Remediated) => &mut self.remediated,
            Some(Remediation::Attempted) => &mut self.attempted,
            Some(Remediation::WouldRemediate) => &mut self.would_remediate,
            Some(Remediation::NotRemediated) => &mut self.not_remediated,
            Some(Remediation::NotNeeded) => &mut self.not_needed,
        };
        *place += 1;
    }
}

/// Times to remediate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Items measured.
    pub measured: u64,
    /// Remediated items whose times are not told, or run backwards.
    pub not_measured: u64,
    /// Milliseconds; `null`: nothing was measured.
    pub median_ms: Option<u64>,
    pub p95_ms: Option<u64>,
    /// The two are exact; else they are right to within 5 %.
    pub exact: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRow {
    pub integration: String,
    pub stream: String,
    pub counts: Counts,
    /// Versions kept in the period.
    pub events: u64,
    /// When the first and the last item of the period were kept; to the day where only that is known.
    pub first_detection: Option<Timestamp>,
    pub last_detection: Option<Timestamp>,
    /// When the running agent last asked with success; `null`: it does not run, or has not yet.
    pub last_poll: Option<Timestamp>,
    /// Items to come back to, as they stand now.
    pub deferred: u64,
}

/// A row of a table by attack type, severity or judgement. `null`: not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRow {
    pub name: Option<String>,
    /// This many rare names are counted in this row; else 0.
    pub names_together: u64,
    pub counts: Counts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    pub day: Date,
    pub detected: u64,
    pub remediated: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRow {
    pub integration: String,
    pub stream: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferredRow {
    pub integration: String,
    pub stream: String,
    pub id: String,
    pub reason: String,
    pub since: Timestamp,
    pub tries: u32,
    pub due: Timestamp,
}

impl Report {
    /// Enters when the running agent last asked each stream with success: integration, stream, time. A stream that
    /// keeps nothing yet gets its row by it.
    pub fn enter_polls(&mut self, polls: &[(String, String, Option<Timestamp>)]) {
        for (integration, stream, last_poll) in polls {
            if self.asked.integration.as_ref().is_some_and(|asked| asked != integration) {
                continue;
            }
            match self.streams.iter_mut().find(|row| row.integration == *integration && row.stream == *stream) {
                Some(row) => row.last_poll = *last_poll,
                None => {
                    let row = StreamRow { last_poll: *last_poll, ..StreamRow::new(integration, stream) };
                    self.streams.push(row);
                }
            }
        }
        self.streams.sort_by(|a, b| (&a.integration, &a.stream).cmp(&(&b.integration, &b.stream)));
    }
}

impl StreamRow {
    fn new(integration: &str, stream: &str) -> StreamRow {
        StreamRow {
            integration: integration.to_owned(),
            stream: stream.to_owned(),
            counts: Counts::default(),
            events: 0,
            first_detection: None,
            last_detection: None,
            last_poll: None,
            deferred: 0,
        }
    }
}
