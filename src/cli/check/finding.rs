//! What a diagnostic found, and how all findings are told: as lines, as JSON, as an exit code. Pure.
//!
//! Promise: one finding is one line whatever a peer wrote into it, and all that is not well says what to do.

use std::fmt::Write;

use crate::cli::{Exit, Failure};
use crate::fault::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Ok,
    /// It works, and will not for ever or not for all.
    Warning,
    Failed,
    /// It was not looked at.
    Skipped,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Warning => "warning",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Which diagnostic.
    pub id: &'static str,
    /// What it looked at, where there are several: a name, a host, a file. Else empty.
    pub subject: String,
    pub outcome: Outcome,
    pub text: String,
    /// What to do. Empty when all is well.
    pub advice: String,
    /// What the process ends with when nothing graver failed.
    #[serde(skip)]
    exit: Option<Exit>,
}

impl Finding {
    fn new(id: &'static str, subject: &str, outcome: Outcome, text: &str, advice: &str) -> Finding {
        let (subject, text, advice) = (one_line(subject), one_line(text), one_line(advice));
        Finding { id, subject, outcome, text, advice, exit: None }
    }

    pub fn ok(id: &'static str, subject: &str, text: impl AsRef<str>) -> Finding {
        Finding::new(id, subject, Outcome::Ok, text.as_ref(), "")
    }

    pub fn warning(id: &'static str, subject: &str, text: impl AsRef<str>, advice: impl AsRef<str>) -> Finding {
        Finding::new(id, subject, Outcome::Warning, text.as_ref(), advice.as_ref())
    }

    pub fn skipped(id: &'static str, subject: &str, text: impl AsRef<str>, advice: impl AsRef<str>) -> Finding {
        Finding::new(id, subject, Outcome::Skipped, text.as_ref(), advice.as_ref())
    }

    pub fn failed(
        id: &'static str,
        subject: &str,
        exit: Exit,
        text: impl AsRef<str>,
        advice: impl AsRef<str>,
    ) -> Finding {
        Finding { exit: Some(exit), ..Finding::new(id, subject, Outcome::Failed, text.as_ref(), advice.as_ref()) }
    }

    /// A fault as a finding; the exit code is the one that every verb gives it.
    pub fn fault(id: &'static str, subject: &str, fault: &Fault, advice: impl AsRef<str>) -> Finding {
        Finding::failed(id, subject, Failure::from(fault.clone()).exit, fault.chain(), advice)
    }
}

/// Control characters become blanks: a peer's words drive no terminal and begin no line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// All findings, in the order of printing.
#[derive(Debug, Default)]
pub struct Report(Vec<Finding>);

/// The JSON document.
#[derive(Debug, serde::Serialize)]
pub struct Document<'r> {
    ok: bool,
    checks: &'r [Finding],
}

impl Report {
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// The code of the gravest failure; `None` when nothing failed. Graver is what must be mended first.
    pub fn exit(&self) -> Option<Exit> {
        self.0.iter().filter_map(|finding| finding.exit).max_by_key(|exit| gravity(*exit))
    }

    pub fn document(&self) -> Document<'_> {
        Document { ok: self.exit().is_none(), checks: &self.0 }
    }

    pub fn text(&self) -> String {
        let label = |finding: &Finding| format!("{} {}", finding.id, finding.subject).trim_end().to_owned();
        let width = self.0.iter().map(|finding| label(finding).chars().count()).max().unwrap_or(0).min(40);
        let mut text = String::new();
        for finding in &self.0 {
            // Writing into a String can't fail.
            let _ = writeln!(text, "{:<8}{:<width$}  {}", finding.outcome.as_str(), label(finding), finding.text);
            if !finding.advice.is_empty() {
                let _ = writeln!(text, "        -> {}", finding.advice);
            }
        }
        let [ok, warnings, failed, skipped] =
            [Outcome::Ok, Outcome::Warning, Outcome::Failed, Outcome::Skipped].map(|outcome| self.count(outcome));
        let _ = writeln!(text, "{ok} ok, {warnings} with a warning, {failed} failed, {skipped} skipped");
        text
    }
}

fn gravity(exit: Exit) -> u8 {
    match exit {
        Exit::Ok => 0,
        Exit::Usage => 1,
        Exit::Unavailable => 2,
        Exit::Disk => 3,
        Exit::Permission => 4,
        Exit::Configuration => 5,
        Exit::Software => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn the_gravest_failure_gives_the_exit_code_and_a_warning_gives_none() {
        let mut report = Report::default();
        report.add([Finding::ok("disk", "", "fine"), Finding::warning("clock", "", "late", "set it")]);
        assert_eq!(report.exit(), None);
        let failed = |exit| Finding::failed("x", "", exit, "wrong", "mend it");
        for (exit, gravest) in [
            (Exit::Unavailable, Exit::Unavailable),
            (Exit::Disk, Exit::Disk),
            (Exit::Permission, Exit::Permission),
            (Exit::Unavailable, Exit::Permission),
            (Exit::Configuration, Exit::Configuration),
            (Exit::Disk, Exit::Configuration),
        ] {
            report.add([failed(exit)]);
            assert_eq!(report.exit(), Some(gravest));
        }
    }

    #[test]
    fn what_a_peer_wrote_begins_no_line_of_the_report() {
        let fault = Fault::new(FaultKind::Unavailable, "it said \"\nok      disk  fine\u{1b}[2J\"");
        let mut report = Report::default();
        report.add([Finding::fault("integration", "acme", &fault, "look\nthere")]);
        let text = report.text();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains('\u{1b}') && text.ends_with("0 ok, 0 with a warning, 1 failed, 0 skipped\n"), "{text}");
    }
}
