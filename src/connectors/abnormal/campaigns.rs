//! What is the abuse mailbox's own: campaigns that employees reported, and verdicts that come later.
//!
//! Promise: a campaign that is still being judged is sent at once and looked at again; it is sent once more when it
//! is judged, or after a week when it is not, because no list ever names it again for that.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde::Deserialize;

use super::api::{Api, Asked, encode};
use super::feed::{Entries, Facts, Feed, Item, Listed, Origin, filtered, given, items, same_item};
use super::fetch::Fetch;
use super::fields::{Raw, hash, instant, json, line, native, text, time};
use super::window::{Field, Listing};
use crate::event::Severity;
use crate::fault::Fault;
use crate::net::http::Answer;

/// Campaigns of the AI Security Mailbox. An add-on: a host that has it answers at one of two paths.
#[derive(Clone, Copy, Debug)]
pub struct Campaigns;

const LIST_PAGE: u32 = 500;
/// A verdict that has not come after this long is not waited for.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(168);

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, deserialize_with = "given")]
    campaigns: Option<Entries<Entry<'a>>>,
    #[serde(borrow, rename = "nextPageNumber")]
    next: Raw<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "campaignId")]
    id: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    /// An answer without it is about something else.
    #[serde(borrow, rename = "campaignId", deserialize_with = "given")]
    id: Raw<'a>,
    #[serde(borrow)]
    first_reported: Raw<'a>,
    #[serde(borrow)]
    last_reported: Raw<'a>,
    #[serde(borrow)]
    subject: Raw<'a>,
    #[serde(borrow)]
    from_address: Raw<'a>,
    #[serde(borrow)]
    judgement_status: Raw<'a>,
    #[serde(borrow)]
    overall_status: Raw<'a>,
    #[serde(borrow)]
    attack_type: Raw<'a>,
}

#[async_trait]
impl Feed for Campaigns {
    fn stream(&self) -> &'static str {
        "abuse-campaigns"
    }

    fn fields(&self) -> &'static [Field] {
        &[Field::Reported]
    }

    fn list_paths(&self) -> &'static [&'static str] {
        // The second is what older guides name.
        &["/abusecampaigns", "/abuse-mailbox/campaigns"]
    }

    fn list_query(&self, listing: &Listing) -> String {
        filtered("lastReportedTime", listing, LIST_PAGE)
    }

    fn read_list(&self, api: &Api, _: &Origin<'_>, answer: &Answer) -> Result<Listed, Fault> {
        let list: List<'_> = api.read(&answer.body)?;
        items(&list.campaigns.unwrap_or_default(), |entry| (entry.id, None), list.next)
    }

    async fn item(&self, api: &Api, origin: &Origin<'_>, base: &str, fetch: &Fetch) -> Result<Item, Fault> {
        let answer = api.ask(&format!("{base}/{}", encode(&fetch.id)), Asked::Item).await?;
        let named: Detail<'_> = api.read(&answer.body)?;
        same_item(named.id, fetch)?;
        let judged = text(named.judgement_status);
        let scanning = judged.trim().eq_ignore_ascii_case("scanning");
        let since = fetch.waiting_since().unwrap_or(origin.now);
        let expired = scanning && origin.now.duration_since(since) >= PATIENCE;
        let last = instant(named.last_reported);
        let state = [json(named.judgement_status), json(named.overall_status), json(named.attack_type), &last];
        let waited = if expired { " (still without a verdict after a week)" } else { "" };
        let event = origin.event(Facts {
            kind: "campaign",
            native: &native(fetch.id.clone()),
            version: &if expired { hash(["unsettled", &hash(state)]) } else { hash(state) },
            severity: severity(&judged),
            occurred: [named.last_reported, named.first_reported].into_iter().find_map(time),
            summary: line(
                "Reported mail",
                [
                    (": ", text(named.subject)),
                    (" from ", text(named.from_address)),
                    (", judged ", format!("{judged}{waited}")),
                ],
            ),
            raw: super::api::text(&answer)?,
        });
        let unsettled = (scanning && !expired).then(|| "no verdict yet: the vendor is still scanning it".to_owned());
        Ok(Item { events: vec![event], unsettled, date: answer.date, ..Item::default() })
    }
}

fn severity(judged: &str) -> Severity {
    match judged.trim().to_ascii_lowercase().as_str() {
        "malicious" => Severity::High,
        "spam" => Severity::Low,
        "safe" | "n/a" => Severity::Info,
        _ => Severity::Unknown,
    }
}
