//! A chart of the last 24 hours, as SVG made here: a step for every five minutes. Pure.
//!
//! Promise: a time of which nothing is known is a gap in the drawing; nothing but numbers, times and words of ours gets
//! into it; it needs no script and no inline style, and its title and description say what it shows.

use askama::Template;
use jiff::Timestamp;

use crate::status::history::STEP;
use crate::status::sentences::{count, span};

/// The drawing's units: its viewBox is 416 by 166, so that its letters can be read on a phone.
const LEFT: f64 = 76.0;
const WIDTH: f64 = 320.0;
const TOP: f64 = 10.0;
const HEIGHT: f64 = 130.0;
/// Hours between two lines of time.
const HOURS: i64 = 6;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Events,
    Seconds,
}

impl Unit {
    fn words(self, value: u64) -> String {
        match self {
            Unit::Events => count(value),
            Unit::Seconds => span(value),
        }
    }

    /// A round number that is not below this one, and whose half is round too.
    fn top(self, most: u64) -> u64 {
        const SPANS: [u64; 11] = [60, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800];
        let known = match self {
            Unit::Events => None,
            Unit::Seconds => SPANS.into_iter().find(|span| *span >= most),
        };
        let (mut unit, factor) = match self {
            Unit::Events => (1u64, 10),
            // Beyond two days: 4, 6, 8, 10, 12 days ...
            Unit::Seconds => (86_400, 2),
        };
        known.unwrap_or_else(|| {
            loop {
                let fits =
                    [2, 4, 6, 8, 10].into_iter().map(|times| unit.saturating_mul(times)).find(|top| *top >= most);
                match fits {
                    Some(top) => return top,
                    None => unit = unit.saturating_mul(factor),
                }
            }
        })
    }
}

/// One drawing, to be put into a page as it is.
#[derive(Template)]
#[template(path = "admin/chart.svg")]
pub(super) struct Chart {
    /// Of this drawing alone, for the ids in it.
    name: &'static str,
    title: &'static str,
    description: String,
    area: String,
    line: String,
    /// Heights with their words.
    grid: Vec<(f64, String)>,
    /// Places with their times.
    hours: Vec<(f64, String)>,
}

impl Chart {
    /// `day`: the greatest value of each five minutes, oldest first; `begins`: when the first of them does.
    pub(super) fn new(
        name: &'static str,
        title: &'static str,
        unit: Unit,
        day: &[Option<u64>],
        begins: Timestamp,
    ) -> Chart {
        let top = unit.top(day.iter().flatten().copied().max().unwrap_or(0));
        let step = WIDTH / day.len().max(1) as f64;
        let x = |n: usize| round(LEFT + n as f64 * step);
        let y = |value: u64| round(TOP + HEIGHT - HEIGHT * value as f64 / top as f64);
        let (mut area, mut line) = (String::new(), String::new());
        for (first, values) in runs(day) {
            area.push_str(&format!("M{} {}", x(first), TOP + HEIGHT));
            for (n, value) in (first..).zip(&values) {
                area.push_str(&format!("V{}H{}", y(*value), x(n + 1)));
                let to = if n == first { format!("M{} {}", x(n), y(*value)) } else { format!("V{}", y(*value)) };
                line.push_str(&format!("{to}H{}", x(n + 1)));
            }
            area.push_str(&format!("V{}Z", TOP + HEIGHT));
        }
        let hours = (0..day.len()).filter_map(|n| {
            let time = begins.as_second() + n as i64 * STEP;
            (time % (HOURS * 3600) == 0).then(|| (x(n), clock(time)))
        });
        Chart {
            name,
            title,
            description: describe(unit, day, begins),
            area,
            line,
            grid: [0, top / 2, top].map(|value| (y(value), unit.words(value))).to_vec(),
            hours: hours.collect(),
        }
    }

    fn right(&self) -> f64 {
        LEFT + WIDTH
    }
}

/// The stretches without a gap: where each begins, and its values.
fn runs(day: &[Option<u64>]) -> Vec<(usize, Vec<u64>)> {
    let mut runs: Vec<(usize, Vec<u64>)> = Vec::new();
    for (n, value) in day.iter().enumerate() {
        let Some(value) = value else { continue };
        match runs.last_mut() {
            Some((first, values)) if *first + values.len() == n => values.push(*value),
            Some(_) | None => runs.push((n, vec![*value])),
        }
    }
    runs
}

/// The same in a sentence.
fn describe(unit: Unit, day: &[Option<u64>], begins: Timestamp) -> String {
    let known = || day.iter().enumerate().filter_map(|(n, value)| Some((n, (*value)?)));
    let Some((at, most)) = known().max_by_key(|(_, value)| *value) else {
        return "Nothing is known of this time yet.".into();
    };
    let missing = (day.len() - known().count()) as u64 * STEP.unsigned_abs();
    let gap = if missing == 0 { String::new() } else { format!(" Of {} nothing is known.", span(missing)) };
    let last = known().next_back().map_or(0, |(_, value)| value);
    let time = clock(begins.as_second() + at as i64 * STEP);
    match most {
        0 => format!("0 all the time.{gap}"),
        _ => format!("At most {}, about {time} UTC; {} at last.{gap}", unit.words(most), unit.words(last)),
    }
}

/// `18:05`.
fn clock(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| String::new(), |time| time.strftime("%H:%M").to_string())
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::history::POINTS;

    fn begins() -> Timestamp {
        "2026-11-20T12:05:00Z".parse().expect("a time")
    }

    fn day(values: impl Fn(usize) -> Option<u64>) -> Vec<Option<u64>> {
        (0..POINTS).map(values).collect()
    }

    fn chart(unit: Unit, day: &[Option<u64>]) -> Chart {
        Chart::new("depth", "Events that wait", unit, day, begins())
    }

    fn numbers(path: &str) -> Vec<f64> {
        path.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|number| number.parse().ok()).collect()
    }

    #[test]
    fn a_gap_is_drawn_as_a_gap_and_a_lone_point_is_seen() {
        let drawn = chart(Unit::Events, &day(|n| (n < 10 || n == 20 || n > 280).then_some(5)));
        assert_eq!(drawn.line.matches('M').count(), 3, "{}", drawn.line);
        assert_eq!(drawn.area.matches('Z').count(), 3);
        let lone = drawn.line.split('M').nth(2).expect("the second stretch");
        assert!(lone.contains('H'), "it has a width: {lone}");
        assert!(drawn.description.ends_with("Of 22 h 30 min nothing is known."), "{}", drawn.description);
    }

    #[test]
    fn whatever_the_values_everything_stays_within_the_drawing() {
        for unit in [Unit::Events, Unit::Seconds] {
            for most in [0, 1, 5, 61, 999, 86_401, 10_000_000, u64::MAX] {
                let drawn = chart(unit, &day(|n| Some(if n == 100 { most } else { 0 })));
                for path in [&drawn.area, &drawn.line] {
                    assert!(numbers(path).iter().all(|n| *n >= TOP && *n <= LEFT + WIDTH), "{unit:?} {most}");
                }
                assert!(drawn.grid.iter().all(|(y, _)| (TOP..=TOP + HEIGHT).contains(y)), "{unit:?} {most}");
            }
        }
    }

    #[test]
    fn a_day_without_a_look_is_an_empty_drawing_that_says_so() {
        let drawn = chart(Unit::Seconds, &day(|_| None));
        assert!(drawn.line.is_empty() && drawn.area.is_empty());
        assert_eq!(drawn.description, "Nothing is known of this time yet.");
        assert!(chart(Unit::Events, &[]).hours.is_empty());
    }

    #[test]
    fn the_words_tell_the_highest_when_it_was_and_the_last() {
        let drawn = chart(Unit::Events, &day(|n| Some(if n == 12 { 12_345 } else { 7 })));
        assert_eq!(drawn.description, "At most 12,345, about 13:05 UTC; 7 at last.");
        let hours: Vec<&str> = drawn.hours.iter().map(|(_, time)| time.as_str()).collect();
        assert_eq!(hours, ["18:00", "00:00", "06:00", "12:00"]);
        assert_eq!(drawn.grid[2].1, "20,000");
        assert_eq!([0, 60, 61, 86_401, 200_000].map(|n| Unit::Seconds.top(n)), [60, 60, 120, 172_800, 345_600]);
    }

    #[test]
    fn it_is_told_to_a_screen_reader_and_needs_no_style_of_its_own() {
        let svg = chart(Unit::Events, &day(|n| Some(n as u64))).render().expect("drawn");
        for part in ["role=\"img\"", "<title id=\"depth-title\">", "<desc id=\"depth-desc\">", "aria-labelledby"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!svg.contains("style") && !svg.contains("script"), "{svg}");
    }
}
