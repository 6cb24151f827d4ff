//! One authenticated request for each integration: host, TLS, token, permission and address in one answer.
//!
//! Promise: it goes the way that the agent's own requests go; a 403 is explained by the egress IP that was observed.

use tokio::time::timeout;

use super::finding::Finding;
use super::{LIMIT, Subject, late};
use crate::config::{Connector, Integration, Settings};
use crate::egress::{self, Observation};
use crate::engine;
use crate::fault::{Fault, FaultKind};
use crate::values::Name;

const ID: &str = "integration";

/// What came of one integration's question.
pub enum Answer {
    Disabled,
    Late,
    Told(Result<String, Fault>),
}

/// `host` or `host:port` of an integration's API.
pub fn host(integration: &Integration) -> &str {
    let Connector::Abnormal(set) = &integration.connector;
    &set.host
}

/// Asks all at once.
pub async fn ask(subject: &Subject) -> Vec<(Name, Answer)> {
    let mut asked = Vec::new();
    for (name, integration) in &subject.settings.integrations {
        let (integration, egress) = (integration.clone(), subject.settings.egress.clone());
        let secrets = subject.secrets.clone();
        let question = integration
            .enabled
            .then(|| tokio::spawn(async move { timeout(LIMIT, engine::probe(&integration, &egress, &secrets)).await }));
        asked.push((name.clone(), question));
    }
    let mut answers = Vec::new();
    for (name, question) in asked {
        let answer = match question {
            None => Answer::Disabled,
            Some(question) => match question.await {
                Ok(Ok(told)) => Answer::Told(told),
                Ok(Err(_)) => Answer::Late,
                Err(ended) => Answer::Told(Err(Fault::new(FaultKind::Unreadable, format!("ended early: {ended}")))),
            },
        };
        answers.push((name, answer));
    }
    answers
}

/// Makes findings of the answers; `seen` explains a 403.
pub fn judge(answers: Vec<(Name, Answer)>, settings: &Settings, seen: Option<&Observation>) -> Vec<Finding> {
    if answers.is_empty() {
        return vec![Finding::skipped(ID, "", "none is set", "add [integrations.NAME]")];
    }
    let finding = |(name, answer): (Name, Answer)| match answer {
        Answer::Disabled => Finding::skipped(ID, name.as_str(), "is disabled", "set enabled = true to use it"),
        Answer::Late => late(ID, name.as_str()),
        Answer::Told(Ok(sentence)) => Finding::ok(ID, name.as_str(), sentence),
        Answer::Told(Err(fault)) => {
            let advice = match (fault.status, seen) {
                (Some(403), Some(seen)) => egress::hint_403(&settings.egress.allowlisted, seen),
                _ => advice(&fault, &name),
            };
            Finding::fault(ID, name.as_str(), &fault, advice)
        }
    };
    answers.into_iter().map(finding).collect()
}

fn advice(fault: &Fault, name: &Name) -> String {
    let section = format!("[integrations.{name}]");
    match fault.kind {
        FaultKind::Misconfigured => format!("correct {section}, or `proxy` under [egress]"),
        FaultKind::Keyless => format!("mend what `api-key` of {section} refers to"),
        FaultKind::Refused if fault.status.is_none() => format!("check `host` and `ca` of {section}"),
        FaultKind::Refused => format!("check the API key and its permissions in the vendor's portal, and {section}"),
        FaultKind::Unlicensed => "ask the vendor about the licence; other streams are not touched".to_owned(),
        FaultKind::Throttled => format!("wait a minute and check again; lower `requests-per-minute` of {section}"),
        FaultKind::Unavailable => {
            format!("check `host` of {section}, DNS, proxy and firewall; the agent keeps trying by itself")
        }
        FaultKind::Unreadable => {
            format!("check `host` of {section}, and whether a portal or a proxy answers in the vendor's place")
        }
        FaultKind::OutOfRetention | FaultKind::Rejected | FaultKind::Full | FaultKind::Corrupt => {
            format!("run `conductor integration test {name}`, and report it if it stays")
        }
    }
}
