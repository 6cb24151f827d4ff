//! What the system tells of the network: what holds, what was asked last, what came of it.
//!
//! Promise: whatever a later version of the system adds is passed over; a field that is not there is not known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Typed;

/// `STATE/network/state.json`, written by the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Told {
    /// What holds and will hold after a restart; none: the system's own, or a file of an operator's volume.
    pub current: Option<Typed>,
    /// What was asked last.
    pub asked: Option<Typed>,
    /// None: nothing was asked yet.
    pub outcome: Option<Outcome>,
    /// A sentence.
    pub why: String,
    /// Of the trial under way: an answer must name it.
    pub id: String,
    /// Until when the trial waits for an answer; none: it does not, or not yet.
    pub until: Option<Timestamp>,
    /// When the outcome came to be.
    pub when: Option<Timestamp>,
}

/// What became of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Trying,
    Applied,
    WentBack,
    Refused,
}

impl Told {
    /// Is a trial waiting to be kept?
    pub fn waits(&self) -> bool {
        self.outcome == Some(Outcome::Trying) && self.until.is_some() && !self.id.is_empty()
    }
}
