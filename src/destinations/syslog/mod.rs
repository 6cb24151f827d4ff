//! RFC 5424 over TLS (RFC 5425), with receipts that the standard does not have; over plain TCP and UDP with less.
//!
//! Promise: an event is taken when the receiving process has read it, as shown by an answered TLS 1.3 KeyUpdate (A) or
//! an answered orderly close (B) behind it; where a receiver has shown that it can do neither, and on plain TCP, when
//! its TCP has it and 16 MiB more were sent after it, or a minute has passed (C); over UDP when it was sent.
//! [`Destination::receipt`] says which. Behind a proxy that ends TLS the receipt is the proxy's.
//!
//! ```text
//!   mod (a stream) ── session (one connection) ── wire (its socket) ── records (TLS, record by record)
//!                        │
//!                   receipts, peer: what was confirmed, what the peer can do (pure)
//!   datagrams (UDP)          messages: how each event is written (pure)
//! ```

mod datagrams;
mod faults;
mod messages;
mod peer;
mod receipts;
mod records;
mod session;
mod wire;

use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::datagrams::SyslogDatagrams;
pub use self::messages::{Framing, Standard};
pub use crate::format::rfc5424::LARGEST;

use self::messages::Messages;
use self::peer::{Barrier, Peer};
use self::session::{Goal, Limits, Session, Settled};
use self::wire::Wire;
use crate::destinations::link::{Dialler, Link};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::{Seq, Stored};
use crate::fault::{Fault, FaultKind};
use crate::format::Shape;
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
    /// Of a stream; a datagram holds one message.
    pub framing: Framing,
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

/// One syslog receiver, over TLS or plain TCP.
#[derive(Debug)]
pub struct SyslogStream {
    dialler: Dialler,
    messages: Messages,
    window: u64,
    piece: usize,
    limits: Limits,
    buffer: Vec<u8>,
    peer: Peer,
    session: Option<Session>,
    fresh: Option<Seq>,
    /// The last event that went onto a connection, not told yet.
    sent: Option<Seq>,
    /// The connection outlived its last fault, and everything up to here is on it already.
    resume: Option<Seq>,
}

impl SyslogStream {
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
    ) -> Result<SyslogStream, Fault> {
        let window = settings.window.max(LEAST_WINDOW);
        Ok(SyslogStream {
            dialler: link.dialler(key)?,
            messages: Messages::of_a_stream(settings, shape, agent_name)?,
            window,
            piece: PIECE.min(usize::try_from(window / 8).unwrap_or(PIECE)),
            limits: Limits::default(),
            buffer: Vec::new(),
            peer: Peer::default(),
            session: None,
            fresh: None,
            sent: None,
            resume: None,
        })
    }

    /// The same for events of a replay, which are marked as such.
    pub fn replaying(self) -> SyslogStream {
        SyslogStream { messages: self.messages.replaying(), ..self }
    }

    /// What of a batch is not on the connection already.
    fn rest<'b>(&mut self, batch: &'b [Stored]) -> &'b [Stored] {
        let Some(resume) = self.resume else { return batch };
        let known = batch.iter().take_while(|stored| stored.seq <= resume).count();
        if batch.last().is_some_and(|last| last.seq >= resume) {
            self.resume = None;
        }
        &batch[known..]
    }

    async fn hand_over(&mut self, batch: &[Stored], until: Instant) -> Result<(), Fault> {
        self.buffer.clear();
        let batch = self.rest(batch);
        for (at, stored) in batch.iter().enumerate() {
            if !self.messages.write(&mut self.buffer, stored)? {
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
        // Where only TCP's word is had, a close is no receipt to count on: nothing may be open then.
        let may_end = |session: &Session| session.barrier != Barrier::Held || session.ledger.unconfirmed() == 0;
        if self.session.as_ref().is_some_and(|session| self.dialler.is_outlived(session.age()) && may_end(session)) {
            self.end(until).await?;
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
        let wire = Wire::open(stream, self.dialler.tls(), self.dialler.address(), left()).await?;
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
        if ended.is_ok() || !session.is_kept() {
            self.drop_session();
        }
        ended
    }

    fn drop_session(&mut self) {
        self.resume = None;
        if let Some(mut session) = self.session.take() {
            self.fresh = session.fresh().or(self.fresh);
            self.sent = session.ledger.last_sent().or(self.sent);
        }
    }

    /// What the engine is told. After a fault the engine hands over again what is not taken, and the connection is gone
    /// (or kept, and then that is not sent on it again).
    fn told(&mut self, outcome: Result<(), Fault>) -> Delivered {
        let fault = outcome.err();
        if fault.is_some() && !self.session.as_ref().is_some_and(Session::is_kept) {
            self.drop_session();
        } else if let Some(session) = &mut self.session {
            if fault.is_some() {
                self.resume = session.ledger.last_sent();
            }
            self.fresh = session.fresh().or(self.fresh);
            self.sent = session.ledger.last_sent().or(self.sent);
        }
        Delivered { taken: self.fresh.take(), sent: self.sent.take(), fault }
    }
}

#[async_trait]
impl Destination for SyslogStream {
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

    /// On plain TCP the weaker word stands, though its last close may have been answered.
    fn receipt(&self) -> Receipt {
        match self.peer.receipt() {
            Receipt::ReadClose if self.dialler.tls().is_none() => Receipt::HeldByTcp,
            receipt => receipt,
        }
    }

    fn peer_certificate_ends(&self) -> Option<Timestamp> {
        self.session.as_ref().and_then(Session::peer_ends)
    }

    async fn close(&mut self) -> Delivered {
        let outcome = self.end(Instant::now() + self.limits.farewell).await;
        self.told(outcome)
    }
}

#[cfg(test)]
mod tests;
