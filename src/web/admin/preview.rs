//! What a destination is sent, shown on a made-up threat in every format.
//!
//! Promise: it is written by what writes the real ones.

use super::shown;
use crate::config::{Destination, Protocol, Shape};
use crate::event::{Event, Seq, Severity, Stored};
use crate::format::Body;

/// The words of the formats, the usual one first.
const FORMATS: [&str; 5] = ["json", "cef", "leef", "ocsf", "ecs"];

/// The sample has some 3 KiB in the longest of them.
const LONGEST: usize = 16 << 10;

/// The event in one format.
pub(super) struct Sample {
    pub format: &'static str,
    pub chosen: bool,
    pub text: String,
}

/// All formats; the destination's own is as it is set, with its class and numbers.
pub(super) fn samples(destination: Option<&Destination>) -> Vec<Sample> {
    let chosen = destination.map_or("json", |destination| destination.format.as_str());
    let samples = FORMATS.into_iter().filter_map(|format| {
        let own = destination.filter(|_| format == chosen).map(|destination| destination.format);
        let shape = own.or_else(|| Shape::from_word(format))?;
        let mut text = Vec::new();
        let spread_out = shape.is_json();
        Body { shape, replayed: false }.write(&mut text, &event()?).ok()?;
        let text = String::from_utf8(text).ok()?;
        let text = if spread_out { spread(&text) } else { text };
        Some(Sample { format, chosen: format == chosen, text })
    });
    samples.collect()
}

/// What stands around an event on the way.
pub(super) fn envelope(destination: Option<&Destination>) -> &'static str {
    match destination.map(|destination| &destination.protocol) {
        Some(Protocol::Syslog(_) | Protocol::Relp(_)) => "Before it stands the head of a syslog message, on one line.",
        Some(Protocol::Http(_)) => "It goes in batches, one event to a line or as one array.",
        Some(Protocol::SplunkHec(_)) => {
            "It stands as `event` in the collector's own object, beside time, index and source."
        }
        Some(Protocol::Elastic(_)) => "It goes as a document, with the event's id as its `_id`.",
        Some(Protocol::JetStream(_)) => "It is the body of a message, with the event's id as `Nats-Msg-Id`.",
        None => "",
    }
}

/// JSON for reading, in its own order: on the way it has no line ends.
fn spread(text: &str) -> String {
    shown::set_out(text, LONGEST).text
}

fn event() -> Option<Stored> {
    let raw = include_str!("sample.json").trim();
    let event = Event {
        id: Event::make_id("acme", "threats", "5b0e7c1e-2f0a-4f0e-9d5f-0c6a1d7b9e42", "90f3c1b2a4d5e6f7"),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: "2026-11-19T08:14:02Z".parse().ok()?,
        observed: "2026-11-19T08:24:10Z".parse().ok()?,
        summary: "Invoice/Payment Fraud (BEC): Invoice 4711 from billing@quay-invoices.example to ana@harbor.example"
            .into(),
        raw: raw.into(),
    };
    Some(Stored { seq: Seq(1), event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_there_in_every_format_that_the_settings_know_and_tells_the_same_threat() {
        let samples = samples(None);
        assert_eq!(samples.iter().map(|sample| sample.format).collect::<Vec<_>>(), FORMATS);
        for sample in samples {
            assert!(sample.text.contains("Invoice 4711"), "{}: {}", sample.format, sample.text);
            assert_eq!(sample.chosen, sample.format == "json");
        }
        let known = crate::config::TYPES.iter().find_map(|(_, section)| section.key("format"));
        let Some(crate::config::Kind::Choice { now, .. }) = known.map(|key| key.kind) else { panic!("formats") };
        assert_eq!(now, FORMATS);
    }
}
