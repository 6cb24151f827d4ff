//! A fault as people and machines are told it.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::fault::{Fault, FaultKind};

/// A fault as the status tells it: the kind for machines, the sentence with its causes, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultNote {
    #[serde(deserialize_with = "fault_kind")]
    pub kind: FaultKind,
    pub text: String,
    pub at: Timestamp,
}

impl FaultNote {
    pub fn new(fault: &Fault, at: Timestamp) -> FaultNote {
        FaultNote { kind: fault.kind, text: fault.chain(), at }
    }
}

fn fault_kind<'de, D: Deserializer<'de>>(from: D) -> Result<FaultKind, D::Error> {
    let word = String::deserialize(from)?;
    let known = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| serde::de::Error::custom(format!("{word:?} is no kind of fault that this version knows")))
}
