//! What is said of a key's end and of its age: pure, with the time as an argument.
//!
//! Promise: a sentence says who told the day.

use std::time::Duration;

use jiff::Timestamp;

use crate::status::{KeyExpiry, KeySource};

/// The end in a sentence. `unsure`: what the vendor's day is, where it may not be that of our key.
pub fn end(name: &str, end: KeyExpiry, unsure: Option<&str>, now: Timestamp) -> String {
    let day = end.day();
    let when = match end.days_left(now) {
        left @ ..-1 => format!("ended {} days ago, on {day}", -left),
        -1 => format!("has ended, on {day}"),
        0 => format!("ends within a day, on {day}"),
        1 => format!("ends in 1 day, on {day}"),
        left @ 2.. => format!("ends in {left} days, on {day}"),
    };
    let by = match end.source {
        KeySource::Vendor => "as the vendor tells",
        KeySource::Settings => "by api-key-expires",
    };
    let unsure = unsure.map(|unsure| format!("; {unsure}")).unwrap_or_default();
    format!("the API key of {name} {when} ({by}{unsure})")
}

/// The reminder about a key that is older than `most`; a `most` of zero reminds of nothing.
pub fn age(name: &str, since: Timestamp, told: bool, most: Duration, now: Timestamp) -> Option<String> {
    let age = Duration::try_from(now.duration_since(since)).ok()?;
    if most.is_zero() || age <= most {
        return None;
    }
    let days = |age: Duration| age.as_secs() / 86_400;
    let (days, most) = (days(age), crate::values::format_duration(most));
    Some(if told {
        format!("the API key of {name} was made {days} days ago, more than api-key-max-age ({most}): rotate it")
    } else {
        format!("the API key of {name} is in use here for {days} days, more than api-key-max-age ({most}): rotate it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::expiry::Step;
    use crate::status::Severity;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_steps_fall_at_30_14_7_and_1_days_and_at_the_end_and_grow_graver() {
        let end = KeyExpiry { at: at("2026-12-31T12:00:00Z"), source: KeySource::Vendor };
        let table = [
            ("2026-11-30T11:00:00Z", None),
            ("2026-11-30T12:00:01Z", Some(Step::Month)),
            ("2026-12-17T11:00:00Z", Some(Step::Fortnight)),
            ("2026-12-24T11:00:00Z", Some(Step::Week)),
            ("2026-12-30T11:00:00Z", Some(Step::Day)),
            ("2026-12-31T11:59:59Z", Some(Step::Day)),
            ("2026-12-31T12:00:01Z", Some(Step::Over)),
        ];
        let mut gravest = Severity::Info;
        for (now, step) in table {
            let found = Step::of(end.days_left(at(now)));
            assert_eq!(found, step, "{now}");
            let severity = found.map_or(Severity::Info, Step::severity);
            assert!(severity >= gravest, "{now}");
            gravest = severity;
        }
        assert_eq!(gravest, Severity::Error);
    }

    #[test]
    fn a_sentence_tells_the_days_the_day_and_who_says_so() {
        let now = at("2026-11-21T12:00:00Z");
        let set = |day: &str| KeyExpiry::set(day.parse().expect("a day")).expect("a time");
        let told = KeyExpiry { at: at("2026-11-23T13:00:00Z"), source: KeySource::Vendor };
        let table = [
            (set("2026-12-20"), None, "ends in 29 days, on 2026-12-20 (by api-key-expires)"),
            (set("2026-11-22"), None, "ends in 1 day, on 2026-11-22"),
            (set("2026-11-21"), None, "ends within a day, on 2026-11-21"),
            (set("2026-11-20"), None, "has ended, on 2026-11-20"),
            (set("2026-11-01"), None, "ended 20 days ago, on 2026-11-01"),
            (told, None, "ends in 2 days, on 2026-11-23 (as the vendor tells)"),
            (told, Some("that is the earliest of 3 active keys"), "tells; that is the earliest of 3 active keys)"),
        ];
        for (expiry, unsure, said) in table {
            let sentence = end("acme", expiry, unsure, now);
            assert!(sentence.starts_with("the API key of acme ") && sentence.contains(said), "{sentence}");
        }
    }

    #[test]
    fn a_key_past_its_greatest_age_is_told_and_a_greatest_age_of_nothing_tells_none() {
        let now = at("2026-11-21T12:00:00Z");
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let since = at("2026-08-22T12:00:00Z");
        assert_eq!(age("acme", since, true, days(91), now), None);
        assert_eq!(age("acme", since, true, days(0), now), None);
        assert_eq!(age("acme", at("2027-01-01T00:00:00Z"), true, days(1), now), None, "a clock that is behind");
        let told = age("acme", since, true, days(90), now + Duration::from_secs(1)).expect("a reminder");
        assert!(told.contains("made 91 days ago") && told.contains("(90d)"), "{told}");
        let seen = age("acme", since, false, days(30), now).expect("a reminder");
        assert!(seen.contains("in use here for 91 days"), "{seen}");
    }
}
