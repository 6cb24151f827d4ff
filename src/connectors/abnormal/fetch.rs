//! What is still to be fetched, as it rides in the checkpoint.
//!
//! Promise: plain data; a field added later has a default, so that an older checkpoint is read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    /// The entry itself, where it tells what the item's detail does not.
    pub entry: Option<String>,
}

/// What of an item is asked for: most have a detail and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    #[default]
    Detail,
    Attachments,
    Links,
}

/// An item to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    pub id: String,
    /// The page of its detail to ask for next, from 1.
    pub page: u32,
    /// How often it was deferred.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// How often it was among those that stopped a step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stops: u32,
    /// When it was first deferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What of it is asked for.
    #[serde(default, skip_serializing_if = "is_detail")]
    pub part: Part,
    /// Asked for before: it is no news, and has a small share of the budget only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// The list's entry, where it tells what the detail does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Event ids of this page that are handed over already: its answer was larger than what one step may carry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<String>,
}

impl Fetch {
    pub fn new(id: String) -> Fetch {
        Fetch {
            id,
            page: 1,
            tries: 0,
            stops: 0,
            since: None,
            part: Part::Detail,
            again: false,
            entry: None,
            sent: Vec::new(),
        }
    }

    /// Since when it has been come back to.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        self.since
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_detail(part: &Part) -> bool {
    *part == Part::Detail
}
