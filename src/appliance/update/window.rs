//! A maintenance window: when the box may restart into another version. Pure.
//!
//! ```text
//! 02:00-04:00            every day
//! Sun 02:00-04:00        on Sundays
//! Mon-Fri 22:00-02:00    over midnight: the days are those on which it begins
//! Sat,Sun 01:00-05:00
//! ```
//!
//! Promise: times are UTC, on every box and in every season; what is written back is what was read.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// On which days it begins, from Monday on.
    days: [bool; 7],
    from: Time,
    until: Time,
    /// As it was written.
    text: String,
}

impl Window {
    /// Is it open at this moment?
    pub fn is_open(&self, now: Timestamp) -> bool {
        let now = now.to_zoned(TimeZone::UTC).datetime();
        let over_midnight = self.until <= self.from;
        let today = self.begins_on(now);
        let yesterday = now.checked_sub(1.day()).is_ok_and(|before| self.begins_on(before));
        if over_midnight {
            today && now.time() >= self.from || yesterday && now.time() < self.until
        } else {
            today && now.time() >= self.from && now.time() < self.until
        }
    }

    /// When it opens next after this moment.
    pub fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(TimeZone::UTC).date();
        (0..=7).find_map(|days: i64| {
            let opening = today.checked_add(days.days()).ok()?.to_datetime(self.from);
            let at = opening.to_zoned(TimeZone::UTC).ok()?.timestamp();
            (self.begins_on(opening) && at > now).then_some(at)
        })
    }

    fn begins_on(&self, day: DateTime) -> bool {
        let at = usize::try_from(day.date().weekday().to_monday_zero_offset()).unwrap_or_default();
        self.days.get(at).copied().unwrap_or_default()
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Window, String> {
        let wrong =
            || "must be a window such as \"Sun 02:00-04:00\", \"Mon-Fri 22:00-02:00\" or \"02:00-04:00\"".to_owned();
        let mut words = text.split_whitespace();
        let (days, times) = match (words.next(), words.next(), words.next()) {
            (Some(times), None, None) => ([true; 7], times),
            (Some(named), Some(times), None) => (days(named).ok_or_else(wrong)?, times),
            (_, _, _) => return Err(wrong()),
        };
        let (from, until) = times.split_once('-').ok_or_else(wrong)?;
        let (from, until) = (time(from).ok_or_else(wrong)?, time(until).ok_or_else(wrong)?);
        if from == until {
            return Err("ends when it begins: give it some hours".to_owned());
        }
        Ok(Window { days, from, until, text: text.split_whitespace().collect::<Vec<_>>().join(" ") })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `Sun`, `Mon-Fri`, `Sat,Sun`, `Fri-Mon`.
fn days(text: &str) -> Option<[bool; 7]> {
    let mut found = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7;
        for step in 0..=length {
            *found.get_mut((first + step) % 7)? = true;
        }
    }
    Some(found)
}

fn day(text: &str) -> Option<usize> {
    DAYS.iter().position(|name| name.eq_ignore_ascii_case(text))
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok())?;
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_window_is_open_on_its_days_from_its_first_minute_to_its_last_over_midnight_too() {
        // 2026-11-22 is a Sunday.
        for (window, moment, open) in [
            ("Sun 02:00-04:00", "2026-11-22T02:00:00Z", true),
            ("Sun 02:00-04:00", "2026-11-22T03:59:59Z", true),
            ("Sun 02:00-04:00", "2026-11-22T04:00:00Z", false),
            ("Sun 02:00-04:00", "2026-11-22T01:59:59Z", false),
            ("Sun 02:00-04:00", "2026-11-21T03:00:00Z", false),
            ("02:00-04:00", "2026-11-21T03:00:00Z", true),
            ("Sun 22:00-02:00", "2026-11-22T23:00:00Z", true),
            ("Sun 22:00-02:00", "2026-11-23T01:59:00Z", true),
            ("Sun 22:00-02:00", "2026-11-22T01:00:00Z", false),
            ("Sat,Sun 01:00-05:00", "2026-11-21T01:00:00Z", true),
            ("Fri-Mon 01:00-05:00", "2026-11-22T01:00:00Z", true),
            ("Fri-Mon 01:00-05:00", "2026-11-24T01:00:00Z", false),
        ] {
            assert_eq!(window.parse::<Window>().expect("a window").is_open(at(moment)), open, "{window} at {moment}");
        }
    }

    #[test]
    fn the_next_opening_is_found_within_a_week() {
        for (window, moment, next) in [
            ("Sun 02:00-04:00", "2026-11-21T12:00:00Z", "2026-11-22T02:00:00Z"),
            ("Sun 02:00-04:00", "2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"),
            ("02:00-04:00", "2026-11-21T12:00:00Z", "2026-11-22T02:00:00Z"),
            ("02:00-04:00", "2026-11-21T01:00:00Z", "2026-11-21T02:00:00Z"),
        ] {
            assert_eq!(window.parse::<Window>().expect("a window").opens_after(at(moment)), Some(at(next)), "{window}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused_and_what_is_one_is_told_as_it_was_written() {
        for text in [
            "",
            "Sun",
            "02:00",
            "Sun 2:00-4:00",
            "Sun 02:00-24:00",
            "Sun 02:00-02:00",
            "Caturday 02:00-04:00",
            "Sun 02:00-04:00 x",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text:?}");
        }
        assert_eq!("mon-FRI  22:00-02:00".parse::<Window>().expect("a window").to_string(), "mon-FRI 22:00-02:00");
    }
}
