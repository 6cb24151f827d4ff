//! What became of one event at each destination. Pure.
//!
//! Promise: "taken" is not said of what a filter may have passed over, or of what came before a destination was there.

use std::collections::BTreeMap;

use super::super::receiver;
use crate::config::Settings;
use crate::event::{Seq, Stored};
use crate::queue::{Facts, Quarantined};

/// How an event stands at one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its turn has not come.
    Waits,
    /// It is behind the destination's place: taken, unless it was kept before the destination was first there.
    Behind,
    /// The filter as it is set now does not let it pass.
    Filtered,
    /// The peer will never take it, in its own words; `again`: it is tried once more.
    Aside { reason: String, again: bool },
}

/// By destination. The settings name the filters; the queue also knows destinations that they no longer name.
pub(super) fn fates(
    stored: &Stored,
    facts: &Facts,
    settings: Option<&Settings>,
    aside: &[Quarantined],
    due: impl Fn(&str) -> Vec<Seq>,
) -> BTreeMap<String, Fate> {
    let of = |(name, cursor): (&String, &Seq)| {
        let filter = settings
            .and_then(|settings| settings.destinations.values().find(|set| set.name.as_str() == name))
            .map(|set| &set.filter);
        let fate = if let Some(entry) = aside.iter().find(|entry| entry.seq == stored.seq && entry.destination == *name)
        {
            Fate::Aside { reason: entry.reason.clone(), again: due(name).contains(&stored.seq) }
        } else if filter.is_some_and(|filter| !receiver::passes(filter, &stored.event)) {
            Fate::Filtered
        } else if *cursor < stored.seq {
            Fate::Waits
        } else {
            Fate::Behind
        };
        (name.clone(), fate)
    };
    facts.cursors.iter().map(of).collect()
}
