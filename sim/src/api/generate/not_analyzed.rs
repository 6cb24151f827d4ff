//! Rows of not_analyzed out of a seed.
//!
//! Promise: `reported_datetime` lies in the range, and every row stays: a test that wants one gone says when.

use fastrand::Rng;
use jiff::Timestamp;

use super::super::not_analyzed::{NotAnalyzed, Person};
use super::dice::{moment, one, wide_id};

/// Rows that were reported in `from..to`.
pub fn not_analyzed(seed: u64, count: usize, from: Timestamp, to: Timestamp) -> Vec<NotAnalyzed> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| row(&mut rng, from, to)).collect()
}

fn row(rng: &mut Rng, from: Timestamp, to: Timestamp) -> NotAnalyzed {
    let reasons = ["PHISHING_SIMULATION", "UNKNOWN_REPORTER", "ORIGINAL_EMAIL_NOT_LOCATED", "AI_CONVERSATION"];
    NotAnalyzed {
        message_id: wide_id(rng),
        subject: "FW: gift".to_owned(),
        reported: moment(rng, from, to),
        recipient: Person::new("Phish Box", "phish@harbor.example"),
        reporter: Person::new("Ana", "ana@harbor.example"),
        reason: one(rng, &reasons).to_owned(),
        vanishes_at: None,
    }
}
