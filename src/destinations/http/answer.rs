//! What an answer means: one pure table from the status to what is done, and its sentences.
//!
//! Promise: every status has exactly one action, and only a 2xx takes.

use std::time::Duration;

use crate::fault::{Fault, FaultKind};

/// What came back, read whole within the limits.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Both forms, as a wait from now; at most a day.
    pub retry_after: Option<Duration>,
    /// The header of that name.
    pub location: Option<String>,
    /// What came within the limits; whole where the status is 2xx.
    pub body: bytes::Bytes,
}

/// What is done about a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The receiver has the batch.
    Take,
    /// The same request at another path of the same origin.
    Follow,
    /// The same again, later; Retry-After is waited for.
    Again,
    /// 429: later, and slower.
    Slow,
    /// Smaller batches.
    Split,
    /// One of the events is bad: halve until it stands alone.
    Bisect,
    /// Nothing can go until somebody changes something: what, says the sentence.
    Park(Why),
}

/// What somebody has to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Who we are, or what we may do.
    Access,
    /// It is another address now, and following could lead anywhere or turn the request into a GET.
    Moved,
    /// Nothing takes events at this URL.
    Place,
    /// The way we write: method, content type, compression, headers.
    Form,
    /// A status that has no meaning here.
    Odd,
}

/// The table. RFC 9110 section 15; 429 and 431: RFC 6585; 425: RFC 8470; 507: RFC 4918.
pub fn action(status: u16) -> Action {
    match status {
        200..=299 => Action::Take,
        307 | 308 => Action::Follow,
        300..=399 => Action::Park(Why::Moved),
        400 | 422 => Action::Bisect,
        401 | 402 | 403 | 407 | 451 => Action::Park(Why::Access),
        404 | 410 => Action::Park(Why::Place),
        405 | 406 | 411 | 415 | 417 | 426 | 428 | 431 | 501 | 505 => Action::Park(Why::Form),
        // 409: the same Idempotency-Key is still being worked on. 421, 423, 424, 425: not now, or not here.
        408 | 409 | 421 | 423 | 424 | 425 => Action::Again,
        413 => Action::Split,
        429 => Action::Slow,
        400..=499 => Action::Park(Why::Odd),
        500..=599 => Action::Again,
        0..=199 | 600.. => Action::Park(Why::Odd),
    }
}

/// What an answer means for the batch that it answers.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The receiver has all of it.
    Taken,
    /// It has all of it, and will tell under this number when it is safe there.
    Received { ack: u64 },
    /// It has the first `n`; the rest is handed over again after the fault, which speaks of the next one where it is
    /// `Rejected`.
    Part { n: usize, fault: Fault },
    /// Too much at once; the fault counts where it is one event.
    TooLarge(Fault),
    /// One of them is bad (from 0, where the peer says which); the fault counts where it is one event.
    Bad { at: Option<usize>, fault: Fault },
    /// The same request elsewhere.
    Elsewhere(String),
    /// None of it.
    Nothing(Fault),
}

/// The verdict by the status alone. `place` is the receiver's address, `quote` the beginning of what it said.
pub fn verdict(answer: &Answer, place: &str, quote: &str) -> Verdict {
    let status = answer.status;
    let said = if quote.is_empty() { String::new() } else { format!(": it says {quote:?}") };
    let fault = |kind, text: String| {
        Fault::new(kind, format!("{text}{said}")).with_status(status).retry_after(answer.retry_after)
    };
    match action(status) {
        Action::Take => Verdict::Taken,
        Action::Follow => match &answer.location {
            Some(location) => Verdict::Elsewhere(location.clone()),
            None => Verdict::Nothing(fault(
                FaultKind::Refused,
                format!("{place} redirects ({status}) without saying where to: check `url`"),
            )),
        },
        Action::Again => {
            Verdict::Nothing(fault(FaultKind::Unavailable, format!("{place} can't take events now ({status})")))
        }
        Action::Slow => {
            Verdict::Nothing(fault(FaultKind::Throttled, format!("{place} asks for fewer requests ({status})")))
        }
        Action::Split => Verdict::TooLarge(fault(
            FaultKind::Rejected,
            format!("{place} does not take an event of this size ({status}): raise its limit for a request's body"),
        )),
        Action::Bisect => {
            Verdict::Bad { at: None, fault: fault(FaultKind::Rejected, format!("{place} calls it bad ({status})")) }
        }
        Action::Park(why) => Verdict::Nothing(fault(FaultKind::Refused, format!("{place} {}", sentence(why, status)))),
    }
}

fn sentence(why: Why, status: u16) -> String {
    match why {
        Why::Access => format!(
            "refuses us ({status}): check the token, user and password or the certificate, and what they may do there"
        ),
        Why::Moved => format!("sends us elsewhere ({status}), which is not followed: write the new address into `url`"),
        Why::Place => format!("takes no events at this path ({status}): check `url`"),
        Why::Form => {
            format!("does not take requests of this form ({status}): check the path of `url`, method and compression")
        }
        Why::Odd => format!("answers with a status that means nothing here ({status}): check what answers at `url`"),
    }
}

/// The beginning of what a peer said, for one line of a log: no control characters, and nothing if one of our
/// `secrets` is in it.
pub fn quote<'a>(body: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> String {
    let start = String::from_utf8_lossy(body.get(..1024).unwrap_or(body));
    let line: String = start.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Looked for whole, in more than is told; the engine looks for beginnings in whatever a peer said (`discreet`).
    let told: String = line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    let ours = |secret: &str| !secret.is_empty() && (line.contains(secret) || told.contains(secret));
    if secrets.into_iter().any(ours) { "(something with our own secret in it)".into() } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_action_of_the_table() {
        use Action::*;
        use Why::*;
        let table: &[(&[u16], Action)] = &[
            (&[200, 201, 202, 204, 206, 207, 299], Take),
            (&[307, 308], Follow),
            (&[300, 301, 302, 303, 304, 305, 399], Park(Moved)),
            (&[400, 422], Bisect),
            (&[401, 402, 403, 407, 451], Park(Access)),
            (&[404, 410], Park(Place)),
            (&[405, 406, 411, 415, 417, 426, 428, 431, 501, 505], Park(Form)),
            (&[408, 409, 421, 423, 424, 425, 500, 502, 503, 504, 507, 599], Again),
            (&[413], Split),
            (&[429], Slow),
            (&[412, 414, 416, 418, 499, 0, 100, 199, 600, u16::MAX], Park(Odd)),
        ];
        for (statuses, expected) in table {
            for status in *statuses {
                assert_eq!(action(*status), *expected, "{status}");
            }
        }
    }

    #[test]
    fn only_a_2xx_takes_and_each_other_status_says_what_to_do_or_waits() {
        for status in 0..=1000 {
            let answer = Answer { status, retry_after: Some(Duration::from_secs(7)), ..Answer::default() };
            let taken = (200..=299).contains(&status);
            match verdict(&answer, "soc.example:443", "no such \"thing\"") {
                Verdict::Taken => assert!(taken, "{status}"),
                Verdict::Nothing(fault) | Verdict::TooLarge(fault) | Verdict::Bad { fault, .. } => {
                    assert!(!taken, "{status}");
                    assert!(fault.context.starts_with("soc.example:443 "), "{fault}");
                    assert!(fault.context.contains(&format!("({status})")), "{fault}");
                    assert!(fault.context.contains("no such"), "{fault}");
                    assert_eq!((fault.status, fault.retry_after), (Some(status), Some(Duration::from_secs(7))));
                }
                other @ (Verdict::Received { .. } | Verdict::Part { .. } | Verdict::Elsewhere(_)) => {
                    panic!("{status}: {other:?}")
                }
            }
        }
    }

    #[test]
    fn what_a_peer_says_is_told_on_one_line_and_without_our_secrets() {
        assert_eq!(quote(b"  {\"error\":\r\n \x1b[31m\"no\"}", []), "{\"error\": [31m\"no\"}");
        assert_eq!(quote(&[b'x'; 5000], []).len(), 200);
        let echoed = quote(b"you sent Authorization: Bearer CANARY", ["CANARY"]);
        assert!(!echoed.contains("CANARY"), "{echoed}");
        assert_eq!(quote(b"", ["x"]), "");
    }
}
