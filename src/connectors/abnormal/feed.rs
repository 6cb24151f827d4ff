//! What a stream of this vendor is, as far as it differs from the others.
//!
//! Promise: a stream says here how its list and its items are asked for and what becomes of an answer; when they
//! are asked for, and what happens when that fails, is [`super::step`]'s alone.

use std::fmt;
use std::marker::PhantomData;

use async_trait::async_trait;
use bytestring::ByteString;
use jiff::Timestamp;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::api::Api;
use super::fetch::{Fetch, Found, Part};
use super::fields::{Raw, scalar};
use super::window::{Field, Listing, Timing};
use crate::event::{Event, Severity};
use crate::fault::{Fault, FaultKind};
use crate::net::http::Answer;

/// What a list answer holds.
#[derive(Debug, Default)]
pub struct Listed {
    /// Items that have to be asked for.
    pub items: Vec<Found>,
    /// Entries that are events as they are.
    pub events: Vec<Event>,
    /// Entries without an id: they can't be asked for.
    pub nameless: usize,
    /// Entries past [`ENTRIES`], which were only counted.
    pub more: usize,
    pub next_page: Option<u32>,
}

/// What was read of an item.
#[derive(Debug, Default)]
pub struct Item {
    pub events: Vec<Event>,
    /// What of it is to be asked for next.
    pub next: Option<Next>,
    /// It will change by itself: why, in a sentence. It is looked at again.
    pub unsettled: Option<String>,
    /// A part of it is refused to this key; the rest is here.
    pub shortfall: Option<Fault>,
    /// The vendor's clock.
    pub date: Option<Timestamp>,
}

/// The next request for an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Page(u32),
    Part(Part),
}

/// Whose events they are, and when they were seen.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub integration: &'a str,
    pub stream: &'a str,
    pub now: Timestamp,
}

/// What a stream knows of one event.
#[derive(Debug)]
pub struct Facts<'a> {
    pub kind: &'a str,
    /// What the vendor calls it, within the stream.
    pub native: &'a str,
    /// Another one for each state that is worth an event of its own.
    pub version: &'a str,
    pub severity: Severity,
    /// When it happened; where nobody says, it is when it was seen.
    pub occurred: Option<Timestamp>,
    pub summary: String,
    pub raw: ByteString,
}

impl Origin<'_> {
    /// The event of these facts.
    pub fn event(&self, facts: Facts<'_>) -> Event {
        Event {
            id: Event::make_id(self.integration, self.stream, facts.native, facts.version),
            integration: self.integration.into(),
            stream: self.stream.into(),
            kind: facts.kind.into(),
            severity: facts.severity,
            occurred: facts.occurred.unwrap_or(self.now),
            observed: self.now,
            summary: facts.summary.into(),
            raw: facts.raw,
        }
    }
}

/// What is a stream's own.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Its name in the settings.
    fn stream(&self) -> &'static str;

    /// The times that its list is filtered by.
    fn fields(&self) -> &'static [Field];

    /// Its timing, where the operator's does not fit it.
    fn timing(&self, timing: Timing) -> Timing {
        timing
    }

    /// Where its list is: the usual path, then older ones that some hosts still have.
    fn list_paths(&self) -> &'static [&'static str];

    /// The query of a list request, with its filter and page, encoded.
    fn list_query(&self, listing: &Listing) -> String;

    fn read_list(&self, api: &Api, origin: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault>;

    /// Does the vendor refuse a list only because its window is too wide?
    fn too_wide(&self, _refusal: &Fault) -> bool {
        false
    }

    /// Requests that a whole item costs.
    fn cost(&self) -> u32 {
        1
    }

    /// Asks for what is next of an item. `base`: the path that its list was found at.
    async fn item(&self, api: &Api, origin: &Origin<'_>, base: &str, fetch: &Fetch) -> Result<Item, Fault>;
}

/// Is this the detail that was asked for? Something between the vendor and us may answer with another's.
pub fn same_item(id: Raw<'_>, fetch: &Fetch) -> Result<(), Fault> {
    if scalar(id).is_some_and(|id| id != fetch.id) {
        let text = "the answer is about another item than was asked for: is there a cache on the way?";
        return Err(Fault::new(FaultKind::Unreadable, text).with_status(200));
    }
    Ok(())
}

/// The query `filter=KEY gte FROM lte TO`, its page size and its page.
pub fn filtered(key: &str, listing: &Listing, page_size: u32) -> String {
    let filter = format!("{key} gte {} lte {}", second(listing.from), second(listing.to));
    let page = listing.page.map(|page| format!("&pageNumber={page}")).unwrap_or_default();
    format!("filter={}&pageSize={page_size}{page}", super::api::encode(&filter))
}

/// A second as the vendor writes it. Years past 9999 do not come up: the end of time stands for them.
pub fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(Timestamp::MAX)
}

/// Reads a member that must be there, though it may be `null`: a plain `Option` would take any JSON object
/// for an empty list.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(member)
}

/// Entries of one answer that are read, at the most; those after them are counted. An entry of two bytes costs
/// hundreds as an event, and all answers of all integrations are read in one memory.
pub const ENTRIES: usize = 20_000;

/// The entries of one answer.
#[derive(Debug)]
pub struct Entries<T> {
    pub read: Vec<T>,
    /// Entries past [`ENTRIES`].
    pub more: usize,
}

impl<T> Default for Entries<T> {
    fn default() -> Entries<T> {
        Entries { read: Vec::new(), more: 0 }
    }
}

impl<T> Entries<T> {
    /// All of them; more than can be read are none of this vendor's answers.
    pub fn all(self) -> Result<Vec<T>, Fault> {
        if self.more == 0 { Ok(self.read) } else { Err(beyond_measure("an item", self.more)) }
    }
}

/// What holds more than can be read.
pub fn beyond_measure(what: &str, more: usize) -> Fault {
    let text = format!("{what} has {} entries, and Abnormal's API is never so long in one answer", ENTRIES + more);
    Fault::new(FaultKind::Unreadable, text).with_status(200)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Entries<T>, D::Error> {
        struct Reading<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries<T>, A::Error> {
                let mut entries = Entries::default();
                while entries.read.len() < ENTRIES {
                    match list.next_element()? {
                        Some(entry) => entries.read.push(entry),
                        None => return Ok(entries),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    entries.more += 1;
                }
                Ok(entries)
            }
        }
        list.deserialize_seq(Reading(PhantomData))
    }
}

/// A page number that can't be read would end the paging unseen.
pub fn page_number(raw: Raw<'_>) -> Result<Option<u32>, Fault> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    match scalar(Some(raw)).and_then(|text| text.parse().ok()) {
        Some(page) => Ok(Some(page)),
        None => {
            Err(Fault::new(FaultKind::Unreadable, "the answer's nextPageNumber is not a page number").with_status(200))
        }
    }
}

/// Items by the ids of a list's entries. `keep`: the entry goes along.
pub fn items<'a, T>(
    entries: &Entries<T>,
    id_and_entry: impl Fn(&T) -> (Raw<'a>, Raw<'a>),
    next: Raw<'_>,
) -> Result<Listed, Fault> {
    /// An entry longer than this does not go along: it rides in the checkpoint.
    const ENTRY: usize = 2 << 10;
    let mut listed = Listed { next_page: page_number(next)?, more: entries.more, ..Listed::default() };
    for (id, entry) in entries.read.iter().map(id_and_entry) {
        let entry = entry.map(|entry| entry.get().to_owned()).filter(|entry| entry.len() <= ENTRY);
        match scalar(id) {
            // A name of dots alone would lead to another place of the API.
            Some(id) if id.bytes().any(|byte| byte != b'.') => listed.items.push(Found { id, entry }),
            Some(_) | None => listed.nameless += 1,
        }
    }
    Ok(listed)
}
