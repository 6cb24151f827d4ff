//! How long to wait before the next try: pure, with the time and the dice as arguments.
//!
//! Promise: never a busy loop, never past the reaction's bound, and what a peer asked for is respected.

use std::time::{Duration, Instant};

use crate::fault::Reaction;

/// Longest wait that a peer may ask for: a wrong date must not park us for ever.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// The tries of one task since it last worked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    tries: u32,
    since: Option<Instant>,
}

impl Backoff {
    /// Something worked.
    pub fn reset(&mut self) {
        *self = Backoff::default();
    }

    /// Has it not worked since something last did?
    pub fn is_failing(&self) -> bool {
        self.since.is_some()
    }

    /// How long it has not worked.
    pub fn failing_for(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// How long to wait now. `dice` is uniform in 0..1; `asked` is what the peer asked for.
    pub fn next(&mut self, reaction: Reaction, asked: Option<Duration>, now: Instant, dice: f64) -> Duration {
        let since = *self.since.get_or_insert(now);
        let doublings = self.tries.min(20);
        self.tries += 1;
        let grown = |base: Duration, most: Duration| base.saturating_mul(1 << doublings).min(most);
        let wait = match reaction {
            // Done where they are met, an item or an event at a time; what still comes here is not met again at once.
            Reaction::MoveOn | Reaction::Defer | Reaction::Quarantine => Duration::from_secs(1),
            // Met while running (a proxy that the environment names, say), wrong settings park like a missing key.
            Reaction::RefuseSettings => Duration::from_secs(60),
            // A disk that fails must not be answered by asking the vendor for the same page each second.
            Reaction::Refetch => grown(Duration::from_secs(1), Duration::from_secs(30)),
            Reaction::ParkUntilChanged { again } | Reaction::ParkStream { again } | Reaction::Pause { again } => again,
            // A tenth of jitter: many boxes behind one SOC must not come back in step.
            Reaction::Park { first, most } => grown(first, most).mul_f64(0.9 + 0.1 * dice),
            Reaction::Slow { base, most } => match asked {
                Some(asked) => asked.min(LONGEST_ASKED).mul_f64(1.0 + 0.1 * dice),
                None => grown(base, most).mul_f64(1.0 + 0.2 * dice),
            },
            // Full jitter, but not down to nothing.
            Reaction::Retry { base, most, after, patient } => {
                let most = if now.duration_since(since) >= after { patient } else { most };
                grown(base, most).mul_f64(0.2 + 0.8 * dice).min(most)
            }
        };
        match (reaction, asked) {
            (Reaction::Retry { .. }, Some(asked)) => wait.max(asked.min(LONGEST_ASKED)),
            _ => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{FaultKind, Side, reaction};

    fn waits(kind: FaultKind, side: Side, asked: Option<Duration>, dice: f64, tries: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut at = start;
        let mut backoff = Backoff::default();
        (0..tries)
            .map(|_| {
                let wait = backoff.next(reaction(kind, side), asked, at, dice);
                at += wait;
                wait.as_millis()
            })
            .collect()
    }

    #[test]
    fn an_api_that_is_away_is_asked_less_and_less_often_up_to_a_minute() {
        assert_eq!(
            waits(FaultKind::Unavailable, Side::Api, None, 1.0, 8),
            [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
        );
    }

    #[test]
    fn a_destination_is_tried_within_half_a_second_for_a_minute_then_each_15_seconds() {
        let all = waits(FaultKind::Unavailable, Side::Destination, None, 1.0, 200);
        let (soon, later): (Vec<u128>, Vec<u128>) = all.into_iter().partition(|wait| *wait <= 400);
        assert!(soon.len() > 100 && later.iter().all(|wait| *wait <= 15_000) && later.contains(&15_000));
    }

    #[test]
    fn jitter_never_makes_a_busy_loop() {
        for kind in FaultKind::ALL {
            assert!(waits(kind, Side::Destination, None, 0.0, 20).iter().all(|wait| *wait >= 20), "{kind}");
        }
    }

    #[test]
    fn what_a_throttling_api_asks_for_is_respected_within_reason() {
        let asked = Some(Duration::from_secs(30));
        assert_eq!(waits(FaultKind::Throttled, Side::Api, asked, 0.0, 2), [30_000, 30_000]);
        let wrong = Some(Duration::from_secs(86_400 * 365));
        assert_eq!(waits(FaultKind::Throttled, Side::Api, wrong, 0.0, 1), [3_600_000]);
        assert_eq!(waits(FaultKind::Throttled, Side::Api, None, 0.0, 3), [60_000, 120_000, 240_000]);
    }

    #[test]
    fn a_refusal_is_tried_again_from_one_to_fifteen_minutes() {
        assert_eq!(
            waits(FaultKind::Refused, Side::Api, None, 1.0, 6),
            [60_000, 120_000, 240_000, 480_000, 900_000, 900_000]
        );
    }
}
