//! What is looked at when something does not work, or before it has to: small diagnostics, each a finding.
//!
//! `check` looks at everything with them, `integration test` ([`connection`]) at one integration step by step,
//! `destination test` ([`delivery`]) at one destination, and the pages will tell the same lines live. [`examples`] shows what events will come, out of the vendor's own examples.
//!
//! Promise: a finding is plain data; looking changes nothing, queues nothing and tells no secret, and each look ends
//! within [`LIMIT`]; the one event of [`delivery`] has a limit of its own.

pub mod access;
pub mod clock;
pub mod connection;
pub mod delivery;
pub mod egress;
pub mod examples;
pub mod expiry;
pub mod finding;
pub mod greeting;
pub mod names;
pub mod peer;
pub mod regions;
pub mod way;

use std::time::Duration;

use finding::{Finding, Trouble};

/// How long one diagnostic may take.
pub const LIMIT: Duration = Duration::from_secs(15);

/// A diagnostic that took longer than [`LIMIT`].
pub fn late(id: &'static str, subject: &str) -> Finding {
    let text = format!("no answer within {} s", LIMIT.as_secs());
    let advice = "see whether a firewall on the way drops what we send, and whether the peer is overloaded";
    Finding::failed(id, subject, Trouble::Peer, text, advice)
}
