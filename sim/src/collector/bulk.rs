//! Elastic's `_bulk`, as far as `create` into data streams goes: the bulk API of Elasticsearch 8.
//!
//! Promise: a document is created once for its `_id`, and each item of the answer stands at its event's place.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Reply;

#[derive(Default)]
pub(crate) struct Bulk {
    /// Index, id and document of each, in the order of creation.
    pub(crate) documents: Vec<String>,
    known: HashSet<(String, String)>,
    /// Every n-th item is refused with 429, each once.
    pub(crate) busy_every: u64,
    items: u64,
    refused: HashSet<String>,
}

impl Bulk {
    /// The answer, and how many documents were created.
    pub(crate) fn take(&mut self, path: &str, body: &[u8], poison: Option<&str>) -> (Reply, u64) {
        if path.split('?').next() != Some("/_bulk") {
            return (Reply::new(404, r#"{"error":"no handler found"}"#), 0);
        }
        let wrong = |reason: &str| {
            let error = json!({ "error": { "type": "illegal_argument_exception", "reason": reason }, "status": 400 });
            (Reply::new(400, error.to_string()), 0)
        };
        if body.last() != Some(&b'\n') {
            return wrong("The bulk request must be terminated by a newline [\\n]");
        }
        let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let mut pairs = Vec::new();
        for pair in lines.chunks(2) {
            let action: Option<Value> = serde_json::from_slice(pair[0]).ok();
            let create = action.as_ref().and_then(|action| action.get("create"));
            let part = |name: &str| create.and_then(|create| create[name].as_str()).map(str::to_owned);
            let (Some(index), Some(id), Some(source)) = (part("_index"), part("_id"), pair.get(1)) else {
                return wrong("Malformed action/metadata line");
            };
            if id.len() > 512 {
                return wrong("id is too long, must be no longer than 512 bytes");
            }
            pairs.push((index, id, *source));
        }
        let before = self.documents.len();
        let items: Vec<Value> =
            pairs.into_iter().map(|(index, id, source)| self.create(index, id, source, poison)).collect();
        let errors = items.iter().any(|item| item["create"].get("error").is_some());
        let created = (self.documents.len() - before) as u64;
        (Reply::new(200, json!({ "errors": errors, "items": items }).to_string()), created)
    }

    fn create(&mut self, index: String, id: String, source: &[u8], poison: Option<&str>) -> Value {
        let refused = |status: u16, kind: &str, reason: &str| json!({ "create": { "status": status, "error": { "type": kind, "reason": reason } } });
        self.items += 1;
        let busy = self.busy_every > 0 && self.items.is_multiple_of(self.busy_every);
        if busy && self.refused.insert(id.clone()) {
            return refused(429, "es_rejected_execution_exception", "rejected execution of coordinating operation");
        }
        let (document, text): (Value, &str) = match (serde_json::from_slice(source), std::str::from_utf8(source)) {
            (Ok(document @ Value::Object(_)), Ok(text)) => (document, text),
            (Ok(_) | Err(_), _) => return refused(400, "document_parsing_exception", "not an object"),
        };
        if document["@timestamp"].as_str().is_none() {
            let reason = "data stream timestamp field [@timestamp] is missing";
            return refused(400, "document_parsing_exception", reason);
        }
        if poison.is_some_and(|poison| document.to_string().contains(poison)) {
            return refused(400, "document_parsing_exception", "failed to parse field [raw.x] of type [long]");
        }
        if !self.known.insert((index.clone(), id.clone())) {
            return refused(409, "version_conflict_engine_exception", "document already exists");
        }
        // The document as it came, byte for byte.
        self.documents.push(format!("{{\"_index\":{},\"_id\":{},\"_source\":{text}}}", json!(index), json!(id)));
        json!({ "create": { "status": 201 } })
    }
}
