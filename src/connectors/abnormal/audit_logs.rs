//! What is the audit log's own: whole entries in the list, without ids.
//!
//! Promise: an entry is one event however often it is listed; two that are alike in all that names them, in one
//! answer, are two.

use std::collections::HashMap;

use async_trait::async_trait;
use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::Api;
use super::feed::{Entries, Facts, Feed, Item, Listed, Origin, filtered, given, page_number};
use super::fetch::Fetch;
use super::fields::{Raw, hash, instant, json, line, text, time};
use super::window::{Field, Listing, Seconds, Timing};
use crate::event::{Event, Severity};
use crate::fault::{Fault, FaultKind};
use crate::net::http::Answer;

/// What people did in the vendor's portal.
#[derive(Clone, Copy, Debug)]
pub struct AuditLogs;

/// The vendor's default. Entries are whole events, and as many as one page of ours carries.
const LIST_PAGE: u32 = 100;
/// The vendor refuses to look back more than 90 days; an hour less leaves room for two clocks.
const FARTHEST: Seconds = 90 * 86_400 - 3_600;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, rename = "auditLogs", deserialize_with = "given")]
    entries: Option<Entries<&'a RawValue>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry<'a> {
    #[serde(borrow)]
    action: Raw<'a>,
    #[serde(borrow)]
    action_details: Raw<'a>,
    #[serde(borrow)]
    category: Raw<'a>,
    #[serde(borrow)]
    source_ip: Raw<'a>,
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    tenant_name: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    user: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User<'a> {
    #[serde(borrow)]
    email: Raw<'a>,
}

#[async_trait]
impl Feed for AuditLogs {
    fn stream(&self) -> &'static str {
        "audit-logs"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Logged]
    }

    fn timing(&self, timing: Timing) -> Timing {
        Timing { start: timing.start.min(FARTHEST), ..timing }
    }

    fn list_paths(&self) -> &'static [&'static str] {
        &["/auditlogs"]
    }

    fn list_query(&self, listing: &Listing) -> String {
        filtered("timestamp", listing, LIST_PAGE)
    }

    fn read_list(&self, api: &Api, origin: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        let mut alike: HashMap<String, u32> = HashMap::new();
        let Entries { read, more } = list.entries.unwrap_or_default();
        let entries = read.into_iter().filter(|raw| raw.get() != "null");
        let events = entries.map(|raw| {
            let entry: Entry<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let name = identity(&entry, raw);
            let count = alike.entry(name.clone()).or_default();
            *count += 1;
            event(origin, &entry, &if *count > 1 { format!("{name}-{count}") } else { name }, raw)
        });
        Ok(Listed { events: events.collect(), more, next_page: page_number(list.next)?, ..Listed::default() })
    }

    async fn item(&self, _: &Api, _: &Origin<'_>, _: &str, _: &Fetch) -> Result<Item, Fault> {
        Err(Fault::new(FaultKind::Unreadable, "an entry of the audit log has no detail").with_status(404))
    }
}

/// What names an entry: all fields that are documented; one of which nothing is known is named by all of it. A field
/// that the vendor adds later does not make old entries new.
fn identity(entry: &Entry<'_>, raw: &RawValue) -> String {
    let named = [entry.action, entry.action_details, entry.category, entry.source_ip, entry.status, entry.tenant_name];
    if entry.timestamp.is_none() {
        return hash([raw.get()]);
    }
    let [action, details, category, source, status, tenant] = named.map(json);
    hash([&instant(entry.timestamp), action, details, category, source, status, tenant, json(entry.user)])
}

fn event(origin: &Origin<'_>, entry: &Entry<'_>, native: &str, raw: &RawValue) -> Event {
    let user: User<'_> = entry.user.and_then(|user| serde_json::from_str(user.get()).ok()).unwrap_or_default();
    let status = text(entry.status);
    let action = text(entry.action);
    origin.event(Facts {
        kind: "audit",
        native,
        version: "1",
        severity: if status.eq_ignore_ascii_case("failure") { Severity::Low } else { Severity::Info },
        occurred: time(entry.timestamp),
        summary: line(
            if action.is_empty() { "Audit" } else { &action },
            [(" in ", text(entry.category)), (" by ", text(user.email)), (": ", status)],
        ),
        // A copy of its own: a slice of the answer would keep the whole answer in memory.
        raw: ByteString::from(raw.get()),
    })
}
