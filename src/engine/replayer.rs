//! Replays: beside what is new, a destination is handed again what the SOC lost, over a connection of its own.
//!
//! News do not wait for a replay and it does not wait for them: each has its own connection, its own receipts and its
//! own retries, and each arrives in order. They share the line and the receiver. A replay connects when it begins and
//! closes when it is through.
//!
//! Promise: the record in the queue moves on the peer's word alone; a restart or a fault hands over again what was not
//! confirmed, and nothing of the range is skipped uncounted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::backoff::Backoff;
use super::receiver::{self, Said};
use super::second_try;
use super::stop::Stop;
use super::{Facilities, Forwarding, off_thread};
use crate::config::Filter;
use crate::destinations::{Delivered, Destination};
use crate::event::Seq;
use crate::fault::{Fault, FaultKind, Side, reaction};
use crate::queue::{Batch, Replaying};
use crate::values::Name;

/// One batch: events and bytes of texts, whichever is reached first.
const BATCH_EVENTS: usize = 1024;
const BATCH_BYTES: usize = 512 << 10;
/// After a look that brought nothing on: how long until the next.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs this destination's replays, one after the other, until it is stopped.
pub async fn run(facilities: Facilities, as_set: Forwarding, mut stop: Stop) {
    let name = as_set.destination.name.clone();
    let mut changes = facilities.queue.replays();
    let mut patience = Backoff::default();
    while !stop.is_stopped() {
        changes.mark_unchanged();
        let later = second_try::run(&facilities, &as_set, &mut patience, &stop).await;
        if let Some(record) = facilities.queue.replaying(name.as_str()) {
            tracing::info!(
                destination = %name,
                events = record.events,
                left = record.left(),
                "handing over again what was kept between {} and {}",
                time(record.from_ms),
                time(record.to_ms)
            );
            let replayer = Replayer {
                facilities: facilities.clone(),
                name: name.clone(),
                filter: as_set.destination.filter.clone(),
                sent: record.next.before(),
                handed: record.next.before(),
                taken: record.next.before(),
                gaps: VecDeque::new(),
                open: VecDeque::new(),
                backoff: Backoff::default(),
                record,
            };
            replayer.run(&as_set, &mut changes, &mut stop).await;
            facilities.board.destination(&name, |record| record.replay_fault = None);
            continue;
        }
        tokio::select! {
            () = stop.stopped() => return,
            _ = changes.changed() => {}
            () = tokio::time::sleep(later.unwrap_or_default()), if later.is_some() => {}
        }
    }
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| "the end of time".into(), |time| time.to_string())
}

struct Replayer {
    facilities: Facilities,
    name: Name,
    filter: Filter,
    record: Replaying,
    /// Everything up to here was read and, where it is wanted, handed over.
    sent: Seq,
    /// The last seq that was really handed over.
    handed: Seq,
    /// Everything up to here is confirmed or not wanted.
    taken: Seq,
    /// What was missing when it was read, from and to: counted once what follows is confirmed. Events that were read and
    /// not confirmed may have gone when they are read again.
    gaps: VecDeque<(Seq, Seq)>,
    /// What was handed over and is not confirmed.
    open: VecDeque<Seq>,
    backoff: Backoff,
}

impl Replayer {
    /// Until it is through, cancelled or stopped.
    async fn run(mut self, as_set: &Forwarding, changes: &mut watch::Receiver<u64>, stop: &mut Stop) {
        let mut destination: Option<Box<dyn Destination>> = None;
        while !stop.is_stopped() && self.stands() {
            let peer = match &mut destination {
                Some(peer) => Ok(peer),
                None => {
                    let said = Said::Again { began_ms: self.record.began_ms };
                    receiver::build(as_set, &self.facilities, said).map(|built| destination.insert(built))
                }
            };
            let outcome = match peer {
                Ok(peer) => self.step(peer.as_mut()).await,
                Err(fault) => Err(fault),
            };
            let wait = match outcome {
                Ok(true) => continue,
                Ok(false) => PAUSE,
                Err(fault) => {
                    // Perhaps for a certificate that was renewed meanwhile.
                    if fault.kind == FaultKind::Refused {
                        destination = None;
                    }
                    self.failed(&fault)
                }
            };
            tokio::select! {
                () = stop.stopped() => {}
                _ = changes.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        if let Some(mut peer) = destination {
            // What the close confirms counts; a fault of it is the next start's business.
            let last = peer.close().await;
            let _ = self.take(last).await;
        }
    }

    fn stands(&self) -> bool {
        !self.record.is_through()
            && self.facilities.queue.replaying(self.name.as_str()).is_some_and(|r| r.is(&self.record))
    }

    /// One batch or one look for receipts. False: nothing came of it, and there is no hurry to look again.
    async fn step(&mut self, peer: &mut dyn Destination) -> Result<bool, Fault> {
        if self.sent < self.record.last {
            let (queue, sent) = (Arc::clone(&self.facilities.queue), self.sent);
            let batch = off_thread(move || queue.read_after(sent, BATCH_EVENTS, BATCH_BYTES)).await;
            return self.hand_over(peer, batch.map_err(|error| error.fault())?).await;
        }
        let before = self.taken;
        let confirmed = peer.confirm().await;
        self.settle(confirmed).await?;
        Ok(self.taken > before)
    }

    async fn hand_over(&mut self, peer: &mut dyn Destination, batch: Batch) -> Result<bool, Fault> {
        let last = self.record.last;
        let brought_on = batch.upto > self.sent;
        self.note_gaps(&batch);
        self.sent = batch.upto.min(last);
        let mut events = batch.events;
        events.retain(|stored| {
            stored.seq <= last
                && self.record.wanted.takes(&stored.event)
                && receiver::passes(&self.filter, &stored.event)
        });
        let Some(newest) = events.last().map(|stored| stored.seq) else {
            self.take(Delivered::default()).await?;
            return Ok(brought_on);
        };
        let delivered = peer.deliver(&events).await;
        self.open.extend(events.iter().map(|stored| stored.seq));
        self.handed = newest;
        self.settle(delivered).await?;
        Ok(true)
    }

    /// Moves the record, and puts aside what the peer will never take: the first event that it has not taken, which may be
    /// one of an earlier batch.
    async fn settle(&mut self, delivered: Delivered) -> Result<(), Fault> {
        let Err(fault) = self.take(delivered).await else { return Ok(()) };
        if fault.kind != FaultKind::Rejected {
            return Err(fault);
        }
        // What is open is in order; the first of it is the one.
        let Some(refused) = self.open.iter().copied().find(|seq| *seq > self.taken) else { return Ok(()) };
        if let Some(stored) = receiver::read_one(&self.facilities, refused).await.map_err(|error| error.fault())? {
            let seq = stored.seq;
            receiver::set_aside(&self.facilities, &self.name, stored, &fault).await?;
            self.taken = seq;
            self.count_gone();
        }
        self.go_back();
        Ok(())
    }

    /// Notes what is missing of what was just read.
    fn note_gaps(&mut self, batch: &Batch) {
        let upto = batch.upto.min(self.record.last);
        let mut expected = self.sent.next();
        let there = batch.events.iter().map(|stored| stored.seq).filter(|seq| *seq <= upto);
        for seq in there.chain([upto.next()]) {
            if seq > expected {
                self.gaps.push_back((expected, seq.before()));
            }
            expected = seq.next();
        }
    }

    /// Counts what is missing of what is confirmed now.
    fn count_gone(&mut self) {
        while let Some((first, last)) = self.gaps.front().copied().filter(|(_, last)| *last <= self.taken) {
            self.gaps.pop_front();
            let gone = last.0 - first.before().0;
            self.record.gone += gone;
            tracing::warn!(
                destination = %self.name,
                "the replay misses {gone} places between seq {first} and {last}: they were let go to make room, or damaged"
            );
        }
    }

    /// Moves the record to what was confirmed.
    async fn take(&mut self, delivered: Delivered) -> Result<(), Fault> {
        let mut count = 0;
        if let Some(taken) = delivered.taken {
            self.taken = self.taken.max(taken);
            while self.open.front().is_some_and(|seq| *seq <= taken) {
                self.open.pop_front();
                count += 1;
            }
        }
        if delivered.fault.is_none() && self.taken >= self.handed {
            self.taken = self.taken.max(self.sent);
        }
        // Not only what was taken now: one that was put aside is behind it too.
        if self.taken >= self.record.next {
            self.count_gone();
            self.record.next = self.taken.next();
            self.record.handed += count;
            let (queue, record) = (Arc::clone(&self.facilities.queue), self.record.clone());
            let stood = off_thread(move || queue.replay_moved(&record)).await;
            self.facilities.board.destination(&self.name, |record| {
                record.replayed += count;
                record.replay_fault = None;
            });
            self.backoff.reset();
            if stood && self.record.is_through() {
                tracing::info!(
                    destination = %self.name,
                    events = self.record.handed,
                    gone = self.record.gone,
                    "the replay is through"
                );
            }
        }
        delivered.fault.map_or(Ok(()), Err)
    }

    /// Everything that is not confirmed is to be handed over again.
    fn go_back(&mut self) {
        self.sent = self.taken;
        self.handed = self.taken;
        self.open.clear();
        self.gaps.clear();
    }

    /// Tells the fault and returns how long to wait.
    fn failed(&mut self, fault: &Fault) -> Duration {
        self.go_back();
        let side = if fault.kind == FaultKind::Corrupt { Side::Queue } else { Side::Destination };
        let at = Instant::now();
        let wait = self.backoff.next(reaction(fault.kind, side), fault.retry_after, at, fastrand::f64());
        if self.backoff.failing_for(at).is_zero() {
            tracing::info!(destination = %self.name, fault = fault.kind.as_str(), "the replay waits: {}; trying again", fault.chain());
        }
        let now = Timestamp::now();
        self.facilities.board.destination(&self.name, |record| record.replay_failed(fault, now));
        wait.max(PAUSE)
    }
}

#[cfg(test)]
mod tests;
