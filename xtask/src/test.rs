//! `cargo xtask test`: what CI runs and what a developer runs before a commit.
//!
//! Promise: what was not run is said; the last line tells the outcome.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::commands::{cargo, on_path, run as execute};
use crate::{counts, fuzz, image, setup, suite};

/// Inputs of each fuzz target: seconds, not a search. It shows that the targets build, run and hold.
const FUZZED: u32 = 4_000;
/// `0`: the appliance is left out; `1`: it is checked however late it is.
const IMAGE: &str = "CONDUCTOR_IMAGE";
/// Where all else took longer, the appliance is left out: the whole is to end within the hour, and it takes up to twenty minutes.
const TIME_FOR_IMAGE: Duration = Duration::from_secs(36 * 60);

/// Sets up, checks, tests. `fast`: the tests alone.
pub fn run(fast: bool) -> Result<()> {
    let began = Instant::now();
    let mut not_run = Vec::new();
    if fast {
        not_run.push("setup, formatting, lints and licences (--fast)".to_owned());
    } else {
        setup::run()?;
        fuzz::locked()?;
        execute(&mut cargo(&["fmt", "--all", "--check"]))?;
        execute(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        if on_path("cargo-deny") {
            execute(&mut cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"]))?;
        } else {
            not_run.push("licences and bans (cargo-deny is not installed)".to_owned());
        }
        // Advisories change by the day: a run must not turn red where nothing was changed.
        not_run.push("advisories (by hand: cargo deny check advisories)".to_owned());
    }
    let tally = suite::run()?;
    if fast {
        let instead = "what they assert ran on random bytes and on their seeds";
        not_run.push(format!("the fuzz targets themselves (--fast); {instead}"));
        not_run.push("instruction counts (--fast)".to_owned());
        not_run.push("the appliance image under QEMU (--fast)".to_owned());
    } else {
        fuzz::run(None, fuzz::Length::Inputs(FUZZED))?;
        match counts::run(false)? {
            counts::Outcome::Held => {}
            counts::Outcome::NotJudged(why) => not_run.push(why),
        }
        image_check(&mut not_run, began.elapsed())?;
    }
    // They need the program built for release, by zig: longer than the tests.
    not_run.push(
        "packages and the container (by hand: cargo xtask package --check, cargo xtask container --check)".to_owned(),
    );
    for what in not_run {
        eprintln!("not run: {what}");
    }
    for test in &tally.unsteady {
        eprintln!("UNSTEADY: {test} failed once and passed when run again by itself; what it printed stands above");
    }
    match tally.unsteady.len() {
        0 => eprintln!("xtask test: everything that was run has passed"),
        once => eprintln!("xtask test: everything that was run has passed, {once} in a second run only"),
    }
    println!("{} passed, 0 failed", tally.passed);
    Ok(())
}

/// The appliance in its reduced form: it builds a root and boots machines in software, a quarter of an hour.
fn image_check(not_run: &mut Vec<String>, elapsed: Duration) -> Result<()> {
    let said = std::env::var_os(IMAGE);
    let why = if said.as_ref().is_some_and(|said| said == "0") {
        Some(format!("{IMAGE}=0"))
    } else if said.is_none() && elapsed > TIME_FOR_IMAGE {
        Some(format!("the rest took {} min; {IMAGE}=1 has it checked all the same", elapsed.as_secs() / 60))
    } else {
        None
    };
    if let Some(why) = why {
        not_run.push(format!("the appliance image under QEMU ({why}; by hand: cargo xtask image --check)"));
        return Ok(());
    }
    // Half a gigabyte of the distribution's: a mirror that is away says nothing about us.
    if let Err(error) = image::provide("amd64").or_else(|_| image::provide("amd64")) {
        not_run.push(format!("the appliance image under QEMU (what it is made of could not be had: {error:#})"));
        return Ok(());
    }
    match image::check("amd64", None, false, image::Stories::First)? {
        image::Outcome::Held => {
            let only = image::ONLY_WHOLE;
            not_run
                .push(format!("of the image: {only}; a disk in the wrong hands (cargo xtask image --check --whole)"));
            not_run.push("the image of arm64 (by hand: cargo xtask image --arch arm64 --check)".to_owned());
        }
        image::Outcome::NotRun(what) => not_run.push(what),
    }
    Ok(())
}
