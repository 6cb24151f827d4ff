//! What can go wrong with a RELP receiver, as sentences that say what to do.
//!
//! Promise: what only an operator can mend is `Refused`, an event that the receiver will never take is `Rejected`;
//! everything else is `Unavailable` and is tried again.

use std::io;
use std::time::Duration;

use super::frames::{Garbage, Verdict};
use super::window::{Refusal, Unasked};
use crate::fault::{Fault, FaultKind};
use crate::net::tls;

/// The connection broke; an alert of TLS says why.
pub(super) fn cut(address: &str, cause: io::Error) -> Fault {
    tls::fault_of(&cause, address).unwrap_or_else(|| {
        unavailable(format!("the connection to {address} broke; what it did not acknowledge is sent again"))
            .caused_by(cause)
    })
}

/// The peer ended the connection by itself.
pub(super) fn ended(address: &str) -> Fault {
    unavailable(format!("{address} closed the connection; what it did not acknowledge is sent again"))
}

/// The peer ended the connection where its answer to `open` was waited for.
pub(super) fn unopened(address: &str) -> Fault {
    unavailable(format!(
        "{address} closed the connection before it answered `open`: is this its RELP port, and does it accept our \
         certificate (`cert`)? Its log says more"
    ))
}

/// No answer to `open`.
pub(super) fn mute(address: &str, limit: Duration) -> Fault {
    unavailable(format!(
        "{address} did not answer `open` within {limit:?}: is this its RELP port? A port for syslog never answers"
    ))
}

/// It answered `open`, and does not want us or can't serve us.
pub(super) fn refused(address: &str, why: &str) -> Fault {
    let sentence = format!("{address} does not take events by RELP: {why}; look at its RELP input");
    Fault::new(FaultKind::Refused, sentence)
}

/// The peer's TCP owes an answer since `limit`.
pub(super) fn dead(address: &str, limit: Duration) -> Fault {
    unavailable(format!(
        "nothing has come from {address} for {limit:?}, not even from its TCP: the machine or the way to it is down; what \
         it did not acknowledge is sent again"
    ))
}

/// Nothing was acknowledged for `limit`.
pub(super) fn stalled(address: &str, limit: Duration) -> Fault {
    unavailable(format!(
        "receiver stalled: {address} has taken and acknowledged nothing for {limit:?}; look at its queue, its disk and \
         its load"
    ))
}

/// Things move, but too slowly for one call.
pub(super) fn slow(address: &str) -> Fault {
    unavailable(format!(
        "{address} acknowledges too slowly: what it took counts, the rest is sent again; look at its queue and its disk"
    ))
}

/// What came is no RELP.
pub(super) fn garbage(address: &str, cause: Garbage) -> Fault {
    unavailable(format!("{address} does not speak RELP: is this its RELP port?")).caused_by(cause)
}

/// An answer without a code.
pub(super) fn codeless(address: &str, txnr: u32) -> Fault {
    unavailable(format!("{address} answered transaction {txnr} without a code: it does not keep to RELP"))
}

/// An answer to what waits for none: the peer's count and ours differ, and nothing it says can be believed.
pub(super) fn unasked(address: &str, cause: Unasked) -> Fault {
    let sentence = format!("{address} has lost count of our messages; what it did not acknowledge is sent again");
    unavailable(sentence).caused_by(cause)
}

/// It answered an event with something else than 200, this time.
pub(super) fn untaken(address: &str, refusal: &Refusal) -> Fault {
    let said = said(&refusal.verdict);
    unavailable(format!("{address} did not take event {}: {said}; it is sent again", refusal.seq))
}

/// It did so again and again, and took others meanwhile.
pub(super) fn rejected(address: &str, refusal: &Refusal, times: u32) -> Fault {
    let said = said(&refusal.verdict);
    let sentence = format!("{address} refused this event {times} times and took those behind it: {said}");
    Fault::new(FaultKind::Rejected, sentence)
}

pub(super) fn said(verdict: &Verdict) -> String {
    format!("it said \"{} {}\"", verdict.code, verdict.text)
}

fn unavailable(sentence: String) -> Fault {
    Fault::new(FaultKind::Unavailable, sentence)
}
