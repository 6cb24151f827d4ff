//! `cargo xtask soak`: millions of events through the release build at a small depth; disk and memory must stay flat.
//!
//! Promise: it runs the very test of `cargo test`, only longer; `CONDUCTOR_EVENTS` carries the number.

use anyhow::{Result, bail};

use crate::commands::{cargo, run as execute};

/// From here on the test judges the slopes: of less it tells them alone.
const JUDGED_FROM: u64 = 1_000_000;

/// Runs `tests/soak.rs` against the release build, so many events long, and prints its table.
pub fn run(events: u64) -> Result<()> {
    if events < JUDGED_FROM {
        bail!("a soak of {events} events says nothing about a slope: let it be {JUDGED_FROM} or more");
    }
    let mut soak = cargo(&["test", "--release", "--package", "conductor", "--test", "soak"]);
    soak.args(["--", "--nocapture", "--test-threads", "1"]);
    execute(soak.env("CONDUCTOR_EVENTS", events.to_string()))?;
    eprintln!("xtask soak: {events} events, neither disk nor memory rises beyond what the test lets pass");
    Ok(())
}
