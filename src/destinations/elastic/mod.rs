//! Elasticsearch and OpenSearch: `_bulk` with `create` into data streams.
//!
//! An event's id is its document's `_id`, so what is sent again is refused with 409 and counts as taken: it is there.
//! That holds within one backing index; after a rollover a repeat may come in a second time, under the same `_id`.
//!
//! Promise: an event is taken when its own item in the answer says so. The first item that does not ends what is taken;
//! all behind it is handed over again, whatever became of it.
//!
//! Written from <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>.

mod items;

use std::io::{self, Write};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::destinations::http::answer::{Action, Answer, Verdict, action, verdict};
use crate::destinations::http::courier::{Courier, Dialect};
use crate::destinations::http::request::{Frame, one_line};
use crate::destinations::http::settings::{Common, Given, PerStream};
use crate::event::Stored;
use crate::fault::Fault;
use crate::format::Body;
use crate::format::time::{Digits, write_rfc3339};
use crate::values::hex;

/// Of type `elastic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub common: Common,
    /// The data stream of each stream. In it `{stream}` has `_` for `-`, which parts the names of data streams.
    pub index: PerStream,
}

/// The longest `_id`, in bytes.
const LONGEST_ID: usize = 512;

/// A cluster that takes bulks.
pub struct Bulk {
    body: Body,
    index: PerStream,
}

/// Prepares a destination of type `elastic`; nothing is connected yet.
///
/// # Errors
/// What the link says of certificates, and the resolver of secrets.
pub fn new(settings: &Settings, given: &Given<'_>) -> Result<Courier<Bulk>, Fault> {
    let bulk = Bulk { body: given.body(), index: settings.index.clone() };
    Courier::new(&settings.common, bulk_path(&settings.common.path), bulk, given)
}

/// Below the URL's path, which a proxy may want; what an operator wrote in full stays.
fn bulk_path(path: &str) -> String {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let base = path.trim_end_matches('/').trim_end_matches("/_bulk");
    // Only what is read is asked for.
    let filter = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
    match query {
        Some(query) => format!("{base}/_bulk?{query}&{filter}"),
        None => format!("{base}/_bulk?{filter}"),
    }
}

impl Dialect for Bulk {
    /// About a kilobyte for each event of a batch of which every one was refused.
    const LARGEST_ANSWER: usize = 8 << 20;
    const CONTENT_TYPE: &'static str = "application/x-ndjson";

    fn write(&self, text: &mut Vec<u8>, stored: &Stored) -> io::Result<()> {
        let event = &stored.event;
        text.extend_from_slice(b"{\"create\":{\"_index\":");
        let shown = event.stream.replace('-', "_");
        let index = self.index.shown(&event.stream, &shown, &event.integration);
        serde_json::to_writer(&mut *text, &index.unwrap_or_default())?;
        text.extend_from_slice(b",\"_id\":");
        serde_json::to_writer(&mut *text, &document_id(&event.id))?;
        text.extend_from_slice(b"}}\n");
        let mut document = Vec::with_capacity(event.weight() + 256);
        self.body.write(&mut document, stored)?;
        one_line(&mut document);
        add_time(text, &document, event.occurred)?;
        text.push(b'\n');
        Ok(())
    }

    fn frame(&self) -> Frame {
        Frame { open: "", between: "", close: "" }
    }

    fn judge(&self, answer: &Answer, sent: usize, place: &str, quote: &str) -> Verdict {
        match action(answer.status) {
            Action::Take => items::verdict(answer, sent, place),
            Action::Follow | Action::Again | Action::Slow | Action::Split | Action::Bisect | Action::Park(_) => {
                verdict(answer, place, quote)
            }
        }
    }
}

/// Writes a document with the `@timestamp` that data streams need. A schema that has one writes it first.
fn add_time(text: &mut Vec<u8>, document: &[u8], occurred: Timestamp) -> io::Result<()> {
    if document.starts_with(b"{\"@timestamp\"") {
        text.extend_from_slice(document);
        return Ok(());
    }
    text.extend_from_slice(b"{\"@timestamp\":\"");
    if !write_rfc3339(text, occurred, Digits::Needed)? {
        write!(text, "{occurred}")?;
    }
    text.push(b'"');
    match document.strip_prefix(b"{") {
        Some(b"}") => text.push(b'}'),
        Some(rest) => {
            text.push(b',');
            text.extend_from_slice(rest);
        }
        // A line of text, such as CEF.
        None => {
            text.extend_from_slice(b",\"message\":");
            serde_json::to_writer(&mut *text, &String::from_utf8_lossy(document))?;
            text.push(b'}');
        }
    }
    Ok(())
}

/// The event's id; of one that is too long, its hash.
fn document_id(id: &str) -> String {
    if id.len() <= LONGEST_ID { id.to_owned() } else { hex::text(&Sha256::digest(id.as_bytes())) }
}

#[cfg(test)]
mod tests;
