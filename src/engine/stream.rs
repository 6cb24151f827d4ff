//! One stream of one integration: poll, keep, tell, wait, poll again.
//!
//! Promise: a page is kept before anything else is asked; dropped at any await, nothing is lost, because what was
//! not kept is asked for again. While the queue has no room nothing is asked: the vendor keeps the history.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::answers::Answered;
use super::backoff::Backoff;
use super::key::{self, Connected};
use super::pace::Pace;
use super::refusal::{self, Refusals};
use super::stop::Stop;
use super::{Collecting, Facilities, off_thread, own, spread};
use crate::config::Connector as ConnectorSettings;
use crate::connectors::{Page, PollContext};
use crate::event::{Deferred, Gap};
use crate::fault::{Fault, FaultKind, Reaction, Side, reaction};
use crate::queue::{NewPage, QueueError};
use crate::status::{Code, Standing};
use crate::values::Name;

/// A fault that lasts this long becomes a condition.
const TOLD_AFTER: Duration = Duration::from_secs(60);
/// Clocks further apart than this are told, in seconds.
const SKEW_TOLD: f64 = 60.0;

/// One stream as it is polled.
pub struct Stream {
    pub facilities: Facilities,
    pub as_set: Collecting,
    /// The connector with the key that is in use; another one takes its place when the key changes.
    pub connected: watch::Receiver<Connected>,
    pub pace: Arc<Pace>,
    pub refusals: Arc<Refusals>,
    pub stream: String,
    /// `integration/stream`: whom its conditions concern.
    pub subject: String,
    pub backoff: Backoff,
    /// The turn of its interval in which the last round began.
    pub turn: Option<u128>,
    /// Its last try was refused: a new key or a reload wakes it.
    pub parked: bool,
    /// So many streams begin together with this one.
    pub among: usize,
}

impl Stream {
    /// Polls until it is stopped.
    pub async fn run(mut self, mut stop: Stop) {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = self.facilities.clock.wait_until_set() => {}
            }
            // Those that waited for the clock together begin apart, as at a start.
            let apart = spread::first_poll(&self.subject, self.among, self.interval());
            if self.rest(apart, &mut stop).await {
                return;
            }
            let first = Instant::now();
            self.turn = None;
            while self.facilities.clock.is_set() {
                // What comes from here on is news.
                self.connected.mark_unchanged();
                self.facilities.reloaded.mark_unchanged();
                let wait = tokio::select! {
                    () = stop.stopped() => return,
                    wait = self.step(first) => wait,
                };
                if self.rest(wait, &mut stop).await {
                    return;
                }
            }
        }
    }

    /// Waits for the next poll; true where it is to stop. What failed is tried again when the clock is set: a
    /// certificate may be valid now.
    async fn rest(&mut self, wait: Duration, stop: &mut Stop) -> bool {
        let next =
            jiff::SignedDuration::try_from(wait).ok().and_then(|w| self.facilities.clock.now().checked_add(w).ok());
        self.record(|record| record.next_poll = next);
        tokio::select! {
            () = stop.stopped() => return true,
            () = self.facilities.clock.next_setting(), if self.backoff.is_failing() => {}
            () = tokio::time::sleep(wait) => {}
            () = news(&mut self.connected, &mut self.facilities.reloaded), if self.parked => self.backoff.reset(),
        }
        false
    }

    fn name(&self) -> &Name {
        &self.as_set.integration.name
    }

    fn record(&self, write: impl FnOnce(&mut crate::status::StreamRecord)) {
        self.facilities.board.stream(self.name(), &self.stream, write);
    }

    fn interval(&self) -> Duration {
        let ConnectorSettings::Abnormal(settings) = &self.as_set.integration.connector;
        settings.intervals.get(&self.stream).copied().unwrap_or(settings.polling_interval)
    }

    /// One poll, kept, of a stream that was first polled at `first`. Returns how long to wait for the next. Dropped at
    /// any await, it has lost nothing: what was not kept is asked for again.
    async fn step(&mut self, first: Instant) -> Duration {
        if let Some(wait) = self.wait_for_room().await {
            return wait;
        }
        let queue = Arc::clone(&self.facilities.queue);
        let place = queue.place(self.name().as_str(), &self.stream);
        let known = {
            let (queue, name, stream) = (Arc::clone(&queue), self.name().clone(), self.stream.clone());
            // The book reads from disk: other tasks of this thread go on elsewhere meanwhile.
            move |native: &str| tokio::task::block_in_place(|| queue.knows(name.as_str(), &stream, native))
        };
        let kept = {
            let queue = Arc::clone(&queue);
            move |id: &str| tokio::task::block_in_place(|| queue.has(id))
        };
        let pace = Arc::clone(&self.pace);
        let spare = move |requests| pace.spare(requests);
        let turn = Some(spread::turn(first, self.interval(), Instant::now()));
        let round = self.turn != turn;
        let now = self.facilities.clock.now();
        let context = PollContext { now, round, known: &known, kept: &kept, spare: &spare };
        let connector = Arc::clone(&self.connected.borrow().connector);
        let page = connector.poll(&self.stream, place.checkpoint.as_ref(), &context).await;
        self.tell_clock(&page);
        let (more, fault, wake) = (page.more, page.fault.clone(), page.wake);
        let asked = page.asked;
        let mut page = page;
        if page.events.is_empty() && page.next == place.checkpoint {
            // Nothing moved: a page that failed at its first question costs no frame.
            page.next = None;
        }
        match self.keep(page, place.generation).await {
            Ok(()) => self.turn = turn,
            Err(QueueError::Stale) => return Duration::ZERO,
            Err(error) => return self.failed(&error.fault(), Side::Queue),
        }
        if let Some(fault) = fault {
            if fault.kind == FaultKind::Corrupt {
                self.begin_anew(&fault).await;
            }
            return self.failed(&fault, Side::Api);
        }
        if asked {
            self.worked();
        }
        if more {
            return Duration::ZERO;
        }
        let until_next = spread::next_poll(first, self.interval(), Instant::now());
        // A wake that has passed already is due now; a second keeps it from becoming a busy loop.
        let until_wake =
            wake.map(|at| Duration::try_from(at.duration_since(self.facilities.clock.now())).unwrap_or(Duration::ZERO));
        until_wake.map_or(until_next, |wake| wake.max(Duration::from_secs(1)).min(until_next))
    }

    /// Polling pauses while the queue is full: asked here, before any request is spent.
    async fn wait_for_room(&mut self) -> Option<Duration> {
        let queue = Arc::clone(&self.facilities.queue);
        match off_thread(move || queue.has_room()).await {
            Err(error) if error.is_full() => Some(self.failed(&error.fault(), Side::Queue)),
            _ => None,
        }
    }

    /// Keeps a page and what it says about the stream; the events are in the queue when this returns.
    async fn keep(&self, page: Page, generation: u64) -> Result<(), QueueError> {
        let (items, found, gaps) = (page.items, page.events.len(), page.gaps);
        let (more, deferred, shortfall) = (page.more, page.deferred, page.shortfall);
        let (name, stream) = (self.name().to_string(), self.stream.clone());
        let queue = Arc::clone(&self.facilities.queue);
        let told_gaps = own::gaps(&name, &stream, &gaps);
        let kept = if page.next.is_some() || found > 0 {
            let new = NewPage {
                integration: name,
                stream,
                events: page.events,
                next: page.next,
                deferred: deferred.clone(),
                generation: Some(generation),
                keyed: true,
            };
            let _turn = self.facilities.keeping.acquire().await;
            let appended = off_thread(move || {
                if !told_gaps.events.is_empty() {
                    queue.append(told_gaps)?;
                }
                queue.append(new)
            });
            appended.await?.kept
        } else {
            0
        };
        self.tell_page(items, kept, &deferred, &gaps);
        self.tell_shortfall(items, shortfall.as_ref());
        let now = Timestamp::now();
        if page.fault.is_none() && page.asked {
            self.record(|record| record.succeeded(kept as u64, more, now));
        } else {
            self.record(|record| record.events += kept as u64);
        }
        Ok(())
    }

    /// A checkpoint that its connector can't read: the stream begins anew, and the break is told as a gap.
    async fn begin_anew(&self, fault: &Fault) {
        let (queue, name, stream) = (Arc::clone(&self.facilities.queue), self.name().to_string(), self.stream.clone());
        let now = Timestamp::now();
        let reason = format!("{}; what the vendor still lists is fetched again", fault.chain());
        let gap = Gap { from: now, to: now, reason };
        tracing::error!(integration = %self.name(), stream = self.stream, "{}", gap.reason);
        self.facilities.board.raise(Code::CollectionGap, &self.subject, &gap.reason, now);
        let told = own::gaps(&name, &stream, &[gap]);
        let anew = off_thread(move || queue.append(told).and_then(|_| queue.begin_anew(&name, &stream))).await;
        if let Err(error) = anew {
            tracing::error!(integration = %self.name(), stream = self.stream, "{error}");
        }
    }

    fn tell_page(&self, items: usize, kept: usize, deferred: &[Deferred], gaps: &[Gap]) {
        let (board, now) = (&self.facilities.board, Timestamp::now());
        if items > 0 {
            let connector = self.as_set.integration.connector.as_str();
            tracing::info!(
                integration = %self.name(), stream = self.stream, events = kept,
                "{connector}: fetched {items} {}", self.stream
            );
        }
        let checkpoint = self.facilities.queue.place(self.name().as_str(), &self.stream).checkpoint;
        // What waits for a verdict has not failed.
        let failed: Vec<&Deferred> = deferred.iter().filter(|item| item.tries > 0).collect();
        self.record(|record| {
            record.deferred = failed.len() as u64;
            record.unsettled = (deferred.len() - failed.len()) as u64;
            record.gaps += gaps.len() as u64;
            record.stands_at(checkpoint.map(|checkpoint| checkpoint.0));
        });
        for gap in gaps {
            let text = format!("not collected from {} to {}: {}", gap.from, gap.to, gap.reason);
            tracing::warn!(integration = %self.name(), stream = self.stream, "{text}");
            board.raise(Code::CollectionGap, &self.subject, text, now);
        }
        match failed.first() {
            Some(first) => {
                let text = format!(
                    "{} waiting to be tried again, the first is {} ({})",
                    if failed.len() == 1 { "1 item is".into() } else { format!("{} items are", failed.len()) },
                    first.id.escape_debug(),
                    first.reason
                );
                board.raise(Code::ItemsDeferred, &self.subject, text, now);
            }
            None => {
                board.clear(Code::ItemsDeferred, &self.subject);
            }
        }
    }

    /// A part that this key may not read: told while it is met, and no more once items come whole.
    fn tell_shortfall(&self, items: usize, shortfall: Option<&Fault>) {
        let board = &self.facilities.board;
        match shortfall {
            Some(fault) => {
                let text = refusal::of_a_part(fault);
                if board.raise(Code::PartRefused, &self.subject, &text, Timestamp::now()) {
                    tracing::warn!(integration = %self.name(), stream = self.stream, "{text}");
                }
            }
            None if items > 0 => {
                board.clear(Code::PartRefused, &self.subject);
            }
            None => {}
        }
    }

    fn tell_pace(&self) {
        let figures = self.pace.figures();
        self.facilities.board.integration(self.name(), |record| {
            record.requests = figures.requests;
            record.throttled = figures.throttled;
            record.requests_per_minute_now = figures.per_minute;
            record.waited = figures.waited;
        });
    }

    fn tell_clock(&self, page: &Page) {
        self.tell_pace();
        let Some(date) = page.vendor_date else { return };
        let now = self.facilities.clock.now();
        let offset = date.duration_since(now).as_secs_f64();
        let board = &self.facilities.board;
        board.clock(|clock| {
            clock.offset_seconds = Some(offset);
            clock.checked = Some(now);
        });
        if offset.abs() > SKEW_TOLD {
            let text = format!(
                "the vendor's clock and ours are {:.0} s apart: set this box's clock (timedatectl); windows end at the \
                 earlier of the two, nothing is lost",
                offset.abs()
            );
            if board.raise(Code::ClockSkew, "", &text, now) {
                tracing::warn!("{text}");
            }
        } else {
            board.clear(Code::ClockSkew, "");
        }
    }

    /// The vendor has answered. A step that had nothing to ask shows nothing.
    fn worked(&mut self) {
        self.backoff.reset();
        self.parked = false;
        self.refusals.note(&self.stream, Answered::Admitted);
        let board = &self.facilities.board;
        let stood = [
            Code::IntegrationRefused,
            Code::StreamRefused,
            Code::IntegrationFailing,
            Code::StreamUnlicensed,
            Code::QueuePaused,
        ]
        .into_iter()
        .filter(|code| board.clear(*code, &self.subject))
        .count();
        if stood > 0 {
            tracing::info!(integration = %self.name(), stream = self.stream, "collecting again");
        }
    }

    /// Tells a fault and returns how long to wait.
    fn failed(&mut self, fault: &Fault, side: Side) -> Duration {
        let now = Timestamp::now();
        let reaction = reaction(fault.kind, side);
        let mut wait = self.backoff.next(reaction, fault.retry_after, Instant::now(), fastrand::f64());
        let mut fault = fault.clone();
        if side == Side::Api {
            self.refusals.note(&self.stream, Answered::of(&fault));
        }
        let mut refused = Code::IntegrationRefused;
        if Answered::of(&fault) == Answered::Forbidden {
            (refused, fault.context) = self.refusals.judge(&self.stream);
        }
        let (standing, told) = match reaction {
            Reaction::Park { .. } | Reaction::ParkUntilChanged { .. } | Reaction::RefuseSettings => {
                (Standing::Parked, Some(refused))
            }
            Reaction::ParkStream { .. } => (Standing::Parked, Some(Code::StreamUnlicensed)),
            Reaction::Slow { .. } => {
                wait = self.pace.hold(wait);
                self.tell_pace();
                (Standing::Waiting, None)
            }
            Reaction::Pause { .. } => (Standing::Waiting, Some(Code::QueuePaused)),
            Reaction::Retry { .. } | Reaction::Refetch | Reaction::MoveOn | Reaction::Defer | Reaction::Quarantine => {
                let lasts = self.backoff.failing_for(Instant::now()) >= TOLD_AFTER;
                (Standing::Failing, (lasts || fault.kind == FaultKind::Unreadable).then_some(Code::IntegrationFailing))
            }
        };
        self.parked = standing == Standing::Parked;
        if let Some(code) = told.filter(|_| self.parked) {
            self.refusals.only(code, &self.subject);
        }
        self.record(|record| record.failed(standing, &fault, now));
        let text = fault.chain();
        let new = told.is_some_and(|code| self.facilities.board.raise(code, &self.subject, &text, now));
        let seconds = wait.as_secs_f64();
        if new {
            tracing::warn!(integration = %self.name(), stream = self.stream, fault = fault.kind.as_str(), "{text}; trying again in {seconds:.0} s");
        } else if told.is_none() {
            tracing::info!(integration = %self.name(), stream = self.stream, fault = fault.kind.as_str(), "{text}; trying again in {seconds:.1} s");
        }
        wait
    }
}

/// Returns when the key is another, or at a reload.
async fn news(connected: &mut watch::Receiver<Connected>, reloaded: &mut watch::Receiver<u64>) {
    tokio::select! {
        changed = connected.changed() => if changed.is_err() { std::future::pending().await },
        () = key::reload(reloaded) => {}
    }
}
