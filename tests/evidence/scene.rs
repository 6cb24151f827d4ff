//! A month of a small customer, as the queue's book remembers it.

use conductor::event::{Deferred, Gap, Seq, Severity};
use conductor::evidence::{Asked, Entry, Memory, Report, Tally};
use conductor::marks::{GapMark, Marks, Remediation};
use jiff::{SignedDuration, Timestamp};

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub fn asked() -> Asked {
    Asked { from: at("2026-10-22T00:00:00Z"), to: at("2026-11-21T00:00:00Z"), integration: None }
}

pub fn memory() -> Memory {
    Memory { days: 90, begun: Some(at("2026-09-01T08:00:00Z")), rebuilt: false }
}

pub fn marks(kind: &str, observed: &str, remediation: Option<Remediation>) -> Marks {
    let observed = at(observed);
    Marks {
        kind: kind.into(),
        severity: Severity::High,
        occurred: observed.checked_sub(SignedDuration::from_secs(90)).expect("a time"),
        observed,
        attack: "Credential Phishing".into(),
        judgement: "Attack".into(),
        remediation,
        remediated: None,
        gap: None,
        part: false,
    }
}

/// Remediated so many seconds after it was received.
pub fn remediated(marks: Marks, seconds: i64) -> Marks {
    let remediated = marks.occurred.checked_add(SignedDuration::from_secs(seconds)).ok();
    Marks { remediation: Some(Remediation::Remediated), remediated, ..marks }
}

pub fn gap(from: &str, to: &str, reason: &str) -> Marks {
    let gap = Gap { from: at(from), to: at(to), reason: reason.into() };
    let mark = GapMark { integration: "acme".into(), stream: "threats".into(), gap };
    Marks {
        gap: Some(mark),
        part: false,
        attack: String::new(),
        judgement: String::new(),
        ..marks("gap", "2026-11-15T00:00:00Z", None)
    }
}

/// What the book holds: id, seq, marks. No marks: kept by an older version, on 2026-11-10.
pub fn entries() -> Vec<(String, u64, Option<Marks>)> {
    let threat = |observed: &str, state| marks("threat", observed, Some(state));
    let bec = |marks: Marks| Marks { attack: "Invoice/Payment Fraud (BEC)".into(), ..marks };
    let mut all = Vec::new();
    let mut put = |item: &str, version: &str, seq: u64, marks: Option<Marks>| {
        all.push((format!("{item}/{version}"), seq, marks));
    };
    for n in 0..40u64 {
        let observed = format!("2026-11-{:02}T10:{n:02}:00Z", 1 + n % 19);
        let found = remediated(threat(&observed, Remediation::Remediated), 4 + n as i64);
        put(&format!("acme/threats/a{n:02}:m"), "v", n + 1, Some(if n % 4 == 0 { bec(found) } else { found }));
    }
    // Remediated two days later: the newest version has the lower id.
    let late = threat("2026-11-03T09:00:00Z", Remediation::NotRemediated);
    let then = Marks { observed: at("2026-11-05T09:05:00Z"), ..remediated(late.clone(), 172_800) };
    put("acme/threats/late:m", "1", 102, Some(then));
    put("acme/threats/late:m", "9", 101, Some(late));
    // And one whose newest version has the higher id.
    let soon = threat("2026-11-04T09:00:00Z", Remediation::NotRemediated);
    put("acme/threats/soon:m", "1", 99, Some(soon.clone()));
    put("acme/threats/soon:m", "2", 100, Some(remediated(soon, 30)));
    put("acme/threats/left:m", "v", 103, Some(threat("2026-11-18T12:00:00Z", Remediation::NotRemediated)));
    put("acme/threats/tried:m", "v", 104, Some(threat("2026-11-18T13:00:00Z", Remediation::Attempted)));
    put("acme/threats/watched:m", "v", 105, Some(threat("2026-11-18T14:00:00Z", Remediation::WouldRemediate)));
    // Detected before the period: its new version is an event of it, and no item.
    let before = threat("2026-10-01T12:00:00Z", Remediation::NotRemediated);
    put("acme/threats/old:m", "1", 2, Some(before.clone()));
    let again = Marks { observed: at("2026-11-02T12:00:00Z"), ..remediated(before, 99) };
    put("acme/threats/old:m", "2", 106, Some(again));
    put("acme/threats/plain:m", "v", 107, None);
    let mut case = marks("case", "2026-11-07T07:00:00Z", Some(Remediation::Unknown));
    case.attack.clear();
    case.judgement = "Action Required".into();
    put("acme/cases/90117", "v", 108, Some(case));
    let campaign = marks("campaign", "2026-11-08T07:00:00Z", Some(Remediation::NotNeeded));
    let campaign = Marks { severity: Severity::Low, judgement: "Safe".into(), attack: "Graymail".into(), ..campaign };
    put("acme/abuse-campaigns/c", "v", 109, Some(campaign));
    put(
        "acme/audit-logs/x",
        "v",
        110,
        Some(Marks { severity: Severity::Info, ..marks("audit", "2026-11-09T07:00:00Z", None) }),
    );
    put("harbor/threats/h1:m", "v", 111, Some(remediated(threat("2026-11-20T23:59:00Z", Remediation::Unknown), 60)));
    put(
        "conductor/gaps/g1",
        "1",
        112,
        Some(gap("2026-11-12T00:00:00Z", "2026-11-13T06:00:00Z", "older than the vendor keeps")),
    );
    put("conductor/gaps/g2", "1", 113, Some(gap("2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z", "before the period")));
    put("conductor/gaps/g3", "1", 114, None);
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

pub fn deferred() -> Deferred {
    Deferred {
        id: "5b0e7c1e".into(),
        reason: "the vendor answered 404 for it".into(),
        since: at("2026-11-20T01:00:00Z"),
        tries: 3,
        due: at("2026-11-21T01:30:00Z"),
    }
}

pub fn tally(asked: Asked, memory: Memory, entries: &[(String, u64, Option<Marks>)]) -> Report {
    let mut tally = Tally::new(asked);
    tally.enter_stream("acme", "threats", &[deferred()]);
    tally.enter_stream("acme", "vendor-cases", &[]);
    for (id, seq, marks) in entries {
        let bytes = marks.as_ref().map(Marks::encode).unwrap_or_default();
        let kept = marks.as_ref().map_or(at("2026-11-10T00:00:00Z"), |marks| marks.observed);
        let day = u32::try_from(kept.as_second() / 86_400).expect("a day");
        tally.enter(Entry { id, seq: Seq(*seq), day, marks: &bytes });
    }
    let mut report = tally.finish("acme-mel-1", at("2026-11-21T02:00:00Z"), memory);
    report.version = "0.0.0".into();
    report.enter_polls(&[
        ("acme".into(), "threats".into(), Some(at("2026-11-21T01:58:00Z"))),
        ("acme".into(), "vendor-cases".into(), None),
    ]);
    report
}

pub fn report() -> Report {
    tally(asked(), memory(), &entries())
}

/// What a sender of mail, or a broken vendor, might write.
pub const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "a,b;\"c\"\r\nd",
    "\u{202e}gpj\u{1b}[2J\u{9b}1m",
];

/// The report with such words in every place that takes a vendor's word.
pub fn hostile() -> Report {
    let mut all = Vec::new();
    for (n, word) in HOSTILE.iter().enumerate() {
        let mut found = marks("threat", "2026-11-07T07:00:00Z", Some(Remediation::Unknown));
        found.attack = (*word).into();
        found.judgement = (*word).into();
        all.push((format!("acme/threats/{n}/v"), n as u64 + 1, Some(found)));
        all.push((
            format!("conductor/gaps/{n}/1"),
            n as u64 + 100,
            Some(gap("2026-11-12T00:00:00Z", "2026-11-13T00:00:00Z", word)),
        ));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut report = tally(asked(), memory(), &all);
    report.agent = HOSTILE[1].into();
    for (n, word) in HOSTILE.iter().enumerate() {
        let mut item = report.deferred[0].clone();
        (item.id, item.reason) = ((*word).into(), (*word).into());
        item.integration = HOSTILE[(n + 1) % HOSTILE.len()].into();
        report.deferred.push(item);
    }
    report
}
