//! What a request with the header `mock-data: True` sees: a few fixed items, marked as such.
//!
//! Promise: nothing here changes, and every kind has an item that says in a text of its own that it is mock data.

use jiff::Timestamp;

use super::generate::{audit, campaigns, cases, generate, vendor_cases};
use super::world::World;

/// Stands in a text of every item.
pub(super) const MARK: &str = "Mock data";

/// Two items of each kind that the header is declared for.
pub(super) fn world() -> World {
    // The first second of 2026: an age at which no live window looks.
    let at = Timestamp::from_second(1_767_225_600).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut world = World::default();
    for mut threat in generate(1, 2, at, at) {
        threat.messages.iter_mut().for_each(|message| message.subject = format!("{MARK}: an invoice"));
        world.threats.insert(threat.id.clone(), threat);
    }
    for mut case in cases(1, 2, at, at) {
        case.description = format!("{MARK}: Potential Account Takeover");
        world.cases.insert(case.id, case);
    }
    for mut campaign in campaigns(1, 2, at, at) {
        campaign.subject = format!("{MARK}: a reported message");
        world.campaigns.insert(campaign.id.clone(), campaign);
    }
    for mut case in vendor_cases(1, 2, at, at) {
        case.insights.iter_mut().for_each(|(highlight, _)| *highlight = format!("{MARK}: {highlight}"));
        world.vendor_cases.insert(case.id, case);
    }
    for (number, mut entry) in (1..).zip(audit(1, 2, at, at)) {
        entry.tenant = MARK.to_owned();
        world.audit.insert(number, entry);
    }
    world
}
