//! One authenticated request for each integration: host, TLS, token, permission and address in one answer.
//!
//! Promise: it goes the way that the agent's own requests go; a 403 is explained by the egress IP that was observed.

use tokio::time::timeout;

use super::{LIMIT, Subject, late};
use crate::config::Settings;
use crate::diagnosis::access::advice;
use crate::diagnosis::finding::Finding;
use crate::egress::{self, Observation};
use crate::engine;
pub use crate::engine::trial::host;
use crate::fault::{Fault, FaultKind};
use crate::values::Name;

const ID: &str = "integration";

/// What came of one integration's question.
pub enum Answer {
    Disabled,
    Late,
    Told(Result<String, Fault>),
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
