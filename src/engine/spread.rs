//! When each stream is polled for the first time, and that it keeps its place in the interval.
//!
//! Promise: pure; few streams begin at once, of many not more than about ten a second do, and a poll that took long or
//! failed moves none of those that follow.

use std::time::{Duration, Instant};

/// First polls a second, about: what one vendor's address should meet at our start.
const EACH_SECOND: f64 = 10.0;

/// How long a stream waits for its first poll, one `among` so many that begin now. The same stream has the same place
/// at every start.
pub fn first_poll(subject: &str, among: usize, interval: Duration) -> Duration {
    // Ten begin at once, and the longest wait grows from nothing.
    let span = Duration::from_secs_f64((among as f64 / EACH_SECOND - 1.0).max(0.0)).min(interval);
    let place = f64::from(crc32fast::hash(subject.as_bytes())) / (f64::from(u32::MAX) + 1.0);
    span.mul_f64(place)
}

/// How long from `now` to the next poll of a stream that was first polled at `first`.
pub fn next_poll(first: Instant, interval: Duration, now: Instant) -> Duration {
    let interval = interval.max(Duration::from_millis(1));
    let since = now.saturating_duration_since(first).as_nanos() % interval.as_nanos();
    interval.saturating_sub(Duration::from_nanos(u64::try_from(since).unwrap_or(u64::MAX)))
}

/// Which turn of the interval this is for a stream that was first polled at `first`.
pub fn turn(first: Instant, interval: Duration, now: Instant) -> u128 {
    now.saturating_duration_since(first).as_nanos() / interval.max(Duration::from_millis(1)).as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn few_begin_at_once() {
        for among in 0..=10 {
            assert_eq!(first_poll("acme/threats", among, TEN_MINUTES), Duration::ZERO);
        }
    }

    #[test]
    fn two_hundred_begin_within_twenty_seconds_and_not_in_step() {
        let mut a_second = [0; 20];
        for n in 0..200 {
            let wait = first_poll(&format!("tenant-{n}/threats"), 200, TEN_MINUTES);
            assert!(wait < Duration::from_secs(19));
            a_second[wait.as_secs() as usize] += 1;
        }
        assert!(a_second.iter().all(|polls| *polls <= 20), "{a_second:?}");
        assert!(a_second.iter().filter(|polls| **polls > 0).count() >= 18, "{a_second:?}");
    }

    #[test]
    fn the_span_never_exceeds_the_interval_and_a_place_is_kept_over_a_restart() {
        let waits: Vec<Duration> =
            (0..5000).map(|n| first_poll(&format!("t{n}/cases"), 5000, Duration::from_secs(60))).collect();
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(60)));
        assert_eq!(waits[7], first_poll("t7/cases", 5000, Duration::from_secs(60)));
    }

    #[test]
    fn a_poll_that_took_long_does_not_move_the_next_ones() {
        let first = Instant::now();
        let next = |at: u64| next_poll(first, TEN_MINUTES, first + Duration::from_secs(at)).as_secs();
        assert_eq!([next(0), next(1), next(599), next(600), next(1234)], [600, 599, 1, 600, 566]);
    }
}
