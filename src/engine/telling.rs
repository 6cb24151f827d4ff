//! What the board is told of a destination, beside how its last try went.
//!
//! Promise: no word says more than its protocol can know; what leaves this machine readable stands as a condition.

use jiff::Timestamp;

use crate::config;
use crate::destinations::Receipt;
use crate::event::Seq;
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

/// Writes what the settings say of a destination to the board.
pub fn describe(board: &Board, destination: &config::Destination, cursor: Seq) {
    board.destination(&destination.name, |record| {
        record.protocol = destination.protocol.as_str().into();
        record.address = destination.link.address.clone();
        record.standing = if destination.enabled { Standing::Waiting } else { Standing::Disabled };
        record.cursor = cursor.0;
        record.connected = false;
    });
    if destination.enabled && destination.link.is_open() {
        let text = format!(
            "events leave this machine for {} without TLS, as insecure = true allows: whoever is on the way can read and \
             change them",
            destination.name
        );
        board.raise(Code::DestinationInsecure, destination.name.as_str(), text, Timestamp::now());
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
