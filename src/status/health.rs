//! `/health`: the snapshot as `application/health+json` (the expired draft-inadarei-api-health-check-06,
//! which monitoring tools read all the same), one check for each part.
//!
//! Promise: the HTTP code is 503 when, and only when, the agent is down.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::conditions::{Code, Severity};
use super::snapshot::{QueueState, Snapshot, Standing};
use super::state::State;

/// The media type of [`Health`].
pub const MEDIA_TYPE: &str = "application/health+json";

/// The draft's three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}

/// The answer's body.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub status: Verdict,
    /// Of this answer's shape.
    pub version: &'static str,
    /// Of the agent.
    pub release_id: String,
    /// The agent's name.
    pub service_id: String,
    /// The conditions that made it worse than `pass`, in sentences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// `component:measurement` → what was measured.
    pub checks: BTreeMap<String, Vec<Check>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub status: Verdict,
    pub component_type: &'static str,
    pub observed_value: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_unit: Option<&'static str>,
    pub time: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl Health {
    /// 200 for pass and warn, 503 for fail.
    pub fn http_code(&self) -> u16 {
        match self.status {
            Verdict::Pass | Verdict::Warn => 200,
            Verdict::Fail => 503,
        }
    }
}

/// What the snapshot says, in the draft's words.
pub fn health(snapshot: &Snapshot) -> Health {
    let mut checks = BTreeMap::new();
    let mut check = |key: String, status, component_type, value: serde_json::Value, observed_unit, output: &str| {
        let output = output.to_owned();
        let time = snapshot.time;
        checks.insert(key, vec![Check { status, component_type, observed_value: value, observed_unit, time, output }]);
    };
    for each in &snapshot.integrations {
        let lag = each.streams.iter().filter_map(|stream| stream.lag_seconds).max();
        let key = format!("integration/{}:lag", each.name);
        check(key, standing(each.state), "component", lag.into(), Some("s"), &each.text);
    }
    for each in &snapshot.destinations {
        let key = format!("destination/{}:depth", each.name);
        check(key, standing(each.state), "component", each.depth.into(), Some("events"), &each.text);
    }
    let queue = &snapshot.queue;
    let percent = used_percent(queue.disk_bytes, queue.max_bytes);
    check(
        "queue:utilization".into(),
        queue_verdict(snapshot),
        "datastore",
        percent.into(),
        Some("percent"),
        &queue.text,
    );
    let egress = match snapshot.egress.matches {
        Some(false) => Verdict::Warn,
        Some(true) | None => Verdict::Pass,
    };
    let observed = snapshot.egress.observed.clone();
    check("egress:address".into(), egress, "system", observed.into(), None, &snapshot.egress.text);
    let wrong = |code| snapshot.conditions.iter().find(|condition| condition.code == code);
    let skew = wrong(Code::ClockUnset).or_else(|| wrong(Code::ClockSkew));
    let clock = skew.map_or(Verdict::Pass, |condition| condition_verdict(condition.severity));
    let clock_text = skew.map_or("", |condition| condition.text.as_str());
    check("clock:offset".into(), clock, "system", snapshot.clock.offset_seconds.into(), Some("s"), clock_text);

    let grave = snapshot.conditions.iter().filter(|condition| condition.severity > Severity::Info);
    Health {
        status: match snapshot.state {
            State::Healthy => Verdict::Pass,
            State::Degraded => Verdict::Warn,
            State::Down => Verdict::Fail,
        },
        version: "1",
        release_id: snapshot.agent.version.clone(),
        service_id: snapshot.agent.name.clone(),
        output: grave.map(|condition| condition.text.as_str()).collect::<Vec<_>>().join(" "),
        checks,
    }
}

fn standing(standing: Standing) -> Verdict {
    match standing {
        Standing::Ok | Standing::Waiting | Standing::Disabled => Verdict::Pass,
        Standing::Failing => Verdict::Warn,
        Standing::Parked => Verdict::Fail,
    }
}

fn queue_verdict(snapshot: &Snapshot) -> Verdict {
    match snapshot.queue.state {
        QueueState::Opening | QueueState::Failed => Verdict::Fail,
        QueueState::Open if snapshot.queue.paused => Verdict::Warn,
        QueueState::Open => {
            let about_it = snapshot.conditions.iter().filter(|condition| is_about_the_queue(condition.code));
            about_it.map(|condition| condition_verdict(condition.severity)).max().unwrap_or(Verdict::Pass)
        }
    }
}

/// A grave condition warns; it does not fail the check, because the part still works.
fn condition_verdict(severity: Severity) -> Verdict {
    match severity {
        Severity::Info => Verdict::Pass,
        Severity::Warning | Severity::Error => Verdict::Warn,
    }
}

fn is_about_the_queue(code: Code) -> bool {
    match code {
        Code::QueueFull
        | Code::QueuePaused
        | Code::QueueCorrupt
        | Code::QueueDamaged
        | Code::DiskError
        | Code::EventsDropped => true,
        Code::IntegrationRefused
        | Code::IntegrationKeyless
        | Code::IntegrationFailing
        | Code::StreamUnlicensed
        | Code::PartRefused
        | Code::StreamRefused
        | Code::ItemsDeferred
        | Code::CollectionGap
        | Code::ApiKeyExpiring
        | Code::ApiKeyOld
        | Code::ApiKeyNotTaken
        | Code::EgressMismatch
        | Code::EgressUnknown
        | Code::ClockSkew
        | Code::ClockUnset
        | Code::DestinationDown
        | Code::DestinationRefused
        | Code::DestinationKeyless
        | Code::DestinationStalled
        | Code::DestinationWeakReceipt
        | Code::DestinationInsecure
        | Code::CertificateExpiring
        | Code::CertificateNotTaken
        | Code::EventsQuarantined
        | Code::RemoteDown
        | Code::RemoteNotTaken
        | Code::RemoteExpiring
        | Code::TaskRestarted
        | Code::SettingsRefused
        | Code::NoDestination
        | Code::AuditBroken => false,
    }
}

/// Whole per cent, rounded down; 0 where there is no quota.
pub fn used_percent(used: u64, quota: u64) -> u64 {
    match quota {
        0 => 0,
        _ => u64::try_from(u128::from(used) * 100 / u128::from(quota)).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::samples;

    #[test]
    fn health_passes_warns_and_fails_with_the_state_and_only_down_is_a_503() {
        for (board, verdict, code) in [
            (samples::healthy(), Verdict::Pass, 200),
            (samples::degraded(), Verdict::Warn, 200),
            (samples::down(), Verdict::Fail, 503),
        ] {
            let health = health(&board.snapshot(samples::now()));
            assert_eq!((health.status, health.http_code()), (verdict, code));
        }
    }

    #[test]
    fn there_is_a_check_for_every_part() {
        let health = health(&samples::degraded().snapshot(samples::now()));
        let verdicts: Vec<_> = health.checks.iter().map(|(key, checks)| (key.as_str(), checks[0].status)).collect();
        let expected = [
            ("clock:offset", Verdict::Warn),
            ("destination/archive:depth", Verdict::Warn),
            ("destination/soc:depth", Verdict::Pass),
            ("egress:address", Verdict::Warn),
            ("integration/acme:lag", Verdict::Pass),
            ("integration/globex:lag", Verdict::Fail),
            ("integration/initech:lag", Verdict::Pass),
            ("queue:utilization", Verdict::Warn),
        ];
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn a_percentage_has_no_edge_that_overflows_or_divides_by_zero() {
        assert_eq!(used_percent(0, 0), 0);
        assert_eq!(used_percent(5, 0), 0);
        assert_eq!(used_percent(1, 3), 33);
        assert_eq!(used_percent(u64::MAX, u64::MAX), 100);
    }
}
