//! What the API knows: every kind of item, the tokens, and how far back it reaches.
//!
//! Promise: plain data. An item that is not here is on no list, and its detail is 404.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::audit::AuditEntry;
use super::campaign::Campaign;
use super::case::Case;
use super::not_analyzed::NotAnalyzed;
use super::threat::Threat;
use super::token::Token;
use super::vendor_case::VendorCase;

/// Each kind by its id, so that lists come in its order.
#[derive(Debug, Default)]
pub struct World {
    pub threats: BTreeMap<String, Threat>,
    pub cases: BTreeMap<u64, Case>,
    pub campaigns: BTreeMap<String, Campaign>,
    pub vendor_cases: BTreeMap<u64, VendorCase>,
    /// By a number of our own, rising: an entry has no id.
    pub audit: BTreeMap<u64, AuditEntry>,
    pub not_analyzed: BTreeMap<i64, NotAnalyzed>,
    /// How far back `/v1/threats` reaches; `None`: for ever.
    pub retention: Option<Duration>,
    /// What `/v1/soar/tokens` tells; `None`: that endpoint is forbidden.
    pub tokens: Option<Vec<Token>>,
    /// What the right token may read, such as `soar_v1_read_threats`; `None`: everything.
    pub permissions: Option<BTreeSet<String>>,
}
