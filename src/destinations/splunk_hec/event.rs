//! An event as HEC wants it: its metadata, and the event itself.
//!
//! Promise: the time is the event's own, in seconds with milliseconds, and the event is whole.

use std::io::{self, Write};

use crate::destinations::http::request::one_line;
use crate::destinations::http::{as_json, settings::PerStream};
use crate::event::Stored;
use crate::format::Body;

/// Where Splunk puts an event. What is empty is left to the token's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    pub index: PerStream,
    pub source: PerStream,
    pub sourcetype: PerStream,
    /// Empty: the agent's name.
    pub host: PerStream,
}

impl Routing {
    /// With the agent's name as host where none is set.
    pub fn on(mut self, agent_name: &str) -> Routing {
        self.host.default.get_or_insert_with(|| agent_name.to_owned());
        self
    }
}

/// Writes one event on one line.
///
/// # Errors
/// Those of the writer; a `Vec` has none.
pub fn write(text: &mut Vec<u8>, stored: &Stored, body: &Body, routing: &Routing) -> io::Result<()> {
    let event = &stored.event;
    let millis = event.occurred.as_millisecond();
    let sign = if millis < 0 { "-" } else { "" };
    let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    write!(text, "{{\"time\":{sign}{seconds}.{rest:03}")?;
    let parts = [
        ("host", &routing.host),
        ("source", &routing.source),
        ("sourcetype", &routing.sourcetype),
        ("index", &routing.index),
    ];
    for (name, of) in parts {
        if let Some(value) = of.of(&event.stream, &event.integration) {
            write!(text, ",\"{name}\":")?;
            serde_json::to_writer(&mut *text, &value)?;
        }
    }
    text.extend_from_slice(b",\"event\":");
    let mut written = Vec::with_capacity(event.weight() + 256);
    body.write(&mut written, stored)?;
    as_json(&mut written)?;
    one_line(&mut written);
    text.extend_from_slice(&written);
    text.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_carries_its_own_time_and_goes_where_its_stream_belongs() {
        let mut stored = crate::format::rfc5424::tests::sample();
        stored.event.stream = "threats".into();
        stored.event.raw = "{\"a\":\n1}".into();
        let routing = Routing {
            index: PerStream { default: None, streams: vec![("threats".into(), "mail".into())] },
            sourcetype: PerStream::all("conductor:{stream}"),
            ..Routing::default()
        };
        let write = |stored: &Stored| {
            let mut text = Vec::new();
            write(&mut text, stored, &Body::default(), &routing.clone().on("box")).expect("a Vec");
            assert!(!text.contains(&b'\n'));
            String::from_utf8(text).expect("UTF-8")
        };
        stored.event.occurred = "2026-11-21T05:00:00.123456Z".parse().expect("a time");
        let text = write(&stored);
        assert!(
            text.starts_with(r#"{"time":1795237200.123,"host":"box","sourcetype":"conductor:threats","index":"mail","#),
            "{text}"
        );
        let event: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&event["event"]["raw"]["a"], event.get("source")), (&1.into(), None));
        stored.event.stream = "cases".into();
        assert!(!write(&stored).contains("\"index\""), "the token's own index");
        stored.event.occurred = "1969-12-31T23:59:58.5Z".parse().expect("a time");
        assert!(write(&stored).starts_with(r#"{"time":-1.500,"#));
    }
}
