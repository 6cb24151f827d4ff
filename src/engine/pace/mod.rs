//! The pace of one integration: every request of every stream waits here for its permit.
//!
//! [`Paced`] is the client that the connectors ask through: it takes the permit and tells the pace what came back.
//! `rate` decides how many requests a minute are right, `bucket` spends them, `line` says whose turn it is.
//!
//! Promise: never more requests a minute than the operator allowed; while the vendor has asked for a pause, none at
//! all, and fewer afterwards; and nobody's requests wait behind all of another's. A request under way holds nothing:
//! one that hangs delays no other.

mod bucket;
mod line;
#[cfg(test)]
mod model;
mod paced;
mod rate;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use self::bucket::Bucket;
use self::line::{Line, Ticket};
pub use self::paced::Paced;
use self::rate::Rate;

/// A bucket holds this much of the rate: a round of lists may go at once, not a burst that the vendor would notice.
const BURST: Duration = Duration::from_secs(2);
/// Of the rate, what re-checks and sweeps may cost ...
const SPARE: f64 = 0.1;
/// ... and as much of it may be saved up: they come in rounds.
const SAVED: Duration = Duration::from_secs(60);

/// What `/status` and `/metrics` tell, since the pace was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests let through.
    pub requests: u64,
    /// Answers 429.
    pub throttled: u64,
    /// The rate; while a pause lasts, the rate after it.
    pub per_minute: u32,
    /// All the time that requests waited for their permits.
    pub waited: Duration,
}

/// Shared by the streams of one integration.
#[derive(Debug)]
pub struct Pace {
    state: Mutex<State>,
    /// Somebody left the line.
    moved: Notify,
}

#[derive(Debug)]
struct State {
    rate: Rate,
    permits: Bucket,
    spare: Bucket,
    line: Line,
    /// When the rate was last lowered: what was asked before knew nothing of it.
    lowered: Option<Instant>,
    requests: u64,
    throttled: u64,
    waited: Duration,
}

/// A place in the line; it is given up when this is dropped.
struct Waiting<'a> {
    pace: &'a Pace,
    ticket: Ticket,
    since: Instant,
}

enum Turn {
    Now,
    /// The next one, after this time.
    In(Duration),
    /// Others are before it.
    Behind,
}

/// Tokio's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Pace {
    pub fn new(requests_per_minute: u32) -> Pace {
        let (rate, now) = (Rate::new(requests_per_minute), now());
        let state = State {
            rate,
            permits: Bucket::full(BURST, rate.per_minute(), now),
            spare: Bucket::full(SAVED, rate.per_minute() * SPARE, now),
            line: Line::default(),
            lowered: None,
            requests: 0,
            throttled: 0,
            waited: Duration::ZERO,
        };
        Pace { state: Mutex::new(state), moved: Notify::new() }
    }

    /// Waits for the next permit of this lane. Returns when it was given. Dropped while it waits, it gives its
    /// place up.
    pub async fn permit(&self, lane: &str) -> Instant {
        let since = now();
        let waiting = Waiting { pace: self, ticket: self.with(|state| state.line.join(lane)), since };
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // From here on, whoever leaves the line wakes us, also before we wait.
            moved.as_mut().enable();
            let at = now();
            match self.with(|state| state.turn(waiting.ticket, at)) {
                Turn::Now => return at,
                Turn::In(wait) => tokio::select! {
                    () = moved => {}
                    () = tokio::time::sleep(wait) => {}
                },
                Turn::Behind => moved.await,
            }
        }
    }

    /// The whole integration pauses for so long, counted from the 429 that this is about: whoever met it may tell it
    /// late, after requests that were asked together with it and waited the pause out. A longer pause that stands
    /// already stays. Returns what is left.
    pub fn hold(&self, pause: Duration) -> Duration {
        let now = now();
        self.with(|state| {
            let until = state.lowered.unwrap_or(now) + pause;
            if until > now {
                state.hold(until);
            }
            until.saturating_duration_since(now)
        })
    }

    /// May so many requests that are not urgent be made now? Takes from a tenth of the rate that is kept for such; each
    /// takes its permit like any other.
    pub fn spare(&self, requests: u32) -> bool {
        let now = now();
        self.with(|state| {
            let taken = state.spare.take(state.rate.per_minute() * SPARE, now).is_ok();
            if taken {
                // A small rate never saves up what a whole item costs: the rest is owed.
                state.spare.owe(requests.saturating_sub(1));
            }
            taken
        })
    }

    /// An answer that was no 429.
    pub fn good(&self) {
        let now = now();
        self.with(|state| state.rate.good(now));
    }

    /// A 429, to a request whose permit was given at `asked`, that asks for this pause. Of several to requests that
    /// were under way together, one lowers the rate; all are counted.
    pub fn refused(&self, asked: Instant, pause: Duration) {
        let now = now();
        self.with(|state| {
            state.throttled += 1;
            state.hold(now + pause);
            if state.lowered.is_none_or(|lowered| asked >= lowered) {
                state.rate.refused(pause);
                state.lowered = Some(now);
            }
        });
    }

    /// What is told of it.
    pub fn figures(&self) -> Figures {
        self.with(|state| Figures {
            requests: state.requests,
            throttled: state.throttled,
            // `as` saturates, and the rate is never above the setting.
            per_minute: state.rate.per_minute().round() as u32,
            waited: state.waited,
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn turn(&mut self, ticket: Ticket, now: Instant) -> Turn {
        if self.line.first() != Some(ticket) {
            return Turn::Behind;
        }
        match self.permits.take(self.rate.per_minute(), now) {
            Ok(()) => {
                self.line.served();
                self.requests += 1;
                Turn::Now
            }
            Err(wait) => Turn::In(wait),
        }
    }

    fn hold(&mut self, until: Instant) {
        self.permits.empty_until(until);
        self.spare.empty_until(until);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = now().saturating_duration_since(self.since);
        self.pace.with(|state| {
            state.line.leave(self.ticket);
            state.waited += waited;
        });
        self.pace.moved.notify_waiters();
    }
}
