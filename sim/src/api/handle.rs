//! The world by the handle: what is put in, changed and taken away while the API runs.
//!
//! Promise: each call is one step; a request sees the world before it or after it, never between.

use std::time::Duration;

use jiff::Timestamp;

use super::Api;
use super::audit::AuditEntry;
use super::campaign::Campaign;
use super::case::Case;
use super::moment::Moment;
use super::not_analyzed::NotAnalyzed;
use super::threat::{Message, Remediated, Threat};
use super::token::Token;
use super::vendor_case::VendorCase;
use crate::door::lock;

/// Threats.
impl Api {
    /// Adds threats; one with an id that is there already replaces it.
    pub fn put(&self, threats: impl IntoIterator<Item = Threat>) {
        let threats = threats.into_iter().map(|threat| (threat.id.clone(), threat));
        lock(&self.shared.state).world.threats.extend(threats);
    }

    /// Takes one away: no list names it any more, and its detail is 404. False if it was not there.
    pub fn remove(&self, id: &str) -> bool {
        lock(&self.shared.state).world.threats.remove(id).is_some()
    }

    /// Changes one where it stands. False if it is not there.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Threat)) -> bool {
        lock(&self.shared.state).world.threats.get_mut(id).map(change).is_some()
    }

    /// A late remediation: every message of the threat is `Post Remediated` at `at`.
    pub fn remediate(&self, id: &str, at: Timestamp) -> bool {
        self.change(id, |threat| {
            for message in &mut threat.messages {
                message.remediated = Remediated::At(Moment { at, digits: 6 });
                message.status = "Post Remediated".to_owned();
            }
        })
    }

    /// One more recipient of a threat.
    pub fn add_message(&self, id: &str, message: Message) -> bool {
        self.change(id, |threat| threat.messages.push(message))
    }

    /// All threats, by ascending id.
    pub fn threats(&self) -> Vec<Threat> {
        lock(&self.shared.state).world.threats.values().cloned().collect()
    }

    /// How far back `/v1/threats` reaches from now on.
    pub fn set_retention(&self, retention: Option<Duration>) {
        lock(&self.shared.state).world.retention = retention;
    }
}

/// Cases.
impl Api {
    /// Adds one; the same id replaces it.
    pub fn put_case(&self, case: Case) {
        lock(&self.shared.state).world.cases.insert(case.id, case);
    }

    /// Changes one where it stands (`last_modified` too, if the change is to be found). False if it is not there.
    pub fn change_case(&self, id: u64, change: impl FnOnce(&mut Case)) -> bool {
        lock(&self.shared.state).world.cases.get_mut(&id).map(change).is_some()
    }

    /// Takes one away. False if it was not there.
    pub fn remove_case(&self, id: u64) -> bool {
        lock(&self.shared.state).world.cases.remove(&id).is_some()
    }

    /// All, by ascending id.
    pub fn cases(&self) -> Vec<Case> {
        lock(&self.shared.state).world.cases.values().cloned().collect()
    }
}

/// Abuse campaigns.
impl Api {
    /// Adds one; the same id replaces it.
    pub fn put_campaign(&self, campaign: Campaign) {
        lock(&self.shared.state).world.campaigns.insert(campaign.id.clone(), campaign);
    }

    /// Changes one where it stands. False if it is not there.
    pub fn change_campaign(&self, id: &str, change: impl FnOnce(&mut Campaign)) -> bool {
        lock(&self.shared.state).world.campaigns.get_mut(id).map(change).is_some()
    }

    /// Its verdict is out from now on; `lastReported` stays as it is. False if it is not there.
    pub fn settle_campaign(&self, id: &str) -> bool {
        self.change_campaign(id, |campaign| campaign.settles_at = None)
    }

    /// Takes one away. False if it was not there.
    pub fn remove_campaign(&self, id: &str) -> bool {
        lock(&self.shared.state).world.campaigns.remove(id).is_some()
    }

    /// All, by ascending id.
    pub fn campaigns(&self) -> Vec<Campaign> {
        lock(&self.shared.state).world.campaigns.values().cloned().collect()
    }
}

/// Vendor cases.
impl Api {
    /// Adds one; the same id replaces it.
    pub fn put_vendor_case(&self, case: VendorCase) {
        lock(&self.shared.state).world.vendor_cases.insert(case.id, case);
    }

    /// Changes one where it stands. False if it is not there.
    pub fn change_vendor_case(&self, id: u64, change: impl FnOnce(&mut VendorCase)) -> bool {
        lock(&self.shared.state).world.vendor_cases.get_mut(&id).map(change).is_some()
    }

    /// Takes one away. False if it was not there.
    pub fn remove_vendor_case(&self, id: u64) -> bool {
        lock(&self.shared.state).world.vendor_cases.remove(&id).is_some()
    }

    /// All, by ascending id.
    pub fn vendor_cases(&self) -> Vec<VendorCase> {
        lock(&self.shared.state).world.vendor_cases.values().cloned().collect()
    }
}

/// Audit logs.
impl Api {
    /// Adds an entry, newest in the list. The number names it here alone: no answer shows it.
    pub fn put_audit(&self, entry: AuditEntry) -> u64 {
        let mut state = lock(&self.shared.state);
        let number = state.audit_number();
        state.world.audit.insert(number, entry);
        number
    }

    /// Changes one where it stands. False if it is not there.
    pub fn change_audit(&self, number: u64, change: impl FnOnce(&mut AuditEntry)) -> bool {
        lock(&self.shared.state).world.audit.get_mut(&number).map(change).is_some()
    }

    /// Takes one away. False if it was not there.
    pub fn remove_audit(&self, number: u64) -> bool {
        lock(&self.shared.state).world.audit.remove(&number).is_some()
    }

    /// All, in the order in which they were put.
    pub fn audit(&self) -> Vec<AuditEntry> {
        lock(&self.shared.state).world.audit.values().cloned().collect()
    }
}

/// Messages that were not analyzed.
impl Api {
    /// Adds a row; the same message id replaces it.
    pub fn put_not_analyzed(&self, row: NotAnalyzed) {
        lock(&self.shared.state).world.not_analyzed.insert(row.message_id, row);
    }

    /// Changes one where it stands (`vanishes_at`, to have it gone later). False if it is not there.
    pub fn change_not_analyzed(&self, message_id: i64, change: impl FnOnce(&mut NotAnalyzed)) -> bool {
        lock(&self.shared.state).world.not_analyzed.get_mut(&message_id).map(change).is_some()
    }

    /// Takes one away. False if it was not there.
    pub fn remove_not_analyzed(&self, message_id: i64) -> bool {
        lock(&self.shared.state).world.not_analyzed.remove(&message_id).is_some()
    }

    /// All, by ascending message id.
    pub fn not_analyzed(&self) -> Vec<NotAnalyzed> {
        lock(&self.shared.state).world.not_analyzed.values().cloned().collect()
    }
}

/// What tokens may do, and what is told of them.
impl Api {
    /// When the token ends, as told from now on: of one token, called `edge`. `None`: 403 where it would be told.
    pub fn set_token_expires(&self, at: Option<Timestamp>) {
        self.set_tokens(at.map(|at| vec![Token::edge(at)]));
    }

    /// What `/v1/soar/tokens` tells from now on; `None`: 403 there.
    pub fn set_tokens(&self, tokens: Option<Vec<Token>>) {
        lock(&self.shared.state).world.tokens = tokens;
    }

    /// What the right token may read from now on, such as `soar_v1_read_threats`
    /// ([`Endpoint::permission`](super::Endpoint::permission)): 403 elsewhere. `None`: everything.
    pub fn set_permissions(&self, permissions: Option<&[&str]>) {
        let permissions = permissions.map(|held| held.iter().map(|&name| name.to_owned()).collect());
        lock(&self.shared.state).world.permissions = permissions;
    }
}
