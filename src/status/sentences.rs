//! The sentences on pages and in `conductor status`: how each part stands, in words for people.
//!
//! Promise: pure; a sentence never says more than the facts it is given ("delivered" is not among its words).

use jiff::Timestamp;

use super::records::{EgressRecord, QueueRecord};
use super::snapshot::{Destination, Integration, QueueState, Standing, Stream};
use crate::destinations::Receipt;
use crate::values::ByteSize;

/// Whole seconds from `then` to `now`; 0 if `then` lies ahead.
pub fn seconds_between(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)
}

/// `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`: rounded down, never more than two units.
pub fn span(seconds: u64) -> String {
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// `12 s ago`, or `never`.
pub fn ago(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| "never".to_owned(), |then| format!("{} ago", span(seconds_between(then, now))))
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 event`, `2,000 events`.
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// The word for `receipt` in JSON.
pub fn receipt_word(receipt: Receipt) -> &'static str {
    match receipt {
        Receipt::Unknown => "unknown",
        Receipt::ReadKeyUpdate => "read-key-update",
        Receipt::ReadClose => "read-close",
        Receipt::Acknowledged => "acknowledged",
        Receipt::Indexed => "indexed",
        Receipt::HeldByTcp => "held-by-tcp",
        Receipt::Sent => "sent",
    }
}

/// What this kind of confirmation is worth.
pub fn receipt(receipt: Receipt) -> &'static str {
    match receipt {
        Receipt::Unknown => "Nothing has been confirmed on this connection yet.",
        Receipt::ReadKeyUpdate => {
            "The receiving process has read what is counted as taken: it answered a TLS 1.3 key update behind it."
        }
        Receipt::ReadClose => {
            "The receiving process has read what is counted as taken: it answered an orderly close behind it."
        }
        Receipt::Acknowledged => "The peer acknowledged what is counted as taken, by its protocol's own word.",
        Receipt::Indexed => "The peer told that what is counted as taken is indexed.",
        Receipt::HeldByTcp => {
            "The peer's TCP holds what is counted as taken; nobody can tell whether the process has read it."
        }
        Receipt::Sent => "What is counted as taken was sent; nobody can tell whether any of it has arrived.",
    }
}

/// What is known about the address that the vendor sees.
pub fn egress(egress: &EgressRecord, matches: Option<bool>) -> String {
    let Some(observed) = egress.observed else {
        return match (&egress.probe, &egress.fault) {
            (_, Some(fault)) => format!("Not observed: {}", fault.text),
            (Some(_), None) => "Not observed yet: the probe has not answered so far.".to_owned(),
            (None, None) => {
                "Not observed: set [egress] probe to a URL that answers with the caller's address.".to_owned()
            }
        };
    };
    let stale = match &egress.fault {
        Some(fault) => format!(" The last probe failed: {}", fault.text),
        None => String::new(),
    };
    match matches {
        Some(true) => format!("{observed} is on the allowlist.{stale}"),
        Some(false) => format!(
            "{observed} is not on the allowlist. Add it to the vendor's IP Safelist and to [egress] allowlisted, or \
             leave by an address that is on it.{stale}"
        ),
        None => format!("{observed} was observed, but [egress] allowlisted names nothing to compare it with.{stale}"),
    }
}

/// How the queue stands.
pub fn queue(queue: &QueueRecord, now: Timestamp) -> String {
    let reason = queue.reason.as_deref();
    match queue.state {
        QueueState::Opening => "The queue is being opened.".to_owned(),
        QueueState::Failed => reason.unwrap_or("The queue can't keep anything new.").to_owned(),
        QueueState::Open if queue.paused => {
            "There is no room: polling is paused, and resumes by itself when there is.".to_owned()
        }
        QueueState::Open if queue.events == 0 => "Nothing waits.".to_owned(),
        QueueState::Open => match queue.oldest {
            Some(oldest) => {
                format!("Destinations have still to take these; the oldest came {}.", ago(Some(oldest), now))
            }
            None => "Destinations have still to take these.".to_owned(),
        },
    }
}

fn waiting(events: u64) -> String {
    match events {
        0 => "nothing waits".to_owned(),
        1 => "1 event waits".to_owned(),
        events => format!("{} events wait", count(events)),
    }
}

/// How an integration stands.
pub fn integration(integration: &Integration, now: Timestamp) -> String {
    let events: u64 = integration.streams.iter().map(|stream| stream.events_total).sum();
    let last = integration.streams.iter().filter_map(|stream| stream.last_success).max();
    let fault = integration.fault.as_ref().or_else(|| {
        let faults = integration.streams.iter().filter(|stream| stream.state == integration.state);
        faults.filter_map(|stream| stream.fault.as_ref()).max_by_key(|fault| fault.at)
    });
    let why = fault.map_or_else(String::new, |fault| format!(" {}", sentence(&fault.text)));
    match integration.state {
        Standing::Ok => format!("Last answered {}; {} since the start.", ago(last, now), plural(events, "event")),
        Standing::Waiting => "Waiting for its first answer.".to_owned(),
        Standing::Failing if last.is_none() => format!("Has not worked since the start.{why}"),
        Standing::Failing => format!("Last worked {}.{why}", ago(last, now)),
        Standing::Parked => format!("Stopped for now, tried again from time to time.{why}"),
        Standing::Disabled => "Switched off by the operator.".to_owned(),
    }
}

/// How a stream stands, in few words: it stands in a row of a table.
pub fn stream(stream: &Stream, now: Timestamp) -> String {
    let next = match stream.next_poll {
        Some(next) if next > now => format!(", next in {}", span(seconds_between(now, next))),
        Some(_) => ", next now".to_owned(),
        None => String::new(),
    };
    match stream.state {
        Standing::Ok => format!("polled {}{next}", ago(stream.last_poll, now)),
        Standing::Waiting => format!("not polled yet{next}"),
        Standing::Failing | Standing::Parked => {
            let why = stream.fault.as_ref().map_or("no reason given", |fault| fault.text.as_str());
            format!("{why}{next}")
        }
        Standing::Disabled => "switched off".to_owned(),
    }
}

/// How a destination stands.
pub fn destination(destination: &Destination, now: Timestamp) -> String {
    let why = destination.last_fault.as_ref().map_or_else(String::new, |fault| format!(" {}", sentence(&fault.text)));
    let waits = waiting(destination.depth);
    match destination.state {
        Standing::Ok => match destination.last_taken {
            Some(_) => format!("Last took events {}; {waits}.", ago(destination.last_taken, now)),
            None => format!("Has taken nothing since the start; {waits}."),
        },
        Standing::Waiting => format!("Waiting for its first connection; {waits}."),
        Standing::Failing => format!("Tried again by itself; {waits}.{why}"),
        Standing::Parked => format!("Stopped for now, tried again from time to time; {waits}.{why}"),
        Standing::Disabled => format!("Switched off by the operator; {waits}."),
    }
}

/// A fault's text as it stands behind a full stop. A name or an address at its beginning stays as it is.
fn sentence(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if word.chars().all(|letter| letter.is_ascii_lowercase()) => {
            first.to_uppercase().chain(letters).collect()
        }
        Some(_) | None => text.to_owned(),
    }
}

/// Bytes for people: `3.2MiB`.
pub fn bytes(number: u64) -> String {
    ByteSize(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_counts_read_well_at_their_edges() {
        let spans = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400, "1 d"),
            (356_400, "4 d 3 h"),
        ];
        for (seconds, expected) in spans {
            assert_eq!(span(seconds), expected);
        }
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), expected);
        }
        assert_eq!((plural(1, "event"), plural(2, "event")), ("1 event".into(), "2 events".into()));
    }

    #[test]
    fn the_word_of_a_receipt_is_the_word_that_destinations_serialise() {
        for each in [
            Receipt::Unknown,
            Receipt::ReadKeyUpdate,
            Receipt::ReadClose,
            Receipt::Acknowledged,
            Receipt::Indexed,
            Receipt::HeldByTcp,
            Receipt::Sent,
        ] {
            let json = serde_json::to_string(&each).expect("a receipt serialises");
            assert_eq!(json, format!("\"{}\"", receipt_word(each)));
        }
    }

    #[test]
    fn a_time_that_lies_ahead_counts_as_now() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        let later = now + jiff::SignedDuration::from_hours(1);
        assert_eq!(ago(Some(later), now), "0 s ago");
    }

    #[test]
    fn a_fault_behind_a_full_stop_begins_as_a_sentence_and_a_name_or_an_address_stays_as_it_is() {
        for (text, expected) in [
            ("the vendor refused the API token", "The vendor refused the API token"),
            ("siem.example:6514 can't be reached", "siem.example:6514 can't be reached"),
            ("402: not bought", "402: not bought"),
            ("", ""),
        ] {
            assert_eq!(sentence(text), expected);
        }
    }
}
