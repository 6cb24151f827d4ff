//! What HEC's answers mean: one pure table from its codes to what is done.
//!
//! The codes are those of "Possible error codes" in Splunk's "Troubleshoot HTTP Event Collector". A code that is not
//! there, and an answer without one (of a load balancer, say), means what its HTTP status means.
//!
//! Promise: every code of the table has one meaning; of one that names an event, only that event is put aside.

use serde::Deserialize;

use crate::destinations::http::answer::{self, Action, Answer, Verdict, action};
use crate::fault::{Fault, FaultKind};

#[derive(Deserialize)]
struct Said {
    code: Option<u32>,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid: Option<usize>,
}

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// 0, and 17 of the health question.
    Well,
    /// One event is bad.
    Bad,
    /// Later.
    Busy,
    /// Not until somebody changes something: what.
    Change(&'static str),
    /// As the HTTP status says.
    Status,
}

fn meaning(code: u32) -> Meaning {
    match code {
        0 | 17 => Meaning::Well,
        1 | 22 => Meaning::Change("the token is disabled: enable it in Splunk"),
        2 | 3 => Meaning::Change("the token did not arrive as Splunk wants it: check `token`, and a proxy on the way"),
        4 | 21 => Meaning::Change("Splunk does not know the token: check `token`"),
        7 => Meaning::Change("the token may not write to the index: allow it in Splunk, or change `index`"),
        10 | 11 => Meaning::Change("Splunk does not take the channel: `channel` must be a GUID"),
        14 => Meaning::Change(
            "indexer acknowledgement is off for this token: turn it on in Splunk (the token's useACK), or set ack = \
             false and do without (then a 200 counts, before anything is indexed)",
        ),
        16 => Meaning::Change("Splunk takes no token in a query string: take it out of `url`"),
        // 5 no data, 6 invalid data format, 12 and 13 the event is missing or blank, 15 indexed fields.
        5 | 6 | 12 | 13 | 15 => Meaning::Bad,
        // 8 internal error, 9 busy, 18 to 20 unhealthy, 23 shutting down, 26 and 27 at capacity.
        8 | 9 | 18 | 19 | 20 | 23 | 26 | 27 => Meaning::Busy,
        24 | 25 | 28.. => Meaning::Status,
    }
}

/// What an answer to events means. With `ack`, a 200 must bring the id of its acknowledgement.
pub fn verdict(answer: &Answer, ack: bool, place: &str, quote: &str) -> Verdict {
    let said: Option<Said> = serde_json::from_slice(&answer.body).ok();
    let by_status = || answer::verdict(answer, place, quote);
    let fault = |kind, what: &str| {
        Fault::new(kind, format!("{place}: {what} (it says {quote:?})"))
            .with_status(answer.status)
            .retry_after(answer.retry_after)
    };
    match said.as_ref().and_then(|said| said.code).map_or(Meaning::Status, meaning) {
        Meaning::Bad => Verdict::Bad {
            // Splunk's documents do not say whether the events before it were kept: they are sent again.
            at: said.and_then(|said| said.invalid),
            fault: fault(FaultKind::Rejected, "Splunk calls it bad"),
        },
        Meaning::Busy => Verdict::Nothing(fault(FaultKind::Unavailable, "Splunk can't take events now")),
        Meaning::Change(what) => Verdict::Nothing(fault(FaultKind::Refused, what)),
        Meaning::Well | Meaning::Status if action(answer.status) != Action::Take => by_status(),
        Meaning::Well if !ack => Verdict::Taken,
        Meaning::Well => match said.and_then(|said| said.ack_id) {
            Some(ack) => Verdict::Received { ack },
            None => Verdict::Nothing(fault(
                FaultKind::Refused,
                "it gives no acknowledgement id, though it was asked on a channel: is something else in between? Or set \
                 ack = false",
            )),
        },
        Meaning::Status => Verdict::Nothing(fault(
            FaultKind::Unavailable,
            "it answers, but not as Splunk's HTTP Event Collector does: check `url`",
        )),
    }
}

/// What an answer to the question for acknowledgements means, beside what it tells.
///
/// # Errors
/// `Refused` or `Unavailable`, with what to do.
pub fn of_question(answer: &Answer, place: &str, quote: &str) -> Result<(), Fault> {
    let code = serde_json::from_slice::<Said>(&answer.body).ok().and_then(|said| said.code);
    let fault = |kind, what: &str| {
        Err(Fault::new(kind, format!("{place}: {what} (it says {quote:?})"))
            .with_status(answer.status)
            .retry_after(answer.retry_after))
    };
    match code.map_or(Meaning::Status, meaning) {
        Meaning::Change(what) => return fault(FaultKind::Refused, what),
        Meaning::Busy => return fault(FaultKind::Unavailable, "Splunk can't tell about acknowledgements now"),
        Meaning::Well | Meaning::Status | Meaning::Bad => {}
    }
    match answer::verdict(answer, place, quote) {
        Verdict::Taken => Ok(()),
        Verdict::Nothing(fault) => Err(fault),
        // No event is in the question: nothing of it can be put aside or sent elsewhere.
        Verdict::TooLarge(_)
        | Verdict::Bad { .. }
        | Verdict::Elsewhere(_)
        | Verdict::Received { .. }
        | Verdict::Part { .. } => {
            fault(FaultKind::Refused, "it does not answer for acknowledgements: check `url`, or set ack = false")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned().into(), ..Answer::default() }
    }

    /// The verdict in a word.
    fn word(status: u16, body: &str, ack: bool) -> String {
        match verdict(&answer(status, body), ack, "splunk:8088", "what it says") {
            Verdict::Taken => "taken".into(),
            Verdict::Received { ack } => format!("received {ack}"),
            Verdict::Bad { at, fault } => format!("{} at {at:?}", fault.kind),
            Verdict::TooLarge(_) => "too large".into(),
            Verdict::Nothing(fault) => fault.kind.to_string(),
            Verdict::Elsewhere(_) | Verdict::Part { .. } => "odd".into(),
        }
    }

    #[test]
    fn every_published_code_has_its_meaning() {
        let table: &[(u16, &[u32], &str)] = &[
            (403, &[1, 4], "refused"),
            (401, &[2, 3], "refused"),
            (400, &[7, 10, 11, 14, 16], "refused"),
            (400, &[5, 6, 12, 13, 15], "rejected at None"),
            (500, &[8], "unavailable"),
            (503, &[9, 18, 19, 20, 23], "unavailable"),
            (429, &[26, 27], "unavailable"),
            (404, &[404], "refused"),
            (429, &[999], "throttled"),
            (413, &[999], "too large"),
        ];
        for (status, codes, expected) in table {
            for code in *codes {
                let body = format!(r#"{{"text":"x","code":{code}}}"#);
                assert_eq!(word(*status, &body, true), *expected, "{code}");
            }
        }
    }

    #[test]
    fn a_200_is_received_with_an_id_and_taken_only_where_no_acknowledgement_is_wanted() {
        let with_id = r#"{"text":"Success","code":0,"ackId":7}"#;
        let without = r#"{"text":"Success","code":0}"#;
        assert_eq!(word(200, with_id, true), "received 7");
        assert_eq!(word(200, without, true), "refused");
        assert_eq!((word(200, with_id, false), word(200, without, false)), ("taken".into(), "taken".into()));
        assert_eq!(word(200, "<html>welcome</html>", false), "unavailable", "that is no HEC");
        assert_eq!(word(503, "<html>", true), "unavailable");
    }

    #[test]
    fn the_event_that_splunk_names_is_the_bad_one() {
        let body = r#"{"text":"Invalid data format","code":6,"invalid-event-number":3}"#;
        assert_eq!(word(400, body, true), "rejected at Some(3)");
    }

    #[test]
    fn a_server_without_acknowledgement_is_told_what_to_set() {
        let fault =
            of_question(&answer(400, r#"{"text":"ACK is disabled","code":14}"#), "splunk:8088", "").expect_err("14");
        assert!(fault.kind == FaultKind::Refused && fault.context.contains("ack = false"), "{fault}");
        assert!(of_question(&answer(200, r#"{"acks":{"0":false}}"#), "s", "").is_ok());
        assert!(of_question(&answer(404, ""), "s", "").is_err_and(|fault| fault.kind == FaultKind::Refused));
    }
}
