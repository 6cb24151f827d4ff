//! The time of day as the engine reads it, and whether it can be right.
//!
//! A box without a battery for its clock starts in 1970 or on the day its image was made, until somebody sets it.
//! Windows by such a clock would be wrong, and no certificate is valid then.
//!
//! Promise: while the clock stands before this version was made nothing is asked, and that is said; within seconds
//! of its being set everything goes on by itself, what had failed by it too.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::status::{Board, Code};

/// No clock of this program can be right before: 2026-07-01, the beginning of the half-year in which this version was
/// made. It is raised with a release, and never past the release's own day; a date in the code, so that two builds of one
/// source are the same.
pub const EARLIEST: Timestamp = Timestamp::constant(1_782_864_000, 0);

/// A clock that moved by so much against the time that really passed was set by somebody.
const STEP: Duration = Duration::from_secs(60);
/// How often one that waits for the clock looks itself, should nobody tell it.
const LOOK: Duration = Duration::from_secs(5);

/// Shared by clone. Tests hand in another time.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    seen: Arc<Mutex<Option<Seen>>>,
    /// How often it was set since the start.
    set: watch::Sender<u64>,
}

/// One look: the time of day, and the time that only runs.
#[derive(Clone, Copy, Debug)]
struct Seen {
    day: Timestamp,
    at: Instant,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

impl Clock {
    /// The box's own.
    pub fn system() -> Clock {
        Clock::of(Timestamp::now)
    }

    /// Another one.
    pub fn of(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock { now: Arc::new(now), seen: Arc::default(), set: watch::Sender::new(0) }
    }

    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Can it be right?
    pub fn is_set(&self) -> bool {
        self.now() >= EARLIEST
    }

    /// Returns once the clock can be right. Safe to drop at any time.
    pub(super) async fn wait_until_set(&self) {
        let mut set = self.set.subscribe();
        while !self.is_set() {
            let _ = tokio::time::timeout(LOOK, set.changed()).await;
        }
    }

    /// Returns when the clock was set next: what failed by certificates may work now. Safe to drop at any time.
    pub(super) async fn next_setting(&self) {
        let mut set = self.set.subscribe();
        // We hold the sender: there is no error to meet.
        let _ = set.changed().await;
    }

    /// Looks, and tells people and tasks what has changed. For the janitor, each second; `at` is the time that only runs.
    pub(super) fn look(&self, board: &Board, at: Instant) {
        let day = self.now();
        let before = self.seen.lock().unwrap_or_else(PoisonError::into_inner).replace(Seen { day, at });
        if day < EARLIEST {
            let text = format!(
                "this box believes that it is {}, and this version was made after {}: nothing is asked of a vendor until \
                 its clock is set (timedatectl set-ntp true)",
                day.strftime("%Y-%m-%d %H:%M UTC"),
                EARLIEST.strftime("%Y-%m-%d")
            );
            if board.raise(Code::ClockUnset, "", &text, day) {
                tracing::error!("{text}");
            }
        } else if board.clear(Code::ClockUnset, "") {
            tracing::info!("the clock is set: it is {}", day.strftime("%Y-%m-%d %H:%M UTC"));
        }
        if let Some(moved) = before.and_then(|before| stepped(before, Seen { day, at })) {
            if day >= EARLIEST {
                tracing::warn!(seconds = moved, "the clock was set: it moved by {moved} s");
            }
            self.set.send_modify(|times| *times += 1);
        }
    }
}

/// By how many seconds the clock was moved between two looks; `None`: by no more than it may drift.
fn stepped(before: Seen, now: Seen) -> Option<i64> {
    let passed = i64::try_from(now.at.duration_since(before.at).as_secs()).unwrap_or(i64::MAX);
    let moved = now.day.duration_since(before.day).as_secs().saturating_sub(passed);
    (moved.unsigned_abs() > STEP.as_secs()).then_some(moved)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn clock(at: &str) -> (Clock, Arc<AtomicI64>) {
        let time = Arc::new(AtomicI64::new(seconds(at)));
        let read = Arc::clone(&time);
        (Clock::of(move || Timestamp::from_second(read.load(Ordering::SeqCst)).expect("a time")), time)
    }

    fn seconds(at: &str) -> i64 {
        at.parse::<Timestamp>().expect("a timestamp").as_second()
    }

    #[test]
    fn the_earliest_time_is_the_day_that_its_comment_names_and_not_after_this_build() {
        assert_eq!(EARLIEST.to_string(), "2026-07-01T00:00:00Z");
        assert!(Clock::system().is_set(), "raise it with a release, never past the day of the release");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_clock_goes_on_at_the_look_after_it_was_set_and_it_is_told_once() {
        let (clock, time) = clock("1970-01-01T00:00:12Z");
        let (board, start) = (Board::new("box", Timestamp::UNIX_EPOCH), Instant::now());
        clock.look(&board, start);
        assert!(board.stands(Code::ClockUnset, ""));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.wait_until_set().await }
        });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!waiting.is_finished());
        let begun = tokio::time::Instant::now();
        time.store(seconds("2026-11-20T12:00:00Z"), Ordering::SeqCst);
        clock.look(&board, start + Duration::from_secs(1));
        waiting.await.expect("it goes on");
        assert_eq!(begun.elapsed(), Duration::ZERO, "it was told, and did not have to look itself");
        assert!(!board.stands(Code::ClockUnset, ""));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_between_two_looks_is_noticed_all_the_same() {
        let (clock, time) = clock("1970-01-01T00:00:12Z");
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.wait_until_set().await }
        });
        tokio::task::yield_now().await;
        time.store(seconds("2026-11-20T12:00:00Z"), Ordering::SeqCst);
        waiting.await.expect("it looks itself");
    }

    #[test]
    fn a_step_is_told_from_a_slow_look_and_from_drift_in_both_directions() {
        let start = Instant::now();
        let seen = |at: &str, later: u64| Seen {
            day: at.parse().expect("a timestamp"),
            at: start + Duration::from_secs(later),
        };
        let first = seen("2026-11-20T12:00:00Z", 0);
        let table = [
            (seen("2026-11-20T12:00:01Z", 1), None),
            (seen("2026-11-20T12:59:50Z", 3600), None),
            (seen("2026-11-20T12:02:01Z", 1), Some(120)),
            (seen("2026-11-20T11:00:01Z", 1), Some(-3600)),
            (seen("2035-11-20T12:00:01Z", 1), Some(3287 * 86_400)),
        ];
        for (now, expected) in table {
            assert_eq!(stepped(first, now), expected, "{now:?}");
        }
    }
}
