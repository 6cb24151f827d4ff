//! What is the vendor cases' own: partners whose mail has turned suspicious.
//!
//! Promise: a case is one event for each state of its insights and its timeline.

use async_trait::async_trait;
use serde::Deserialize;

use super::api::{Api, Asked, encode};
use super::feed::{Entries, Facts, Feed, Item, Listed, Origin, filtered, given, items, same_item};
use super::fetch::Fetch;
use super::fields::{Raw, hash, instant, json, line, native, text, time};
use super::window::{Field, Listing};
use crate::event::Severity;
use crate::fault::Fault;
use crate::net::http::Answer;

#[derive(Clone, Copy, Debug)]
pub struct VendorCases;

const LIST_PAGE: u32 = 500;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, rename = "vendorCases", deserialize_with = "given")]
    cases: Option<Entries<Entry<'a>>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Raw<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "vendorCaseId")]
    id: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    /// An answer without it is about something else.
    #[serde(borrow, rename = "vendorCaseId", deserialize_with = "given")]
    id: Raw<'a>,
    #[serde(borrow)]
    vendor_domain: Raw<'a>,
    #[serde(borrow)]
    first_observed_time: Raw<'a>,
    #[serde(borrow)]
    last_modified_time: Raw<'a>,
    #[serde(borrow)]
    insights: Raw<'a>,
    #[serde(borrow)]
    timeline: Raw<'a>,
}

#[async_trait]
impl Feed for VendorCases {
    fn stream(&self) -> &'static str {
        "vendor-cases"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Modified]
    }

    fn list_paths(&self) -> &'static [&'static str] {
        &["/vendor-cases"]
    }

    fn list_query(&self, listing: &Listing) -> String {
        filtered("lastModifiedTime", listing, LIST_PAGE)
    }

    fn read_list(&self, api: &Api, _: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        items(&list.cases.unwrap_or_default(), |entry| (entry.id, None), list.next)
    }

    async fn item(&self, api: &Api, origin: &Origin<'_>, base: &str, fetch: &Fetch) -> Result<Item, Fault> {
        let answer = api.ask(&format!("{base}/{}", encode(&fetch.id)), Asked::Item).await?;
        let named: Detail<'_> = api.read(&answer.body)?;
        same_item(named.id, fetch)?;
        let modified = instant(named.last_modified_time);
        let event = origin.event(Facts {
            kind: "vendor-case",
            native: &native(fetch.id.clone()),
            version: &hash([&modified, json(named.insights), json(named.timeline)]),
            severity: Severity::Medium,
            occurred: [named.last_modified_time, named.first_observed_time].into_iter().find_map(time),
            summary: line("Vendor case", [(": ", text(named.vendor_domain))]),
            raw: super::api::text(&answer)?,
        });
        Ok(Item { events: vec![event], date: answer.date, ..Item::default() })
    }
}
