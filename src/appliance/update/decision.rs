//! What becomes of an offered version: one decision over facts. Pure.
//!
//! Promise: what did not show itself good on this box is not fetched again; what was refused, or was not as its index says,
//! not within a day (a power cut in the middle of an install is told as refused, too); and nothing outside of the window, or
//! while nobody knows what the system tells.

use jiff::Timestamp;

use super::index::Index;
use super::told::{Outcome, Told};
use super::tried::{AGAIN, Tried};
use super::version::is_newer;
use super::window::Window;

/// What the decision hangs on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub now: Timestamp,
    /// `None`: at any time.
    pub window: Option<&'a Window>,
    /// The version that runs.
    pub running: &'a str,
    /// As [`Tried::hear`] heard it; `None`: it can't be read.
    pub told: Option<&'a Told>,
    pub offered: &'a Index,
    pub tried: &'a Tried,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing newer is offered.
    Current,
    /// It is newer, and what became of the last one can't be read.
    Untold,
    /// One is being installed or on trial, or waits for the system.
    UnderWay,
    /// The offered one did not show itself good here, or was refused a short while ago.
    Failed,
    /// It was fetched a short while ago, and is not what the index says: why.
    Unfit(String),
    /// It is newer; the window opens then. `None`: it never does.
    Later(Option<Timestamp>),
    Take,
}

/// The rules.
pub fn decide(facts: Facts<'_>) -> Decision {
    if !is_newer(&facts.offered.version, facts.running) {
        return Decision::Current;
    }
    let Some(told) = facts.told else { return Decision::Untold };
    let offered = Some(facts.offered.version.as_str());
    if facts.tried.waits_for() == offered {
        return Decision::UnderWay;
    }
    if let Some(last) = &told.last {
        match last.outcome {
            Outcome::Installing | Outcome::Trial => return Decision::UnderWay,
            Outcome::NotGood if last.version.as_deref() == offered => return Decision::Failed,
            // Of a bundle that is not signed for this box no version is told: after a restart it may have been the offered
            // one. Without a time nobody knows how often it was tried.
            Outcome::Refused
                if last.version.as_deref().is_none_or(|version| Some(version) == offered)
                    && last.when.is_none_or(|when| facts.now.duration_since(when) < AGAIN) =>
            {
                return Decision::Failed;
            }
            Outcome::Refused | Outcome::NotGood | Outcome::Good | Outcome::Unknown => {}
        }
    }
    if let Some(why) = facts.tried.unfit(facts.offered, facts.now) {
        return Decision::Unfit(why.to_owned());
    }
    match facts.window {
        Some(window) if !window.is_open(facts.now) => Decision::Later(window.opens_after(facts.now)),
        Some(_) | None => Decision::Take,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::told::Last;
    use super::*;

    fn told(version: &str, outcome: Outcome) -> Told {
        let last = Last { version: Some(version.to_owned()), when: None, outcome, why: None };
        Told { last: Some(last), ..Told::default() }
    }

    #[test]
    fn what_is_newer_and_has_not_failed_here_is_taken_in_the_window_alone() {
        let window: Window = "Sun 02:00-04:00".parse().expect("a window");
        let (before, within): (Timestamp, Timestamp) =
            ("2026-11-21T12:00:00Z".parse().expect("a time"), "2026-11-22T02:30:00Z".parse().expect("a time"));
        let opens = "2026-11-22T02:00:00Z".parse().ok();
        let offered = Index { version: "1.1.0".into(), url: String::new(), sha256: String::new(), size: 1 };
        let nothing = Told::default();
        let table = [
            ("1.1.0", &nothing, None, within, Decision::Current),
            ("1.2.0", &nothing, None, within, Decision::Current),
            ("1.0.0", &nothing, None, within, Decision::Take),
            ("1.0.0", &nothing, None, before, Decision::Later(opens)),
            ("1.0.0", &nothing, Some("1.1.0"), within, Decision::UnderWay),
            ("1.0.0", &nothing, Some("1.0.9"), within, Decision::Take),
            ("1.0.0", &told("1.1.0", Outcome::Installing), None, within, Decision::UnderWay),
            ("1.0.0", &told("1.0.0", Outcome::Trial), None, within, Decision::UnderWay),
            ("1.0.0", &told("1.1.0", Outcome::Refused), None, within, Decision::Failed),
            ("1.0.0", &told("1.1.0", Outcome::NotGood), None, within, Decision::Failed),
            ("1.0.0", &told("1.0.5", Outcome::NotGood), None, within, Decision::Take),
            ("1.0.0", &told("1.0.0", Outcome::Good), None, within, Decision::Take),
            ("1.0.0", &told("1.1.0", Outcome::Unknown), None, within, Decision::Take),
        ];
        for (running, told, handed_over, now, expected) in table {
            let mut tried = Tried::default();
            if let Some(version) = handed_over {
                tried.hand_over(version, None);
            }
            let facts =
                Facts { now, window: Some(&window), running, told: Some(told), offered: &offered, tried: &tried };
            assert_eq!(decide(facts), expected, "{facts:?}");
        }
        let mut refused = told("1.1.0", Outcome::Refused);
        for (hours, expected) in [(23, Decision::Failed), (24, Decision::Take)] {
            if let Some(last) = &mut refused.last {
                last.when = Some(within - SignedDuration::from_hours(hours));
            }
            let (window, told, tried) = (Some(&window), Some(&refused), &Tried::default());
            let facts = Facts { now: within, window, running: "1.0.0", told, offered: &offered, tried };
            assert_eq!(decide(facts), expected, "{hours}");
        }
        let tried = &Tried::default();
        let facts =
            Facts { now: before, window: None, running: "1.0.0", told: Some(&nothing), offered: &offered, tried };
        assert_eq!(decide(facts), Decision::Take, "without a window at any time");
    }

    const HANDED_OVER: &str = "2026-11-21T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn offer(sha256: &str) -> Index {
        Index { version: "1.1.0".into(), url: String::new(), sha256: sha256.into(), size: 1 }
    }

    fn last(version: Option<&str>, outcome: Outcome, when: &str) -> Option<Last> {
        Some(Last { version: version.map(ToOwned::to_owned), when: Some(at(when)), outcome, why: None })
    }

    /// 1.0.0 runs, at any time.
    fn decided(tried: &Tried, told: Option<&Told>, offered: &Index, now: Timestamp) -> Decision {
        decide(Facts { now, window: None, running: "1.0.0", told, offered, tried })
    }

    #[test]
    fn a_version_that_was_refused_after_it_was_handed_over_was_called_under_way_until_the_agent_restarted() {
        let (older, newer) = ("2026-11-20T11:00:00Z", "2026-11-21T12:01:00Z");
        let refused = |version, when| last(version, Outcome::Refused, when);
        let table = [
            ("nothing told yet", None, None, Decision::UnderWay, Decision::UnderWay),
            (
                "told before the second try",
                refused(Some("1.1.0"), older),
                refused(Some("1.1.0"), older),
                Decision::UnderWay,
                Decision::UnderWay,
            ),
            ("refused", None, refused(Some("1.1.0"), newer), Decision::Failed, Decision::Take),
            (
                "refused a second time",
                refused(Some("1.1.0"), older),
                refused(Some("1.1.0"), newer),
                Decision::Failed,
                Decision::Take,
            ),
            ("not signed: no version is told", None, refused(None, newer), Decision::Failed, Decision::Take),
            (
                "the bundle is of another version than its index says",
                None,
                refused(Some("1.0.9"), newer),
                Decision::Failed,
                Decision::Take,
            ),
            (
                "being installed",
                None,
                last(Some("1.1.0"), Outcome::Installing, newer),
                Decision::UnderWay,
                Decision::UnderWay,
            ),
        ];
        for (accident, before, after, soon, a_day_later) in table {
            let mut tried = Tried::default();
            tried.hand_over("1.1.0", before);
            let told = tried.hear(Told { last: after, ..Told::default() });
            let offered = offer("ab");
            assert_eq!(decided(&tried, Some(&told), &offered, at("2026-11-21T12:15:00Z")), soon, "{accident}");
            assert_eq!(decided(&tried, Some(&told), &offered, at("2026-11-22T12:15:00Z")), a_day_later, "{accident}");
        }
    }

    #[test]
    fn what_is_told_of_a_later_upload_is_not_taken_for_the_version_that_was_handed_over() {
        let mut tried = Tried::default();
        tried.hand_over("1.1.0", None);
        let mut hear = |last: Option<Last>| tried.hear(Told { last, ..Told::default() }).last.and_then(|l| l.version);
        assert_eq!(hear(last(None, Outcome::Refused, HANDED_OVER)).as_deref(), Some("1.1.0"));
        assert_eq!(hear(last(Some("1.0.5"), Outcome::Refused, "2026-11-21T13:00:00Z")).as_deref(), Some("1.0.5"));
        assert_eq!(hear(last(None, Outcome::Refused, "2026-11-21T14:00:00Z")), None);
    }

    #[test]
    fn a_bundle_that_is_not_signed_for_this_box_was_fetched_anew_by_each_agent_that_restarted() {
        let told = Told { last: last(None, Outcome::Refused, HANDED_OVER), ..Told::default() };
        let after = |hours| at(HANDED_OVER) + SignedDuration::from_hours(hours);
        let restarted = Tried::default();
        assert_eq!(decided(&restarted, Some(&told), &offer("ab"), after(23)), Decision::Failed);
        assert_eq!(decided(&restarted, Some(&told), &offer("ab"), after(24)), Decision::Take);
    }

    #[test]
    fn a_bundle_that_does_not_fit_its_index_was_fetched_whole_every_quarter_of_an_hour() {
        let (told, begun) = (Told::default(), at(HANDED_OVER));
        let mut tried = Tried::default();
        tried.was_unfit(&offer("ab"), "another".into(), begun);
        let after = |offered: &Index, minutes| {
            decided(&tried, Some(&told), offered, begun + SignedDuration::from_mins(minutes))
        };
        assert_eq!(after(&offer("ab"), 15), Decision::Unfit("another".into()));
        assert_eq!(after(&offer("ab"), 24 * 60 - 1), Decision::Unfit("another".into()));
        assert_eq!(after(&offer("ab"), 24 * 60), Decision::Take);
        assert_eq!(after(&offer("cd"), 15), Decision::Take, "an index that was mended is another offer");
    }

    #[test]
    fn a_version_that_failed_was_taken_again_where_what_the_system_tells_could_not_be_read() {
        assert_eq!(decided(&Tried::default(), None, &offer("ab"), at(HANDED_OVER)), Decision::Untold);
        let older = Index { version: "1.0.0".into(), ..offer("ab") };
        assert_eq!(decided(&Tried::default(), None, &older, at(HANDED_OVER)), Decision::Current);
    }
}
