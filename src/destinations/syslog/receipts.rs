//! What one connection has sent and what of it is confirmed: pure arithmetic over requests, answers and time.
//!
//! Promise: an event is confirmed only by what stands behind it. The n-th read request confirms what was sent before
//! it, when n answers have come: right for a peer that answers each (Java), one request late, never early, for one
//! that leaves its first unanswered (OpenSSL).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::event::Seq;

/// Read requests on one connection, at most. rustls accepts 32 answers on a connection that carries no data back
/// (`PeerMisbehaved::TooManyKeyUpdateRequests` after that); two are spare.
pub(super) const MOST_REQUESTS: u32 = 30;

/// A place in the stream behind which a read request stands.
#[derive(Clone, Copy, Debug)]
struct Mark {
    request: u32,
    last: Option<Seq>,
    offset: u64,
}

/// A place in the stream that the peer's TCP was seen to have.
#[derive(Clone, Copy, Debug)]
struct Held {
    last: Seq,
    offset: u64,
    since: Instant,
}

/// When an event that only the peer's TCP has counts as taken (barrier C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HoldRule {
    /// As soon as this many bytes more were sent after it,
    pub(super) bytes: u64,
    /// or once it has been held for this long.
    pub(super) time: Duration,
}

/// What an answer meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// One of ours was answered.
    Counted,
    /// There was nothing to answer: this peer sends KeyUpdates of its own, so none of them proves anything any more.
    Unasked,
}

/// One connection's account.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: u64,
    last_sent: Option<Seq>,
    sealed: u64,
    confirmed: u64,
    last_confirmed: Option<Seq>,
    requests: u32,
    answers: u32,
    distrusted: bool,
    marks: VecDeque<Mark>,
    held: VecDeque<Held>,
}

impl Ledger {
    /// Events up to `last`, in `bytes` of frames, were handed to TLS.
    pub(super) fn sent(&mut self, last: Seq, bytes: usize) {
        self.sent += bytes as u64;
        self.last_sent = Some(last);
    }

    /// A read request was put behind all that was sent.
    pub(super) fn requested(&mut self) {
        self.requests += 1;
        self.sealed = self.sent;
        self.marks.push_back(Mark { request: self.requests, last: self.last_sent, offset: self.sent });
    }

    /// An answer came.
    pub(super) fn answered(&mut self) -> Answer {
        if self.answers >= self.requests {
            self.distrusted = true;
        }
        if self.distrusted {
            return Answer::Unasked;
        }
        self.answers += 1;
        while let Some(&mark) = self.marks.front().filter(|mark| mark.request <= self.answers) {
            self.marks.pop_front();
            self.confirm(mark.last, mark.offset);
        }
        Answer::Counted
    }

    /// The peer answered an orderly close: it read everything.
    pub(super) fn closed(&mut self) {
        self.confirm(self.last_sent, self.sent);
    }

    /// The peer's TCP has everything that was sent so far, and the connection is alive.
    pub(super) fn drained(&mut self, now: Instant) {
        let newest = self.held.back().map_or(self.confirmed, |held| held.offset);
        if let Some(last) = self.last_sent.filter(|_| self.sent > newest) {
            self.held.push_back(Held { last, offset: self.sent, since: now });
        }
    }

    /// Confirms what is held long enough, or with enough behind it. Call it only while the connection is alive.
    pub(super) fn ripen(&mut self, now: Instant, rule: HoldRule) {
        let sent = self.sent;
        let ripe = |held: &&Held| sent - held.offset >= rule.bytes || now.duration_since(held.since) >= rule.time;
        while let Some(&held) = self.held.front().filter(ripe) {
            self.held.pop_front();
            self.confirm(Some(held.last), held.offset);
        }
    }

    fn confirm(&mut self, last: Option<Seq>, offset: u64) {
        if offset > self.confirmed {
            self.confirmed = offset;
            self.last_confirmed = last;
        }
    }

    /// The last event that is confirmed.
    pub(super) fn last_confirmed(&self) -> Option<Seq> {
        self.last_confirmed
    }

    /// The last event that was handed to TLS.
    pub(super) fn last_sent(&self) -> Option<Seq> {
        self.last_sent
    }

    /// Bytes sent but not confirmed.
    pub(super) fn unconfirmed(&self) -> u64 {
        self.sent - self.confirmed
    }

    /// Bytes sent since the last read request.
    pub(super) fn unsealed(&self) -> u64 {
        self.sent - self.sealed
    }

    /// Read requests that went out.
    pub(super) fn requests(&self) -> u32 {
        self.requests
    }

    /// Answers that were counted.
    pub(super) fn answers(&self) -> u32 {
        self.answers
    }

    /// Do answers prove anything on this connection?
    pub(super) fn is_trusted(&self) -> bool {
        !self.distrusted
    }

    /// Can this many more read requests go out, and would their answers prove anything?
    pub(super) fn may_request(&self, more: u32) -> bool {
        !self.distrusted && self.requests + more <= MOST_REQUESTS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens to a connection, as the table below writes it.
    fn play(script: &str) -> Vec<Option<u64>> {
        let mut ledger = Ledger::default();
        let mut next = 1;
        script
            .split_whitespace()
            .map(|word| {
                match word {
                    "send" => {
                        ledger.sent(Seq(next), 100);
                        next += 1;
                    }
                    "request" => ledger.requested(),
                    "answer" => drop(ledger.answered()),
                    "close" => ledger.closed(),
                    other => panic!("{other}?"),
                }
                ledger.last_confirmed().map(|seq| seq.0)
            })
            .collect()
    }

    #[test]
    fn receipts_confirm_what_stands_before_the_request_of_their_number() {
        let table: [(&str, &[Option<u64>]); 7] = [
            // A peer that answers each.
            ("send request answer send request answer", &[None, None, Some(1), Some(1), Some(1), Some(2)]),
            // A peer that leaves the first unanswered: one late, never early.
            ("send request send request answer", &[None, None, None, None, Some(1)]),
            // One more request confirms the rest.
            ("send request request answer", &[None, None, None, Some(1)]),
            // Not what was sent after the request.
            ("send request send answer", &[None, None, None, Some(1)]),
            ("send send answer", &[None, None, None]),
            ("send request send close", &[None, None, None, Some(2)]),
            ("close", &[None]),
        ];
        for (script, expected) in table {
            assert_eq!(play(script), expected, "{script}");
        }
    }

    #[test]
    fn an_answer_that_nobody_asked_for_ends_the_trust_in_answers() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.answered(), Answer::Unasked);
        ledger.sent(Seq(1), 1);
        ledger.requested();
        assert_eq!(ledger.answered(), Answer::Unasked);
        assert_eq!(ledger.last_confirmed(), None);
        assert!(!ledger.may_request(1));
    }

    #[test]
    fn requests_stop_before_rustls_refuses_the_answers() {
        let mut ledger = Ledger::default();
        for _ in 0..MOST_REQUESTS {
            assert!(ledger.may_request(1));
            ledger.requested();
        }
        assert!(!ledger.may_request(1));
    }

    #[test]
    fn what_only_tcp_holds_is_taken_after_a_window_more_or_a_while_and_not_before_it_was_held() {
        let rule = HoldRule { bytes: 1000, time: Duration::from_secs(60) };
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut ledger = Ledger::default();
        ledger.sent(Seq(1), 600);
        ledger.ripen(later(999), rule);
        assert_eq!(ledger.last_confirmed(), None, "never seen drained");
        ledger.drained(later(1000));
        ledger.sent(Seq(2), 600);
        ledger.ripen(later(1001), rule);
        assert_eq!(ledger.last_confirmed(), None, "600 bytes behind it");
        ledger.sent(Seq(3), 400);
        ledger.ripen(later(1002), rule);
        assert_eq!(ledger.last_confirmed(), Some(Seq(1)), "1000 bytes behind it");
        ledger.drained(later(1003));
        ledger.ripen(later(1062), rule);
        assert_eq!(ledger.last_confirmed(), Some(Seq(1)), "held for 59 s");
        ledger.ripen(later(1063), rule);
        assert_eq!((ledger.last_confirmed(), ledger.unconfirmed()), (Some(Seq(3)), 0), "held for 60 s");
    }

    proptest! {
        #[test]
        fn no_request_is_confirmed_before_as_many_answers_came(steps in proptest::collection::vec(0u8..3, 0..200)) {
            let mut ledger = Ledger::default();
            let (mut sent, mut requests, mut answers) = (0u64, Vec::new(), 0usize);
            for step in steps {
                match step {
                    0 => {
                        sent += 1;
                        ledger.sent(Seq(sent), 10);
                    }
                    1 => {
                        requests.push(sent);
                        ledger.requested();
                    }
                    _ if answers < requests.len() => {
                        answers += 1;
                        prop_assert_eq!(ledger.answered(), Answer::Counted);
                    }
                    _ => {}
                }
                let proven = answers.checked_sub(1).map_or(0, |at| requests[at]);
                prop_assert_eq!(ledger.last_confirmed().map_or(0, |seq| seq.0), proven);
                prop_assert_eq!(ledger.unconfirmed(), (sent - proven) * 10);
            }
        }
    }
}
