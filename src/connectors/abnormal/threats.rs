//! What is the threat list's own: its filters, its addresses and the shape of its answers.
//!
//! Promise: an answer of another shape is a fault, never an empty list.

use bytestring::ByteString;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::api::{Api, encode, scalar};
use super::feed::{Feed, Item, Listed};
use super::mapping::{Origin, message};
use super::window::{Field, Listing};
use crate::fault::{Fault, FaultKind};
use crate::net::http::Answer;

/// Threats have two times: a threat remediated hours later keeps its `receivedTime`, and one never
/// remediated has no `latestTimeRemediated`. Only both together find all.
#[derive(Clone, Copy, Debug)]
pub struct Threats;

/// Larger than the default of 100, so that fewer windows have to be halved; connectors of the vendor's own
/// making use 500, and a server that allows less only makes us halve more.
const LIST_PAGE: u32 = 500;
/// The vendor's default for the messages of one threat, and as many events as one page of ours carries.
const DETAIL_PAGE: u32 = 100;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, deserialize_with = "given")]
    threats: Option<Vec<Entry<'a>>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "threatId")]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow, deserialize_with = "given")]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Option<&'a RawValue>,
}

/// Reads a member that must be there, though it may be `null`: a plain `Option` would take any JSON object
/// for an empty list.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(member)
}

impl Feed for Threats {
    fn stream(&self) -> &'static str {
        "threats"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Received, Field::Remediated]
    }

    fn list_path(&self, listing: &Listing) -> String {
        let key = match listing.field {
            Field::Received => "receivedTime",
            Field::Remediated => "latestTimeRemediated",
        };
        // `lte` is exclusive here, and both bounds are whole seconds: windows side by side share no item.
        let filter = format!("{key} gte {} lte {}", second(listing.from), second(listing.to));
        let page = listing.page.map(|page| format!("&pageNumber={page}")).unwrap_or_default();
        format!("/threats?filter={}&pageSize={LIST_PAGE}{page}", encode(&filter))
    }

    fn read_list(&self, api: &Api, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        let entries = list.threats.unwrap_or_default();
        let items = entries.len();
        let ids: Vec<String> = entries.iter().filter_map(|entry| scalar(entry.id)).collect();
        Ok(Listed { nameless: items - ids.len(), ids, next_page: page_number(list.next)? })
    }

    fn item_path(&self, id: &str, page: u32) -> String {
        let number = if page > 1 { format!("&pageNumber={page}") } else { String::new() };
        format!("/threats/{}?pageSize={DETAIL_PAGE}{number}", encode(id))
    }

    fn read_item(
        &self,
        api: &Api,
        integration: &str,
        id: &str,
        now: Timestamp,
        answer: &Answer,
    ) -> Result<Item, Fault> {
        let detail: Detail<'_> = api.read(&answer.body)?;
        let origin = Origin { integration, stream: self.stream(), threat: id, now };
        let events = detail
            .messages
            .unwrap_or_default()
            .into_iter()
            .filter(|raw| raw.get() != "null")
            // A copy of its own: a slice of the answer would keep the whole answer in memory.
            .map(|raw| message(&origin, ByteString::from(raw.get())))
            .collect();
        Ok(Item { events, next_page: page_number(detail.next)? })
    }
}

/// A page number that can't be read would end the paging unseen.
fn page_number(raw: Option<&RawValue>) -> Result<Option<u32>, Fault> {
    let Some(raw) = raw else { return Ok(None) };
    match scalar(Some(raw)).and_then(|text| text.parse().ok()) {
        Some(page) => Ok(Some(page)),
        None => {
            Err(Fault::new(FaultKind::Unreadable, "the answer's nextPageNumber is not a page number").with_status(200))
        }
    }
}

/// A second as the vendor writes it. Years past 9999 do not come up: the end of time stands for them.
fn second(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(Timestamp::MAX)
}
