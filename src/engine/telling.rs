//! What the board is told of a destination, beside how its last try went.
//!
//! Promise: no word says more than its protocol can know; what leaves this machine readable stands as a condition.

use jiff::Timestamp;

use super::janitor::before;
use crate::config;
use crate::destinations::Receipt;
use crate::queue::Facts;
use crate::status::{Board, Code, Standing};

/// What a forwarder tells about its tries: no longer true when it has ended.
pub const TOLD: [Code; 8] = [
    Code::DestinationDown,
    Code::DestinationRefused,
    Code::DestinationKeyless,
    Code::DestinationStalled,
    Code::DestinationWeakReceipt,
    Code::DestinationInsecure,
    Code::CertificateExpiring,
    Code::CertificateNotTaken,
];

/// Writes what the settings say of a destination to the board, and its place. What changes with it goes along, so that no
/// snapshot shows it beside "no destination is set", or with nothing to take from a queue in which events wait for it.
pub fn describe(board: &Board, destination: &config::Destination, facts: &Facts) {
    let (name, now) = (destination.name.as_str(), Timestamp::now());
    let cursor = facts.cursors.get(name).copied().unwrap_or_default();
    board.clear(Code::NoDestination, name);
    if destination.enabled {
        board.clear(Code::NoDestination, "");
    }
    board.queue(|record| {
        record.events = facts.waiting;
        record.bytes = facts.bytes;
        record.oldest = facts.oldest_seconds.and_then(|age| before(now, age));
    });
    board.destination(&destination.name, |record| {
        record.protocol = destination.protocol.as_str().into();
        record.address = destination.link.address.clone();
        record.standing = if destination.enabled { Standing::Waiting } else { Standing::Disabled };
        record.cursor = cursor.0;
        record.depth = facts.head.0.saturating_sub(cursor.0);
        record.oldest = facts.ages.get(name).and_then(|age| before(now, *age));
        record.connected = false;
    });
    if destination.enabled && destination.link.is_open() {
        let text = format!(
            "events leave this machine for {} without TLS, as insecure = true allows: whoever is on the way can read and \
             change them",
            destination.name
        );
        board.raise(Code::DestinationInsecure, name, text, now);
    }
}

/// Raises or clears the condition of a peer that confirms less than reading.
pub fn receipt(board: &Board, name: &str, receipt: Receipt, now: Timestamp) {
    let weak = match receipt {
        Receipt::HeldByTcp => {
            "confirms by its TCP alone, which is known to hold the events; what it had not read is lost if it dies with more \
             than the window that is resent"
        }
        Receipt::Sent => "confirms nothing (UDP): what is lost on the way or at its door is lost unseen",
        Receipt::ReadKeyUpdate | Receipt::ReadClose | Receipt::Acknowledged | Receipt::Indexed => {
            board.clear(Code::DestinationWeakReceipt, name);
            return;
        }
        Receipt::Unknown => return,
    };
    board.raise(Code::DestinationWeakReceipt, name, format!("{name} {weak}"), now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seq;

    const SETTINGS: &str =
        "[destinations.soc]\ntype = \"syslog\"\naddress = \"soc.example:6514\"\nstart = \"oldest\"\n";

    #[test]
    fn right_after_an_add_the_snapshot_does_not_contradict_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("conductor.toml");
        std::fs::write(&file, SETTINGS).expect("written");
        let loaded = config::load(&file, &|_| None).expect("settings");
        let soc = loaded.settings.destinations.values().next().expect("one");
        let now = Timestamp::now();
        let board = Board::new("box", now);
        // As it stood with no destination, and five events kept for the first that comes.
        board.raise(Code::NoDestination, "", "no destination is set or enabled", now);
        board.raise(Code::NoDestination, "soc", "the settings no longer name it", now);
        board.queue(|record| record.events = 2);
        let cursors = [("soc".to_owned(), Seq(3))].into();
        let facts = Facts { head: Seq(8), waiting: 5, oldest_seconds: Some(60), cursors, ..Facts::default() };
        describe(&board, soc, &facts);
        let told = board.snapshot(now);
        assert_eq!((told.destinations[0].depth, told.queue.events, told.conditions.len()), (5, 5, 0));
        assert!(told.queue.oldest_seconds >= 59, "{}", told.queue.oldest_seconds);
    }
}
