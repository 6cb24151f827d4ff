//! How near an end is, of a key or of a certificate: pure, with the time as an argument.
//!
//! Promise: a step is taken once at 30, 14, 7 and 1 days and at the end, and none is less grave than the one before.

use jiff::Timestamp;

use crate::status::{CertificateEnd, Severity};

/// How near the end is. Each step is worth one line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Month,
    Fortnight,
    Week,
    Day,
    Over,
}

impl Step {
    /// By the days that are left, 0 within the last one; further than 30 days away it is no step yet.
    pub fn of(days_left: i64) -> Option<Step> {
        match days_left {
            ..0 => Some(Step::Over),
            0..=1 => Some(Step::Day),
            2..=7 => Some(Step::Week),
            8..=14 => Some(Step::Fortnight),
            15..=30 => Some(Step::Month),
            31.. => None,
        }
    }

    /// How grave the condition is.
    pub fn severity(self) -> Severity {
        match self {
            Step::Month => Severity::Info,
            Step::Fortnight | Step::Week => Severity::Warning,
            Step::Day | Step::Over => Severity::Error,
        }
    }
}

/// What is to be said of a destination's certificates: the nearest step, and a sentence that names all that have taken
/// one.
pub fn certificates(name: &str, ends: &[CertificateEnd], now: Timestamp) -> Option<(Step, String)> {
    let days = |end: &CertificateEnd| (end.expires.as_second() - now.as_second()).div_euclid(86_400);
    let near: Vec<(Step, String)> = ends
        .iter()
        .filter_map(|end| {
            Some((Step::of(days(end))?, format!("{} {}", end.whose.in_words(), when(days(end), end.expires))))
        })
        .collect();
    let nearest = near.iter().map(|(step, _)| *step).max()?;
    let all: Vec<String> = near.into_iter().map(|(_, text)| text).collect();
    Some((nearest, format!("destination {name}: {}", all.join("; "))))
}

fn when(days_left: i64, at: Timestamp) -> String {
    match days_left {
        ..0 => format!("ended at {at}"),
        0 => format!("ends within a day, at {at}"),
        1 => format!("ends in 1 day, at {at}"),
        2.. => format!("ends in {days_left} days, at {at}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Whose;

    #[test]
    fn the_nearest_end_gives_the_step_and_each_near_one_is_named() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let end = |whose, at: &str| CertificateEnd { whose, expires: at.parse().expect("a time") };
        let (ours, ca, peer) = (|at| end(Whose::Ours, at), |at| end(Whose::Ca, at), |at| end(Whose::Peer, at));
        let table = [
            (vec![], None, ""),
            (vec![ours("2026-12-22T12:00:00Z"), ca("2036-01-01T00:00:00Z")], None, ""),
            (
                vec![ours("2026-12-21T12:00:00Z")],
                Some(Step::Month),
                "our certificate (`cert`) ends in 30 days, at 2026-12-21",
            ),
            (vec![ca("2026-12-05T12:00:00Z")], Some(Step::Fortnight), "the CA's (`ca`) ends in 14 days"),
            (vec![peer("2026-11-28T12:00:00Z")], Some(Step::Week), "the receiver's own ends in 7 days"),
            (vec![peer("2026-11-22T11:59:59Z")], Some(Step::Day), "ends within a day"),
            (
                vec![ours("2026-12-01T12:00:00Z"), peer("2026-11-21T11:59:59Z")],
                Some(Step::Over),
                "our certificate (`cert`) ends in 10 days, at 2026-12-01T12:00:00Z; the receiver's own ended at",
            ),
        ];
        for (ends, step, words) in table {
            let said = certificates("soc", &ends, now);
            assert_eq!(said.as_ref().map(|(step, _)| *step), step, "{ends:?}");
            assert!(said.is_none_or(|(_, text)| text.contains(words)), "{words}");
        }
    }
}
