//! What the check says as it goes on, and how long each part of it took.
//!
//! Promise: every second from the first to the last stands in one part, so the table adds up to the whole. Beside it stands the
//! processor's time, which a machine that is busy with something else changes less.

use std::fmt::Write;
use std::time::{Duration, Instant};

pub struct Timetable {
    began: Instant,
    /// Where the part that runs began.
    since: Instant,
    parts: Vec<(String, Duration)>,
}

impl Timetable {
    pub fn begin(now: Instant) -> Timetable {
        Timetable { began: now, since: now, parts: Vec::new() }
    }

    /// Something was seen.
    pub fn say(&self, words: &str) {
        println!("image | {:>4} s  {words}", self.began.elapsed().as_secs());
    }

    /// The part that ran is over.
    pub fn over(&mut self, part: &str, now: Instant) {
        self.parts.push((part.to_owned(), now.duration_since(self.since)));
        self.since = now;
    }

    /// The parts and their seconds, as docs/benchmarks.md shows them. `worked`: processor time of all that was started.
    pub fn table(&self, worked: Duration) -> String {
        let mut text = "| Part | s |\n|---|---|\n".to_owned();
        for (part, took) in &self.parts {
            // Writing to a String can't fail.
            let _ = writeln!(text, "| {part} | {} |", took.as_secs_f64().round());
        }
        let _ = writeln!(text, "| all | {} |", self.since.duration_since(self.began).as_secs_f64().round());
        let _ = writeln!(text, "| processor time | {} |", worked.as_secs());
        text
    }
}

/// Processor time of all children that have ended. Source: `/proc/self/stat`, fields 16 and 17, in hundredths of a second (on every
/// architecture that we build on); nothing where that can't be read.
pub fn worked() -> Duration {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Duration::from_millis(10 * of_children(&told))
}

fn of_children(stat: &str) -> u64 {
    // The name before it may hold blanks and brackets; the third field follows.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_check_add_up_to_the_whole() {
        let began = Instant::now();
        let mut table = Timetable::begin(began);
        table.over("built", began + Duration::from_secs(30));
        table.over("booted", began + Duration::from_secs(71));
        let told = table.table(Duration::from_millis(98_700));
        assert_eq!(
            told,
            "| Part | s |\n|---|---|\n| built | 30 |\n| booted | 41 |\n| all | 71 |\n| processor time | 98 |\n"
        );
    }

    #[test]
    fn the_time_of_those_who_have_ended_is_found_behind_any_name() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 2000 0 0 11 12 1300 400 20 0 1 0";
        assert_eq!(of_children(stat), 1700);
        assert_eq!(of_children(""), 0);
    }
}
