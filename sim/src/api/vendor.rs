//! What the vendor says when all is well: lists, details, and the refusals that are its own.
//!
//! Promise: pure, and shaped by the vendor's specification where it holds, by its connectors' code where it does not.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::answers::{Answer, Ask, error, json, text};
use super::behaviour::Behaviour;
use super::filter::{Filter, Key, Paging, parameter};
use super::threat::{Message, Threat, object, quoted};

/// What the API knows.
#[derive(Debug, Default)]
pub struct World {
    /// By id.
    pub threats: BTreeMap<String, Threat>,
    /// How far back lists reach; `None`: for ever.
    pub retention: Option<Duration>,
    /// When the token ends, as `/v1/soar/tokens` tells; `None`: that endpoint is forbidden.
    pub token_expires: Option<Timestamp>,
}

/// The answer to a request.
pub(super) fn said(world: &World, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
    if ask.path == "/ip" {
        return text(ask.peer);
    }
    if !ask.known {
        return error(401, "message", "The bearer token is missing, invalid or expired");
    }
    let threats = || world.threats.values().rev().collect::<Vec<_>>();
    let has = |behaviour: &Behaviour| behaviours.contains(behaviour);
    let list = |name, items: &[&Threat]| listed(world, ask, name, items, behaviours);
    match ask.path.strip_prefix("/v1/") {
        Some("threats") => list("threats", &threats()),
        Some("cases") => list("cases", &[]),
        Some("abusecampaigns") => list("campaigns", &[]),
        Some("vendor-cases") => list("vendorCases", &[]),
        Some("auditlogs") => list("auditLogs", &[]),
        Some("abuse_mailbox/not_analyzed") => json(r#"{"results":[]}"#.to_owned()),
        Some("soar/tokens") => tokens(world),
        Some(path) if path.starts_with("threats/") && !has(&Behaviour::MissingDetail) => {
            detail(world, ask, path, behaviours)
        }
        Some(_) | None => error(404, "detail", "Not Found"),
    }
}

fn listed(world: &World, ask: &Ask<'_>, name: &str, all: &[&Threat], behaviours: &[Behaviour]) -> Answer {
    let ids = |threats: &[&Threat]| {
        let items: Vec<_> = threats.iter().map(|t| format!("{{\"threatId\":{}}}", quoted(&t.id, false))).collect();
        format!("[{}]", items.join(","))
    };
    let Some(filter) = parameter(ask.query, "filter") else {
        // "Top 100": no filter, no pages, whatever pageNumber says.
        return json(object(&[(name, ids(all.get(..100).unwrap_or(all)))]));
    };
    let Some(filter) = Filter::parse(&filter) else {
        return error(404, "message", "Not found: invalid user input when using the filter");
    };
    if let Some(refusal) = out_of_retention(world, &filter, ask.now) {
        return refusal;
    }
    let Some(paging) = paging(ask.query) else {
        return error(400, "error", "pageSize and pageNumber must be whole numbers from 1");
    };
    let held: Vec<&Threat> = all.iter().copied().filter(|threat| filter.holds(threat)).collect();
    // One item has left the window for each page already read: those after it move up, one is skipped.
    let gone = if behaviours.contains(&Behaviour::ShiftingPages) { (paging.number - 1).min(held.len()) } else { 0 };
    let (page, more) = paging.of(held.get(gone..).unwrap_or_default());
    let mut fields = vec![(name, ids(page)), ("pageNumber", paging.number.to_string())];
    fields.extend(next_page(paging, more, behaviours));
    if behaviours.contains(&Behaviour::NumericTotal) {
        fields.push(("total", held.len().to_string()));
    }
    json(object(&fields))
}

fn out_of_retention(world: &World, filter: &Filter, now: Timestamp) -> Option<Answer> {
    let kept = SignedDuration::try_from(world.retention?).ok()?;
    let oldest = now.checked_sub(kept).ok()?;
    let asked = filter.from.or(filter.to)?;
    if filter.key == Key::Other || asked >= oldest {
        return None;
    }
    let bound = |at: Option<Timestamp>| at.map_or("None".to_owned(), |at| at.to_string());
    let dates = format!("{}, {}", bound(filter.from), bound(filter.to));
    Some(error(400, "message", &format!("Dates provided ({dates}) are out of accepted data retention range")))
}

fn detail(world: &World, ask: &Ask<'_>, path: &str, behaviours: &[Behaviour]) -> Answer {
    let mut parts = path.split('/').skip(1);
    let found = parts.next().and_then(|id| world.threats.get(id));
    let (Some(threat), part, None) = (found, parts.next(), parts.next()) else {
        return error(404, "detail", "Not Found");
    };
    match part {
        None => {}
        Some("attachments") => return enrichment(threat, "attachments", "attachmentName", |m| &m.attachments),
        Some("links") => return enrichment(threat, "links", "linkUrl", |m| &m.urls),
        Some(_) => return error(404, "detail", "Not Found"),
    }
    let Some(paging) = paging(ask.query) else {
        return error(400, "error", "pageSize and pageNumber must be whole numbers from 1");
    };
    let (page, more) = paging.of(&threat.messages);
    let messages = if behaviours.contains(&Behaviour::NoMessages) { &[] } else { page };
    let mut fields =
        vec![("threatId", quoted(&threat.id, false)), ("recipientCount", threat.messages.len().to_string())];
    if !behaviours.contains(&Behaviour::WithoutMessages) {
        let messages: Vec<String> = messages.iter().map(|message| message.json(&threat.id)).collect();
        fields.push(("messages", format!("[{}]", messages.join(","))));
    }
    fields.push(("tenantName", "null".to_owned()));
    fields.push(("pageNumber", paging.number.to_string()));
    fields.extend(next_page(paging, more, behaviours));
    json(object(&fields))
}

/// `nextPageNumber`, absent on the last page.
fn next_page(paging: Paging, more: bool, behaviours: &[Behaviour]) -> Option<(&'static str, String)> {
    let number = if behaviours.contains(&Behaviour::RepeatedNextPage) {
        paging.number
    } else if more || behaviours.contains(&Behaviour::NextOnEmptyPage) {
        paging.number.saturating_add(1)
    } else {
        return None;
    };
    Some(("nextPageNumber", number.to_string()))
}

fn paging(query: &str) -> Option<Paging> {
    Paging::parse(parameter(query, "pageSize").as_deref(), parameter(query, "pageNumber").as_deref())
}

fn enrichment(threat: &Threat, list: &str, field: &str, of: impl Fn(&Message) -> &Vec<String>) -> Answer {
    let mut items = Vec::new();
    for message in &threat.messages {
        for value in of(message) {
            items.push(object(&[
                ("abxMessageId", message.id.to_string()),
                ("abxMessageIdStr", format!("\"{}\"", message.id)),
                (field, quoted(value, false)),
            ]));
        }
    }
    json(object(&[(list, format!("[{}]", items.join(",")))]))
}

fn tokens(world: &World) -> Answer {
    match world.token_expires {
        None => error(403, "error", "The token has no permission for this resource"),
        Some(expires) => json(format!(
            r#"{{"data":[{{"token_id":"6f1c2b1e-0000-4000-8000-000000000001","name":"edge","version":"v2","status":"active","created_at":"2026-01-02T00:00:00Z","expires_at":"{expires}","permissions":["soar_v1_read_threats"]}}]}}"#
        )),
    }
}
