//! Events of our own: the integration `conductor`.
//!
//! Promise: what an auditor must be able to find later (a range that could not be collected) is an event in the
//! queue like any other, with an id that stays the same when it is told twice.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::event::{Event, Gap, Severity};
use crate::marks::{GapMark, Marks};
use crate::queue::{Dropped, NewPage};
use crate::values::hex;

/// The integration's name; no operator's integration may have it.
pub const INTEGRATION: &str = "conductor";

/// An event of ours. `native` is its identity within the stream.
pub fn event(stream: &str, kind: &str, native: &str, severity: Severity, summary: String, raw: &Value) -> Event {
    let now = Timestamp::now();
    Event {
        id: Event::make_id(INTEGRATION, stream, native, "1"),
        integration: INTEGRATION.into(),
        stream: stream.to_owned().into(),
        kind: kind.to_owned().into(),
        severity,
        occurred: now,
        observed: now,
        summary: summary.into(),
        raw: raw.to_string().into(),
    }
}

/// The page that tells ranges which can't be collected any more.
pub fn gaps(integration: &str, stream: &str, gaps: &[Gap]) -> NewPage {
    let events = gaps.iter().map(|gap| {
        let raw =
            json!({"integration": integration, "stream": stream, "from": gap.from, "to": gap.to, "reason": gap.reason});
        let native = hex::text(&Sha256::digest(raw.to_string())[..16]);
        let summary = format!("{integration}/{stream}: not collected from {} to {}: {}", gap.from, gap.to, gap.reason);
        event("gaps", "gap", &native, Severity::Medium, summary, &raw)
    });
    NewPage {
        integration: INTEGRATION.into(),
        stream: "gaps".into(),
        events: events.collect(),
        keyed: true,
        ..NewPage::default()
    }
}

/// The page that tells what the operator's rule dropped, and whom it was lost to.
pub fn drops(drops: &[(String, Dropped)]) -> NewPage {
    let events = drops.iter().map(|(destination, dropped)| {
        let Dropped { events, first, last } = *dropped;
        let raw = json!({"destination": destination, "events": events, "first_seq": first.0, "last_seq": last.0});
        let native = format!("{destination}:{}-{}", first.0, last.0);
        let summary = format!(
            "{events} events were dropped before {destination} took them (seq {} to {}): the queue was full",
            first.0, last.0
        );
        event("drops", "drop", &native, Severity::High, summary, &raw)
    });
    NewPage {
        integration: INTEGRATION.into(),
        stream: "drops".into(),
        events: events.collect(),
        keyed: true,
        ..NewPage::default()
    }
}

/// A gap as [`gaps`] writes it.
#[derive(Deserialize)]
struct Told {
    integration: String,
    stream: String,
    #[serde(flatten)]
    gap: Gap,
}

/// What evidence needs of an event of ours: of a gap, the whole range.
pub fn marks(event: &Event) -> Option<Marks> {
    if &*event.kind != "gap" {
        return None;
    }
    let told: Told = serde_json::from_str(&event.raw).ok()?;
    Some(Marks {
        kind: event.kind.to_string(),
        severity: event.severity,
        occurred: event.occurred,
        observed: event.observed,
        attack: String::new(),
        judgement: String::new(),
        remediation: None,
        remediated: None,
        gap: Some(GapMark { integration: told.integration, stream: told.stream, gap: told.gap }),
        part: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_marked_with_its_whole_range_and_whose_it_is() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let gap = Gap {
            from: at("2026-11-12T00:00:00Z"),
            to: at("2026-11-13T06:00:00Z"),
            reason: "older than the vendor keeps".into(),
        };
        let page = gaps("acme", "threats", std::slice::from_ref(&gap));
        let mark = marks(&page.events[0]).and_then(|marks| Marks::decode(&marks.encode())).and_then(|marks| marks.gap);
        assert_eq!(mark, Some(GapMark { integration: "acme".into(), stream: "threats".into(), gap }));
        let other = event("other", "note", "1", Severity::Info, String::new(), &json!({}));
        assert_eq!(marks(&other), None);
    }
}
