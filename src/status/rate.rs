//! How fast a count grows, over the last minute.
//!
//! Promise: pure; whoever looks between two notes sees what has grown since, and a clock that went back gives no number
//! below zero.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// What is looked back at.
const SPAN: SignedDuration = SignedDuration::from_secs(60);
/// Between two notes that are kept.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// The count as it was, at most a minute ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate(VecDeque<(Timestamp, u64)>);

impl Rate {
    /// The count is `count` now. To be told often, also while nothing grows.
    pub fn note(&mut self, count: u64, now: Timestamp) {
        if self.0.back().is_some_and(|(then, _)| *then > now) {
            self.0.clear();
        }
        if self.0.back().is_none_or(|(then, _)| now.duration_since(*then) >= APART) {
            self.0.push_back((now, count));
        }
        while self.0.front().is_some_and(|(then, _)| now.duration_since(*then) > SPAN) {
            self.0.pop_front();
        }
    }

    /// A second, on average.
    pub fn per_second(&self, count: u64, now: Timestamp) -> f64 {
        let Some((then, before)) = self.0.front() else { return 0.0 };
        let seconds = now.duration_since(*then).as_secs_f64();
        if seconds < 1.0 { 0.0 } else { count.saturating_sub(*before) as f64 / seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_grew_over_the_last_minute_and_falls_to_nothing() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(5, start), 0.0, "nothing is known");
        let mut count = 0;
        for second in 0..=100 {
            rate.note(count, at(second));
            assert!(rate.0.len() <= 13);
            count += 20;
        }
        assert_eq!(rate.per_second(count - 20, at(100)), 20.0);
        for second in 101..=170 {
            rate.note(count, at(second));
        }
        assert_eq!(rate.per_second(count, at(170)), 0.0);
        rate.note(count, at(10));
        assert_eq!(rate.per_second(count, at(5)), 0.0, "the clock went back");
    }
}
