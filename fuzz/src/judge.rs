//! What must hold of every request and every page, whatever was answered.
//!
//! Promise: what is asserted here is what `connectors` promises to the engine and to people, and nothing less.

use std::collections::BTreeSet;

use bytes::Bytes;
use conductor::connectors::{PAGE_BYTES, PAGE_EVENTS, Page};
use conductor::event::{Checkpoint, Event};
use conductor::fault::{Fault, FaultKind};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::scene::{HOST, TOKEN};

/// Requests of one poll, at the most: 20 lists by two paths, 20 items by two requests.
const REQUESTS: usize = 80;
/// Of an event id: an encoded id of 256 bytes, a message's of 128, and the names.
const ID: usize = 2 << 10;
/// Bytes that a checkpoint may grow by in one poll beside what the answers brought: windows and reasons.
const GROWTH: usize = 256 << 10;
/// An id in an answer has a few bytes around it; in the checkpoint it is written twice, with what is to be done.
const SPREAD: usize = 16;

/// What one poll cost.
#[derive(Debug)]
pub struct Cost<'a> {
    pub requests: usize,
    /// Bytes of the answers.
    pub answered: usize,
    /// The checkpoint that it began with.
    pub before: Option<&'a Checkpoint>,
}

/// A URL that any server and any log can take, with a window that is one.
pub fn request(url: &str) {
    assert!(url.len() <= 2 << 10, "a URL of {} bytes", url.len());
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
    let rest = url.strip_prefix("https://").and_then(|url| url.strip_prefix(HOST));
    let rest = rest.and_then(|rest| rest.strip_prefix("/v1/")).expect("https, the host and the version");
    assert!(!rest.contains("//") && !rest.contains("/../") && !rest.contains('#'), "{url}");
    let plain = rest.replace("%20", " ").replace("%3A", ":");
    let bounds = match plain.split_once("?filter=") {
        Some((_, filter)) => {
            let words: Vec<&str> = filter.split([' ', '&']).collect();
            assert!(words.len() >= 5 && words[1] == "gte" && words[3] == "lte", "{plain}");
            Some((words[2], words[4]))
        }
        None => plain.split_once("?start=").and_then(|(_, rest)| rest.split_once("&end=")),
    };
    if let Some((from, to)) = bounds {
        assert!(from.len() == 20 && to.len() == 20, "whole seconds of a year of four digits: {plain}");
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert!(time(from) < time(to), "a window that holds nothing: {plain}");
    }
}

/// What one poll brought.
pub fn page(stream: &str, now: Timestamp, page: &Page, cost: &Cost<'_>) {
    let Page { events, next, more, deferred, gaps, shortfall, fault, .. } = page;
    assert!(events.len() <= PAGE_EVENTS, "{} events", events.len());
    let weight: usize = events.iter().map(Event::weight).sum();
    assert!(events.len() <= 1 || weight <= PAGE_BYTES, "{weight} bytes in {} events", events.len());
    let ids: BTreeSet<&str> = events.iter().map(|event| &*event.id).collect();
    assert_eq!(ids.len(), events.len(), "an id twice in a page: {ids:?}");
    events.iter().for_each(|one| event(stream, now, one));

    assert!(cost.requests <= REQUESTS, "{} requests in one poll", cost.requests);
    for fault in [fault, shortfall].into_iter().flatten() {
        told(fault);
    }
    for item in deferred {
        assert!(!item.reason.contains(TOKEN), "the token is told: {}", item.reason);
    }
    for gap in gaps {
        assert!(gap.from <= gap.to && !gap.reason.is_empty(), "{gap:?}");
        assert!(!gap.reason.chars().any(char::is_control), "a gap in several lines: {:?}", gap.reason);
    }

    let Some(next) = next else {
        let fault = fault.as_ref().expect("no checkpoint and no fault");
        assert_eq!(fault.kind, FaultKind::Corrupt, "only a checkpoint that can't be read leaves none: {fault:?}");
        assert!(events.is_empty() && !more, "events without the checkpoint that follows them");
        return;
    };
    assert!(!more || fault.is_none(), "a fault is waited for");
    assert!(!more || !events.is_empty() || cost.before != Some(next), "{stream}: more for ever: {next:?}");
    let most = cost.before.map_or(0, |before| before.0.len()) + SPREAD * cost.answered + GROWTH;
    assert!(next.0.len() <= most, "a checkpoint of {} bytes after answers of {}", next.0.len(), cost.answered);
}

fn event(stream: &str, now: Timestamp, event: &Event) {
    assert_eq!((&*event.integration, &*event.stream), ("acme", stream));
    let parts: Vec<&str> = event.id.split('/').collect();
    assert!(parts.len() == 4 && parts[..2] == ["acme", stream], "{:?}", event.id);
    assert!(event.id.len() <= ID && !parts[2].is_empty() && !parts[3].is_empty(), "{:?}", event.id);
    assert_eq!(event.observed, now);
    assert!(!event.kind.is_empty());
    let summary = &event.summary;
    assert!(!summary.is_empty() && summary.chars().count() <= 1_000, "{summary:?}");
    assert!(!summary.chars().any(char::is_control), "a summary in several lines: {summary:?}");
    // What begins as a document is written into the envelope as it is.
    assert!(json(&event.raw), "no JSON: {:?}", event.raw);
}

fn json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// A fault is one line with a beginning of what was answered, never the token.
pub fn told(fault: &Fault) {
    let chain = fault.chain();
    assert!(!chain.contains(TOKEN) && !format!("{fault:?}").contains(TOKEN), "the token is told: {chain}");
    assert!(!chain.is_empty() && chain.len() <= 2 << 10 && !chain.chars().any(char::is_control), "{chain:?}");
}

/// Every `raw` stands in an answer byte for byte; of a case, and of what else a threat holds, each part does.
pub fn raws(page: &Page, sent: &[Bytes]) {
    let sent_part = |part: &str| {
        let within = |body: &Bytes| std::str::from_utf8(body).is_ok_and(|body| body.contains(part));
        assert!(sent.iter().rev().any(within), "never sent: {part:?}");
    };
    for event in &page.events {
        match &*event.kind {
            "case" => {
                let parts: std::collections::BTreeMap<String, &RawValue> =
                    serde_json::from_str(&event.raw).expect("an object");
                assert!(parts.contains_key("detail"), "{:?}", event.raw);
                parts.values().for_each(|part| sent_part(part.get()));
            }
            "threat-attachments" | "threat-links" => {
                let parts: std::collections::BTreeMap<String, &RawValue> =
                    serde_json::from_str(&event.raw).expect("an object");
                let lists = parts.iter().filter(|(name, _)| *name != "threatId");
                for entries in lists.map(|(_, list)| serde_json::from_str::<Vec<&RawValue>>(list.get())) {
                    entries.expect("a list").into_iter().for_each(|entry| sent_part(entry.get()));
                }
            }
            _ => sent_part(&event.raw),
        }
    }
}

/// What is still to be asked for now, by the checkpoint's own words: an item may take three requests.
pub fn work_left(checkpoint: &Checkpoint) -> usize {
    let place: Value = serde_json::from_str(&checkpoint.0).expect("a checkpoint is JSON");
    let count = |pointer: &str| place.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    count("/windows/todo") + 3 * (count("/fetch") + count("/again"))
}
