//! One connection from `open` to `close`: sends frames, reads answers while it does, waits for them.
//!
//! Promise: every wait here has a limit, and while it lasts both directions are served: a peer that does not read
//! because we do not read can't stop us. What counts as taken is decided by [`Window`].

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::carrier::Carrier;
use super::faults;
use super::frames::{self, Said};
use super::window::{Limits as WindowLimits, Window};
use crate::VERSION;
use crate::event::Seq;
use crate::fault::{Fault, FaultKind};
use crate::net::tcp_info::Owed;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Dialling, the TLS handshake and the answer to `open`, together.
    pub(super) opening: Duration,
    /// Without a sign of the peer's TCP though it owes one: the peer is dead, or the way to it.
    pub(super) dead: Duration,
    /// Without any progress: the receiver has stalled.
    pub(super) stall: Duration,
    /// One call of the engine.
    pub(super) call: Duration,
    /// The end of a connection, and the last of them when the agent stops.
    pub(super) farewell: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            opening: Duration::from_secs(10),
            dead: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            call: Duration::from_secs(80),
            farewell: Duration::from_secs(5),
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// What was put is in the socket.
    Written,
    /// A frame of so many bytes may go, or nothing may go on because something was refused.
    Room(usize),
    /// Every event is answered.
    Settled,
    /// Our own question, `open` or `close`, is answered.
    Told,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    /// Things move, but the call's time is over.
    OutOfTime,
}

/// A question of ours that is no event.
#[derive(Debug)]
enum Question {
    None,
    Asked(u32),
    Told(Vec<u8>),
}

/// Reads in one look, at most: a peer that never stops talking must not keep us from looking at the clock.
const MOST_READS: usize = 64;
/// Between two looks at what the peer's TCP owes, which wakes nobody.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Session {
    carrier: Box<dyn Carrier>,
    address: String,
    limits: Limits,
    pub(super) window: Window,
    /// What has come and is no whole frame yet: less than the longest frame, and one read.
    inbound: BytesMut,
    /// What waits for the socket: bounded by the window's bytes.
    outbound: BytesMut,
    unflushed: bool,
    question: Question,
    /// The peer ends the connection, or has.
    ended: bool,
    owed: Owed,
    /// Bytes that went out and answers that came.
    progress: u64,
    begun: Instant,
}

impl Session {
    /// Opens a session on a connection to `address` (named so in faults).
    ///
    /// # Errors
    /// `Refused`: the peer does not want us, or can't take events; `Unavailable`: it does not speak RELP, or not now.
    pub(super) async fn open(
        carrier: Box<dyn Carrier>,
        address: &str,
        limits: Limits,
        window: WindowLimits,
        until: Instant,
    ) -> Result<Session, Fault> {
        let mut session = Session {
            carrier,
            address: address.to_owned(),
            limits,
            window: Window::new(window),
            inbound: BytesMut::new(),
            outbound: BytesMut::new(),
            unflushed: false,
            question: Question::None,
            ended: false,
            owed: Owed::default(),
            progress: 0,
            begun: Instant::now(),
        };
        let offers = format!("relp_version=0\nrelp_software=conductor,{VERSION}\ncommands=syslog");
        session.ask("open", offers.as_bytes());
        match session.reach(Goal::Told, until).await {
            Ok(Reached::Yes) => {}
            Ok(Reached::OutOfTime) => return Err(faults::mute(address, limits.opening)),
            Err(_) if session.ended => return Err(faults::unopened(address)),
            Err(fault) => return Err(fault),
        }
        let Question::Told(data) = &session.question else { return Err(faults::unopened(address)) };
        check_offers(address, data)?;
        Ok(session)
    }

    /// Puts an event's frame, whose number is that of [`Window::next`], behind what waits for the socket.
    pub(super) fn put(&mut self, seq: Seq, frame: &[u8]) {
        self.outbound.extend_from_slice(frame);
        self.window.sent(seq, frame.len());
    }

    pub(super) fn age(&self) -> std::time::Duration {
        self.begun.elapsed()
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Bytes that wait for the socket.
    pub(super) fn backlog(&self) -> usize {
        self.outbound.len()
    }

    /// Waits for `goal`.
    ///
    /// # Errors
    /// `Unavailable`: the connection ended or broke, the peer stalled, or said what can't be; `Refused`: its TLS does
    /// not want our certificate.
    pub(super) async fn reach(&mut self, goal: Goal, until: Instant) -> Result<Reached, Fault> {
        let mut since = Instant::now();
        let mut before = self.progress;
        loop {
            let reached = match goal {
                Goal::Written => self.outbound.is_empty() && !self.unflushed,
                Goal::Room(bytes) => self.window.has_room(bytes) || self.window.holds_refusal(),
                Goal::Settled => self.window.is_settled(),
                Goal::Told => matches!(self.question, Question::Told(_)),
            };
            if reached {
                return Ok(Reached::Yes);
            }
            if self.ended {
                return Err(faults::ended(&self.address));
            }
            let now = Instant::now();
            if self.progress != before {
                (before, since) = (self.progress, now);
            }
            if now >= until {
                return Ok(Reached::OutOfTime);
            }
            if now.duration_since(since) >= self.limits.stall {
                return Err(faults::stalled(&self.address, self.limits.stall));
            }
            let unknowable = |error| faults::cut(&self.address, error);
            if self.carrier.owed(&mut self.owed, now).map_err(unknowable)? >= self.limits.dead {
                return Err(faults::dead(&self.address, self.limits.dead));
            }
            let limit = until.min(since + self.limits.stall).min(now + LOOK);
            if let Ok(exchanged) = timeout_at(limit, poll_fn(|context| self.exchange(context))).await {
                exchanged?;
            }
        }
    }

    /// Reads what has come, without waiting. Returns whether the connection is still fit for more.
    ///
    /// # Errors
    /// As of [`Session::reach`].
    pub(super) async fn look(&mut self) -> Result<bool, Fault> {
        poll_fn(|context| match self.exchange(context) {
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        })
        .await?;
        Ok(self.is_up())
    }

    /// Is the connection up, as far as we and the kernel know?
    pub(super) fn is_up(&self) -> bool {
        !self.ended && self.carrier.is_up()
    }

    /// Ends a session in order, when everything is taken: whatever the peer makes of it, nothing can be lost any more.
    pub(super) async fn close(mut self, until: Instant) {
        self.ask("close", b"");
        if matches!(self.reach(Goal::Told, until).await, Ok(Reached::Yes)) {
            // The peer may be gone already.
            let _ = timeout_at(until, self.carrier.shutdown()).await;
        }
    }

    /// Drops the connection at once: what it still holds goes by another.
    pub(super) fn abort(self) {
        self.carrier.abort();
    }

    /// Asks something that the peer need not answer.
    #[cfg(test)]
    pub(super) fn nudge(&mut self) {
        self.ask("ping", b"");
    }

    fn ask(&mut self, command: &str, data: &[u8]) {
        let txnr = self.window.skip();
        let mut frame = Vec::new();
        frames::write(&mut frame, txnr, command, data);
        self.outbound.extend_from_slice(&frame);
        self.question = Question::Asked(txnr);
    }

    /// Serves both directions as far as they go now. Reading comes first: what a peer says before it goes is heard.
    fn exchange(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut moved = self.read(context)?;
        while !self.outbound.is_empty() {
            match Pin::new(&mut self.carrier).poll_write(context, &self.outbound) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.outbound.advance(written);
                    self.progress += written as u64;
                    self.unflushed = true;
                    moved = true;
                }
                Poll::Ready(outcome) => {
                    let error = outcome.err().unwrap_or_else(|| std::io::ErrorKind::WriteZero.into());
                    self.read(context)?;
                    return Poll::Ready(Err(self.broken(error)));
                }
                Poll::Pending => break,
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.carrier).poll_flush(context) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.broken(error))),
                Poll::Pending => {}
            }
        }
        if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Reads what has come; whether anything has.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Fault> {
        let mut moved = false;
        for _ in 0..MOST_READS {
            if self.ended {
                break;
            }
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.carrier).poll_read(context, &mut chunk) {
                Poll::Ready(Ok(())) => {
                    moved = true;
                    self.ended = chunk.filled().is_empty();
                    self.inbound.extend_from_slice(chunk.filled());
                    self.take_frames()?;
                }
                Poll::Ready(Err(error)) => return Err(self.broken(error)),
                Poll::Pending => break,
            }
        }
        Ok(moved)
    }

    /// The connection broke. That ends it, but for an alert of TLS, which says more than the end does.
    fn broken(&mut self, error: std::io::Error) -> Fault {
        let fault = faults::cut(&self.address, error);
        self.ended = fault.kind != FaultKind::Refused;
        fault
    }

    fn take_frames(&mut self) -> Result<(), Fault> {
        while let Some((said, used)) = frames::first(&self.inbound).map_err(|e| faults::garbage(&self.address, e))? {
            self.inbound.advance(used);
            match said {
                Said::Answer(txnr, data) => self.hear(txnr, data)?,
                Said::ServerClose => self.ended = true,
                Said::Hint => {}
            }
        }
        Ok(())
    }

    fn hear(&mut self, txnr: u32, data: Vec<u8>) -> Result<(), Fault> {
        self.progress += 1;
        if matches!(self.question, Question::Asked(asked) if asked == txnr) {
            self.question = Question::Told(data);
            return Ok(());
        }
        let verdict = frames::verdict(&data).ok_or_else(|| faults::codeless(&self.address, txnr))?;
        self.window.answered(txnr, verdict).map_err(|e| faults::unasked(&self.address, e))
    }
}

/// Does the answer to `open` let us send events?
fn check_offers(address: &str, data: &[u8]) -> Result<(), Fault> {
    let verdict = frames::verdict(data).ok_or_else(|| faults::codeless(address, frames::FIRST))?;
    if verdict.code != 200 {
        return Err(faults::refused(address, &faults::said(&verdict)));
    }
    let syslog = |values: Vec<&[u8]>| values.contains(&b"syslog".as_slice());
    if !frames::offer(data, "commands").is_some_and(syslog) {
        return Err(faults::refused(address, "it does not offer the command `syslog`"));
    }
    let zero = |values: Vec<&[u8]>| values == [b"0"];
    if !frames::offer(data, "relp_version").is_none_or(zero) {
        return Err(faults::refused(address, "it speaks another version of RELP than 0"));
    }
    Ok(())
}
