//! A destination whose faults are told to people: a peer's own words are in them.
//!
//! Promise: whatever a peer says, no secret of ours comes into the log or /status by it, and it is one line that steers no
//! terminal. Done here once, around every protocol.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::Stored;
use crate::fault::Fault;
use crate::values::Secret;

/// A beginning of a secret this long is as good as the secret: peers cut what they repeat.
const TELLING: usize = 8;
/// Shorter ones are words: a password "nats" would hide every sentence about a host of that name.
const SHORTEST: usize = 6;

const NOT_TOLD: &str =
    "what the receiver said holds a secret of ours and is not told; see its own log, and give it a new secret";

/// A destination, and what its peer must not be quoted with.
pub struct Discreet {
    inner: Box<dyn Destination>,
    /// Beginnings of its secrets.
    beginnings: Vec<String>,
}

impl Discreet {
    pub fn new(inner: Box<dyn Destination>, secrets: &[Secret]) -> Discreet {
        Discreet { inner, beginnings: beginnings(secrets) }
    }

    fn told(&self, delivered: Delivered) -> Delivered {
        Delivered { fault: delivered.fault.map(|fault| told(fault, &self.beginnings)), ..delivered }
    }
}

fn beginnings(secrets: &[Secret]) -> Vec<String> {
    // What begins a PEM file is no secret, and stands in many a sentence.
    let own = secrets.iter().map(|secret| secret.reveal().trim()).filter(|text| !text.starts_with("-----BEGIN"));
    let long = own.filter(|text| text.chars().count() >= SHORTEST);
    long.map(|text| text.chars().take(TELLING).collect()).collect()
}

/// The same fault as it may be told. Where only the causes hold a secret, our own sentence still says what to do.
fn told(fault: Fault, beginnings: &[String]) -> Fault {
    let holds = |text: &str| {
        // A JSON writer may put a backslash before a slash.
        let plain = text.replace("\\/", "/");
        beginnings.iter().any(|beginning| plain.contains(beginning.as_str()))
    };
    let said = fault.chain();
    let text = if !holds(&said) {
        said.clone()
    } else if holds(&fault.context) {
        NOT_TOLD.into()
    } else {
        format!("{}: {NOT_TOLD}", fault.context)
    };
    let text: String = text.chars().map(|c| if steers(c) { ' ' } else { c }).collect();
    if text == said {
        return fault;
    }
    let told = Fault::new(fault.kind, text).retry_after(fault.retry_after);
    match fault.status {
        Some(status) => told.with_status(status),
        None => told,
    }
}

/// Does it end a line, move a cursor or turn the direction of what follows (UAX 9)?
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[async_trait]
impl Destination for Discreet {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let delivered = self.inner.deliver(batch).await;
        self.told(delivered)
    }

    async fn confirm(&mut self) -> Delivered {
        let delivered = self.inner.confirm().await;
        self.told(delivered)
    }

    fn connected(&self) -> bool {
        self.inner.connected()
    }

    fn receipt(&self) -> Receipt {
        self.inner.receipt()
    }

    fn peer_certificate_ends(&self) -> Option<Timestamp> {
        self.inner.peer_certificate_ends()
    }

    async fn close(&mut self) -> Delivered {
        let delivered = self.inner.close().await;
        self.told(delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    const KEY: &str = "aGVs/bG8gd29ybGQgdGhpcyBpcyBhIGtleQ==";

    fn after(sentence: &str, cause: &str) -> Fault {
        let fault = Fault::new(FaultKind::Refused, sentence).caused_by(std::io::Error::other(cause.to_owned()));
        told(fault.with_status(401), &[KEY.chars().take(TELLING).collect()])
    }

    #[test]
    fn a_peer_that_repeats_our_secret_whole_cut_or_escaped_is_not_quoted() {
        let cut = &KEY[..12];
        for said in [KEY, cut, &KEY.replace('/', "\\/")] {
            for fault in [after(&format!("it said {said}"), "x"), after("it refused us", said)] {
                assert!(!fault.chain().contains("aGVs") && fault.chain().contains("not told"), "{}", fault.chain());
                assert_eq!((fault.kind, fault.status), (FaultKind::Refused, Some(401)));
            }
        }
    }

    #[test]
    fn our_own_sentence_is_kept_where_only_the_causes_hold_a_secret() {
        let fault = after("log in with another password", &format!("535 {KEY}"));
        assert_eq!(fault.chain(), format!("log in with another password: {NOT_TOLD}"));
    }

    #[test]
    fn a_password_that_is_a_word_hides_no_sentence() {
        assert_eq!(beginnings(&[Secret::new("nats"), Secret::new("")]), Vec::<String>::new());
        assert_eq!(beginnings(&[Secret::new("nats-1")]), ["nats-1"]);
    }

    #[test]
    fn a_peer_can_not_forge_a_line_of_the_log_nor_turn_what_follows() {
        let fault = after("it said", "no\n2026-01-01 INFO all is well\r\u{1b}[31m\u{202e}live");
        assert!(!fault.chain().contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{:?}", fault.chain());
        assert!(fault.chain().contains("INFO all is well"));
    }

    #[test]
    fn what_holds_nothing_odd_keeps_its_causes() {
        let fault = after("it can't be reached", "connection refused");
        assert!(std::error::Error::source(&fault).is_some());
        assert_eq!(fault.chain(), "it can't be reached: connection refused");
    }
}
