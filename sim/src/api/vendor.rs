//! What the vendor says when all is well: lists, details, and the refusals that are its own.
//!
//! Promise: pure, and shaped by the vendor's specification where it holds, by its connectors' code where it does not.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::audit::AuditEntry;
use super::behaviour::Behaviour;
use super::campaign::Campaign;
use super::case::Case;
use super::endpoint::Endpoint;
use super::exchange::{Answer, Ask, json, not_found, not_known, not_permitted, text};
use super::filter::parameter;
use super::json::{array, object, plain};
use super::lists::{list, next_page, no_paging, paging};
use super::not_analyzed::{REACH, rows};
use super::threat::{Message, Threat};
use super::token::told;
use super::vendor_case::VendorCase;
use super::world::World;

/// The answer to a request.
pub(super) fn said(world: &World, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
    let endpoint = Endpoint::of(ask.path);
    if endpoint == Endpoint::Ip {
        return text(ask.peer);
    }
    if !ask.known {
        return not_known();
    }
    if !permitted(world, endpoint) {
        return not_permitted();
    }
    let found = match endpoint {
        Endpoint::List => {
            let threats = world.threats.values().rev().map(|threat| seen(threat, ask.now, behaviours));
            Some(list::<Threat, _>(threats, ask, behaviours, world.retention))
        }
        Endpoint::Detail => {
            world.threats.get(id(ask.path)).map(|t| detail(&seen(t, ask.now, behaviours), ask, behaviours))
        }
        Endpoint::Attachments => world.threats.get(id(ask.path)).map(attachments),
        Endpoint::Links => world.threats.get(id(ask.path)).map(links),
        Endpoint::Cases => Some(list::<Case, _>(world.cases.values().rev(), ask, behaviours, None)),
        Endpoint::CaseDetail => case(world, ask.path).map(|case| json(case.detail())),
        Endpoint::CaseAnalysis => case(world, ask.path).map(|case| json(case.analysed())),
        Endpoint::Campaigns | Endpoint::OldCampaigns => Some(campaigns(world, ask, behaviours)),
        Endpoint::CampaignDetail | Endpoint::OldCampaignDetail => {
            let settled = |campaign: &Campaign| campaign.settled(ask.now) && !behaviours.contains(&Behaviour::Scanning);
            world.campaigns.get(id(ask.path)).map(|campaign| json(campaign.detail(settled(campaign))))
        }
        Endpoint::NotAnalyzed => Some(not_analyzed(world, ask, behaviours)),
        Endpoint::VendorCases => Some(list::<VendorCase, _>(world.vendor_cases.values().rev(), ask, behaviours, None)),
        Endpoint::VendorCaseDetail => {
            let found = id(ask.path).parse().ok().and_then(|id: u64| world.vendor_cases.get(&id));
            found.map(|case| json(case.detail()))
        }
        Endpoint::AuditLogs => Some(list::<AuditEntry, _>(world.audit.values().rev(), ask, behaviours, None)),
        Endpoint::Tokens => world.tokens.as_deref().map(|tokens| told(tokens, ask)),
        Endpoint::Other | Endpoint::Ip => None,
    };
    found.unwrap_or_else(not_found)
}

fn permitted(world: &World, endpoint: Endpoint) -> bool {
    if endpoint == Endpoint::Tokens && world.tokens.is_none() {
        return false;
    }
    let (Some(held), Some(needed)) = (&world.permissions, endpoint.permission()) else { return true };
    held.contains(needed)
}

/// The third part of `/v1/threats/{id}`; the older path of the campaigns has one part more.
fn id(path: &str) -> &str {
    let before = if Endpoint::of(path) == Endpoint::OldCampaignDetail { 4 } else { 3 };
    path.split('/').nth(before).unwrap_or_default()
}

fn case<'a>(world: &'a World, path: &str) -> Option<&'a Case> {
    id(path).parse().ok().and_then(|id: u64| world.cases.get(&id))
}

/// The threat as it shows by now: a late remediation is not seen before its time.
fn seen<'a>(threat: &'a Threat, now: Timestamp, behaviours: &[Behaviour]) -> Cow<'a, Threat> {
    let late = behaviours.iter().find_map(Behaviour::remediation_after);
    late.map_or(Cow::Borrowed(threat), |after| Cow::Owned(threat.remediated_late(now, after)))
}

/// Without a filter the vendor looks at the last 24 hours' reports.
fn campaigns(world: &World, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
    let day_ago = ask.now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let any_age = ask.mock || parameter(ask.query, "filter").is_some();
    let recent = |campaign: &&Campaign| any_age || campaign.last_reported.at >= day_ago;
    list::<Campaign, _>(world.campaigns.values().rev().filter(recent), ask, behaviours, None)
}

fn not_analyzed(world: &World, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
    let widest = behaviours.iter().find_map(Behaviour::widest_range);
    let widest = widest.or_else(|| SignedDuration::try_from(REACH).ok()).unwrap_or(SignedDuration::MAX);
    let for_long = behaviours.iter().find_map(Behaviour::row_life);
    rows(world.not_analyzed.values().rev(), ask, widest, for_long)
}

fn detail(threat: &Threat, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
    let Some(paging) = paging(ask.query) else { return no_paging() };
    let (page, more) = paging.of(&threat.messages);
    let messages = if behaviours.contains(&Behaviour::NoMessages) { &[] } else { page };
    let mut fields = vec![("threatId", plain(&threat.id)), ("recipientCount", threat.messages.len().to_string())];
    if !behaviours.contains(&Behaviour::WithoutMessages) {
        fields.push(("messages", array(messages.iter().map(|message| message.json(&threat.id)))));
    }
    fields.push(("tenantName", "null".to_owned()));
    fields.push(("pageNumber", paging.number.to_string()));
    fields.extend(next_page(paging, more, behaviours));
    json(object(&fields))
}

fn attachments(threat: &Threat) -> Answer {
    enrichment(threat, "attachments", |message| {
        message.attachments.iter().map(|name| vec![("attachmentName", plain(name))]).collect()
    })
}

fn links(threat: &Threat) -> Answer {
    enrichment(threat, "links", |message| {
        let link = |url: &String| {
            // From `https://host/path` the host; of anything else nothing is made up.
            let domain = url.split('/').nth(2).unwrap_or_default();
            vec![
                ("domainLink", plain(domain)),
                ("linkType", plain("html href")),
                ("source", plain("body")),
                ("displayText", plain("Pay now")),
                ("linkUrl", plain(url)),
            ]
        };
        message.urls.iter().map(link).collect()
    })
}

fn enrichment(threat: &Threat, name: &str, of: impl Fn(&Message) -> Vec<Vec<(&'static str, String)>>) -> Answer {
    let mut items = Vec::new();
    for message in &threat.messages {
        for more in of(message) {
            let mut fields =
                vec![("abxMessageId", message.id.to_string()), ("abxMessageIdStr", format!("\"{}\"", message.id))];
            fields.extend(more);
            items.push(object(&fields));
        }
    }
    json(object(&[(name, array(items))]))
}
