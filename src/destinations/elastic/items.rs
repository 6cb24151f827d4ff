//! What a bulk's answer says of each event: pure.
//!
//! Promise: every status of an item has exactly one meaning, and an answer that does not speak of every event that was
//! sent takes none.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::destinations::http::answer::{Action, Answer, Verdict, Why, action};
use crate::fault::{Fault, FaultKind};

/// What an item's status means for its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is there: by now, or since an earlier try (409).
    There,
    /// Not now: it is handed over again.
    Again,
    /// Never as it is.
    Bad,
    /// Not until somebody changes something.
    Refused,
}

fn fate(status: u16) -> Fate {
    match (status, action(status)) {
        (409, _) => Fate::There,
        (_, Action::Take) => Fate::There,
        (_, Action::Again | Action::Slow) => Fate::Again,
        (_, Action::Bisect | Action::Split) => Fate::Bad,
        (_, Action::Follow | Action::Park(Why::Access | Why::Moved | Why::Place | Why::Form | Why::Odd)) => {
            Fate::Refused
        }
    }
}

/// Enough of a body to know that nothing went wrong, without an allocation for each item.
#[derive(Deserialize)]
struct Short {
    errors: bool,
    items: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Long {
    items: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    create: Item,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    error: Option<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: String,
}

/// What the body of a 2xx means for the `sent` events that it answers.
pub fn verdict(answer: &Answer, sent: usize, place: &str) -> Verdict {
    let strange = |what: String| {
        let text =
            format!("{place} {what}: check what answers at `url`; it must be Elasticsearch's or OpenSearch's _bulk");
        Verdict::Nothing(Fault::new(FaultKind::Unavailable, text).with_status(answer.status))
    };
    let short: Short = match serde_json::from_slice(&answer.body) {
        Ok(short) => short,
        Err(error) => return strange(format!("did not answer as a bulk is answered ({error})")),
    };
    if short.items.len() != sent {
        return strange(format!("answered for {} of {sent} events", short.items.len()));
    }
    if !short.errors {
        return Verdict::Taken;
    }
    let long: Long = match serde_json::from_slice(&answer.body) {
        Ok(long) => long,
        Err(error) => return strange(format!("did not answer for `create` ({error})")),
    };
    let first = long.items.iter().position(|operation| fate(operation.create.status) != Fate::There);
    match first.and_then(|n| Some((n, &long.items.get(n)?.create))) {
        None => Verdict::Taken,
        Some((n, item)) => Verdict::Part { n, fault: fault(item, place) },
    }
}

fn fault(item: &Item, place: &str) -> Fault {
    let status = item.status;
    let why = item.error.as_ref().map_or_else(String::new, |cause| {
        // It may quote a piece of the event: a few words are enough.
        let text: String = cause.reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        format!(": {}: {text}", cause.kind.chars().filter(|c| !c.is_control()).take(80).collect::<String>())
    });
    let (kind, what) = match fate(status) {
        // Not met: only items that are not there come here.
        Fate::There | Fate::Again => (FaultKind::Unavailable, "can't index events now"),
        Fate::Bad => (FaultKind::Rejected, "can't index this event; see the mapping of its data stream"),
        Fate::Refused => (FaultKind::Refused, "does not let us index: check the data stream, and what our key may do"),
    };
    Fault::new(kind, format!("{place} {what} ({status}){why}")).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(statuses: &[u16], sent: usize) -> Verdict {
        let items: Vec<String> = statuses
            .iter()
            .map(|status| match status {
                200..=299 => format!(r#"{{"create":{{"status":{status}}}}}"#),
                _ => format!(r#"{{"create":{{"status":{status},"error":{{"type":"t","reason":"r"}}}}}}"#),
            })
            .collect();
        let errors = statuses.iter().any(|status| !(200..=299).contains(status));
        let body = format!(r#"{{"errors":{errors},"items":[{}]}}"#, items.join(","));
        verdict(&Answer { status: 200, body: body.into(), ..Answer::default() }, sent, "es:9200")
    }

    fn part(statuses: &[u16]) -> Option<(usize, FaultKind)> {
        match judged(statuses, statuses.len()) {
            Verdict::Part { n, fault } => Some((n, fault.kind)),
            _ => None,
        }
    }

    #[test]
    fn what_is_taken_ends_before_the_first_item_that_is_not_there() {
        assert!(matches!(judged(&[201, 201], 2), Verdict::Taken));
        assert!(matches!(judged(&[201, 409, 409], 3), Verdict::Taken), "409: it was there before");
        assert_eq!(part(&[201, 409, 400, 201]), Some((2, FaultKind::Rejected)));
        assert_eq!(part(&[429, 201, 400]), Some((0, FaultKind::Unavailable)), "what comes first counts");
        assert_eq!(part(&[201, 503]), Some((1, FaultKind::Unavailable)));
        assert_eq!(part(&[403]), Some((0, FaultKind::Refused)));
        assert_eq!(part(&[404]), Some((0, FaultKind::Refused)));
        assert_eq!(part(&[413]), Some((0, FaultKind::Rejected)));
    }

    #[test]
    fn an_answer_that_does_not_speak_of_every_event_takes_none() {
        assert!(matches!(judged(&[201], 2), Verdict::Nothing(_)));
        for body in ["", "{}", "<html>", r#"{"errors":false}"#, r#"{"errors":true,"items":[{"index":{"status":201}}]}"#]
        {
            let answer = Answer { status: 200, body: body.into(), ..Answer::default() };
            let Verdict::Nothing(fault) = verdict(&answer, 1, "es:9200") else { panic!("{body} was taken") };
            assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("_bulk"), "{fault}");
        }
    }
}
