//! How many requests a minute are right now: lowered by a 429, raised again while answers are good. Pure.
//!
//! Promise: never above what the operator set, never below [`FLOOR`]; a limit that was met is come near quickly and
//! touched rarely, and one that is gone is found out. The constants are chosen by the model in `model.rs`.

use std::time::{Duration, Instant};

/// Requests a minute that are left, whatever the vendor says: how else would we learn that it is well again?
pub const FLOOR: f64 = 6.0;
/// What a 429 leaves of the rate where the limit was not known.
const CUT: f64 = 0.7;
/// What it leaves of the rate at a limit that is known: it was passed by a little.
const TRIM: f64 = 0.95;
/// A limit is the known one where the rates at which it was met differ by less than this part ...
const NEAR: f64 = 0.3;
/// ... and so much of the climb worked before. A limit that fell is not taken for the known one and followed down
/// by small steps, each of which would cost a pause.
const WORKED: f64 = 0.05;
/// From a cut to the limit it takes so many times the pause that the 429 asked for: what it costs to meet the limit
/// again decides how often that is done.
const PAUSES: f64 = 25.0;
/// And at least and at most this long.
const SOONEST: Duration = Duration::from_secs(2 * 60);
const LATEST: Duration = Duration::from_secs(25 * 60);
/// From a limit that is gone to what the operator set: slowly at first, then faster.
const BEYOND: Duration = Duration::from_secs(4 * 60);
/// So much time counts between two good answers, at the most: silence says nothing about the limit.
const SILENCE: Duration = Duration::from_secs(10);

/// The rate of one integration, in requests a minute.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    set: f64,
    now: f64,
    /// The way up since the last 429; `None`: there was none.
    climb: Option<Climb>,
    /// The last good answer since then.
    good: Option<Instant>,
}

/// From a cut to the limit that was met, and beyond it.
#[derive(Clone, Copy, Debug)]
struct Climb {
    from: f64,
    limit: f64,
    /// From `from` to `limit`.
    takes: Duration,
    /// Spent with good answers.
    spent: Duration,
}

impl Rate {
    /// Begins at what the operator set, per minute.
    pub fn new(per_minute: u32) -> Rate {
        let set = f64::from(per_minute);
        Rate { set, now: set, climb: None, good: None }
    }

    /// Requests a minute.
    pub fn per_minute(&self) -> f64 {
        self.now
    }

    /// An answer came that was no 429.
    pub fn good(&mut self, now: Instant) {
        let since = self.good.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if let Some(climb) = &mut self.climb {
            climb.spent += since.min(SILENCE);
            self.now = climb.rate(self.set).min(self.set);
        }
    }

    /// A 429 came, and asked for this pause.
    pub fn refused(&mut self, pause: Duration) {
        let met = self.now;
        let known = self
            .climb
            .is_some_and(|climb| (met / climb.limit - 1.0).abs() < NEAR && climb.spent >= climb.takes.mul_f64(WORKED));
        self.now = (met * if known { TRIM } else { CUT }).max(FLOOR).min(self.set);
        let takes = pause.mul_f64(PAUSES).clamp(SOONEST, LATEST);
        self.climb = Some(Climb { from: self.now, limit: met.max(self.now), takes, spent: Duration::ZERO });
        self.good = None;
    }
}

impl Climb {
    /// Fast at first and slower towards the limit; beyond it slowly at first and then faster.
    fn rate(&self, set: f64) -> f64 {
        let (spent, takes) = (self.spent.as_secs_f64(), self.takes.as_secs_f64());
        if spent < takes {
            self.limit - (self.limit - self.from) * (1.0 - spent / takes).powi(3)
        } else {
            self.limit + set * ((spent - takes) / BEYOND.as_secs_f64()).powi(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Good answers, one a second.
    fn work(rate: &mut Rate, now: &mut Instant, time: Duration) {
        for _ in 0..time.as_secs() {
            *now += Duration::from_secs(1);
            rate.good(*now);
        }
    }

    #[test]
    fn without_a_429_it_is_what_the_operator_set() {
        let (mut rate, mut now) = (Rate::new(240), Instant::now());
        work(&mut rate, &mut now, 10 * MINUTE);
        assert_eq!(rate.per_minute(), 240.0);
    }

    #[test]
    fn a_429_cuts_it_and_good_answers_bring_it_back_to_the_limit_that_was_met_but_not_at_once() {
        let (mut rate, mut now) = (Rate::new(240), Instant::now());
        work(&mut rate, &mut now, MINUTE);
        rate.refused(MINUTE);
        assert_eq!(rate.per_minute().round(), 168.0);
        work(&mut rate, &mut now, 20 * MINUTE);
        assert!((230.0..240.0).contains(&rate.per_minute()), "{rate:?}");
        work(&mut rate, &mut now, 20 * MINUTE);
        assert_eq!(rate.per_minute(), 240.0);
    }

    #[test]
    fn at_a_known_limit_a_429_costs_little_of_the_rate() {
        let (mut rate, mut now) = (Rate::new(240), Instant::now());
        rate.refused(MINUTE);
        rate.refused(MINUTE);
        work(&mut rate, &mut now, 24 * MINUTE);
        let met = rate.per_minute();
        rate.refused(MINUTE);
        assert!((met * 0.94..met * 0.96).contains(&rate.per_minute()), "{met}: {rate:?}");
    }

    #[test]
    fn a_limit_that_fell_is_followed_down_by_large_steps() {
        let mut rate = Rate::new(240);
        for _ in 0..6 {
            rate.refused(MINUTE);
        }
        assert!(rate.per_minute() < 240.0 * 0.13, "{rate:?}");
    }

    #[test]
    fn it_never_falls_below_the_floor_nor_rises_above_what_the_operator_set() {
        for set in [1, 4, 240] {
            let (mut rate, mut now) = (Rate::new(set), Instant::now());
            for _ in 0..100 {
                rate.refused(MINUTE);
            }
            assert_eq!(rate.per_minute(), FLOOR.min(f64::from(set)));
            work(&mut rate, &mut now, 60 * MINUTE);
            assert!(rate.per_minute() <= f64::from(set), "{rate:?}");
        }
    }

    #[test]
    fn after_the_limit_is_gone_the_whole_budget_is_found_within_half_an_hour_and_soon_where_pauses_are_short() {
        for (pause, within) in [(MINUTE, 30), (Duration::from_secs(3), 6)] {
            let (mut rate, mut now) = (Rate::new(240), Instant::now());
            for _ in 0..3 {
                rate.refused(pause);
            }
            work(&mut rate, &mut now, within * MINUTE);
            assert_eq!(rate.per_minute(), 240.0, "{pause:?}");
        }
    }

    #[test]
    fn a_silence_does_not_raise_it() {
        let (mut rate, mut now) = (Rate::new(240), Instant::now());
        rate.refused(MINUTE);
        rate.good(now);
        now += 600 * MINUTE;
        rate.good(now);
        assert!(rate.per_minute() < 180.0, "{rate:?}");
    }
}
