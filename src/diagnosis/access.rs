//! What the vendor's answers to a key mean, taken together.
//!
//! A 403 is one code for three causes. What the others were answered leaves fewer: where one list is answered, neither
//! the address nor the key as a whole is refused.
//!
//! Promise: pure; the advice names what the comparison leaves, and never more.

use super::finding::{Finding, Trouble};
use crate::fault::{Fault, FaultKind};
use crate::values::Name;

pub const FIRST: &str = "key";
pub const STREAM: &str = "stream";

/// What came of a question.
pub type Answer = Result<(), Fault>;

/// All answers of one integration.
pub struct Answers<'a> {
    pub name: &'a Name,
    /// What was asked first, as it is told.
    pub question: &'a str,
    pub first: Answer,
    /// Each enabled stream; `None`: it was not asked.
    pub streams: Vec<(String, Option<Answer>)>,
    /// What is known of our address, for a 403 that it may have caused.
    pub address: String,
    /// What to do about a 401 beside making a new key.
    pub other_regions: &'a str,
}

/// Is it worth asking for the streams after this first answer? Not where each would fare alike.
pub fn goes_on(first: &Answer) -> bool {
    match first {
        Ok(()) => true,
        Err(fault) => matches!(fault.status, Some(400 | 402 | 403 | 404 | 500..)),
    }
}

/// Did the vendor look past address and key? Then it takes both.
fn passed(answer: &Answer) -> bool {
    match answer {
        Ok(()) => true,
        Err(fault) => matches!(fault.status, Some(400 | 402 | 404)),
    }
}

/// The lines, in the order of asking.
pub fn judge(answers: &Answers<'_>) -> Vec<Finding> {
    let asked = answers.streams.iter().filter_map(|(_, answer)| answer.as_ref());
    let some_passed = passed(&answers.first) || asked.clone().any(passed);
    let mut lines = vec![first(answers, some_passed)];
    for (stream, answer) in &answers.streams {
        lines.push(match answer {
            None => Finding::skipped(STREAM, stream, "not tried: the key comes first", ""),
            Some(Ok(())) => Finding::ok(STREAM, stream, "its list is answered: it can be collected"),
            Some(Err(fault)) => self::stream(answers, stream, fault, some_passed),
        });
    }
    lines
}

fn first(answers: &Answers<'_>, some_passed: bool) -> Finding {
    let question = answers.question;
    let Err(fault) = &answers.first else {
        return Finding::ok(FIRST, question, "answered (200): host, key and address are taken");
    };
    let wanted = answers.streams.iter().any(|(stream, _)| stream == "cases");
    match fault.status {
        Some(401) => {
            let advice =
                format!("{}; or the key is of another region: {}", advice(fault, answers.name), answers.other_regions);
            Finding::fault(FIRST, question, fault, advice)
        }
        Some(402) => {
            let text = "answered (402): the key is taken, and this customer is not licensed for cases";
            let advice = "nothing, if `cases` is not to be collected; else ask the vendor about the licence";
            Finding::warning(FIRST, question, text, advice)
        }
        Some(403) if some_passed && !wanted => {
            let text = "refused (403), and other lists are answered: the key has no permission for cases";
            Finding::warning(FIRST, question, text, "nothing: `cases` is not among `streams`")
        }
        Some(403) => forbidden(FIRST, question, answers, some_passed),
        _ => Finding::fault(FIRST, question, fault, advice(fault, answers.name)),
    }
}

fn stream(answers: &Answers<'_>, stream: &str, fault: &Fault, some_passed: bool) -> Finding {
    match (fault.kind, fault.status) {
        (_, Some(403)) => forbidden(STREAM, stream, answers, some_passed),
        (FaultKind::Unlicensed, _) => {
            let advice =
                format!("take {stream:?} out of `streams`, or ask the vendor about the licence; the others go on");
            Finding::warning(STREAM, stream, fault.chain(), advice)
        }
        _ => Finding::fault(STREAM, stream, fault, advice(fault, answers.name)),
    }
}

fn forbidden(id: &'static str, subject: &str, answers: &Answers<'_>, some_passed: bool) -> Finding {
    if some_passed {
        let text = "refused (403), and other lists are answered: it is not the address, and not the key as a whole";
        let advice =
            "give the key the permission for this list in the portal, or have the feature enabled by the vendor";
        return Finding::failed(id, subject, Trouble::Peer, text, advice);
    }
    let text = "refused (403), as all that was asked: the address is not in the IP Safelist, or the key is of no use";
    Finding::failed(id, subject, Trouble::Peer, text, &answers.address)
}

/// What to do about a fault of an integration.
pub fn advice(fault: &Fault, name: &Name) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::finding::Outcome;

    fn answer(status: u16) -> Answer {
        let kind = match status {
            200 => return Ok(()),
            402 => FaultKind::Unlicensed,
            401 | 403 => FaultKind::Refused,
            404 => FaultKind::Unreadable,
            _ => FaultKind::Unavailable,
        };
        Err(Fault::new(kind, format!("the vendor answered {status}")).with_status(status))
    }

    /// The outcomes and texts of the first line and of `threats` and `more`.
    fn judged(first: u16, threats: u16, more: (&str, u16)) -> Vec<Finding> {
        judge(&Answers {
            name: &"acme".parse().expect("a name"),
            question: "GET /v1/cases",
            first: answer(first),
            streams: vec![("threats".into(), Some(answer(threats))), (more.0.into(), Some(answer(more.1)))],
            address: "egress IP 203.0.113.10".into(),
            other_regions: "",
        })
    }

    #[test]
    fn a_403_means_what_the_other_answers_leave_and_no_more() {
        use Outcome::{Failed, Ok, Warning};
        let table = [
            // All refused: address or key.
            ((403, 403, ("audit-logs", 403)), [Failed, Failed, Failed], "IP Safelist", true),
            // A list that fails for its own reasons tells nothing of the door.
            ((403, 500, ("audit-logs", 403)), [Failed, Failed, Failed], "IP Safelist", true),
            // One answered: the others lack a permission.
            ((200, 200, ("audit-logs", 403)), [Ok, Ok, Failed], "it is not the address", false),
            ((402, 403, ("audit-logs", 403)), [Warning, Failed, Failed], "it is not the address", false),
            ((403, 200, ("audit-logs", 200)), [Warning, Ok, Ok], "no permission for cases", false),
            ((403, 200, ("cases", 403)), [Failed, Ok, Failed], "it is not the address", false),
            // An add-on that is absent was looked for behind the door.
            ((403, 403, ("vendor-cases", 404)), [Warning, Failed, Failed], "it is not the address", false),
        ];
        for ((first, threats, more), outcomes, word, address) in table {
            let lines = judged(first, threats, more);
            let got: Vec<Outcome> = lines.iter().map(|line| line.outcome).collect();
            assert_eq!(got, outcomes, "{first} {threats} {more:?}");
            assert!(lines.iter().any(|line| line.text.contains(word)), "{word} in {lines:#?}");
            assert_eq!(lines.iter().any(|line| line.advice.contains("203.0.113.10")), address, "{lines:#?}");
        }
    }

    #[test]
    fn streams_are_asked_for_after_any_answer_that_does_not_speak_for_all() {
        for (status, goes) in
            [(200, true), (401, false), (402, true), (403, true), (404, true), (429, false), (500, true)]
        {
            assert_eq!(goes_on(&answer(status)), goes, "{status}");
        }
        assert!(!goes_on(&Err(Fault::new(FaultKind::Unavailable, "cut"))), "nobody answered");
    }
}
