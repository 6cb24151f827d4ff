//! What a diagnostic found, and how all findings are told: as lines, as JSON, as the gravest trouble. Pure.
//!
//! Promise: one finding is one line whatever a peer wrote into it, and all that is not well says what to do.

use crate::fault::{Fault, FaultKind};

/// What has to be mended, from the mildest to the gravest: graver is what must be mended first. The command line makes
/// its exit codes of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A peer can't be reached, refuses us, or does not make sense.
    Peer,
    /// The disk or what is on it.
    Disk,
    /// A file may not be read or written.
    Permission,
    /// The settings are wrong.
    Settings,
    /// A bug of ours.
    Bug,
}

impl Trouble {
    /// Which trouble a fault is: one table for every verb.
    pub fn of(kind: FaultKind) -> Trouble {
        match kind {
            FaultKind::Misconfigured => Trouble::Settings,
            FaultKind::Keyless => Trouble::Permission,
            FaultKind::Full | FaultKind::Corrupt => Trouble::Disk,
            FaultKind::Refused
            | FaultKind::Unlicensed
            | FaultKind::Throttled
            | FaultKind::Unavailable
            | FaultKind::OutOfRetention
            | FaultKind::Unreadable
            | FaultKind::Rejected => Trouble::Peer,
        }
    }
}

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
    /// The word in a report.
    pub fn as_str(self) -> &'static str {
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
    /// What failed, where something did.
    #[serde(skip)]
    pub trouble: Option<Trouble>,
}

impl Finding {
    fn new(id: &'static str, subject: &str, outcome: Outcome, text: &str, advice: &str) -> Finding {
        let (subject, text, advice) = (one_line(subject), one_line(text), one_line(advice));
        Finding { id, subject, outcome, text, advice, trouble: None }
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
        trouble: Trouble,
        text: impl AsRef<str>,
        advice: impl AsRef<str>,
    ) -> Finding {
        Finding { trouble: Some(trouble), ..Finding::new(id, subject, Outcome::Failed, text.as_ref(), advice.as_ref()) }
    }

    /// A fault as a finding.
    pub fn fault(id: &'static str, subject: &str, fault: &Fault, advice: impl AsRef<str>) -> Finding {
        Finding::failed(id, subject, Trouble::of(fault.kind), fault.chain(), advice)
    }

    /// A failure as a warning, where others may do in its place.
    pub fn or_others(self, others: bool) -> Finding {
        match self.outcome {
            Outcome::Failed if others => Finding { outcome: Outcome::Warning, trouble: None, ..self },
            Outcome::Failed | Outcome::Ok | Outcome::Warning | Outcome::Skipped => self,
        }
    }

    /// The diagnostic and what it looked at.
    pub fn label(&self) -> String {
        format!("{} {}", self.id, self.subject).trim_end().to_owned()
    }

    /// The line for people, its label in `width` characters, and the advice below it; ends in a newline.
    pub fn line(&self, width: usize) -> String {
        let mut line = format!("{:<8}{:<width$}  {}\n", self.outcome.as_str(), self.label(), self.text);
        if !self.advice.is_empty() {
            line.push_str("        -> ");
            line.push_str(&self.advice);
            line.push('\n');
        }
        line
    }
}

/// Control characters and those that turn the reading direction become blanks: a peer's words drive no terminal and
/// begin no line.
pub fn one_line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect::<String>().trim().to_owned()
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

    /// The gravest of what failed; `None` when nothing did.
    pub fn trouble(&self) -> Option<Trouble> {
        self.0.iter().filter_map(|finding| finding.trouble).max()
    }

    pub fn document(&self) -> Document<'_> {
        Document { ok: self.trouble().is_none(), checks: &self.0 }
    }

    pub fn text(&self) -> String {
        let width = self.0.iter().map(|finding| finding.label().chars().count()).max().unwrap_or(0).min(40);
        let lines: String = self.0.iter().map(|finding| finding.line(width)).collect();
        lines + &self.sum()
    }

    /// The last line: how many of each; ends in a newline.
    pub fn sum(&self) -> String {
        let [ok, warnings, failed, skipped] =
            [Outcome::Ok, Outcome::Warning, Outcome::Failed, Outcome::Skipped].map(|outcome| self.count(outcome));
        format!("{ok} ok, {warnings} with a warning, {failed} failed, {skipped} skipped\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_failure_is_the_trouble_and_a_warning_is_none() {
        let mut report = Report::default();
        report.add([Finding::ok("disk", "", "fine"), Finding::warning("clock", "", "late", "set it")]);
        assert_eq!(report.trouble(), None);
        let failed = |trouble| Finding::failed("x", "", trouble, "wrong", "mend it");
        for (trouble, gravest) in [
            (Trouble::Peer, Trouble::Peer),
            (Trouble::Disk, Trouble::Disk),
            (Trouble::Permission, Trouble::Permission),
            (Trouble::Peer, Trouble::Permission),
            (Trouble::Settings, Trouble::Settings),
            (Trouble::Disk, Trouble::Settings),
        ] {
            report.add([failed(trouble)]);
            assert_eq!(report.trouble(), Some(gravest));
        }
    }

    #[test]
    fn what_a_peer_wrote_begins_no_line_of_the_report() {
        let fault = Fault::new(FaultKind::Unavailable, "it said \"\nok      disk  fine\u{1b}[2J\u{202e}\"");
        let mut report = Report::default();
        report.add([Finding::fault("integration", "acme", &fault, "look\nthere")]);
        let text = report.text();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            !text.contains(['\u{1b}', '\u{202e}']) && text.ends_with("0 ok, 0 with a warning, 1 failed, 0 skipped\n"),
            "{text}"
        );
    }
}
