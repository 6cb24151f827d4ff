//! Numbers, times and states in words, the same in text, CSV and HTML.
//!
//! Promise: a word never hides that something is not known.

use jiff::Timestamp;

use super::{Counts, NamedRow, Report, Times};
use crate::marks::Remediation;

pub const NOT_KNOWN: &str = "not known";

/// Thousands apart: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The number and its noun, which takes an s.
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// To the minute, by UTC.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

pub fn time_or(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NOT_KNOWN.to_owned(), time)
}

/// A moment, or that there was none in the period.
pub fn detection(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "none".to_owned(), time)
}

/// Two units at the most: `4.2 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h`.
pub fn span(ms: u64) -> String {
    let (seconds, minutes, hours, days) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match () {
        () if seconds < 60 => format!("{}.{} s", seconds, ms % 1000 / 100),
        () if minutes < 60 => format!("{minutes} min {} s", seconds % 60),
        () if hours < 24 => format!("{hours} h {} min", minutes % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// The share of the remediated, and of how many.
pub fn share(counts: &Counts) -> String {
    match counts.share_permille() {
        Some(permille) => format!("{}.{} %", permille / 10, permille % 10),
        None => NOT_KNOWN.to_owned(),
    }
}

pub fn times(times: &Times) -> (String, String) {
    let word = |ms: Option<u64>| match ms {
        Some(ms) if times.exact => span(ms),
        Some(ms) => format!("about {}", span(ms)),
        None => NOT_KNOWN.to_owned(),
    };
    (word(times.median_ms), word(times.p95_ms))
}

pub fn state(state: Remediation) -> &'static str {
    match state {
        Remediation::Remediated => "Remediated",
        Remediation::Attempted => "Attempted",
        Remediation::WouldRemediate => "Would remediate",
        Remediation::NotRemediated => "Not remediated",
        Remediation::NotNeeded => "Nothing to do",
        Remediation::Unknown => "Not told",
    }
}

/// A row's name, without what could steer a terminal or turn the line around.
pub fn name(row: &NamedRow) -> String {
    match (&row.name, row.names_together) {
        (None, _) => "not told by the vendor".to_owned(),
        (Some(name), 0) => plain(name),
        (Some(_), together) => format!("{} others together", count(together)),
    }
}

/// The text without characters that steer a terminal or the direction of writing.
pub fn plain(text: &str) -> String {
    let harmless = |c: char| match c {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// What the report can know, in a sentence.
pub fn horizon(report: &Report) -> String {
    let horizon = &report.horizon;
    let since = match horizon.known_since {
        Some(since) => format!("here it counts since {}", time(since)),
        None => "since when it counts here is not known".to_owned(),
    };
    format!("The agent remembers what it kept for {} days at the most; {since}.", horizon.days)
}

/// What the numbers mean, for who reads them without the guide.
pub const MEANING: [&str; 4] = [
    "An item is one message to one recipient, one case or one campaign; an event is one version of it.",
    "An item belongs to the day on which this agent first kept it, and has the state of its newest version.",
    "The share counts the remediated among the items that needed it and whose state the vendor tells.",
    "Times run from receiving a message to its remediation, both by the vendor's clock.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_counts_read_well_at_their_edges() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 4_250, 59_999].map(span), ["0.0 s", "4.2 s", "59.9 s"]);
        assert_eq!([60_000, 3_599_999, 3_600_000].map(span), ["1 min 0 s", "59 min 59 s", "1 h 0 min"]);
        assert_eq!(span(183_600_000), "2 d 3 h");
        assert_eq!([0, 1, 2].map(|number| plural(number, "item")), ["0 items", "1 item", "2 items"]);
    }

    #[test]
    fn a_share_of_nothing_is_not_known_and_never_0() {
        assert_eq!(share(&Counts { items: 3, unknown: 3, ..Counts::default() }), NOT_KNOWN);
        assert_eq!(share(&Counts { items: 3, remediated: 2, not_remediated: 1, ..Counts::default() }), "66.7 %");
        assert_eq!(share(&Counts { items: 3, not_remediated: 1, not_needed: 2, ..Counts::default() }), "0.0 %");
    }

    #[test]
    fn a_share_is_rounded_but_never_up_to_all_nor_down_to_none() {
        let of = |remediated, attempted| share(&Counts { remediated, attempted, ..Counts::default() });
        assert_eq!([of(1, 2), of(2, 1), of(1, 7)], ["33.3 %", "66.7 %", "12.5 %"]);
        assert_eq!([of(1_999, 1), of(2_000, 0)], ["99.9 %", "100.0 %"]);
        assert_eq!([of(1, 9_999), of(0, 10_000)], ["0.1 %", "0.0 %"]);
    }
}
