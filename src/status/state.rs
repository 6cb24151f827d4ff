//! Healthy, degraded or down: one pure function over a few facts.
//!
//! Promise: an API or a SOC that is away for less than 15 minutes never makes the agent "down"; a queue
//! that can't persist always does.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::conditions::Severity;

/// How long all integrations, or all destinations, must have failed before the agent counts as down.
pub const DOWN_AFTER: Duration = Duration::from_secs(15 * 60);

/// The one word about the whole agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Healthy,
    Degraded,
    Down,
}

impl State {
    /// All of them, from the best down.
    pub const ALL: [State; 3] = [State::Healthy, State::Degraded, State::Down];

    /// The word in JSON, metrics and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Healthy => "healthy",
            State::Degraded => "degraded",
            State::Down => "down",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the state depends on, and nothing else.
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: Timestamp,
    /// The queue is open and persists.
    pub persists: bool,
    /// Of each enabled integration: since when it has failed as a whole; `None`: it works, at least in part.
    pub integrations: Vec<Option<Timestamp>>,
    /// Of each enabled destination, the same.
    pub destinations: Vec<Option<Timestamp>>,
    /// The gravest condition that stands.
    pub gravest: Option<Severity>,
}

/// The rules of the outside: see [`DOWN_AFTER`]. None at all is not "all have failed".
pub fn state(facts: &Facts) -> State {
    let long = |since: &Option<Timestamp>| {
        since.is_some_and(|since| facts.now.duration_since(since).as_secs() >= DOWN_AFTER.as_secs() as i64)
    };
    let all_failed = |parts: &[Option<Timestamp>]| !parts.is_empty() && parts.iter().all(long);
    if !facts.persists || all_failed(&facts.integrations) || all_failed(&facts.destinations) {
        return State::Down;
    }
    match facts.gravest {
        Some(Severity::Warning | Severity::Error) => State::Degraded,
        Some(Severity::Info) | None => State::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_the_rules_of_the_house() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        let ago = |minutes: i64| Some(now - jiff::SignedDuration::from_mins(minutes));
        let (info, warning, error) = (Some(Severity::Info), Some(Severity::Warning), Some(Severity::Error));
        let table = [
            ("nothing set up yet", true, vec![], vec![], None, State::Healthy),
            ("all is well", true, vec![None], vec![None], None, State::Healthy),
            ("info does not degrade", true, vec![None], vec![None], info, State::Healthy),
            ("a warning degrades", true, vec![None], vec![None], warning, State::Degraded),
            ("an error degrades", true, vec![None], vec![None], error, State::Degraded),
            ("the queue can't persist", false, vec![None], vec![None], None, State::Down),
            ("one of two APIs away", true, vec![ago(60), None], vec![None], warning, State::Degraded),
            ("every API away, not yet 15 min", true, vec![ago(14), ago(60)], vec![None], warning, State::Degraded),
            ("every API away for 15 min", true, vec![ago(15), ago(60)], vec![None], warning, State::Down),
            ("the only SOC away, not yet 15 min", true, vec![None], vec![ago(14)], error, State::Degraded),
            ("the only SOC away for 15 min", true, vec![None], vec![ago(15)], error, State::Down),
            ("one of two SOCs away", true, vec![None], vec![ago(90), None], error, State::Degraded),
            ("a clock set back", true, vec![ago(-60)], vec![None], None, State::Healthy),
        ];
        for (case, persists, integrations, destinations, gravest, expected) in table {
            let facts = Facts { now, persists, integrations, destinations, gravest };
            assert_eq!(state(&facts), expected, "{case}");
        }
    }
}
