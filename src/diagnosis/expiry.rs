//! When the API key ends: by the vendor's word where it tells, else by `api-key-expires`.
//!
//! Promise: pure; a day that nobody named is called unknown, never far away.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::finding::Finding;
use crate::connectors::KeyTold;

const ID: &str = "key-expiry";
/// Days before the end from which on it is told.
const SOON: i32 = 30;
const RENEW: &str = "make a new key in the vendor's portal, set it and `api-key-expires`, then revoke the old one";

/// `set`: what the settings say; `told`: what the vendor says; the vendor's word counts.
pub fn judge(set: Option<Date>, told: Option<&KeyTold>, now: Timestamp) -> Finding {
    let by_vendor = told.and_then(|told| Some((told.expires?, told.unsure.as_deref())));
    let (ends, by) = match (by_vendor, set) {
        (Some((ends, None)), _) => (ends.to_zoned(TimeZone::UTC).date(), "by the vendor".to_owned()),
        (Some((ends, Some(unsure))), _) => (ends.to_zoned(TimeZone::UTC).date(), format!("by the vendor: {unsure}")),
        (None, Some(set)) => (set, "by `api-key-expires`".to_owned()),
        (None, None) => {
            let advice = "set `api-key-expires` to the day that the portal shows, to be warned in time";
            return Finding::skipped(ID, "", "not known: `api-key-expires` is not set", advice);
        }
    };
    // A day less than the difference of instants would: on its last day a key has 0 days left.
    let left = now.to_zoned(TimeZone::UTC).date().until(ends).map_or(0, |span| span.get_days());
    match left {
        ..0 => Finding::warning(ID, "", format!("ended on {ends}, {by}"), RENEW),
        0..=SOON => Finding::warning(ID, "", format!("ends on {ends}, in {left} d, {by}"), RENEW),
        _ => Finding::ok(ID, "", format!("ends on {ends}, in {left} d, {by}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::finding::Outcome;

    #[test]
    fn a_key_that_ends_within_a_month_or_has_ended_is_a_warning_and_the_vendors_word_counts() {
        let now = "2026-11-21T23:59:00Z".parse().expect("a timestamp");
        let day = |text: &str| Some(text.parse::<Date>().expect("a day"));
        for (set, told, outcome, words) in [
            (None, None, Outcome::Skipped, "not known"),
            (day("2027-01-31"), None, Outcome::Ok, "in 71 d"),
            (day("2026-12-22"), None, Outcome::Ok, "in 31 d"),
            (day("2026-12-21"), None, Outcome::Warning, "in 30 d"),
            (day("2026-11-21"), None, Outcome::Warning, "in 0 d"),
            (day("2026-11-20"), None, Outcome::Warning, "ended on 2026-11-20"),
            (
                day("2027-01-31"),
                Some("2026-12-01T00:00:00Z"),
                Outcome::Warning,
                "ends on 2026-12-01, in 10 d, by the vendor",
            ),
        ] {
            let told = told.map(|text: &str| KeyTold { expires: text.parse().ok(), ..KeyTold::default() });
            let finding = judge(set, told.as_ref(), now);
            assert!(finding.outcome == outcome && finding.text.contains(words), "{finding:?}");
        }
    }
}
