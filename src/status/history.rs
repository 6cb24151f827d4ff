//! The last day of the queue, for the charts: a point for every five minutes.
//!
//! Promise: it takes the same memory however long the agent runs, and a time at which nobody looked is a gap, never a
//! guess.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Board;

/// Points kept: a day.
pub const POINTS: usize = 288;
/// Seconds that a point covers.
pub const STEP: i64 = 300;

/// What changes between two looks: the greatest of them, and the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    pub max: u64,
    pub last: u64,
}

impl Level {
    fn note(&mut self, now: u64) {
        self.max = self.max.max(now);
        self.last = now;
    }
}

/// Five minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Which five minutes since 1970.
    slot: i64,
    /// Events that some destination had still to take.
    pub depth: Level,
    /// The age of the oldest of them, in seconds.
    pub oldest_seconds: Level,
    /// Events that were kept in this time.
    pub kept: u64,
}

/// The queue as one look found it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub depth: u64,
    pub oldest_seconds: u64,
    /// Events kept since the start of this process.
    pub kept_total: u64,
}

/// See the head of this file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first, at most [`POINTS`], all within a day of the newest.
    points: VecDeque<Point>,
    kept_total: u64,
}

impl History {
    /// Enters one look.
    pub fn note(&mut self, reading: Reading, now: Timestamp) {
        let slot = slot(now);
        // A clock that was set back: what it called later has not been yet.
        while self.points.back().is_some_and(|point| point.slot > slot) {
            self.points.pop_back();
        }
        if self.points.back().is_none_or(|point| point.slot < slot) {
            self.points.push_back(Point { slot, ..Point::default() });
        }
        while self.points.front().is_some_and(|point| point.slot <= slot - POINTS as i64) {
            self.points.pop_front();
        }
        // It counts since the start of the process: one that is lower began anew.
        let kept = reading.kept_total.checked_sub(self.kept_total).unwrap_or(reading.kept_total);
        self.kept_total = reading.kept_total;
        if let Some(point) = self.points.back_mut() {
            point.depth.note(reading.depth);
            point.oldest_seconds.note(reading.oldest_seconds);
            point.kept += kept;
        }
    }

    /// The last 24 h up to `now`, oldest first, a place for each five minutes; `None`: nobody looked then.
    pub fn day(&self, now: Timestamp) -> Vec<Option<Point>> {
        let newest = slot(now);
        let mut day = vec![None; POINTS];
        for point in &self.points {
            let back = usize::try_from(newest - point.slot).ok().filter(|back| *back < POINTS);
            if let Some(place) = back.and_then(|back| day.get_mut(POINTS - 1 - back)) {
                *place = Some(*point);
            }
        }
        day
    }
}

/// When the first place of [`History::day`] begins.
pub fn begins(now: Timestamp) -> Timestamp {
    let first = slot(now) - (POINTS as i64 - 1);
    Timestamp::from_second(first * STEP).unwrap_or(now)
}

fn slot(time: Timestamp) -> i64 {
    time.as_second().div_euclid(STEP)
}

impl Board {
    /// Writes or reads the queue's last day.
    pub fn history<R>(&self, look: impl FnOnce(&mut History) -> R) -> R {
        look(&mut self.lock().history)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        // The beginning of five minutes.
        Timestamp::new(1_790_000_100, 0).expect("a time") + SignedDuration::from_secs(seconds)
    }

    fn reading(depth: u64, kept_total: u64) -> Reading {
        Reading { depth, oldest_seconds: depth * 2, kept_total }
    }

    #[test]
    fn a_point_holds_the_greatest_and_the_last_of_its_five_minutes() {
        let mut history = History::default();
        for (second, depth) in [(0, 3), (1, 9), (299, 4), (300, 1)] {
            history.note(reading(depth, 0), at(second));
        }
        let day = history.day(at(300));
        let [before, last] = [day[POINTS - 2], day[POINTS - 1]].map(|point| point.expect("a point"));
        assert_eq!(before.depth, Level { max: 9, last: 4 });
        assert_eq!(before.oldest_seconds, Level { max: 18, last: 8 });
        assert_eq!(last.depth, Level { max: 1, last: 1 });
    }

    #[test]
    fn a_time_at_which_nobody_looked_is_a_gap() {
        let mut history = History::default();
        history.note(reading(1, 0), at(0));
        history.note(reading(1, 0), at(1200));
        let there: Vec<bool> = history.day(at(1200)).iter().map(Option::is_some).collect();
        assert_eq!(there[POINTS - 6..], [false, true, false, false, false, true]);
    }

    #[test]
    fn it_never_holds_more_than_a_day_and_forgets_what_is_older() {
        let mut history = History::default();
        for n in 0..1000 {
            history.note(reading(n, 0), at(n as i64 * STEP));
            assert!(history.points.len() <= POINTS);
        }
        assert!(history.day(at(999 * STEP)).iter().all(Option::is_some));
        let later = history.day(at(999 * STEP + 86_400));
        assert!(later.iter().all(Option::is_none), "a day without a look is a day of gaps");
        history.note(reading(7, 0), at(999 * STEP + 86_400));
        assert_eq!(history.points.len(), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_point_of_the_future() {
        let mut history = History::default();
        history.note(reading(5, 0), at(86_400 * 400));
        history.note(reading(6, 0), at(0));
        let points: Vec<u64> = history.day(at(0)).iter().flatten().map(|point| point.depth.last).collect();
        assert_eq!(points, [6]);
    }

    #[test]
    fn events_kept_are_counted_for_the_time_in_which_they_came() {
        let mut history = History::default();
        history.note(reading(0, 10), at(0));
        history.note(reading(0, 25), at(10));
        history.note(reading(0, 30), at(300));
        // The counter of a process that began anew.
        history.note(reading(0, 2), at(310));
        let kept: Vec<u64> = history.day(at(310)).iter().flatten().map(|point| point.kept).collect();
        assert_eq!(kept, [25, 7]);
    }

    #[test]
    fn the_first_place_of_a_day_begins_where_the_chart_says() {
        assert_eq!(begins(at(86_400)), at(STEP));
        assert_eq!(begins(at(86_699)), at(STEP));
    }
}
