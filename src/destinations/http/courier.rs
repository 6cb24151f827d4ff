//! Carries batches to one receiver, one request at a time, and acts on each answer.
//!
//! One at a time, because two requests in flight could arrive in either order. What a receiver's own language is, a
//! [`Dialect`] knows.
//!
//! Promise: nothing leaves what waits before its answer came, and the next batch goes only after it.

use std::io;
use std::time::Duration;

use http::Uri;
use tokio::time::Instant;

use super::answer::{Answer, Verdict, quote};
use super::batch::{Cut, Feed, Item};
use super::doubt::Doubt;
use super::exchange::Exchange;
use super::request::{self, Frame, Head, IDEMPOTENCY_KEY};
use super::settings::{Common, Given};
use crate::destinations::Delivered;
use crate::event::{Seq, Stored};
use crate::fault::{Fault, FaultKind};

/// Redirects for one batch.
const MOST_REDIRECTS: usize = 3;
/// A call of the engine ends within this.
pub const CALL: Duration = Duration::from_secs(85);

/// How one kind of receiver wants its events, and what its answers mean.
pub trait Dialect: Send {
    /// Bytes of an answer, at the most.
    const LARGEST_ANSWER: usize;
    /// `Content-Type` of a body.
    const CONTENT_TYPE: &'static str;

    /// Writes one event.
    ///
    /// # Errors
    /// Those of the writer; a `Vec` has none.
    fn write(&self, text: &mut Vec<u8>, stored: &Stored) -> io::Result<()>;

    /// What stands around events in a body.
    fn frame(&self) -> Frame;

    /// What an answer to `sent` events means; `place` and `quote` are for sentences.
    fn judge(&self, answer: &Answer, sent: usize, place: &str, quote: &str) -> Verdict;
}

/// What became of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Taken,
    /// The receiver will tell under `ack` when everything up to `upto` is safe.
    Received {
        upto: Seq,
        ack: u64,
    },
}

/// One receiver, and what waits for it.
pub struct Courier<D> {
    pub dialect: D,
    exchange: Exchange,
    head: Head,
    /// Host and port as the URL has them.
    authority: String,
    path: String,
    secure: bool,
    replayed: bool,
    keyed: bool,
    /// Headers that change from time to time.
    pub more: Vec<(&'static str, String)>,
    feed: Feed,
    doubt: Doubt,
    /// Not told yet.
    taken: Option<Seq>,
    sent: Option<Seq>,
    /// The receiver has taken something.
    pub has_taken: bool,
}

impl<D: Dialect> Courier<D> {
    /// Prepares everything that needs no connection. `path` is where batches go.
    ///
    /// # Errors
    /// What the link says of certificates, and [`Head::new`] of secrets.
    pub fn new(common: &Common, path: String, dialect: D, given: &Given<'_>) -> Result<Courier<D>, Fault> {
        let dialler = given.link.dialler(given.key.clone())?;
        Ok(Courier {
            secure: dialler.tls().is_some(),
            exchange: Exchange::new(dialler, common.timeout, D::LARGEST_ANSWER),
            head: Head::new(common, D::CONTENT_TYPE, given)?,
            authority: common.authority.clone(),
            path,
            replayed: given.replayed,
            keyed: false,
            more: Vec::new(),
            feed: Feed::new(common.batching),
            doubt: Doubt::default(),
            taken: None,
            sent: None,
            has_taken: false,
            dialect,
        })
    }

    /// With an `Idempotency-Key` to each batch.
    pub fn keyed(self) -> Courier<D> {
        Courier { keyed: true, ..self }
    }

    pub fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    pub fn place(&self) -> &str {
        self.exchange.place()
    }

    /// As [`Exchange::connection`].
    pub fn connection(&self) -> u64 {
        self.exchange.connection()
    }

    /// As [`Exchange::hold`].
    pub fn hold(&mut self, held: bool) {
        self.exchange.hold(held);
    }

    pub fn is_connected(&self) -> bool {
        self.exchange.is_connected()
    }

    /// Lets events wait for their batch.
    ///
    /// # Errors
    /// `Unreadable` for an event that can't be written.
    pub fn put(&mut self, batch: &[Stored]) -> Result<(), Fault> {
        for stored in batch {
            let mut text = Vec::with_capacity(stored.event.weight() + 256);
            self.dialect.write(&mut text, stored).map_err(|error| {
                Fault::new(FaultKind::Unreadable, format!("event {} can't be written", stored.seq)).caused_by(error)
            })?;
            let (id, beat) = (stored.event.id.clone(), stored.event.kind == "heartbeat");
            self.feed.push(Item { seq: stored.seq, id, text, beat }, Instant::now());
        }
        Ok(())
    }

    /// Sends one batch, if one is full or old, or with `flush` any. `None`: nothing had to go.
    ///
    /// # Errors
    /// What the engine must know. `Rejected` speaks of the first event that was not taken; where this receiver confirms
    /// later, its caller waits for that first.
    pub async fn send(&mut self, flush: bool, until: Instant) -> Result<Option<Sent>, Fault> {
        while let Some(n) = self.feed.next(flush, Instant::now()) {
            let answer = self.ask(n, until).await?;
            let said = quote(&answer.body, self.head.secrets());
            match self.dialect.judge(&answer, n, self.exchange.place(), &said) {
                Verdict::Taken => {
                    self.took(n);
                    return Ok(Some(Sent::Taken));
                }
                Verdict::Received { ack } => {
                    self.doubt.settled();
                    let upto = self.feed.done(n, Instant::now()).unwrap_or_default();
                    return Ok(Some(Sent::Received { upto, ack }));
                }
                Verdict::Part { n, fault } => {
                    if n > 0 {
                        self.took(n);
                    }
                    match fault.kind {
                        FaultKind::Rejected => self.reject(fault)?,
                        _ => return Err(fault),
                    }
                }
                Verdict::TooLarge(fault) => {
                    if self.feed.too_large(n) == Cut::Single {
                        self.reject(fault)?;
                    }
                }
                Verdict::Bad { at, fault } => {
                    if self.feed.bad(n, at) == Cut::Single {
                        self.reject(fault)?;
                    }
                }
                Verdict::Elsewhere(location) => {
                    let text = format!(
                        "{} redirects again and again ({}): check `url`, and what answers there",
                        self.place(),
                        answer.status
                    );
                    tracing::debug!(place = self.exchange.place(), bytes = location.len(), "redirected");
                    return Err(Fault::new(FaultKind::Refused, text).with_status(answer.status));
                }
                Verdict::Nothing(fault) => {
                    // 408 and 5xx may come from a gateway behind which the batch was taken all the same.
                    self.feed.unknown(n);
                    return Err(fault);
                }
            }
        }
        Ok(None)
    }

    /// A question that carries no event, such as for acknowledgements.
    ///
    /// # Errors
    /// As [`Exchange::ask`].
    pub async fn question(&mut self, path: &str, body: &[u8], until: Instant) -> Result<(Answer, String), Fault> {
        let request = self.head.request(path, &self.more, self.head.pack(body.to_vec())?)?;
        let answer = self.exchange.ask(request, until).await.map_err(|unanswered| unanswered.fault)?;
        let said = quote(&answer.body, self.head.secrets());
        Ok((answer, said))
    }

    /// The first `n` to where they belong, along redirects.
    async fn ask(&mut self, n: usize, until: Instant) -> Result<Answer, Fault> {
        if Instant::now() + self.exchange.limit() > until {
            let text = format!(
                "{} is too slow to take what one call hands over; the rest is handed over again",
                self.exchange.place()
            );
            return Err(Fault::new(FaultKind::Unavailable, text));
        }
        let body = self.head.pack(request::body(self.feed.first(n), self.dialect.frame()))?;
        let mut more = self.more.clone();
        if self.keyed {
            more.push((IDEMPOTENCY_KEY, request::idempotency_key(self.feed.first(n), self.replayed)));
        }
        let mut path = self.path.clone();
        let mut answer = Answer::default();
        for _ in 0..=MOST_REDIRECTS {
            let request = self.head.request(&path, &more, body.clone())?;
            let asked = self.exchange.ask(request, until).await;
            if asked.as_ref().map_or_else(|unanswered| unanswered.sent, |_| true) {
                self.sent = self.feed.first(n).last().map(|item| item.seq).max(self.sent);
            }
            answer = asked.map_err(|unanswered| {
                self.feed.unknown(n);
                unanswered.fault
            })?;
            let Verdict::Elsewhere(location) = self.dialect.judge(&answer, n, "", "") else { break };
            path = self.follow(&location, answer.status)?;
        }
        Ok(answer)
    }

    /// The path of a redirect, where it stays with this origin and in TLS.
    fn follow(&self, location: &str, status: u16) -> Result<String, Fault> {
        let refused = |why: &str| {
            let text = format!("{} redirects us ({status}) {why}: write the right address into `url`", self.place());
            Fault::new(FaultKind::Refused, text).with_status(status)
        };
        let uri: Uri = location.parse().map_err(|_| refused("to what is no address"))?;
        let same = match (uri.scheme_str(), uri.authority()) {
            // Two slashes begin another host.
            (None, None) => location.starts_with('/') && !location.starts_with("//"),
            (Some("https"), Some(authority)) => same_place(authority.as_str(), &self.authority),
            (Some(_) | None, Some(_) | None) => false,
        };
        if !self.secure {
            return Err(refused("without TLS, where anybody on the way could"));
        }
        if !same {
            return Err(refused("to another host, port or scheme, which is never followed"));
        }
        Ok(uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string))
    }

    fn took(&mut self, n: usize) {
        self.doubt.settled();
        self.has_taken = true;
        self.taken = self.feed.done(n, Instant::now()).max(self.taken);
    }

    /// The first that waits is one that the receiver will never take.
    fn reject(&mut self, fault: Fault) -> Result<(), Fault> {
        let Some((seq, beat)) = self.feed.first(1).next().map(|item| (item.seq, item.beat)) else { return Ok(()) };
        if beat {
            tracing::debug!(place = self.exchange.place(), fault = fault.kind.as_str(), "a heartbeat was refused");
            self.feed.skip(Instant::now());
            return Ok(());
        }
        Err(self.doubt.rejected(seq, fault))
    }

    /// What the engine is told. After a fault it hands over again all that is not taken.
    pub fn told(&mut self, outcome: Result<(), Fault>) -> Delivered {
        let fault = outcome.err();
        if fault.is_some() {
            self.feed.clear();
        }
        Delivered { taken: self.taken.take(), sent: self.sent.take(), fault }
    }

    /// Everything up to here is confirmed, by what this receiver told later.
    pub fn confirmed(&mut self, upto: Option<Seq>) {
        self.has_taken |= upto.is_some();
        self.taken = upto.max(self.taken);
    }

    /// Ends the connection in order.
    pub async fn close(&mut self) {
        self.exchange.close().await;
    }
}

/// The same host and port; a port that is not written is that of https.
fn same_place(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.strip_suffix(":443").unwrap_or(text).to_ascii_lowercase();
    !one.contains('@') && plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_by_host_and_port_alone() {
        for (one, other) in [("a.example", "A.example:443"), ("[::1]:8088", "[::1]:8088")] {
            assert!(same_place(one, other), "{one} {other}");
        }
        for (one, other) in [("a.example", "b.example"), ("a:1", "a:2"), ("u@a.example", "a.example")] {
            assert!(!same_place(one, other), "{one} {other}");
        }
    }
}
