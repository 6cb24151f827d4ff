//! What is the threats' own: two filters, messages in pages, and what else a threat holds.
//!
//! Promise: an answer of another shape is a fault, never an empty list.

use async_trait::async_trait;
use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::{Api, Asked, encode};
use super::feed::{Entries, Facts, Feed, Item, Listed, Next, Origin, filtered, given, items, page_number};
use super::fetch::{Fetch, Part};
use super::fields::{Raw, hash, native};
use super::message::message;
use super::window::{Field, Listing};
use crate::event::{Event, Severity};
use crate::fault::Fault;
use crate::net::http::Answer;

/// Threats have two times: a threat remediated hours later keeps its `receivedTime`, and one never
/// remediated has no `latestTimeRemediated`. Only both together find all.
#[derive(Clone, Copy, Debug)]
pub struct Threats {
    /// Also ask for attachments and links: two more requests for each threat that is new or changed.
    pub enriched: bool,
}

/// Larger than the default of 100, so that fewer windows have to be halved; connectors of the vendor's own
/// making use 500, and a server that allows less only makes us halve more.
const LIST_PAGE: u32 = 500;
/// The vendor's default for the messages of one threat, and as many events as one page of ours carries.
const DETAIL_PAGE: u32 = 100;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, deserialize_with = "given")]
    threats: Option<Entries<Entry<'a>>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Raw<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "threatId")]
    id: Raw<'a>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow, deserialize_with = "given")]
    messages: Option<Entries<&'a RawValue>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Raw<'a>,
}

/// The answer about attachments has one of these members, the one about links the other.
#[derive(Deserialize)]
struct Enrichment<'a> {
    #[serde(borrow)]
    attachments: Option<Entries<&'a RawValue>>,
    #[serde(borrow)]
    links: Option<Entries<&'a RawValue>>,
}

impl Part {
    /// The last part of the path, and the name of the member.
    fn word(self) -> &'static str {
        match self {
            Part::Detail => "messages",
            Part::Attachments => "attachments",
            Part::Links => "links",
        }
    }

    fn follows(self) -> Option<Next> {
        match self {
            Part::Detail => Some(Next::Part(Part::Attachments)),
            Part::Attachments => Some(Next::Part(Part::Links)),
            Part::Links => None,
        }
    }
}

impl Threats {
    async fn messages(&self, api: &Api, origin: &Origin<'_>, fetch: &Fetch) -> Result<Item, Fault> {
        let number = if fetch.page > 1 { format!("&pageNumber={}", fetch.page) } else { String::new() };
        let path = format!("/threats/{}?pageSize={DETAIL_PAGE}{number}", encode(&fetch.id));
        let answer = api.ask(&path, Asked::Item).await?;
        let detail: Detail<'_> = api.read(&answer.body)?;
        let events = detail
            .messages
            .unwrap_or_default()
            .all()?
            .into_iter()
            .filter(|raw| raw.get() != "null")
            // A copy of its own: a slice of the answer would keep the whole answer in memory.
            .map(|raw| message(origin, &fetch.id, ByteString::from(raw.get())))
            .collect();
        // What is looked at again only for its state was enriched when it was new.
        let new = !fetch.again || fetch.tries > 0;
        let part = || Part::Detail.follows().filter(|_| self.enriched && new);
        let next = page_number(detail.next)?.map(Next::Page).or_else(part);
        Ok(Item { events, next, date: answer.date, ..Item::default() })
    }

    /// Attachments or links, all of a threat at once: an event of their own, so that a message stays as it came.
    async fn enrichment(&self, api: &Api, origin: &Origin<'_>, fetch: &Fetch) -> Result<Item, Fault> {
        let word = fetch.part.word();
        let next = fetch.part.follows();
        let answer = match api.ask(&format!("/threats/{}/{word}", encode(&fetch.id)), Asked::Item).await {
            Ok(answer) => answer,
            Err(fault) if fault.status == Some(404) => return Ok(Item { next, ..Item::default() }),
            Err(fault) if matches!(fault.status, Some(402 | 403)) => {
                return Ok(Item { next, shortfall: Some(fault), ..Item::default() });
            }
            Err(fault) => return Err(fault),
        };
        let read: Enrichment<'_> = api.read(&answer.body)?;
        let found = match fetch.part {
            Part::Attachments => read.attachments,
            Part::Links | Part::Detail => read.links,
        };
        let found = found.map(Entries::all).transpose()?;
        let events = found.filter(|found| !found.is_empty()).map(|found| enriched(origin, fetch, &found));
        Ok(Item { events: events.into_iter().collect(), next, date: answer.date, ..Item::default() })
    }
}

/// The event of what a threat holds beside its messages: a list of the vendor's own entries, each byte for byte.
fn enriched(origin: &Origin<'_>, fetch: &Fetch, found: &[&RawValue]) -> Event {
    let word = fetch.part.word();
    let entries = found.iter().map(|entry| entry.get()).collect::<Vec<_>>().join(",");
    let threat = serde_json::Value::from(fetch.id.as_str());
    origin.event(Facts {
        kind: match fetch.part {
            Part::Attachments => "threat-attachments",
            Part::Links | Part::Detail => "threat-links",
        },
        native: &format!("{}:{word}", native(fetch.id.clone())),
        version: &hash([entries.as_str()]),
        severity: Severity::Info,
        occurred: None,
        summary: format!("{} {word} of threat {}", found.len(), fetch.id.escape_debug()),
        raw: format!("{{\"threatId\":{threat},\"{word}\":[{entries}]}}").into(),
    })
}

#[async_trait]
impl Feed for Threats {
    fn stream(&self) -> &'static str {
        "threats"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Received, Field::Remediated]
    }

    fn list_paths(&self) -> &'static [&'static str] {
        &["/threats"]
    }

    fn list_query(&self, listing: &Listing) -> String {
        let key = if listing.field == Field::Remediated { "latestTimeRemediated" } else { "receivedTime" };
        // `lte` is exclusive here, and both bounds are whole seconds: windows side by side share no item.
        filtered(key, listing, LIST_PAGE)
    }

    fn read_list(&self, api: &Api, _: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        items(&list.threats.unwrap_or_default(), |entry| (entry.id, None), list.next)
    }

    async fn item(&self, api: &Api, origin: &Origin<'_>, _: &str, fetch: &Fetch) -> Result<Item, Fault> {
        match fetch.part {
            Part::Detail => self.messages(api, origin, fetch).await,
            Part::Attachments | Part::Links => self.enrichment(api, origin, fetch).await,
        }
    }
}
