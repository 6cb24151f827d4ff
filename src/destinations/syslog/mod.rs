//! RFC 5424 over TLS (RFC 5425), with receipts that the standard does not have.
//!
//! Promise: an event is taken when the receiving process has read it, as shown by an answered TLS 1.3 KeyUpdate (A) or
//! an answered orderly close (B) behind it; where a receiver has shown that it can do neither, when its TCP has it and
//! 16 MiB more were sent after it, or a minute has passed (C). [`Destination::receipt`] says which. Behind a proxy
//! that ends TLS the receipt is the proxy's.
//!
//! ```text
//!   mod (Destination) ── session (one connection) ── wire (TLS, record by record)
//!                             │
//!                        receipts, peer: what was confirmed, what the peer can do (pure)
//! ```

mod faults;
mod messages;
mod peer;
mod receipts;
mod session;
mod wire;

use std::time::Instant;

use async_trait::async_trait;

pub use self::messages::Standard;

use self::messages::Messages;
use self::peer::{Barrier, Peer};
use self::session::{Goal, Limits, Session, Settled};
use self::wire::Wire;
use crate::destinations::link::{Dialler, Link};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::{Seq, Stored};
use crate::fault::{Fault, FaultKind};
use crate::format::Shape;
use crate::format::rfc5424;
use crate::values::Secret;

/// What the operator set for one syslog destination, beside the way to it. Validated by `config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub standard: Standard,
    /// RFC 5424 facility keyword, such as `local0`.
    pub facility: String,
    pub app_name: String,
    /// The private enterprise number in the SD-ID.
    pub enterprise_number: u32,
    /// Bytes of one window. A receipt is asked for twice a window; at most two windows are unconfirmed, four where
    /// only an orderly close confirms. Below 64 KiB it counts as 64 KiB.
    pub window: u64,
    /// Bytes of a message; a longer one is sent visibly short.
    pub max_message_size: usize,
}

/// The smallest window: below it receipts would cost more than they tell.
const LEAST_WINDOW: u64 = 64 * 1024;
/// Frames are handed to TLS in pieces of about this size: four full records.
const PIECE: usize = 64 * 1024;
/// Where only a close confirms, a connection carries this many windows.
const WINDOWS_TO_A_CLOSE: u64 = 4;
/// Requests that are kept back to confirm the end of a connection.
const LAST_REQUESTS: u32 = 2;

/// One TLS syslog receiver.
#[derive(Debug)]
pub struct SyslogTls {
    dialler: Dialler,
    format: Messages,
    window: u64,
    piece: usize,
    limits: Limits,
    buffer: Vec<u8>,
    peer: Peer,
    session: Option<Session>,
    fresh: Option<Seq>,
    /// The last event that went onto a connection, not told yet.
    sent: Option<Seq>,
}

impl SyslogTls {
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
    ) -> Result<SyslogTls, Fault> {
        let dialler = link.dialler(key)?;
        let facility = rfc5424::facility(&settings.facility).ok_or_else(|| {
            let sentence = format!("facility {:?} is unknown: use such as local0", settings.facility);
            Fault::new(FaultKind::Misconfigured, sentence)
        })?;
        let window = settings.window.max(LEAST_WINDOW);
        Ok(SyslogTls {
            dialler,
            format: Messages::new(settings, facility, shape, agent_name),
            window,
            piece: PIECE.min(usize::try_from(window / 8).unwrap_or(PIECE)),
            limits: Limits::default(),
            buffer: Vec::new(),
            peer: Peer::default(),
            session: None,
            fresh: None,
            sent: None,
        })
    }

    /// The same for events of a replay, which are marked as such.
    pub fn replaying(self) -> SyslogTls {
        SyslogTls { format: self.format.replaying(), ..self }
    }

    async fn hand_over(&mut self, batch: &[Stored], until: Instant) -> Result<(), Fault> {
        self.buffer.clear();
        for (at, stored) in batch.iter().enumerate() {
            let whole = self.format.frame(&mut self.buffer, stored).map_err(|e| {
                Fault::new(FaultKind::Unreadable, format!("event {} can't be written", stored.seq)).caused_by(e)
            })?;
            if !whole {
                let bytes = stored.event.raw.len();
                tracing::warn!(address = self.dialler.address(), event = ?stored.event.id, bytes, "too long for one message: sent short");
            }
            if self.buffer.len() >= self.piece || at + 1 == batch.len() {
                let frames = std::mem::take(&mut self.buffer);
                let sent = self.send(&frames, stored.seq, until).await;
                self.buffer = frames;
                self.buffer.clear();
                sent?;
            }
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.settle(Goal::Written, &mut self.peer, until).await? == Settled::OutOfTime {
            return Err(faults::slow(self.dialler.address()));
        }
        if session.barrier == Barrier::Held { session.hold(&mut self.peer) } else { Ok(()) }
    }

    /// Sends a piece, behind whatever wait its connection's barrier asks for.
    async fn send(&mut self, frames: &[u8], last: Seq, until: Instant) -> Result<(), Fault> {
        self.make_room(frames.len() as u64, until).await?;
        let window = self.window;
        let (session, peer) = self.connected_session(until).await?;
        session.send(frames, last, peer, until).await?;
        match session.barrier {
            Barrier::KeyUpdate if session.ledger.unsealed() < window / 2 => Ok(()),
            Barrier::KeyUpdate if session.ledger.may_request(1 + LAST_REQUESTS) => session.request(),
            Barrier::KeyUpdate => self.end(until).await,
            Barrier::Close if session.ledger.unconfirmed() < WINDOWS_TO_A_CLOSE * window => Ok(()),
            Barrier::Close => self.end(until).await,
            Barrier::Held => session.hold(peer),
        }
    }

    /// Waits until `more` bytes may be sent on top of what is unconfirmed.
    async fn make_room(&mut self, more: u64, until: Instant) -> Result<(), Fault> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let peer = &mut self.peer;
        match session.barrier {
            Barrier::KeyUpdate if session.ledger.unconfirmed() + more > 2 * self.window => {
                let goal = Goal::Unconfirmed((2 * self.window).saturating_sub(more));
                match session.settle(goal, peer, until).await? {
                    Settled::Reached => Ok(()),
                    Settled::Unanswered => self.end(until).await,
                    Settled::OutOfTime => Err(faults::slow(self.dialler.address())),
                }
            }
            Barrier::Held if session.ledger.unconfirmed() > 2 * self.limits.hold.bytes => {
                match session.settle(Goal::Drained, peer, until).await? {
                    Settled::Reached | Settled::Unanswered => session.hold(peer),
                    Settled::OutOfTime => Err(faults::slow(self.dialler.address())),
                }
            }
            Barrier::KeyUpdate | Barrier::Close | Barrier::Held => Ok(()),
        }
    }

    /// The session in use, or a new one. A connection that its peer has ended is replaced in silence if nothing on it
    /// was left unconfirmed.
    async fn connected_session(&mut self, until: Instant) -> Result<(&mut Session, &mut Peer), Fault> {
        if let Some(session) = &mut self.session {
            let open = session.is_open(&mut self.peer);
            if !matches!(open, Ok(true)) {
                if session.ledger.unconfirmed() > 0 {
                    return Err(open.err().unwrap_or_else(|| faults::ended(self.dialler.address())));
                }
                self.drop_session();
            }
        }
        let session = match self.session.take() {
            Some(session) => session,
            None => self.open_session(until).await?,
        };
        Ok((self.session.insert(session), &mut self.peer))
    }

    async fn open_session(&mut self, until: Instant) -> Result<Session, Fault> {
        let left = || self.limits.handshake.min(until.saturating_duration_since(Instant::now()));
        let stream = self.dialler.dial(left()).await?;
        let Some((config, name)) = self.dialler.tls() else {
            let sentence = format!("{} is to be reached by TLS", self.dialler.address());
            return Err(Fault::new(FaultKind::Misconfigured, sentence));
        };
        let wire = Wire::open(stream, config, name, self.dialler.address(), left()).await?;
        Ok(Session::new(wire, &mut self.peer, self.limits))
    }

    async fn confirm_all(&mut self, until: Instant) -> Result<(), Fault> {
        let Some(session) = self.session.as_mut().filter(|session| session.ledger.unconfirmed() > 0) else {
            return Ok(());
        };
        let peer = &mut self.peer;
        match session.barrier {
            Barrier::Close => self.end(until).await,
            Barrier::KeyUpdate => {
                // One request behind the events, and one more for peers that answer one late.
                let requests = u32::from(session.ledger.unsealed() > 0) + u32::from(!peer.prompt());
                if !session.ledger.may_request(requests) {
                    return self.end(until).await;
                }
                for _ in 0..requests {
                    session.request()?;
                }
                match session.settle(Goal::Unconfirmed(0), peer, until).await? {
                    Settled::Reached if session.ledger.may_request(1 + LAST_REQUESTS) => Ok(()),
                    Settled::Reached | Settled::Unanswered => self.end(until).await,
                    // Slow but alive: what is confirmed counts, the rest is waited for in the next call.
                    Settled::OutOfTime => Ok(()),
                }
            }
            Barrier::Held => {
                let look = until.min(Instant::now() + self.limits.held_look);
                while session.ledger.unconfirmed() > 0 && Instant::now() < look {
                    session.settle(Goal::Drained, peer, look).await?;
                    session.hold(peer)?;
                    tokio::time::sleep_until(look.min(Instant::now() + self.limits.held_look / 10).into()).await;
                }
                Ok(())
            }
        }
    }

    /// Ends the connection in order and keeps what that confirmed.
    async fn end(&mut self, until: Instant) -> Result<(), Fault> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let ended = session.end(&mut self.peer, until).await;
        self.drop_session();
        ended
    }

    fn drop_session(&mut self) {
        if let Some(mut session) = self.session.take() {
            self.fresh = session.fresh().or(self.fresh);
            self.sent = session.ledger.last_sent().or(self.sent);
        }
    }

    /// What the engine is told. After a fault the connection is gone: the engine hands over again what is not taken.
    fn told(&mut self, outcome: Result<(), Fault>) -> Delivered {
        let fault = outcome.err();
        if fault.is_some() {
            self.drop_session();
        } else if let Some(session) = &mut self.session {
            self.fresh = session.fresh().or(self.fresh);
            self.sent = session.ledger.last_sent().or(self.sent);
        }
        Delivered { taken: self.fresh.take(), sent: self.sent.take(), fault }
    }
}

#[async_trait]
impl Destination for SyslogTls {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let outcome = self.hand_over(batch, Instant::now() + self.limits.call).await;
        self.told(outcome)
    }

    /// Waits as long as a call may take (90 s); a receiver that is slow but alive then leaves a rest unconfirmed
    /// without a fault, and so does one whose TCP's word is all there is (C), after a second: call it again.
    async fn confirm(&mut self) -> Delivered {
        let outcome = self.confirm_all(Instant::now() + self.limits.call).await;
        self.told(outcome)
    }

    fn connected(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_connected)
    }

    fn receipt(&self) -> Receipt {
        self.peer.receipt()
    }

    async fn close(&mut self) -> Delivered {
        let outcome = self.end(Instant::now() + self.limits.farewell).await;
        self.told(outcome)
    }
}

#[cfg(test)]
mod tests;
