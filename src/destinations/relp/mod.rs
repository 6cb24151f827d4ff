//! RFC 5424 by RELP, the protocol of rsyslog's `imrelp`: each message is a transaction that the receiver answers.
//!
//! Promise: an event is taken when the receiver has answered 200 to it and to every event before it. At most
//! [`Settings::window`] events are unanswered, so at most so many come twice after a cut. What a 200 is worth is the
//! receiver's: rsyslog gives it when the message is in its queue.
//!
//! A receiver that answers an event with something else is met again. librelp says so of a whole session ("command
//! disabled"), never of a message; only an event that was refused three times, while those behind it were taken, is
//! `Rejected`.
//!
//! ```text
//!   mod (Destination) ── session (one connection) ── carrier (TCP, TLS)
//!                             │
//!                        frames, window: the bytes, and what was acknowledged (pure)
//! ```

mod carrier;
mod faults;
mod frames;
mod session;
mod window;

use async_trait::async_trait;
use tokio::time::Instant;

use self::session::{Goal, Limits, Reached, Session};
use self::window::Limits as WindowLimits;
use crate::destinations::link::{Dialler, Link};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::{Seq, Stored};
use crate::fault::{Fault, FaultKind};
use crate::format::Shape;
use crate::format::rfc5424::{self, Rfc5424};
use crate::values::Secret;

/// What the operator set for one RELP destination, beside the way to it. Validated by `config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// RFC 5424 facility keyword, such as `local0`.
    pub facility: String,
    pub app_name: String,
    /// The private enterprise number in the SD-ID.
    pub enterprise_number: u32,
    /// Messages that may be unanswered, at most; beside it, 4 MiB.
    pub window: usize,
    /// Bytes of a message; a longer one is sent visibly short.
    pub max_message_size: usize,
}

/// Frames are handed to the connection in pieces of about this size.
const PIECE: usize = 64 * 1024;
/// An event is given up after so many refusals, each beside events that were taken.
const REFUSALS: u32 = 3;

/// One RELP receiver.
#[derive(Debug)]
pub struct Relp {
    dialler: Dialler,
    format: Rfc5424,
    limits: Limits,
    window: WindowLimits,
    session: Option<Session>,
    /// An event that was refused. Its next answers are waited for before [`Destination::deliver`] returns: only there
    /// the engine can put an event aside.
    suspect: Option<Suspect>,
    receipt: Receipt,
    /// The newest acknowledged event, not told yet.
    fresh: Option<Seq>,
    /// The last event that went onto a connection, not told yet.
    sent: Option<Seq>,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    seq: Seq,
    /// Refusals that can only be meant for this event.
    refusals: u32,
}

impl Relp {
    /// Prepares everything that needs no connection. `key` is the PEM of our private key, for mTLS; `agent_name` is the
    /// HOSTNAME of the messages.
    ///
    /// # Errors
    /// `Misconfigured` for a facility that can't be used; what [`Link::dialler`] says of the way.
    pub fn new(
        link: &Link,
        key: Option<Secret>,
        settings: &Settings,
        shape: Shape,
        agent_name: &str,
    ) -> Result<Relp, Fault> {
        let facility = rfc5424::facility(&settings.facility).ok_or_else(|| {
            let sentence = format!("facility {:?} is unknown: use such as local0", settings.facility);
            Fault::new(FaultKind::Misconfigured, sentence)
        })?;
        Ok(Relp {
            dialler: link.dialler(key)?,
            format: Rfc5424::new(facility, agent_name, &settings.app_name, settings.enterprise_number)
                .shaped(shape)
                .at_most(settings.max_message_size),
            limits: Limits::default(),
            window: WindowLimits::of(settings.window),
            session: None,
            suspect: None,
            receipt: Receipt::Unknown,
            fresh: None,
            sent: None,
        })
    }

    /// The same for events of a replay, which are marked as such.
    pub fn replaying(self) -> Relp {
        Relp { format: self.format.replaying(), ..self }
    }

    async fn hand_over(&mut self, batch: &[Stored], until: Instant) -> Result<(), Fault> {
        let mut frame = Vec::new();
        self.meet(until).await?;
        for stored in batch {
            let outlived = |session: &Session| session.window.is_spent() || self.dialler.is_outlived(session.age());
            if self.session.as_ref().is_some_and(outlived) {
                self.end(until).await?;
            }
            let session = match self.session.take() {
                Some(session) => session,
                None => self.open(until).await?,
            };
            frame.clear();
            let written = self.frame(&mut frame, session.window.next(), stored);
            let session = self.session.insert(session);
            written?;
            in_time(session, Goal::Room(frame.len()), until).await?;
            if session.window.holds_refusal() {
                return self.settle_in_time(until).await;
            }
            session.put(stored.seq, &frame);
            self.sent = Some(stored.seq);
            if session.backlog() >= PIECE {
                in_time(session, Goal::Written, until).await?;
            }
        }
        if let Some(session) = &mut self.session {
            in_time(session, Goal::Written, until).await?;
        }
        let suspicious = self.suspect.is_some_and(|suspect| batch.iter().any(|stored| stored.seq == suspect.seq));
        if suspicious { self.settle_in_time(until).await } else { Ok(()) }
    }

    /// Appends an event's frame.
    fn frame(&self, out: &mut Vec<u8>, txnr: u32, stored: &Stored) -> Result<(), Fault> {
        frames::head(out, txnr, "syslog");
        let whole = self.format.frame(out, stored).map_err(|e| {
            Fault::new(FaultKind::Unreadable, format!("event {} can't be written", stored.seq)).caused_by(e)
        })?;
        frames::tail(out);
        if !whole {
            let bytes = stored.event.raw.len();
            tracing::warn!(address = self.dialler.address(), event = ?stored.event.id, bytes, "too long for one message: sent short");
        }
        Ok(())
    }

    /// Makes sure of a session. A connection that its peer has ended is replaced in silence if nothing on it was left
    /// unacknowledged.
    async fn meet(&mut self, until: Instant) -> Result<(), Fault> {
        if let Some(session) = &mut self.session {
            let fit = session.look().await;
            if matches!(fit, Ok(true)) {
                return Ok(());
            }
            if !session.window.is_empty() {
                return Err(fit.err().unwrap_or_else(|| faults::ended(self.dialler.address())));
            }
            self.leave();
        }
        self.session = Some(self.open(until).await?);
        Ok(())
    }

    async fn open(&mut self, until: Instant) -> Result<Session, Fault> {
        let until = until.min(Instant::now() + self.limits.opening);
        let carrier = carrier::dial(&self.dialler, until).await?;
        Session::open(carrier, self.dialler.address(), self.limits, self.window, until).await
    }

    /// Waits until every event is answered, and judges a refusal.
    async fn settle(&mut self, until: Instant) -> Result<Reached, Fault> {
        let Some(session) = &mut self.session else { return Ok(Reached::Yes) };
        let settled = session.reach(Goal::Settled, until).await;
        let Some(refusal) = session.window.refusal() else { return settled };
        let before = self.suspect.filter(|suspect| suspect.seq == refusal.seq).map_or(0, |suspect| suspect.refusals);
        let refusals = before + u32::from(refusal.alone);
        self.suspect = Some(Suspect { seq: refusal.seq, refusals });
        let address = self.dialler.address();
        Err(if refusals < REFUSALS {
            faults::untaken(address, &refusal)
        } else {
            faults::rejected(address, &refusal, refusals)
        })
    }

    async fn settle_in_time(&mut self, until: Instant) -> Result<(), Fault> {
        match self.settle(until).await? {
            Reached::Yes => Ok(()),
            Reached::OutOfTime => Err(faults::slow(self.dialler.address())),
        }
    }

    async fn confirm_all(&mut self, until: Instant) -> Result<(), Fault> {
        match self.settle(until).await {
            // Slow but alive: what is acknowledged counts, the rest is waited for in the next call.
            Ok(Reached::Yes | Reached::OutOfTime) => Ok(()),
            // Only `deliver` may say it: the engine puts aside what it has just handed over.
            Err(fault) if fault.kind == FaultKind::Rejected => Err(Fault::new(FaultKind::Unavailable, fault.context)),
            Err(fault) => Err(fault),
        }
    }

    /// Ends the session in order, everything on it being taken.
    async fn end(&mut self, until: Instant) -> Result<(), Fault> {
        self.settle_in_time(until).await?;
        self.keep();
        if let Some(session) = self.session.take() {
            session.close(until.min(Instant::now() + self.limits.farewell)).await;
        }
        Ok(())
    }

    /// Keeps what the session was told.
    fn keep(&mut self) {
        let Some(taken) = self.session.as_mut().and_then(|session| session.window.fresh()) else { return };
        self.receipt = Receipt::Acknowledged;
        self.fresh = Some(taken);
        self.suspect = self.suspect.filter(|suspect| suspect.seq > taken);
    }

    fn leave(&mut self) {
        self.keep();
        if let Some(session) = self.session.take() {
            session.abort();
        }
    }

    /// What the engine is told. After a fault the connection is gone: the engine hands over again what is not taken.
    fn told(&mut self, outcome: Result<(), Fault>) -> Delivered {
        let fault = outcome.err();
        if fault.is_some() {
            self.leave();
        } else {
            self.keep();
        }
        Delivered { taken: self.fresh.take(), sent: self.sent.take(), fault }
    }
}

/// Waits for `goal`; no more time is a fault.
async fn in_time(session: &mut Session, goal: Goal, until: Instant) -> Result<(), Fault> {
    match session.reach(goal, until).await? {
        Reached::Yes => Ok(()),
        Reached::OutOfTime => Err(faults::slow(session.address())),
    }
}

#[async_trait]
impl Destination for Relp {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let outcome = self.hand_over(batch, Instant::now() + self.limits.call).await;
        self.told(outcome)
    }

    async fn confirm(&mut self) -> Delivered {
        let outcome = self.confirm_all(Instant::now() + self.limits.call).await;
        self.told(outcome)
    }

    fn connected(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_up)
    }

    fn receipt(&self) -> Receipt {
        self.receipt
    }

    async fn close(&mut self) -> Delivered {
        let outcome = self.end(Instant::now() + self.limits.farewell).await;
        self.told(outcome)
    }
}

#[cfg(test)]
mod tests;
