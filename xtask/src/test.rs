//! `cargo xtask test`: what CI runs and what a developer runs before a commit.
//!
//! Promise: what was not run is said; the last line tells the outcome.

use anyhow::Result;

use crate::commands::{cargo, on_path, run as execute};
use crate::setup;

/// Sets up, checks, tests. `fast`: the tests alone.
pub fn run(fast: bool) -> Result<()> {
    let mut not_run = Vec::new();
    if fast {
        not_run.push("setup, formatting, lints and licences (--fast)");
    } else {
        setup::run()?;
        execute(&mut cargo(&["fmt", "--all", "--check"]))?;
        execute(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        if on_path("cargo-deny") {
            execute(&mut cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"]))?;
        } else {
            not_run.push("licences and bans (cargo-deny is not installed)");
        }
        // Advisories need a database from the network; a test run must not depend on one.
        not_run.push("advisories (by hand: cargo deny check advisories)");
    }
    execute(&mut cargo(&["test", "--workspace"]))?;
    for what in not_run {
        eprintln!("not run: {what}");
    }
    eprintln!("xtask test: everything that was run has passed");
    Ok(())
}
