//! From a request to its answer: what the API says when all is well, and what a behaviour makes of it.
//!
//! Promise: pure. The world, the rules and the time come in; an [`Answer`] goes out, and nothing waits.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::behaviour::{Behaviour, Endpoint};
use super::filter::{Filter, Key, Paging, parameter};
use super::threat::{Threat, object, quoted};

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

/// One request, as far as answers depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub path: &'a str,
    pub query: &'a str,
    /// The bearer token was right.
    pub known: bool,
    /// The caller's address, for `/ip`.
    pub peer: &'a str,
    /// Our clock.
    pub now: Timestamp,
}

/// What goes back, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
    /// The `Date` header.
    pub date: Timestamp,
}

/// How the body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Whole,
    /// One byte each `every`.
    Trickled {
        every: Duration,
    },
    /// The body again and again, so many bytes, length not told.
    Endless {
        bytes: u64,
    },
    /// Half of it, then a TCP reset.
    Reset,
    /// Not at all.
    Never,
}

/// Which endpoint a path means.
pub fn endpoint(path: &str) -> Endpoint {
    match path {
        "/ip" => Endpoint::Ip,
        "/v1/threats" => Endpoint::List,
        "/v1/cases" => Endpoint::Cases,
        detail if detail.starts_with("/v1/threats/") => Endpoint::Detail,
        _ => Endpoint::Other,
    }
}

/// The answer under these behaviours, which apply here and now (limits that are not reached are left out).
pub fn answer(world: &World, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
    let mut answer =
        behaviours.iter().find_map(|b| instead(b, ask.now)).unwrap_or_else(|| said(world, ask, behaviours));
    answer.date = ask.now;
    for behaviour in behaviours {
        spoil(&mut answer, behaviour);
    }
    answer
}

/// 429 in the words of the vendor's description.
fn throttled(retry_after: Option<String>) -> Answer {
    let mut answer = error(429, "message", "The request exceeds the allowed number of requests for this resource type");
    answer.headers.extend(retry_after.map(|wait| ("retry-after", wait)));
    answer
}

/// To anything but GET: the simulator changes only by its handle.
pub fn not_allowed(now: Timestamp) -> Answer {
    Answer { date: now, ..error(405, "error", "Only GET is simulated") }
}

/// Behaviours that answer in place of the API.
fn instead(behaviour: &Behaviour, now: Timestamp) -> Option<Answer> {
    use Behaviour::*;
    Some(match behaviour {
        IpDenied => error(403, "message", "The IP address is not in the IP Safelist of this customer"),
        IpDeniedSilently => Answer { status: 403, ..text("") },
        NotPermitted => error(403, "error", "The token has no permission for this resource"),
        Unlicensed => error(402, "message", "The tenant is not licensed for this resource"),
        Throttled | ConcurrencyCap { .. } => throttled(None),
        ThrottledSeconds { seconds } => throttled(Some(seconds.to_string())),
        ThrottledDate { seconds } => {
            let ahead = i64::try_from(*seconds).unwrap_or(i64::MAX);
            throttled(Some(http_date(now.as_second().saturating_add(ahead))))
        }
        // A window of a minute: whoever counts knows no better than to ask for all of it.
        RateLimit { .. } => throttled(Some("60".to_owned())),
        ServerError => error(500, "error", "Internal server error"),
        BadGateway => Answer { status: 502, ..html("<html><body><h1>502 Bad Gateway</h1></body></html>") },
        Html => html("<!doctype html><title>Sign in</title><p>Sign in to the guest network</p>"),
        EmptyBody => json(String::new()),
        Endless { bytes } => {
            let item = r#"{"threatId":"00000000-0000-4000-8000-000000000000"},"#.repeat(1_000);
            Answer { manner: Manner::Endless { bytes: *bytes }, ..json(item) }
        }
        Redirected => {
            let to = ("location", "https://elsewhere.example.test/v1/threats".to_owned());
            Answer { status: 302, headers: vec![to], ..text("") }
        }
        Hung
        | Trickled { .. }
        | Truncated
        | ShiftingPages
        | MissingDetail
        | WithoutMessages
        | NoMessages
        | RepeatedNextPage
        | NextOnEmptyPage
        | ClockSkew { .. }
        | Reset
        | WrongShape
        | NumericTotal
        | ExtraFields => {
            return None;
        }
    })
}

/// Behaviours that change an answer on its way out.
fn spoil(answer: &mut Answer, behaviour: &Behaviour) {
    use Behaviour::*;
    match behaviour {
        Hung => answer.manner = Manner::Never,
        Trickled { every } => answer.manner = Manner::Trickled { every: *every },
        Reset => answer.manner = Manner::Reset,
        Truncated => answer.body.truncate(answer.body.len() / 2),
        WrongShape => {
            answer.body.insert(0, b'[');
            answer.body.push(b']');
        }
        ExtraFields if answer.body.ends_with(b"}") => {
            answer.body.pop();
            answer.body.extend_from_slice(br#","x-new":{"deep":[1,2.50,null]},"Threats":null}"#);
        }
        ClockSkew { seconds } => {
            let skew = SignedDuration::from_secs(*seconds);
            answer.date = answer.date.checked_add(skew).unwrap_or(answer.date);
        }
        ExtraFields
        | IpDenied
        | IpDeniedSilently
        | NotPermitted
        | Unlicensed
        | Throttled
        | ThrottledSeconds { .. }
        | ThrottledDate { .. }
        | RateLimit { .. }
        | ConcurrencyCap { .. }
        | ServerError
        | BadGateway
        | Html
        | EmptyBody
        | Endless { .. }
        | ShiftingPages
        | MissingDetail
        | WithoutMessages
        | NoMessages
        | RepeatedNextPage
        | NextOnEmptyPage
        | NumericTotal
        | Redirected => {}
    }
}

/// What the API itself says.
fn said(world: &World, ask: &Ask<'_>, behaviours: &[Behaviour]) -> Answer {
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

fn enrichment(
    threat: &Threat,
    list: &str,
    field: &str,
    of: impl Fn(&super::threat::Message) -> &Vec<String>,
) -> Answer {
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

fn error(status: u16, field: &str, sentence: &str) -> Answer {
    Answer { status, ..json(object(&[(field, quoted(sentence, false))])) }
}

fn json(body: String) -> Answer {
    Answer { content_type: "application/json", ..text(&body) }
}

fn html(body: &str) -> Answer {
    Answer { content_type: "text/html", ..text(body) }
}

fn text(body: &str) -> Answer {
    Answer {
        status: 200,
        content_type: "text/plain",
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        manner: Manner::Whole,
        date: Timestamp::UNIX_EPOCH,
    }
}

/// IMF-fixdate (RFC 9110 section 5.6.7) of a Unix second.
pub(super) fn http_date(second: i64) -> String {
    // The crate panics past the year 9999; before 1970 there is nothing to say.
    let second = u64::try_from(second).unwrap_or(0).min(253_402_300_799);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(second))
}
