//! What becomes of an offered version: one decision over facts. Pure.
//!
//! Promise: what did not show itself good on this box is not fetched again, what was refused not within a day (a power cut
//! in the middle of an install is told as refused, too), and nothing outside of the window.

use jiff::{SignedDuration, Timestamp};

use super::index::Index;
use super::told::{Outcome, Told};
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
    pub told: &'a Told,
    pub offered: &'a Index,
    /// A version that was handed to the system and not told of yet.
    pub handed_over: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing newer is offered.
    Current,
    /// One is being installed or on trial, or waits for the system.
    UnderWay,
    /// The offered one did not show itself good here, or was refused a short while ago.
    Failed,
    /// It is newer; the window opens then. `None`: it never does.
    Later(Option<Timestamp>),
    Take,
}

/// Before a refused version is tried again.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// The rules.
pub fn decide(facts: Facts<'_>) -> Decision {
    if !is_newer(&facts.offered.version, facts.running) {
        return Decision::Current;
    }
    let offered = Some(facts.offered.version.as_str());
    if facts.handed_over == offered {
        return Decision::UnderWay;
    }
    if let Some(last) = &facts.told.last {
        match last.outcome {
            Outcome::Installing | Outcome::Trial => return Decision::UnderWay,
            Outcome::NotGood if last.version.as_deref() == offered => return Decision::Failed,
            // Without a time nobody knows how often it was tried.
            Outcome::Refused
                if last.version.as_deref() == offered
                    && last.when.is_none_or(|when| facts.now.duration_since(when) < AGAIN) =>
            {
                return Decision::Failed;
            }
            Outcome::Refused | Outcome::NotGood | Outcome::Good | Outcome::Unknown => {}
        }
    }
    match facts.window {
        Some(window) if !window.is_open(facts.now) => Decision::Later(window.opens_after(facts.now)),
        Some(_) | None => Decision::Take,
    }
}

#[cfg(test)]
mod tests {
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
            let facts = Facts { now, window: Some(&window), running, told, offered: &offered, handed_over };
            assert_eq!(decide(facts), expected, "{facts:?}");
        }
        let mut refused = told("1.1.0", Outcome::Refused);
        for (hours, expected) in [(23, Decision::Failed), (24, Decision::Take)] {
            if let Some(last) = &mut refused.last {
                last.when = Some(within - SignedDuration::from_hours(hours));
            }
            let (window, handed_over) = (Some(&window), None);
            let facts = Facts { now: within, window, running: "1.0.0", told: &refused, offered: &offered, handed_over };
            assert_eq!(decide(facts), expected, "{hours}");
        }
        let facts =
            Facts { now: before, window: None, running: "1.0.0", told: &nothing, offered: &offered, handed_over: None };
        assert_eq!(decide(facts), Decision::Take, "without a window at any time");
    }
}
