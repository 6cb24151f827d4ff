//! One event as one message: its subject, its headers and its text, within what the server takes. Pure.
//!
//! Promise: two events have one `Nats-Msg-Id` only if they have one id, and an event of a replay has another one than
//! it had at first: the stream would drop it as a repeat.

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use bytes::Bytes;

use super::subject::Template;
use crate::event::Stored;
use crate::fault::{Fault, FaultKind};
use crate::format::{Body, json};

/// What is the same in every message of one destination.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) stream: String,
    pub(super) subject: Template,
    pub(super) body: Body,
    /// Which replay it is, where it is one.
    pub(super) replay: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) text: Bytes,
    /// Its text is the event, not its beginning.
    pub(super) whole: bool,
}

impl Form {
    /// `behind`: what the stream must know its last message by. At most `largest` bytes of headers and text: a longer
    /// event is told visibly short, as every destination tells it.
    ///
    /// # Errors
    /// `Rejected` for one that can't be told so short.
    pub(super) fn message(&self, stored: &Stored, behind: Option<&str>, largest: usize) -> Result<Message, Fault> {
        let headers = self.headers(stored, behind);
        let room = largest.saturating_sub(wire_len(&headers));
        let subject = self.subject.of(&stored.event);
        let mut text = Vec::with_capacity(json::likely_len(stored));
        let whole = self.body.write_within(&mut text, stored, room).map_err(|e| {
            Fault::new(FaultKind::Unreadable, format!("event {} can't be written", stored.seq)).caused_by(e)
        })?;
        if text.len() > room {
            let sentence = format!(
                "the event is longer than the {largest} bytes that the stream takes, even without its raw JSON: raise max_payload of the server or max_msg_size of the stream"
            );
            return Err(Fault::new(FaultKind::Rejected, sentence));
        }
        Ok(Message { subject, headers, text: text.into(), whole })
    }

    /// What the stream knows the message by.
    pub(super) fn id(&self, stored: &Stored) -> String {
        let id = header_text(&stored.event.id);
        match self.replay {
            Some(began) => format!("{id}/replay/{began}"),
            None => id,
        }
    }

    fn headers(&self, stored: &Stored, behind: Option<&str>) -> HeaderMap {
        let event = &stored.event;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, self.id(stored).as_str());
        headers.insert(NATS_EXPECTED_STREAM, self.stream.as_str());
        if let Some(last) = behind {
            headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, last);
        }
        headers.insert("Conductor-Event-Id", header_text(&event.id).as_str());
        headers.insert("Conductor-Stream", header_text(&event.stream).as_str());
        headers.insert("Conductor-Severity", event.severity.as_str());
        if self.replay.is_some() {
            headers.insert("Conductor-Replayed", "true");
        }
        headers
    }
}

/// Without what would end the header; what is in its place is written as an event id writes a slash.
fn header_text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { clean.push_str(&format!("%{:02X}", u32::from(c))) } else { clean.push(c) }
    }
    clean
}

/// Bytes of the headers on the wire: `NATS/1.0`, a line each, an empty one.
fn wire_len(headers: &HeaderMap) -> usize {
    let line = |name: &str, value: &str| name.len() + value.len() + 4;
    let lines = headers.iter().flat_map(|(name, values)| values.iter().map(|v| line(name.as_ref(), v.as_str())));
    // Some to spare: a server may count what it adds.
    lines.sum::<usize>() + 12 + 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rfc5424::tests::sample;

    fn form(replay: Option<i64>) -> Form {
        let subject = Template::read("conductor.{integration}.{stream}").expect("a template");
        let body = Body { replayed: replay.is_some(), ..Body::default() };
        Form { stream: "CONDUCTOR".into(), subject, body, replay }
    }

    fn header(message: &Message, name: &str) -> Option<String> {
        message.headers.get(name).map(|value| value.as_str().to_owned())
    }

    #[test]
    fn an_event_carries_its_id_and_each_replay_of_it_another_one() {
        let stored = sample();
        let id = stored.event.id.to_string();
        let first = form(None).message(&stored, Some("before"), 1 << 20).expect("a message");
        assert_eq!(header(&first, "Nats-Msg-Id"), Some(id.clone()));
        assert_eq!(header(&first, "Nats-Expected-Last-Msg-Id").as_deref(), Some("before"));
        assert_eq!(header(&first, "Nats-Expected-Stream").as_deref(), Some("CONDUCTOR"));
        assert_eq!(header(&first, "Conductor-Replayed"), None);
        let again = form(Some(17)).message(&stored, None, 1 << 20).expect("a message");
        assert_eq!(header(&again, "Nats-Msg-Id"), Some(format!("{id}/replay/17")));
        assert_eq!(header(&again, "Conductor-Event-Id"), Some(id));
        assert_eq!(header(&again, "Conductor-Replayed").as_deref(), Some("true"));
        assert!(String::from_utf8_lossy(&again.text).contains("\"replayed\":true"));
    }

    #[test]
    fn an_id_with_line_ends_ends_no_header() {
        let mut stored = sample();
        stored.event.id = "acme/threats/a\r\nNats-Rollup: all/1".into();
        let message = form(None).message(&stored, None, 1 << 20).expect("a message");
        assert_eq!(header(&message, "Nats-Msg-Id").as_deref(), Some("acme/threats/a%0D%0ANats-Rollup: all/1"));
    }

    #[test]
    fn a_long_event_is_told_visibly_short_within_the_limit_and_a_hopeless_one_is_rejected() {
        let mut stored = sample();
        stored.event.raw = format!("{{\"pad\":\"{}\"}}", "\"x\u{1}".repeat(100_000)).into();
        for largest in [2_000, 10_000, 64_000] {
            let message = form(None).message(&stored, None, largest).expect("a message");
            let text: serde_json::Value = serde_json::from_slice(&message.text).expect("JSON");
            assert!(!message.whole && text["raw"]["conductor_truncated"] == true);
            assert!(message.text.len() + wire_len(&message.headers) <= largest);
        }
        let short = form(None).message(&stored, None, 1 << 22).expect("a message");
        assert!(short.whole);
        stored.event.summary = "x".repeat(5_000).into();
        assert_eq!(form(None).message(&stored, None, 400).expect_err("too long").kind, FaultKind::Rejected);
    }
}
