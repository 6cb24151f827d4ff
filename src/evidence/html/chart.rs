//! Where the bars and lines of the charts stand. Pure arithmetic over counts; the template draws them.
//!
//! Promise: nothing but numbers and dates of ours gets into a drawing.

use super::super::{Counts, Day};
use crate::marks::Remediation;

/// The drawing's units: its viewBox is 720 by 200.
const LEFT: f64 = 48.0;
const WIDTH: f64 = 664.0;
const TOP: f64 = 12.0;
const HEIGHT: f64 = 156.0;

/// A part of the bar that tells what became of all items.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    pub state: Remediation,
    /// The class that colours it.
    pub class: &'static str,
    /// Per cent of the bar.
    pub x: f64,
    pub width: f64,
}

/// One segment for each state, in the order of reports; those without items have no width.
pub fn segments(counts: &Counts) -> Vec<Segment> {
    let whole: u64 = Remediation::ALL.into_iter().map(|state| counts.of(state)).sum();
    let mut x = 0.0;
    let place = |state: Remediation| {
        let width = if whole == 0 { 0.0 } else { counts.of(state) as f64 * 100.0 / whole as f64 };
        let segment = Segment { state, class: class(state), x: round(x), width: round(width) };
        x += width;
        segment
    };
    Remediation::ALL.into_iter().map(place).collect()
}

fn class(state: Remediation) -> &'static str {
    match state {
        Remediation::Remediated => "remediated",
        Remediation::Attempted => "attempted",
        Remediation::WouldRemediate => "would",
        Remediation::NotRemediated => "not",
        Remediation::NotNeeded => "none",
        Remediation::Unknown => "unknown",
    }
}

/// Detected items as bars, remediated ones as a line, by day.
#[derive(Clone, Debug, PartialEq)]
pub struct DayChart {
    pub bars: Vec<Bar>,
    /// Points of the line, as SVG wants them.
    pub line: String,
    /// Heights with their numbers: 0, half and all.
    pub grid: Vec<(f64, u64)>,
    /// Some days under the axis.
    pub labels: Vec<(f64, String)>,
    /// There is something to draw.
    pub any: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub title: String,
}

impl DayChart {
    pub fn new(days: &[Day]) -> DayChart {
        let most = days.iter().map(|day| day.detected.max(day.remediated)).max().unwrap_or(0);
        let top = round_up(most);
        let step = WIDTH / days.len().max(1) as f64;
        let height = |number: u64| HEIGHT * number as f64 / top as f64;
        let middle = |n: usize| LEFT + (n as f64 + 0.5) * step;
        let bar = |(n, day): (usize, &Day)| Bar {
            x: round(LEFT + n as f64 * step + step * 0.12),
            y: round(TOP + HEIGHT - height(day.detected)),
            width: round(step * 0.76),
            height: round(height(day.detected)),
            title: format!("{}: {} detected, {} remediated", day.day, day.detected, day.remediated),
        };
        let point =
            |(n, day): (usize, &Day)| format!("{},{}", round(middle(n)), round(TOP + HEIGHT - height(day.remediated)));
        let every = days.len().div_ceil(7).max(1);
        let label = |(n, day): (usize, &Day)| (round(middle(n)), day.day.strftime("%m-%d").to_string());
        DayChart {
            bars: days.iter().enumerate().map(bar).collect(),
            line: days.iter().enumerate().map(point).collect::<Vec<_>>().join(" "),
            grid: [0, top / 2, top].map(|number| (round(TOP + HEIGHT - height(number)), number)).to_vec(),
            labels: days.iter().enumerate().step_by(every).map(label).collect(),
            any: most > 0,
        }
    }
}

/// The next 2, 4, 6, 8, 10 times a power of ten: half of it is a whole number too.
fn round_up(most: u64) -> u64 {
    let mut unit = 1u64;
    loop {
        for times in [2, 4, 6, 8] {
            if unit.saturating_mul(times) >= most {
                return unit.saturating_mul(times);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_and_the_line_stay_within_the_drawing() {
        for most in [0, 1, 2, 3, 9, 10, 11, 99, 12_345, u64::MAX] {
            let day = |day, detected, remediated| Day { day: jiff::civil::date(2026, 11, day), detected, remediated };
            let chart = DayChart::new(&[day(1, most, 0), day(2, 0, most), day(3, 1, 1)]);
            assert!(chart.any);
            for bar in &chart.bars {
                assert!(bar.y >= TOP - 0.01 && bar.y + bar.height <= TOP + HEIGHT + 0.01, "{most}: {bar:?}");
                assert!(bar.x >= LEFT && bar.x + bar.width <= LEFT + WIDTH, "{most}: {bar:?}");
            }
        }
        assert!(!DayChart::new(&[]).any);
        assert_eq!([1, 3, 9, 11].map(round_up), [2, 4, 20, 20]);
    }

    #[test]
    fn segments_fill_the_bar_and_states_without_items_take_nothing() {
        let counts = Counts { items: 4, remediated: 3, unknown: 1, ..Counts::default() };
        let widths: Vec<f64> = segments(&counts).iter().map(|segment| segment.width).collect();
        assert_eq!(widths, [75.0, 0.0, 0.0, 0.0, 0.0, 25.0]);
        assert!(segments(&Counts::default()).iter().all(|segment| segment.width == 0.0));
    }
}
