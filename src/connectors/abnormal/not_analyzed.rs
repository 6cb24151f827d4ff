//! What is the "not analyzed" list's own: reported mails that the vendor did not look into, and why.
//!
//! Promise: a row is sent only once it has stood for ten minutes, because the vendor takes some back until then.

use async_trait::async_trait;
use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{Api, encode};
use super::feed::{Entries, Facts, Feed, Item, Listed, Origin, given, second};
use super::fetch::Fetch;
use super::fields::{Raw, hash, instant, json, line, scalar, text, time};
use super::window::{Field, Listing, Seconds, Timing};
use crate::event::{Event, Severity};
use crate::fault::{Fault, FaultKind};
use crate::net::http::Answer;

/// Mails reported to the abuse mailbox and not analyzed.
#[derive(Clone, Copy, Debug)]
pub struct NotAnalyzed;

/// A row younger than this may still go away (the vendor's support speaks of five to ten minutes).
const HELD: Seconds = 600;
/// The vendor keeps 90 days; an hour less leaves room for two clocks.
const FARTHEST: Seconds = 90 * 86_400 - 3_600;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, deserialize_with = "given")]
    results: Option<Entries<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Row<'a> {
    /// 64 bits with a sign, and no twin as a string: its digits are kept.
    #[serde(borrow)]
    abx_message_id: Raw<'a>,
    #[serde(borrow)]
    subject: Raw<'a>,
    #[serde(borrow)]
    reported_datetime: Raw<'a>,
    #[serde(borrow)]
    reporter: Raw<'a>,
    #[serde(borrow)]
    not_analyzed_reason: Raw<'a>,
}

#[async_trait]
impl Feed for NotAnalyzed {
    fn stream(&self) -> &'static str {
        "not-analyzed"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Reported]
    }

    fn timing(&self, timing: Timing) -> Timing {
        Timing { start: timing.start.min(FARTHEST), lag: timing.lag.max(HELD), ..timing }
    }

    fn list_paths(&self) -> &'static [&'static str] {
        &["/abuse_mailbox/not_analyzed"]
    }

    fn list_query(&self, listing: &Listing) -> String {
        let bound = |at| encode(&second(at).to_string());
        format!("start={}&end={}", bound(listing.from), bound(listing.to))
    }

    fn too_wide(&self, refusal: &Fault) -> bool {
        // Bounds that it can't read are refused so, too: narrower ones then are as well, down to an hour.
        refusal.status == Some(400)
    }

    fn read_list(&self, api: &Api, origin: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        let Entries { read, more } = list.results.unwrap_or_default();
        let rows = read.into_iter().filter(|raw| raw.get() != "null");
        Ok(Listed { events: rows.map(|raw| event(origin, raw)).collect(), more, ..Listed::default() })
    }

    async fn item(&self, _: &Api, _: &Origin<'_>, _: &str, _: &Fetch) -> Result<Item, Fault> {
        Err(Fault::new(FaultKind::Unreadable, "a row of the not-analyzed list has no detail").with_status(404))
    }
}

/// One mail may be reported by several people, and by one of them twice: each report is an event.
fn event(origin: &Origin<'_>, raw: &RawValue) -> Event {
    let row: Row<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let report = hash([&instant(row.reported_datetime), json(row.reporter)]);
    let native = match scalar(row.abx_message_id) {
        Some(id) => format!("{id}:{}", &report[..8]),
        None => hash([raw.get()]),
    };
    origin.event(Facts {
        kind: "not-analyzed",
        native: &native,
        version: &hash([json(row.not_analyzed_reason)]),
        severity: Severity::Info,
        occurred: time(row.reported_datetime),
        summary: line(
            "Reported mail not analyzed",
            [(": ", text(row.subject)), (" because of ", text(row.not_analyzed_reason))],
        ),
        raw: ByteString::from(raw.get()),
    })
}
