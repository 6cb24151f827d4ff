//! An API key's own facts: when it ends, who says so, and since when it is in use.
//!
//! Promise: nothing here is the key, or leads to it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Who told when a key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// Its list of keys: the moment itself.
    Vendor,
    /// `api-key-expires`: the day, from its beginning (UTC).
    Settings,
}

impl KeySource {
    /// The word in JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            KeySource::Vendor => "vendor",
            KeySource::Settings => "settings",
        }
    }
}

/// When a key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyExpiry {
    pub at: Timestamp,
    pub source: KeySource,
}

impl KeyExpiry {
    /// As the operator set it; `None` for a day that no clock can reach.
    pub fn set(day: Date) -> Option<KeyExpiry> {
        let at = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(KeyExpiry { at, source: KeySource::Settings })
    }

    /// The day, in UTC.
    pub fn day(self) -> Date {
        self.at.to_zoned(TimeZone::UTC).date()
    }

    /// Days until it ends: 0 within the last one, below 0 once it has ended. A day that the settings name counts as its
    /// last whole one.
    pub fn days_left(self, now: Timestamp) -> i64 {
        let seconds = match self.source {
            KeySource::Vendor => self.at.as_second() - now.as_second(),
            KeySource::Settings => {
                let today = now.to_zoned(TimeZone::UTC).date();
                return self.day().since(today).map_or(i64::MAX, |left| i64::from(left.get_days()));
            }
        };
        seconds.div_euclid(86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_ends_today_has_no_day_left_and_one_that_ended_has_less_than_none() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        for (day, left) in [("2026-12-20", 30), ("2026-11-21", 1), ("2026-11-20", 0), ("2026-11-19", -1)] {
            let end = KeyExpiry::set(day.parse().expect("a day")).expect("a time");
            assert_eq!(end.days_left(now), left, "{day}");
        }
        for (at, left) in [
            ("2026-12-20T12:00:00Z", 30),
            ("2026-11-21T11:59:59Z", 0),
            ("2026-11-20T12:00:01Z", 0),
            ("2026-11-20T11:59:59Z", -1),
        ] {
            let end = KeyExpiry { at: at.parse().expect("a time"), source: KeySource::Vendor };
            assert_eq!(end.days_left(now), left, "{at}");
        }
    }
}
