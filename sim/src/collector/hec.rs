//! Splunk's HTTP Event Collector: codes as in "Troubleshoot HTTP Event Collector", acknowledgements as in "About HTTP
//! Event Collector Indexer Acknowledgment".
//!
//! Promise: an id is told to be true once, only after its events are indexed, and is unknown after a restart.

use std::collections::HashMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Reply;

pub(crate) struct Hec {
    acknowledges: bool,
    /// Nothing is indexed while this is so.
    pub(crate) held: bool,
    /// Received, not indexed: with the channel and the id that wait for it.
    pipeline: Vec<(String, u64, Vec<String>)>,
    pub(crate) indexed: Vec<String>,
    channels: HashMap<String, Channel>,
}

#[derive(Default)]
struct Channel {
    next: u64,
    indexed: Vec<u64>,
}

impl Hec {
    pub(crate) fn new(acknowledges: bool) -> Hec {
        Hec { acknowledges, held: false, pipeline: Vec::new(), indexed: Vec::new(), channels: HashMap::new() }
    }

    /// The process starts anew.
    pub(crate) fn restart(&mut self) {
        self.pipeline.clear();
        self.channels.clear();
    }

    /// The answer, and how many events were indexed by it.
    pub(crate) fn take(
        &mut self,
        path: &str,
        authorization: Option<&str>,
        right: Option<&str>,
        channel: Option<&str>,
        body: &[u8],
        poison: Option<&str>,
    ) -> (Reply, u64) {
        if let Some(right) = right {
            match authorization {
                None => return (code(401, 2, "Token is required"), 0),
                Some(said) if !said.starts_with("Splunk ") => return (code(401, 3, "Invalid authorization"), 0),
                Some(said) if said != right => return (code(403, 4, "Invalid token"), 0),
                Some(_) => {}
            }
        }
        if self.acknowledges {
            match channel {
                None => return (code(400, 10, "Data channel is missing"), 0),
                Some(guid) if guid.len() != 36 => return (code(400, 11, "Invalid data channel"), 0),
                Some(_) => {}
            }
        }
        let channel = channel.unwrap_or_default();
        match path {
            "/services/collector/event" | "/services/collector" => self.events(channel, body, poison),
            "/services/collector/ack" if !self.acknowledges => (code(400, 14, "ACK is disabled"), 0),
            "/services/collector/ack" => self.acks(channel, body),
            _ => (Reply::new(404, r#"{"text":"The requested URL was not found on this server.","code":404}"#), 0),
        }
    }

    fn events(&mut self, channel: &str, body: &[u8], poison: Option<&str>) -> (Reply, u64) {
        let mut events = Vec::new();
        for (number, text) in serde_json::Deserializer::from_slice(body).into_iter::<Box<RawValue>>().enumerate() {
            let bad = |of: u32, text: &str| {
                let said = json!({ "text": text, "code": of, "invalid-event-number": number });
                (Reply::new(400, said.to_string()), 0)
            };
            let event = text.as_ref().ok().map(|text| (text.get(), serde_json::from_str::<Value>(text.get())));
            match event {
                None | Some((_, Err(_))) => return bad(6, "Invalid data format"),
                Some((_, Ok(event))) if event.get("event").is_none() => return bad(12, "Event field is required"),
                Some((_, Ok(event))) if event["event"] == "" => return bad(13, "Event field cannot be blank"),
                Some((text, Ok(_))) if poison.is_some_and(|poison| text.contains(poison)) => {
                    return bad(6, "Invalid data format");
                }
                Some((text, Ok(_))) => events.push(text.to_owned()),
            }
        }
        if events.is_empty() {
            return (code(400, 5, "No data"), 0);
        }
        if !self.acknowledges {
            let count = events.len() as u64;
            self.indexed.extend(events);
            return (Reply::new(200, r#"{"text":"Success","code":0}"#), count);
        }
        let of = self.channels.entry(channel.to_owned()).or_default();
        let id = of.next;
        of.next += 1;
        self.pipeline.push((channel.to_owned(), id, events));
        (Reply::new(200, json!({ "text": "Success", "code": 0, "ackId": id }).to_string()), 0)
    }

    /// Indexing happens between a question and the next: the first one about a batch is always answered with false.
    fn acks(&mut self, channel: &str, body: &[u8]) -> (Reply, u64) {
        let asked: Vec<u64> = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|body| body["acks"].as_array().cloned())
            .map(|ids| ids.iter().filter_map(Value::as_u64).collect())
            .unwrap_or_default();
        let of = self.channels.entry(channel.to_owned()).or_default();
        let told: serde_json::Map<String, Value> = asked
            .iter()
            .map(|id| {
                let known = of.indexed.iter().position(|indexed| indexed == id);
                // Told once, then forgotten.
                (id.to_string(), known.map(|at| of.indexed.swap_remove(at)).is_some().into())
            })
            .collect();
        let indexed = if self.held { 0 } else { self.index() };
        (Reply::new(200, json!({ "acks": told }).to_string()), indexed)
    }

    fn index(&mut self) -> u64 {
        let mut count = 0;
        for (channel, id, events) in self.pipeline.drain(..) {
            count += events.len() as u64;
            self.indexed.extend(events);
            self.channels.entry(channel).or_default().indexed.push(id);
        }
        count
    }
}

fn code(status: u16, code: u32, text: &str) -> Reply {
    Reply::new(status, json!({ "text": text, "code": code }).to_string())
}
