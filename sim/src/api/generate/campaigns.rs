//! Abuse campaigns out of a seed.
//!
//! Promise: `lastReported` lies in the range, and all of them are settled: a test that wants one `Scanning` says when
//! it settles.

use fastrand::Rng;
use jiff::Timestamp;

use super::super::campaign::{Campaign, Verdict};
use super::super::moment::Moment;
use super::dice::{moment, shifted, uuid, wide_id};

/// Campaigns that were last reported in `from..to`.
pub fn campaigns(seed: u64, count: usize, from: Timestamp, to: Timestamp) -> Vec<Campaign> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| campaign(&mut rng, from, to)).collect()
}

fn campaign(rng: &mut Rng, from: Timestamp, to: Timestamp) -> Campaign {
    let last_reported = moment(rng, from, to);
    let verdict = match rng.u8(..4) {
        0 => Verdict::new("Malicious", "Auto-Remediated", "Attack Type: Phishing"),
        1 => Verdict::new("Spam", "No Action Needed", "Attack Type: Spam"),
        // Said to be for Malicious and Spam alone, yet seen on Safe.
        2 => Verdict::new("Safe", "No Action Needed", "Attack Type: Graymail"),
        _ => Verdict::new("N/A", "Could not find original message", ""),
    };
    Campaign {
        id: uuid(rng),
        first_reported: Moment { at: shifted(last_reported.at, -rng.i64(0..3_600)), ..last_reported },
        last_reported,
        offset: [None, Some(0), Some(-8)][rng.usize(..3)],
        received: shifted(last_reported.at, -7_200),
        message_id: wide_id(rng),
        subject: "FW: gift cards \u{1F381}".to_owned(),
        from_name: "Quay Billing".to_owned(),
        from_address: "billing@quay-invoices.example".to_owned(),
        recipient_name: "Ana".to_owned(),
        recipient_address: "ana@harbor.example".to_owned(),
        verdict,
        settles_at: None,
    }
}
