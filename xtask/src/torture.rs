//! `cargo xtask torture`: the campaigns that are too long for every commit.
//!
//! Promise: it runs the very tests of `cargo test`, only more rounds of them; `CONDUCTOR_ROUNDS` carries the number.

use anyhow::Result;

use crate::commands::{cargo, run as execute};
use crate::setup;

/// Runs `tests/crash.rs` against the release build, `rounds` of each campaign, the ignored ones too.
pub fn run(rounds: u32) -> Result<()> {
    setup::run()?;
    let mut campaign = cargo(&["test", "--release", "--package", "conductor", "--test", "crash"]);
    campaign.args(["--", "--include-ignored", "--nocapture", "--test-threads", "1"]);
    execute(campaign.env("CONDUCTOR_ROUNDS", rounds.to_string()))?;
    eprintln!("xtask torture: {rounds} rounds of each campaign, nothing lost");
    Ok(())
}
