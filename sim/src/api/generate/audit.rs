//! Audit entries out of a seed.
//!
//! Promise: `timestamp` lies in the range; entries with and without an action, a reason and a tenant occur.

use fastrand::Rng;
use jiff::Timestamp;

use super::super::audit::{AuditDetails, AuditEntry, AuditStatus, TimeForm};
use super::dice::{moment, one, wide_id};

/// Entries of `from..to`, in no order.
pub fn audit(seed: u64, count: usize, from: Timestamp, to: Timestamp) -> Vec<AuditEntry> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| entry(&mut rng, from, to)).collect()
}

fn entry(rng: &mut Rng, from: Timestamp, to: Timestamp) -> AuditEntry {
    let details = rng.bool().then(|| AuditDetails {
        message_id: wide_id(rng),
        reason: one(rng, &["null", "asked for by the \"owner\""]).to_owned(),
        request_url: "/v2.0/x/".to_owned(),
    });
    AuditEntry {
        at: moment(rng, from, to),
        time_form: if rng.u8(..4) == 0 { TimeForm::Zulu } else { TimeForm::Space },
        action: details.is_some().then(|| "view_message_content".to_owned()),
        details,
        category: one(rng, &["threat_log", "login", "settings"]).to_owned(),
        source_ip: "198.51.100.9".to_owned(),
        status: if rng.u8(..5) == 0 { AuditStatus::Failure } else { AuditStatus::Success },
        tenant: one(rng, &["", "harbor-eu"]).to_owned(),
        user: "soc@harbor.example".to_owned(),
    }
}
