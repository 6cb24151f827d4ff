//! A time and the ways the vendor writes one.
//!
//! Promise: the digits of the second are written as given, none rounded and none invented.

use jiff::{SignedDuration, Timestamp};

/// A time and how many digits of its second are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: Timestamp,
    /// 0 to 9.
    pub digits: u8,
}

impl Moment {
    /// Whole seconds.
    pub fn seconds(at: Timestamp) -> Moment {
        Moment { at, digits: 0 }
    }

    /// RFC 3339 in UTC: `2026-11-19T08:14:02Z`.
    pub fn text(self) -> String {
        format!("{:.*}", usize::from(self.digits.min(9)), self.at)
    }

    /// RFC 3339 with an offset of so many hours: `2026-11-18T22:05:00-08:00`.
    pub fn with_offset(self, hours: i8) -> String {
        let shift = SignedDuration::from_hours(i64::from(hours));
        let local = Moment { at: self.at.saturating_add(shift).unwrap_or(self.at), ..self }.text();
        let sign = if hours < 0 { '-' } else { '+' };
        format!("{}{sign}{:02}:00", local.trim_end_matches('Z'), hours.unsigned_abs())
    }

    /// As audit logs have it, which is no RFC 3339: `2026-11-19 09:12:44.031000+00:00`.
    pub fn with_space(self) -> String {
        self.with_offset(0).replacen('T', " ", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_the_digits_asked_for() {
        let at: Timestamp = "2026-11-19T08:14:02.120000001Z".parse().expect("a time");
        assert_eq!(Moment::seconds(at).text(), "2026-11-19T08:14:02Z");
        assert_eq!(Moment { at, digits: 6 }.text(), "2026-11-19T08:14:02.120000Z");
        assert_eq!(Moment { at, digits: 9 }.text(), "2026-11-19T08:14:02.120000001Z");
    }

    #[test]
    fn an_offset_tells_the_same_instant_and_a_space_stands_where_the_t_was() {
        let at: Timestamp = "2026-11-19T06:05:00.031Z".parse().expect("a time");
        assert_eq!(Moment::seconds(at).with_offset(-8), "2026-11-18T22:05:00-08:00");
        assert_eq!(Moment { at, digits: 6 }.with_space(), "2026-11-19 06:05:00.031000+00:00");
        assert_eq!(Moment { at, digits: 3 }.with_offset(2).parse().ok(), Some(at));
    }
}
