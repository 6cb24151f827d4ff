//! What this agent tried of what was offered: which version it handed to the system, and what was not as its index says. Pure.
//!
//! Promise: what the system tells first after a hand-over is of the version that was handed over, whatever it calls it: of a
//! bundle that is not signed for this box it names none.

use jiff::{SignedDuration, Timestamp};

use super::index::Index;
use super::told::{Last, Told};

/// Before what was refused, or was not as its index says, is tried again.
pub const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What is remembered while the agent runs.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    handed_over: Option<HandedOver>,
    unfit: Option<Unfit>,
}

#[derive(Clone, Debug)]
struct HandedOver {
    version: String,
    /// What the system told last before it.
    before: Option<Last>,
    /// What it has told since, in its own words; `None`: nothing yet.
    fate: Option<Last>,
}

#[derive(Clone, Debug)]
struct Unfit {
    offered: Index,
    when: Timestamp,
    why: String,
}

impl Tried {
    /// This version is with the system; `before`: what that told last until then.
    pub fn hand_over(&mut self, version: &str, before: Option<Last>) {
        self.handed_over = Some(HandedOver { version: version.to_owned(), before, fate: None });
    }

    /// What was fetched is not what its index says, or no bundle.
    pub fn was_unfit(&mut self, offered: &Index, why: String, now: Timestamp) {
        self.unfit = Some(Unfit { offered: offered.clone(), when: now, why });
    }

    /// What the system tells, with the version that it is of.
    pub fn hear(&mut self, mut told: Told) -> Told {
        let Some(handed_over) = &mut self.handed_over else { return told };
        let has_ended = handed_over.fate.as_ref().is_some_and(|fate| fate.outcome.is_final());
        if !has_ended && told.last != handed_over.before {
            handed_over.fate.clone_from(&told.last);
        }
        if let Some(last) = told.last.as_mut().filter(|last| Some(&**last) == handed_over.fate.as_ref()) {
            last.version = Some(handed_over.version.clone());
        }
        told
    }

    /// The version that the system has, and has told nothing of yet.
    pub fn waits_for(&self) -> Option<&str> {
        self.handed_over.as_ref().filter(|it| it.fate.is_none()).map(|it| it.version.as_str())
    }

    /// Why this very offer is not worth another download yet.
    pub fn unfit(&self, offered: &Index, now: Timestamp) -> Option<&str> {
        let same = self.unfit.as_ref().filter(|unfit| unfit.offered == *offered);
        same.filter(|unfit| now.duration_since(unfit.when) < AGAIN).map(|unfit| unfit.why.as_str())
    }
}
