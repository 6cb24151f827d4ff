//! One connection from its handshake to its end: sends frames, asks for receipts, waits for them.
//!
//! Promise: every wait here has a limit, and while it lasts both directions are served. What counts as confirmed is
//! decided by [`Ledger`], what a silence means by [`Peer`].

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::faults;
use super::peer::{Barrier, Peer};
use super::receipts::{Answer, HoldRule, Ledger};
use super::wire::Wire;
use crate::event::Seq;
use crate::fault::Fault;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Dialling, and the TLS handshake after it.
    pub(super) handshake: Duration,
    /// Without an answer, everything drained: ask once more, or give KeyUpdates up for this connection.
    pub(super) silence: Duration,
    /// For the answer to an orderly close, everything drained.
    pub(super) close: Duration,
    /// The same if everything is confirmed already: a courtesy, not a receipt.
    pub(super) courtesy: Duration,
    /// Without a sign of the peer's TCP though it owes one: the peer is dead, or the way to it.
    pub(super) dead: Duration,
    /// Without any progress: the receiver has stalled.
    pub(super) stall: Duration,
    /// One call of the engine.
    pub(super) call: Duration,
    /// The last close, when the agent stops.
    pub(super) farewell: Duration,
    /// One look at events that only TCP holds.
    pub(super) held_look: Duration,
    pub(super) hold: HoldRule,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handshake: Duration::from_secs(10),
            silence: Duration::from_secs(1),
            close: Duration::from_secs(10),
            courtesy: Duration::from_millis(250),
            dead: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            call: Duration::from_secs(90),
            farewell: Duration::from_secs(5),
            held_look: Duration::from_secs(1),
            hold: HoldRule { bytes: 16 << 20, time: Duration::from_secs(60) },
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// All bytes are in the socket.
    Written,
    /// The peer's TCP has all bytes.
    Drained,
    /// At most so many bytes are unconfirmed.
    Unconfirmed(u64),
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Reached,
    /// KeyUpdates stay unanswered by a peer of which nothing is known: an orderly close may tell more.
    Unanswered,
    /// Things move, but the call's time is over.
    OutOfTime,
}

/// Between two looks at the kernel's count of acknowledgements, which wakes nobody.
const LOOK: Duration = Duration::from_millis(10);
/// Between two such looks where the peer's answer wakes us anyway.
const IDLE_LOOK: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Session {
    wire: Wire,
    pub(super) ledger: Ledger,
    pub(super) barrier: Barrier,
    limits: Limits,
    acked: u64,
    progress: Instant,
    told: Option<Seq>,
    /// Answers that came after our close_notify; `None` before it.
    late_answers: Option<u32>,
    born: Instant,
    /// A wait has ended before the peer was through with it, and it may still go on.
    outwaited: bool,
}

impl Session {
    /// Takes over a connection whose handshake is finished.
    pub(super) fn new(mut wire: Wire, peer: &mut Peer, limits: Limits) -> Session {
        let now = Instant::now();
        peer.met(wire.peer(), now);
        let barrier = if wire.is_plain() { Barrier::Held } else { peer.barrier(wire.is_tls13()) };
        if barrier == Barrier::Held {
            wire.spare();
        }
        Session {
            wire,
            ledger: Ledger::default(),
            barrier,
            limits,
            acked: 0,
            progress: now,
            told: None,
            late_answers: None,
            born: now,
            outwaited: false,
        }
    }

    /// How long the connection has been up.
    pub(super) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// Until when the peer's certificate holds.
    pub(super) fn peer_ends(&self) -> Option<Timestamp> {
        self.wire.peer_ends()
    }

    /// Did its last fault leave it standing, with all that was sent in its order? A receiver on plain TCP that does not
    /// read shows no life by a handshake: on a new connection it would be sent the same again at each try, and read it
    /// all when it goes on.
    pub(super) fn is_kept(&self) -> bool {
        self.wire.is_plain() && self.outwaited && self.late_answers.is_none()
    }

    #[cfg(test)]
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The newest confirmed event, if it was not told before.
    pub(super) fn fresh(&mut self) -> Option<Seq> {
        let newest = self.ledger.last_confirmed();
        if newest == self.told {
            return None;
        }
        self.told = newest;
        newest
    }

    /// Sends whole frames that end with event `last`.
    pub(super) async fn send(
        &mut self,
        frames: &[u8],
        last: Seq,
        peer: &mut Peer,
        until: Instant,
    ) -> Result<(), Fault> {
        self.serve(peer)?;
        let mut rest = frames;
        loop {
            if self.wire.is_ending() {
                return Err(faults::ended(self.wire.address()));
            }
            let taken = self.wire.put(rest)?;
            rest = &rest[taken..];
            if rest.is_empty() {
                break;
            }
            if self.settle(Goal::Written, peer, until).await? == Settled::OutOfTime {
                return Err(faults::slow(self.wire.address()));
            }
        }
        self.ledger.sent(last, frames.len());
        self.serve(peer)
    }

    /// Is the connection still fit for more, as far as can be seen without waiting?
    pub(super) fn is_open(&mut self, peer: &mut Peer) -> Result<bool, Fault> {
        self.serve(peer)?;
        // The kernel may know of the peer's FIN before our reading has met it.
        Ok(!self.wire.is_ending() && self.wire.is_up())
    }

    /// Is the connection up, as far as the kernel knows?
    pub(super) fn is_connected(&self) -> bool {
        self.wire.is_up()
    }

    /// Asks for a receipt of all that was sent.
    pub(super) fn request(&mut self) -> Result<(), Fault> {
        self.wire.request_receipt()?;
        self.ledger.requested();
        Ok(())
    }

    /// Waits for `goal`, asking once more where that helps.
    pub(super) async fn settle(&mut self, goal: Goal, peer: &mut Peer, until: Instant) -> Result<Settled, Fault> {
        self.progress = Instant::now();
        self.outwaited = false;
        loop {
            self.serve(peer)?;
            let now = self.look()?;
            let reached = match goal {
                Goal::Written => self.wire.is_written(),
                Goal::Drained => self.wire.is_drained()?,
                Goal::Unconfirmed(most) => self.ledger.unconfirmed() <= most,
            };
            if reached {
                return Ok(Settled::Reached);
            }
            if self.wire.is_ending() {
                return Err(faults::ended(self.wire.address()));
            }
            if self.barrier == Barrier::KeyUpdate && matches!(goal, Goal::Unconfirmed(_)) {
                if !self.ledger.is_trusted() {
                    return Ok(Settled::Unanswered);
                }
                let silent = now.duration_since(self.progress) >= self.limits.silence && self.wire.is_drained()?;
                let waiting = self.ledger.requests() - self.ledger.answers();
                if silent && waiting < 3 && self.ledger.answers() == 0 || silent && waiting < 2 {
                    if !self.ledger.may_request(1) {
                        return Ok(Settled::Unanswered);
                    }
                    self.request()?;
                    self.progress = now;
                    continue;
                }
                if silent && peer.untried() && self.ledger.answers() == 0 {
                    return Ok(Settled::Unanswered);
                }
            }
            if self.has_stalled(now, peer) {
                return Err(faults::stalled(self.wire.address(), self.limits.stall));
            }
            if now >= until {
                self.outwaited = true;
                return Ok(Settled::OutOfTime);
            }
            let pause = if matches!(goal, Goal::Drained) { LOOK } else { IDLE_LOOK.min(self.limits.silence) };
            self.wire.wait(until.min(now + pause)).await;
        }
    }

    /// Notes what the peer's TCP holds (barrier C) and confirms what it has held for long enough.
    pub(super) fn hold(&mut self, peer: &mut Peer) -> Result<(), Fault> {
        self.serve(peer)?;
        if self.wire.is_ending() {
            return Err(faults::ended(self.wire.address()));
        }
        let now = Instant::now();
        if self.wire.is_drained()? {
            self.ledger.drained(now);
        }
        let before = self.ledger.last_confirmed();
        self.ledger.ripen(now, self.limits.hold);
        if self.ledger.last_confirmed() != before {
            peer.held();
        }
        Ok(())
    }

    /// Ends the connection in order. `Ok`: everything that was sent on it is confirmed.
    pub(super) async fn end(&mut self, peer: &mut Peer, until: Instant) -> Result<(), Fault> {
        if self.settle(Goal::Written, peer, until).await? == Settled::OutOfTime {
            return Err(faults::slow(self.wire.address()));
        }
        if self.wire.is_ending() {
            return Err(faults::ended(self.wire.address()));
        }
        let in_vain = self.ledger.requests() >= 2 && self.ledger.answers() == 0;
        // One that is known to answer is not believed on its close alone: it may have ended its own side before ours
        // came, and throw away what it still reads.
        let answers_count =
            self.barrier == Barrier::KeyUpdate && self.ledger.is_trusted() && peer.answers_key_updates();
        let worth_asking = self.barrier == Barrier::KeyUpdate && (!in_vain || answers_count);
        if worth_asking && self.ledger.unconfirmed() > 0 && self.ledger.may_request(2) {
            // A peer that answers these but never closes has confirmed everything all the same.
            self.request()?;
            self.request()?;
        }
        self.wire.close_notify();
        self.late_answers = Some(0);
        let mut finished = false;
        self.progress = Instant::now();
        loop {
            self.serve(peer)?;
            if self.wire.is_written() && !finished {
                self.wire.finish();
                finished = true;
            }
            let now = self.look()?;
            let drained = self.wire.is_drained()?;
            if self.wire.ended() {
                // A close that crossed ours on the way is no answer to it.
                let unanswered = answers_count && self.ledger.unconfirmed() > 0;
                if unanswered && self.ledger.answers() == 0 {
                    // Another process at the same address, perhaps: it shows on its next connection what it can do.
                    peer.forget();
                }
                if !drained || unanswered {
                    return Err(faults::ended_early(self.wire.address()));
                }
                self.ledger.closed();
                peer.answered_close(in_vain && self.late_answers < Some(2), now);
                return Ok(());
            }
            let everything = self.ledger.unconfirmed() == 0;
            let patience = if everything { self.limits.courtesy } else { self.limits.close };
            if drained && (now.duration_since(self.progress) >= patience || now >= until) {
                if everything {
                    return Ok(());
                }
                if now.duration_since(self.progress) >= patience {
                    peer.left_close_unanswered(now);
                }
                return Err(faults::unclosed(self.wire.address(), patience));
            }
            if self.has_stalled(now, peer) {
                return Err(faults::stalled(self.wire.address(), self.limits.stall));
            }
            if now >= until {
                return Err(faults::slow(self.wire.address()));
            }
            self.wire.wait(until.min(now + LOOK)).await;
        }
    }

    /// Serves both directions once and counts the answers.
    fn serve(&mut self, peer: &mut Peer) -> Result<(), Fault> {
        let seen = self.wire.exchange()?;
        for _ in 0..seen.answers {
            let trusted = self.ledger.is_trusted();
            match self.ledger.answered() {
                Answer::Counted => {
                    self.progress = Instant::now();
                    self.teach(peer);
                }
                // Told once for each connection: the peer alone decides how many of them come.
                Answer::Unasked if !trusted => {}
                Answer::Unasked => {
                    tracing::warn!(address = self.wire.address(), "the receiver sends KeyUpdates of its own");
                }
            }
        }
        Ok(())
    }

    /// What an answer tells of the peer. rustls as a receiver keeps one answer back until it writes, which is when it
    /// closes: a single one behind our close_notify proves what it proves, but no habit.
    fn teach(&mut self, peer: &mut Peer) {
        if let Some(late) = &mut self.late_answers {
            *late += 1;
            if *late < 2 {
                return;
            }
        }
        peer.answered_key_update(self.ledger.answers() == self.ledger.requests());
    }

    /// The time, with progress noted where the peer's TCP took more, unless that has died.
    fn look(&mut self) -> Result<Instant, Fault> {
        let now = Instant::now();
        if self.wire.owed(now)? >= self.limits.dead {
            return Err(faults::dead(self.wire.address(), self.limits.dead));
        }
        let acked = self.wire.acked()?;
        if acked > self.acked {
            self.acked = acked;
            self.progress = now;
        }
        Ok(now)
    }

    fn has_stalled(&mut self, now: Instant, peer: &mut Peer) -> bool {
        let stalled = now.duration_since(self.progress) >= self.limits.stall;
        if stalled {
            self.outwaited = true;
            peer.forget();
        }
        stalled
    }
}
