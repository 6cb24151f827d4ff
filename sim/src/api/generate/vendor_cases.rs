//! Vendor cases out of a seed.
//!
//! Promise: `lastModifiedTime` lies in the range; both forms of a `threatId` occur.

use fastrand::Rng;
use jiff::Timestamp;

use super::super::moment::Moment;
use super::super::vendor_case::{VendorCase, VendorEvent};
use super::dice::{moment, shifted, uuid};

/// Vendor cases that were last modified in `from..to`. Ids rise from 3,000 and a number of the seed's.
pub fn vendor_cases(seed: u64, count: usize, from: Timestamp, to: Timestamp) -> Vec<VendorCase> {
    let mut rng = Rng::with_seed(seed);
    let first = 3_000 + rng.u64(..1_000_000) * 1_000;
    (first..).take(count).map(|id| vendor_case(&mut rng, id, from, to)).collect()
}

fn vendor_case(rng: &mut Rng, id: u64, from: Timestamp, to: Timestamp) -> VendorCase {
    let last_modified = moment(rng, from, to);
    let first_observed = Moment::seconds(shifted(last_modified.at, -rng.i64(0..1_000_000)));
    VendorCase {
        id,
        domain: "quay.example".to_owned(),
        first_observed,
        last_modified,
        insights: vec![("New bank account".to_owned(), "An invoice names an account not seen before".to_owned())],
        timeline: vec![VendorEvent {
            at: first_observed,
            sender: "billing@quay.example".to_owned(),
            recipient: "ana@harbor.example".to_owned(),
            subject: "Rechnung 4711 \u{2013} bitte pr\u{fc}fen".to_owned(),
            marked_as: "Malicious".to_owned(),
            threat: if rng.bool() { format!("\"{}\"", uuid(rng)) } else { "184467440737095516".to_owned() },
        }],
    }
}
