//! From a request to its answer: what the vendor says, and what a behaviour makes of it.
//!
//! Promise: pure. The world, the rules and the time come in; an [`Answer`] goes out, and nothing waits.

use jiff::{SignedDuration, Timestamp};

use super::behaviour::Behaviour;
use super::exchange::{Answer, Ask, Manner, error, html, http_date, json, not_found, not_known, not_permitted, text};
use super::vendor::said;
use super::world::World;

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
        NotPermitted => not_permitted(),
        OtherRegion => not_known(),
        NotFound | CampaignsPathMissing | OldCampaignsPathMissing | MissingDetail => not_found(),
        Unlicensed => error(402, "message", "The tenant is not licensed for this resource"),
        Throttled | ConcurrencyCap { .. } => throttled(None),
        ThrottledSeconds { seconds } => throttled(Some(seconds.to_string())),
        ThrottledDate { seconds } => {
            let ahead = i64::try_from(*seconds).unwrap_or(i64::MAX);
            throttled(Some(http_date(now.as_second().saturating_add(ahead))))
        }
        // A window of a minute: whoever counts knows no better than to ask for all of it.
        RateLimit { .. } | OtherClient { .. } => throttled(Some("60".to_owned())),
        ServerError => error(500, "error", "Internal server error"),
        BadGateway => Answer { status: 502, ..html("<html><body><h1>502 Bad Gateway</h1></body></html>") },
        Html => html("<!doctype html><title>Sign in</title><p>Sign in to the guest network</p>"),
        EmptyBody => json(String::new()),
        Endless { bytes } => {
            let item = r#"{"threatId":"00000000-0000-4000-8000-000000000000"},"#.repeat(1_000);
            Answer { manner: Manner::Endless { bytes: *bytes }, ..json(item) }
        }
        Redirected { to } => Answer { status: 302, headers: vec![("location", to.clone())], ..text("") },
        Hung
        | Trickled { .. }
        | Truncated
        | ShiftingPages
        | WithoutMessages
        | NoMessages
        | RepeatedNextPage
        | NextOnEmptyPage
        | Scanning
        | VanishingRows { .. }
        | TooWide { .. }
        | LateRemediation { .. }
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
        | OtherRegion
        | Unlicensed
        | NotFound
        | CampaignsPathMissing
        | OldCampaignsPathMissing
        | Throttled
        | ThrottledSeconds { .. }
        | ThrottledDate { .. }
        | RateLimit { .. }
        | OtherClient { .. }
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
        | Scanning
        | VanishingRows { .. }
        | TooWide { .. }
        | LateRemediation { .. }
        | NumericTotal
        | Redirected { .. } => {}
    }
}
