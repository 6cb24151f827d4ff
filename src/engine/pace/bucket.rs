//! A token bucket without a clock and without a rate of its own: both are arguments. Pure.
//!
//! Promise: over any stretch no more tokens than the rate earned, and what it holds; after a pause it is empty.

use std::time::{Duration, Instant};

/// A timer is no finer than this.
const SHORTEST: Duration = Duration::from_millis(1);

/// Tokens that were earned and not taken.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// It holds what is earned in so many seconds, and one token at least.
    holds: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// Full at the rate `per_minute`; it holds what is earned in `holds`.
    pub fn full(holds: Duration, per_minute: f64, now: Instant) -> Bucket {
        let mut bucket = Bucket { holds: holds.as_secs_f64(), tokens: 0.0, filled: now };
        bucket.tokens = bucket.most(per_minute);
        bucket
    }

    fn most(&self, per_minute: f64) -> f64 {
        (per_minute / 60.0 * self.holds).max(1.0)
    }

    /// Takes one token, or says how long it takes to earn it at this rate.
    pub fn take(&mut self, per_minute: f64, now: Instant) -> Result<(), Duration> {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * per_minute / 60.0;
        self.tokens = (self.tokens + earned).min(self.most(per_minute));
        self.filled = self.filled.max(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let missing = Duration::from_secs_f64((1.0 - self.tokens) * 60.0 / per_minute);
        // A rounding must not make a busy loop.
        Err(self.filled.saturating_duration_since(now) + missing.max(SHORTEST))
    }

    /// Takes so many tokens that are not there yet: they are earned before the next is given.
    pub fn owe(&mut self, tokens: u32) {
        self.tokens -= f64::from(tokens);
    }

    /// Nothing is earned before this time, and nothing is kept: we come back slowly.
    pub fn empty_until(&mut self, until: Instant) {
        self.tokens = 0.0;
        self.filled = self.filled.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens taken in this many seconds when as many as possible are wanted.
    fn through(bucket: &mut Bucket, per_minute: f64, start: Instant, seconds: u64) -> u32 {
        let (mut now, end, mut taken) = (start, start + Duration::from_secs(seconds), 0);
        while now < end {
            match bucket.take(per_minute, now) {
                Ok(()) => taken += 1,
                Err(wait) => now += wait,
            }
        }
        taken
    }

    const SMALL: Duration = Duration::from_secs(2);

    #[test]
    fn a_minute_lets_through_what_was_allowed_and_a_small_burst() {
        let start = Instant::now();
        let taken = through(&mut Bucket::full(SMALL, 240.0, start), 240.0, start, 60);
        assert!((238..=248).contains(&taken), "{taken}");
    }

    #[test]
    fn during_a_pause_nothing_goes_and_afterwards_there_is_no_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::full(SMALL, 240.0, start);
        bucket.empty_until(start + Duration::from_secs(600));
        assert_eq!(through(&mut bucket, 240.0, start, 600), 0);
        let after = through(&mut bucket, 240.0, start + Duration::from_secs(600), 10);
        assert!((38..=41).contains(&after), "{after}");
    }

    #[test]
    fn one_request_a_minute_is_possible() {
        let start = Instant::now();
        assert_eq!(through(&mut Bucket::full(SMALL, 1.0, start), 1.0, start, 119), 2);
    }
}
