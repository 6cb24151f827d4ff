//! What each end of a trial is told as, without a connection.

use super::*;
use crate::diagnosis::finding::Outcome;

fn destination(kind: &str, more: &str) -> Destination {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("conductor.toml");
    let text = format!("[agent]\nname = \"box\"\n[destinations.soc]\ntype = \"{kind}\"\n{more}\n");
    std::fs::write(&path, text).expect("written");
    let loaded = crate::config::load(&path, &|_| None).expect("sound settings");
    loaded.settings.destinations.into_values().next().expect("one")
}

fn tried(sent: bool, taken: bool, receipt: Receipt, fault: Option<Fault>) -> Tried {
    Tried { sent, taken, receipt, fault }
}

/// The outcomes of login, sent and confirmed.
fn outcomes(lines: &[Finding]) -> Vec<(&'static str, Outcome)> {
    lines.iter().map(|line| (line.id, line.outcome)).collect()
}

#[test]
fn a_receipt_is_told_by_its_own_word_and_the_weak_ones_are_warnings() {
    let syslog = destination("syslog", "address = \"localhost:1\"");
    let table = [
        (Receipt::ReadKeyUpdate, "read-key-update", Outcome::Ok),
        (Receipt::ReadClose, "read-close", Outcome::Ok),
        (Receipt::Acknowledged, "acknowledged", Outcome::Ok),
        (Receipt::Indexed, "indexed", Outcome::Ok),
        (Receipt::HeldByTcp, "held-by-tcp", Outcome::Warning),
        (Receipt::Sent, "sent", Outcome::Warning),
        (Receipt::Unknown, "sent", Outcome::Warning),
    ];
    for (receipt, word, outcome) in table {
        let lines = judge(&syslog, &tried(true, true, receipt, None), "the-id");
        assert!(lines[1].text.contains("the-id"), "{lines:?}");
        assert!(lines[2].text.starts_with(word) && lines[2].outcome == outcome, "{lines:?}");
    }
}

#[test]
fn a_fault_stands_at_the_step_that_it_broke() {
    use Outcome::{Failed, Ok, Skipped};
    let relp = destination("relp", "address = \"localhost:1\"");
    let syslog = destination("syslog", "address = \"localhost:1\"");
    let http = destination("http", "url = \"https://localhost:1/\"");
    let fault = |kind| Fault::new(kind, "it broke");
    let table = [
        // RELP's `open` was refused.
        (&relp, false, fault(FaultKind::Refused), [Failed, Skipped, Skipped]),
        // It was on the wire, and its answer never came.
        (&relp, true, fault(FaultKind::Unavailable), [Ok, Ok, Failed]),
        // Syslog has no login that could fail.
        (&syslog, false, fault(FaultKind::Unavailable), [Skipped, Failed, Skipped]),
        // By HTTP the token goes with the event.
        (&http, true, fault(FaultKind::Refused).with_status(401), [Failed, Skipped, Skipped]),
        (&http, true, fault(FaultKind::Rejected).with_status(400), [Ok, Ok, Failed]),
    ];
    for (destination, sent, fault, expected) in table {
        let told = fault.chain();
        let lines = judge(destination, &tried(sent, false, Receipt::Unknown, Some(fault)), "the-id");
        let steps = [LOGIN, SENT, CONFIRMED].into_iter().zip(expected).collect::<Vec<_>>();
        assert_eq!(outcomes(&lines), steps, "{told}: {lines:?}");
        assert_eq!(lines.iter().filter(|line| line.trouble.is_some()).count(), 1, "{lines:?}");
        assert!(lines.iter().all(|line| line.outcome != Failed || !line.advice.is_empty()), "{lines:?}");
    }
}

#[test]
fn what_nobody_confirmed_is_a_failure_though_no_fault_was_seen() {
    let relp = destination("relp", "address = \"localhost:1\"");
    let lines = judge(&relp, &tried(true, false, Receipt::Unknown, None), "the-id");
    assert_eq!(lines[2].trouble, Some(Trouble::Peer), "{lines:?}");
}
