//! What the check says as it goes on, and how long each part of it took.
//!
//! Promise: every second from the first to the last stands in one part, so the table adds up to the whole.

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

    /// The parts and their seconds, as docs/benchmarks.md shows them.
    pub fn table(&self) -> String {
        let mut text = "| Part | s |\n|---|---|\n".to_owned();
        for (part, took) in &self.parts {
            // Writing to a String can't fail.
            let _ = writeln!(text, "| {part} | {} |", took.as_secs_f64().round());
        }
        let _ = writeln!(text, "| all | {} |", self.since.duration_since(self.began).as_secs_f64().round());
        text
    }
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
        assert_eq!(table.table(), "| Part | s |\n|---|---|\n| built | 30 |\n| booted | 41 |\n| all | 71 |\n");
    }
}
