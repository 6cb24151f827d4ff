//! The pace of one integration: a token bucket that every request of every stream passes.
//!
//! Promise: no more requests a minute than the operator allowed, whatever the streams want; and while the vendor
//! has asked for a pause, none at all.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::net::http::Gate;

/// The bucket, without a clock of its own.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    per_second: f64,
    most: f64,
    tokens: f64,
    filled: Instant,
    held_until: Option<Instant>,
}

impl Bucket {
    fn new(per_minute: u32, now: Instant) -> Bucket {
        let per_second = f64::from(per_minute) / 60.0;
        // Two seconds' worth may go at once: a round of lists, not a burst that the vendor would notice.
        let most = (per_second * 2.0).max(1.0);
        Bucket { per_second, most, tokens: most, filled: now, held_until: None }
    }

    /// Takes one token, or says how long to wait for it.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        self.held_until = None;
        let earned = now.duration_since(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + earned).min(self.most);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
        }
    }

    /// No request before this time; afterwards the bucket is empty, so that we come back slowly.
    fn hold(&mut self, until: Instant) {
        self.held_until = Some(self.held_until.map_or(until, |old| old.max(until)));
        self.tokens = 0.0;
        self.filled = until.max(self.filled);
    }
}

/// Shared by the streams of one integration.
#[derive(Debug)]
pub struct Pace {
    bucket: Mutex<Bucket>,
    count: std::sync::atomic::AtomicU64,
}

impl Pace {
    pub fn new(requests_per_minute: u32) -> Pace {
        Pace { bucket: Mutex::new(Bucket::new(requests_per_minute, Instant::now())), count: Default::default() }
    }

    /// The vendor asked for a pause: the whole integration waits.
    pub fn hold(&self, wait: Duration) {
        self.with(|bucket| bucket.hold(Instant::now() + wait));
    }

    /// Requests let through so far.
    pub fn requests(&self) -> u64 {
        self.count.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Bucket) -> T) -> T {
        act(&mut self.bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Gate for Pace {
    async fn permit(&self) {
        while let Err(wait) = self.with(|bucket| bucket.take(Instant::now())) {
            tokio::time::sleep(wait).await;
        }
        self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests let through in this many seconds when as many as possible are wanted.
    fn through(bucket: &mut Bucket, start: Instant, seconds: u64) -> u32 {
        let (mut now, end, mut taken) = (start, start + Duration::from_secs(seconds), 0);
        while now < end {
            match bucket.take(now) {
                Ok(()) => taken += 1,
                Err(wait) => now += wait.max(Duration::from_millis(1)),
            }
        }
        taken
    }

    #[test]
    fn a_minute_lets_through_what_was_allowed_and_a_small_burst() {
        let start = Instant::now();
        let taken = through(&mut Bucket::new(240, start), start, 60);
        assert!((238..=248).contains(&taken), "{taken}");
    }

    #[test]
    fn while_the_vendor_asks_for_a_pause_nothing_goes_and_afterwards_it_begins_slowly() {
        let start = Instant::now();
        let mut bucket = Bucket::new(240, start);
        bucket.hold(start + Duration::from_secs(30));
        assert_eq!(through(&mut bucket, start, 30), 0);
        let after = through(&mut bucket, start + Duration::from_secs(30), 10);
        assert!((38..=41).contains(&after), "{after}");
    }

    #[test]
    fn one_request_a_minute_is_possible() {
        let start = Instant::now();
        assert_eq!(through(&mut Bucket::new(1, start), start, 119), 2);
    }
}
