//! What is the cases' own: a list that tells when a case changed, a detail that tells what it is, an analysis that
//! tells why.
//!
//! Promise: a case is one event for each state that it was seen in, and its `raw` holds the vendor's three answers
//! about it byte for byte: `{"list": …, "detail": …, "analysis": …}`, each where there was one.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{Api, Asked, encode};
use super::feed::{Entries, Facts, Feed, Item, Listed, Origin, filtered, given, items, same_item};
use super::fetch::Fetch;
use super::fields::{Raw, hash, json, line, native, text, time};
use super::window::{Field, Listing};
use crate::event::{Event, Severity};
use crate::fault::Fault;
use crate::net::http::Answer;

/// Account takeover cases. Licensed apart from threats: 402 says that they are not.
#[derive(Clone, Copy, Debug)]
pub struct Cases;

/// The vendor's default. Entries ride in the checkpoint until their details are fetched, so no more at once.
const LIST_PAGE: u32 = 100;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, deserialize_with = "given")]
    cases: Option<Entries<&'a RawValue>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Raw<'a>,
}

/// The fields of a list's entry, whose names are not those of the detail.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow, rename = "caseId")]
    id: Raw<'a>,
    #[serde(borrow)]
    description: Raw<'a>,
    #[serde(borrow)]
    severity: Raw<'a>,
    #[serde(borrow)]
    severity_level: Raw<'a>,
    #[serde(borrow)]
    last_modified: Raw<'a>,
    #[serde(borrow)]
    created: Raw<'a>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    /// An answer without it is about something else.
    #[serde(borrow, rename = "caseId", deserialize_with = "given")]
    id: Raw<'a>,
    #[serde(borrow)]
    case_status: Raw<'a>,
    #[serde(borrow)]
    severity: Raw<'a>,
    #[serde(borrow)]
    severity_level: Raw<'a>,
    #[serde(borrow)]
    confidence: Raw<'a>,
    #[serde(borrow, rename = "affectedEmployee")]
    employee: Raw<'a>,
    #[serde(borrow, rename = "customerVisibleTime")]
    visible: Raw<'a>,
    #[serde(borrow, rename = "firstObserved")]
    observed: Raw<'a>,
    #[serde(borrow, rename = "threatIds")]
    threats: Raw<'a>,
    #[serde(borrow)]
    analysis: Raw<'a>,
    #[serde(borrow)]
    remediation_status: Raw<'a>,
}

/// What an analysis holds that makes another state of its case.
#[derive(Deserialize)]
struct Analysis<'a> {
    #[serde(borrow)]
    insights: Raw<'a>,
    #[serde(borrow, rename = "eventTimeline")]
    timeline: Raw<'a>,
}

#[async_trait]
impl Feed for Cases {
    fn stream(&self) -> &'static str {
        "cases"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Modified]
    }

    fn list_paths(&self) -> &'static [&'static str] {
        &["/cases"]
    }

    fn list_query(&self, listing: &Listing) -> String {
        // Both bounds are inclusive: what lies on the edge of two windows comes twice and is one event.
        filtered("lastModifiedTime", listing, LIST_PAGE)
    }

    fn read_list(&self, api: &Api, _: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        items(&list.cases.unwrap_or_default(), |raw| (read_entry(raw.get()).id, Some(*raw)), list.next)
    }

    fn cost(&self) -> u32 {
        2
    }

    async fn item(&self, api: &Api, origin: &Origin<'_>, base: &str, fetch: &Fetch) -> Result<Item, Fault> {
        let path = format!("{base}/{}", encode(&fetch.id));
        let detail = api.ask(&path, Asked::Item).await?;
        same_item(api.read::<Detail<'_>>(&detail.body)?.id, fetch)?;
        let analysis = match api.ask(&format!("{path}/analysis"), Asked::Item).await {
            Ok(answer) => Some(answer),
            // Old cases have none; one that may not be read must not cost the case.
            Err(fault) if fault.status == Some(404) => None,
            Err(fault) if matches!(fault.status, Some(402 | 403)) => {
                let event = case(api, origin, fetch, &detail, None)?;
                return Ok(Item { events: vec![event], shortfall: Some(fault), date: detail.date, ..Item::default() });
            }
            Err(fault) => return Err(fault),
        };
        let event = case(api, origin, fetch, &detail, analysis.as_ref())?;
        Ok(Item { events: vec![event], date: detail.date, ..Item::default() })
    }
}

/// The event of one case in its present state. That it was touched is no new state: what people see of it is.
fn case(
    api: &Api,
    origin: &Origin<'_>,
    fetch: &Fetch,
    detail: &Answer,
    analysis: Option<&Answer>,
) -> Result<Event, Fault> {
    let named: Detail<'_> = api.read(&detail.body)?;
    let why: Option<Analysis<'_>> = analysis.map(|answer| api.read(&answer.body)).transpose()?;
    let entry = fetch.entry.as_deref().map(read_entry).unwrap_or_default();
    let state = [
        named.case_status,
        named.remediation_status,
        named.severity_level.or(named.severity),
        named.confidence,
        named.employee,
        named.threats,
        why.as_ref().and_then(|why| why.insights),
        why.as_ref().and_then(|why| why.timeline),
    ];
    let grave = [named.severity_level, named.severity, entry.severity_level, entry.severity];
    let described = [text(entry.description), text(named.analysis)].into_iter().find(|text| !text.is_empty());
    let parts = [
        ("list", fetch.entry.as_deref()),
        ("detail", std::str::from_utf8(&detail.body).ok()),
        ("analysis", analysis.and_then(|answer| std::str::from_utf8(&answer.body).ok())),
    ];
    let members = parts.map(|(name, json)| json.map(|json| format!("\"{name}\":{}", json.trim())));
    Ok(origin.event(Facts {
        kind: "case",
        native: &native(fetch.id.clone()),
        version: &hash(state.map(json)),
        severity: grave.into_iter().map(severity).find(|found| *found != Severity::Unknown).unwrap_or_default(),
        occurred: [entry.last_modified, named.visible, entry.created, named.observed].into_iter().find_map(time),
        summary: line(
            described.as_deref().unwrap_or("Case"),
            [(" of ", text(named.employee)), (": ", text(named.case_status))],
        ),
        raw: format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(",")).into(),
    }))
}

/// A strange entry is one of which nothing is known.
fn read_entry(raw: &str) -> Entry<'_> {
    serde_json::from_str(raw).unwrap_or_default()
}

fn severity(level: Raw<'_>) -> Severity {
    match text(level).to_ascii_uppercase().as_str() {
        "NONE" => Severity::Info,
        "LOW" => Severity::Low,
        "MEDIUM" => Severity::Medium,
        "HIGH" => Severity::High,
        "CRITICAL" => Severity::Critical,
        _ => Severity::Unknown,
    }
}
