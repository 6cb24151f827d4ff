//! Forwarding: one task a destination. Read after its cursor, hand over, move the cursor on the peer's word.
//!
//! Promise: the cursor never passes what the peer confirmed; after a fault everything behind it is handed over
//! again, in order. A slow or broken destination slows no other, and never the collecting.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::backoff::Backoff;
use super::key::reload;
use super::papers::Papers;
use super::receiver::{self, Said};
use super::renewal::Renewal;
use super::stop::Stop;
use super::{Facilities, Forwarding, off_thread, replayer, telling};
use crate::config::{self, Filter};
use crate::destinations::{Delivered, Destination};
use crate::event::{Event, Seq, Stored};
use crate::fault::{Fault, FaultKind, Reaction, Side, reaction};
use crate::queue::{Batch, QueueError};
use crate::status::{Code, Standing};

/// One batch: events and bytes of texts, whichever is reached first.
const BATCH_EVENTS: usize = 1024;
const BATCH_BYTES: usize = 512 << 10;
/// After this much quiet, what was handed over is confirmed.
const QUIET: Duration = Duration::from_millis(200);
/// A fault that lasts this long becomes a condition.
const TOLD_AFTER: Duration = Duration::from_secs(60);

/// How near the ends of certificates are is told at least so often.
const TELL_EVERY: Duration = Duration::from_secs(3600);

/// Runs a destination until it is stopped: what is new, and beside it what is replayed.
pub async fn run(facilities: Facilities, as_set: Forwarding, stop: Stop) {
    let replaying = replayer::run(facilities.clone(), as_set.clone(), stop.clone());
    tokio::join!(forward(facilities, as_set, stop), replaying);
}

async fn forward(facilities: Facilities, as_set: Forwarding, mut stop: Stop) {
    let name = as_set.destination.name.to_string();
    let mut backoff = Backoff::default();
    let mut papers = Papers::new(&as_set.destination, Arc::clone(&facilities.places));
    let mut reloaded = facilities.reloaded.clone();
    let destination = loop {
        papers.reading().await;
        let fault = match receiver::build(&as_set, &facilities, Said::Once) {
            Ok(destination) => break destination,
            Err(fault) => fault,
        };
        let wait = backoff.next(
            Reaction::ParkUntilChanged { again: Duration::from_secs(60) },
            None,
            Instant::now(),
            fastrand::f64(),
        );
        let code = if fault.kind == FaultKind::Keyless { Code::DestinationKeyless } else { Code::DestinationRefused };
        let now = Timestamp::now();
        facilities.board.destination(&as_set.destination.name, |r| r.failed(Standing::Parked, &fault, now));
        if facilities.board.raise(code, &name, fault.chain(), now) {
            tracing::error!(destination = name, fault = fault.kind.as_str(), "{}", fault.chain());
        }
        tokio::select! {
            () = stop.stopped() => return,
            () = papers.changed() => {}
            () = reload(&mut reloaded) => {}
            () = tokio::time::sleep(wait) => {}
        }
    };
    for code in [Code::DestinationKeyless, Code::DestinationRefused] {
        facilities.board.clear(code, &name);
    }
    let queue = Arc::clone(&facilities.queue);
    let (queue_name, oldest) = (name.clone(), as_set.destination.start == config::Start::Oldest);
    let cursor = off_thread(move || queue.register(&queue_name, oldest)).await;
    let forwarder = Forwarder {
        filter: as_set.destination.filter.clone(),
        board_name: as_set.destination.name.clone(),
        renewal: Renewal::new(as_set, papers, reloaded),
        facilities,
        name,
        destination,
        sent: cursor,
        handed: cursor,
        taken: cursor,
        delivered: 0,
        open: VecDeque::new(),
        handed_over: VecDeque::new(),
        backoff,
        has_worked: false,
    };
    forwarder.run(stop).await;
}

struct Forwarder {
    facilities: Facilities,
    name: String,
    board_name: crate::values::Name,
    filter: Filter,
    renewal: Renewal,
    destination: Box<dyn Destination>,
    /// Everything up to here was read and, if the filter lets it pass, handed over.
    sent: Seq,
    /// The last seq that was really handed over.
    handed: Seq,
    /// Everything up to here is confirmed: the cursor.
    taken: Seq,
    /// Events handed over, repeats counted.
    delivered: u64,
    /// The seqs of events that went onto a connection and are not confirmed.
    open: VecDeque<Seq>,
    /// The seqs of all events that were handed over and are not confirmed.
    handed_over: VecDeque<Seq>,
    backoff: Backoff,
    /// It has taken something since this task began.
    has_worked: bool,
}

/// What there is to do.
enum Work {
    Events(Batch),
    Confirm,
    Heartbeat(Event),
    /// Files of certificates or secrets may have changed.
    Renew,
    /// Nothing but to tell how things stand.
    Tell,
    Stop,
}

impl Forwarder {
    async fn run(mut self, mut stop: Stop) {
        let mut head = self.facilities.queue.head();
        let mut heartbeat = self.facilities.heartbeat.clone();
        heartbeat.mark_unchanged();
        loop {
            let fault = match self.next(&mut head, &mut heartbeat, &mut stop).await {
                Ok(Work::Stop) => break,
                Ok(Work::Events(batch)) => self.hand_over(batch).await,
                Ok(Work::Confirm) => {
                    let confirmed = self.destination.confirm().await;
                    self.settle(confirmed).await
                }
                Ok(Work::Heartbeat(event)) => {
                    // Not of the queue: it borrows the place of the last event, so that it moves no cursor.
                    let beat = self.destination.deliver(&[Stored { seq: self.handed, event }]).await;
                    self.settle(beat).await
                }
                Ok(Work::Renew) => self.renew().await,
                Ok(Work::Tell) => None,
                Err(error) => Some(error.fault()),
            };
            self.tell();
            if let Some(fault) = fault {
                let wait = self.failed(&fault).await;
                tokio::select! {
                    () = stop.stopped() => break,
                    // A certificate may be valid now.
                    () = self.facilities.clock.next_setting() => {}
                    () = self.renewal.due() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        let last = self.destination.close().await;
        self.take(last).await;
        self.tell();
    }

    /// Waits for something to do. Safe to drop: nothing is handed over here.
    async fn next(
        &mut self,
        head: &mut tokio::sync::watch::Receiver<Seq>,
        heartbeat: &mut tokio::sync::watch::Receiver<Option<Event>>,
        stop: &mut Stop,
    ) -> Result<Work, QueueError> {
        loop {
            if stop.is_stopped() {
                return Ok(Work::Stop);
            }
            if self.renewal.is_due() {
                return Ok(Work::Renew);
            }
            if *head.borrow_and_update() > self.sent {
                let (queue, sent) = (Arc::clone(&self.facilities.queue), self.sent);
                let batch = off_thread(move || queue.read_after(sent, BATCH_EVENTS, BATCH_BYTES)).await?;
                return Ok(Work::Events(batch));
            }
            let unconfirmed = self.taken < self.handed;
            tokio::select! {
                () = stop.stopped() => return Ok(Work::Stop),
                _ = head.changed() => {}
                () = self.renewal.due() => {}
                () = tokio::time::sleep(TELL_EVERY) => return Ok(Work::Tell),
                () = tokio::time::sleep(QUIET), if unconfirmed => return Ok(Work::Confirm),
                _ = heartbeat.changed() => {
                    if let Some(event) = heartbeat.borrow_and_update().clone() {
                        return Ok(Work::Heartbeat(event));
                    }
                }
            }
        }
    }

    async fn hand_over(&mut self, batch: Batch) -> Option<Fault> {
        let mut events = batch.events;
        events.retain(|stored| receiver::passes(&self.filter, &stored.event));
        let Some(last) = events.last().map(|stored| stored.seq) else {
            self.sent = batch.upto;
            return self.take(Delivered::default()).await;
        };
        self.handed_over.extend(events.iter().map(|stored| stored.seq));
        let delivered = self.destination.deliver(&events).await;
        self.sent = batch.upto;
        self.handed = last;
        self.settle(delivered).await
    }

    /// Moves the cursor, and puts aside what the peer will never take: the first event that it has not taken. That may be
    /// one of an earlier batch, so it is looked up in the queue.
    async fn settle(&mut self, delivered: Delivered) -> Option<Fault> {
        let fault = self.take(delivered).await?;
        if fault.kind != FaultKind::Rejected {
            return Some(fault);
        }
        let Some(refused) = self.handed_over.front().copied() else {
            // A heartbeat: it is not of the queue, and the next one comes anyway.
            tracing::debug!(destination = self.name, "a heartbeat was refused: {}", fault.chain());
            return None;
        };
        match receiver::read_one(&self.facilities, refused).await {
            Ok(Some(stored)) => self.set_aside(stored, &fault).await.err(),
            // The operator's rule dropped it meanwhile: what follows is innocent.
            Ok(None) => {
                self.go_back();
                None
            }
            Err(error) => Some(error.fault()),
        }
    }

    /// Moves the cursor to what was confirmed. Returns the fault, if there was one.
    async fn take(&mut self, delivered: Delivered) -> Option<Fault> {
        let before = self.taken;
        let mut count = 0;
        // What never went onto a connection is neither told as handed over nor, later, as handed over again. A batch that
        // was held back goes when it is confirmed.
        let known = self.open.back().copied().unwrap_or(self.taken);
        let waiting = self.open.len();
        self.open.extend(self.handed_over.iter().filter(|seq| **seq > known && Some(**seq) <= delivered.sent));
        self.delivered += (self.open.len() - waiting) as u64;
        if let Some(taken) = delivered.taken {
            self.taken = self.taken.max(taken);
            while self.open.front().is_some_and(|seq| *seq <= taken) {
                self.open.pop_front();
                count += 1;
            }
            while self.handed_over.front().is_some_and(|seq| *seq <= taken) {
                self.handed_over.pop_front();
            }
        }
        if delivered.fault.is_none() && self.taken >= self.handed {
            // Nothing is open: what the filter held back behind the last event is passed over too.
            self.taken = self.taken.max(self.sent);
        }
        if self.taken > before {
            let (queue, name, taken) = (Arc::clone(&self.facilities.queue), self.name.clone(), self.taken);
            off_thread(move || queue.ack(&name, taken)).await;
            if delivered.taken.is_some() {
                self.worked(count);
            }
        }
        delivered.fault
    }

    fn worked(&mut self, count: u64) {
        self.backoff.reset();
        self.has_worked = true;
        let now = Timestamp::now();
        let cursor = self.taken.0;
        self.facilities.board.destination(&self.board_name, |record| record.took(count, cursor, now));
        let stood = [Code::DestinationDown, Code::DestinationRefused, Code::DestinationStalled]
            .into_iter()
            .filter(|code| self.facilities.board.clear(*code, &self.name))
            .count();
        if stood > 0 {
            tracing::info!(destination = self.name, "the destination takes events again");
        }
    }

    /// Takes changed files into use: what is handed over from now on goes by a connection of the new set, and what the old
    /// one does not confirm at its end goes again.
    async fn renew(&mut self) -> Option<Fault> {
        let renewed = self.renewal.attempt(&self.facilities).await?;
        let last = self.destination.close().await;
        let fault = self.take(last).await;
        self.destination = renewed;
        if let Some(fault) = fault {
            tracing::info!(
                destination = self.name,
                "the connection was not ended in order for the new one: {}",
                fault.chain()
            );
        }
        if self.taken < self.handed {
            self.go_back();
        }
        None
    }

    async fn set_aside(&mut self, stored: Stored, fault: &Fault) -> Result<(), Fault> {
        let seq = stored.seq;
        receiver::set_aside(&self.facilities, &self.board_name, stored, fault).await?;
        self.taken = self.taken.max(seq);
        // It may be the newest for long: nothing behind it would move the cursor, and after a restart it came again.
        let (queue, name) = (Arc::clone(&self.facilities.queue), self.name.clone());
        off_thread(move || queue.ack(&name, seq)).await;
        self.go_back();
        Ok(())
    }

    /// Everything behind the cursor is to be handed over again.
    fn go_back(&mut self) {
        self.sent = self.taken;
        self.handed = self.taken;
        self.open.clear();
        self.handed_over.clear();
    }

    /// Goes back to the cursor, tells the fault, and returns how long to wait.
    async fn failed(&mut self, fault: &Fault) -> Duration {
        let now = Timestamp::now();
        let again = self.open.len() as u64;
        self.go_back();
        let side = if fault.kind == FaultKind::Corrupt { Side::Queue } else { Side::Destination };
        let reaction = reaction(fault.kind, side);
        // One time for both: the failing begins with this fault, and must be seen to.
        let at = Instant::now();
        let wait = self.backoff.next(reaction, fault.retry_after, at, fastrand::f64());
        let parked = matches!(reaction, Reaction::Park { .. } | Reaction::ParkUntilChanged { .. });
        let standing = if parked { Standing::Parked } else { Standing::Failing };
        let first = self.backoff.failing_for(at).is_zero();
        self.facilities.board.destination(&self.board_name, |record| {
            record.failed(standing, fault, now);
            record.resent += again;
            record.reconnects += u64::from(first);
        });
        let lasts = self.backoff.failing_for(at) >= TOLD_AFTER;
        let code = if parked { Code::DestinationRefused } else { Code::DestinationDown };
        let text = fault.chain();
        if (parked || lasts) && self.facilities.board.raise(code, &self.name, &text, now) {
            tracing::warn!(destination = self.name, fault = fault.kind.as_str(), "{text}");
        } else if first && !self.has_worked {
            // Somebody is setting it up and looks at the log now, not in a minute.
            tracing::warn!(destination = self.name, fault = fault.kind.as_str(), "{text}; trying again");
        } else if first {
            tracing::info!(
                destination = self.name,
                fault = fault.kind.as_str(),
                resend = again,
                "{text}; trying again"
            );
        }
        wait.max(Duration::from_millis(20))
    }

    fn tell(&mut self) {
        let receipt = self.destination.receipt();
        let connected = self.destination.connected();
        let depth = self.facilities.queue.head_now().0.saturating_sub(self.taken.0);
        let (cursor, forwarded) = (self.taken.0, self.delivered);
        self.facilities.board.destination(&self.board_name, |record| {
            record.receipt = receipt;
            record.connected = connected;
            record.depth = depth;
            record.cursor = cursor;
            record.forwarded = forwarded;
        });
        let board = &self.facilities.board;
        self.renewal.tell(board, self.destination.peer_certificate_ends(), Timestamp::now());
        telling::receipt(board, &self.name, receipt, Timestamp::now());
    }
}
