//! Can ages by the clock of the box be believed? A clock that was set makes everything look years old, or new.
//!
//! Promise: pure; nothing is called older than a span before that span has really passed since the clock last jumped.
//! What is kept longer by that is still bounded by its size.

use std::time::{Duration, Instant};

/// More than this between the clock and the time that really passed is a jump, not drift.
const JUMP_MS: i64 = 60 * 60 * 1000;

/// What is known about the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady {
    /// The last look: the clock in milliseconds, and the time that only runs.
    seen: Option<(i64, Instant)>,
    /// The last jump; ages that reach behind it are not believed.
    jumped: Option<Instant>,
    /// When the queue was last written before this start, by the clock of then.
    written_before: Option<i64>,
    /// The first look, and how long nothing had been written by then, by the clock: the box was off, or the clock was set.
    began: Option<(Instant, i64)>,
}

impl Steady {
    /// `written_before`: the newest trace of the run before, in milliseconds.
    pub fn begin(written_before: Option<i64>) -> Steady {
        Steady { written_before, ..Steady::default() }
    }

    /// Looks at the clock, and says whether what is `span_ms` old by it really is.
    pub fn believes(&mut self, now_ms: i64, at: Instant, span_ms: i64) -> bool {
        let away = self.written_before.map_or(0, |written| now_ms.saturating_sub(written));
        let (began, away) = *self.began.get_or_insert((at, away));
        if let Some((before_ms, before)) = self.seen.replace((now_ms, at)) {
            let passed = i64::try_from(at.saturating_duration_since(before).as_millis()).unwrap_or(i64::MAX);
            let off = now_ms.saturating_sub(before_ms).saturating_sub(passed);
            if off.unsigned_abs() > JUMP_MS.unsigned_abs() {
                self.jumped = Some(at);
            }
        }
        let span = Duration::from_millis(u64::try_from(span_ms).unwrap_or(0));
        let has_passed = |since: Instant| at.saturating_duration_since(since) >= span;
        self.jumped.is_none_or(has_passed) && (away <= span_ms || has_passed(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;
    const YEAR: i64 = 365 * 24 * HOUR;

    fn after(start: Instant, ms: i64) -> Instant {
        start + Duration::from_millis(ms as u64)
    }

    #[test]
    fn a_clock_that_runs_is_believed_and_so_is_one_that_was_looked_at_late() {
        let (mut steady, start) = (Steady::begin(Some(YEAR - HOUR)), Instant::now());
        assert!(steady.believes(YEAR, start, 24 * HOUR));
        assert!(steady.believes(YEAR + 48 * HOUR, after(start, 48 * HOUR), 24 * HOUR));
    }

    #[test]
    fn after_a_jump_in_either_direction_a_span_must_really_pass() {
        for jump in [9 * YEAR, -9 * YEAR] {
            let (mut steady, start) = (Steady::default(), Instant::now());
            let clock = |at: i64| 50 * YEAR + jump + at;
            assert!(steady.believes(50 * YEAR, start, 24 * HOUR));
            assert!(!steady.believes(clock(1000), after(start, 1000), 24 * HOUR), "{jump}");
            assert!(!steady.believes(clock(24 * HOUR), after(start, 24 * HOUR), 24 * HOUR), "{jump}");
            assert!(steady.believes(clock(24 * HOUR + 1000), after(start, 24 * HOUR + 1000), 24 * HOUR), "{jump}");
        }
    }

    #[test]
    fn a_start_far_from_the_last_writing_is_doubted_and_one_soon_after_it_is_not() {
        let start = Instant::now();
        assert!(Steady::begin(Some(50 * YEAR)).believes(50 * YEAR + HOUR, start, 24 * HOUR));
        let mut steady = Steady::begin(Some(50 * YEAR));
        assert!(!steady.believes(59 * YEAR, start, 24 * HOUR));
        assert!(!steady.believes(59 * YEAR + HOUR, after(start, HOUR), 24 * HOUR));
        assert!(steady.believes(59 * YEAR + 24 * HOUR, after(start, 24 * HOUR), 24 * HOUR));
        assert!(Steady::begin(None).believes(50 * YEAR, start, 24 * HOUR), "a new queue");
    }
}
