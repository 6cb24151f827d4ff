//! How one part of the agent stands, as its tile says it: a tone, a word, a sentence.
//!
//! Promise: the page and the live stream say the same; the word tells what the tone tells.

use serde::Serialize;

use crate::status::snapshot::{Destination, Integration};
use crate::status::{Snapshot, Standing, State};

/// What is said of one place; `data-live` of the element that shows it is `place`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    pub place: String,
    /// A class of the style sheet.
    pub tone: &'static str,
    pub word: &'static str,
    pub text: String,
}

/// All that a page may follow.
pub(super) fn all(snapshot: &Snapshot) -> Vec<Told> {
    let integrations = snapshot.integrations.iter().map(of_integration);
    let destinations = snapshot.destinations.iter().map(of_destination);
    std::iter::once(of_agent(snapshot.state)).chain(integrations).chain(destinations).collect()
}

pub(super) fn of_integration(one: &Integration) -> Told {
    Told {
        place: format!("integrations/{}", one.name),
        tone: tone(one.state),
        word: one.state.as_str(),
        text: one.text.clone(),
    }
}

pub(super) fn of_destination(one: &Destination) -> Told {
    Told {
        place: format!("destinations/{}", one.name),
        tone: tone(one.state),
        word: one.state.as_str(),
        text: one.text.clone(),
    }
}

/// One that is written and that the agent does not run: it was not read yet, or the settings do not hold.
pub(super) fn not_in_force(kind: &str, name: &str) -> Told {
    let text = "It is written, and the agent has not taken it up.".into();
    Told { place: format!("{kind}/{name}"), tone: "plain", word: "not in force", text }
}

fn of_agent(state: State) -> Told {
    Told { place: "agent".into(), tone: state_tone(state), word: state.as_str(), text: String::new() }
}

/// Green: it works. Amber: it fails and tries again. Red: it is stopped until somebody does something.
pub(super) fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Ok => "good",
        Standing::Waiting | Standing::Disabled => "plain",
        Standing::Failing => "fair",
        Standing::Parked => "bad",
    }
}

pub(super) fn state_tone(state: State) -> &'static str {
    match state {
        State::Healthy => "good",
        State::Degraded => "fair",
        State::Down => "bad",
    }
}
