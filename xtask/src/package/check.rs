//! `cargo xtask package --check`: what was made is judged, and lives through everything that a package lives through.
//!
//! Promise: each step says what it has shown, and what this machine can't show is said, not passed over.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::tree::Stamp;
use super::{Made, deb, life, roots, rpm};
use crate::commands::{self, target};
use crate::cross::Target;

/// The version that is upgraded from.
const BEFORE: &str = "0.0.9";

/// Judges the packages of one architecture.
pub fn run(to: &Target, program: &Path, made: &Made, stamp: &Stamp) -> Result<()> {
    commands::run(
        Command::new("lintian").args(["--fail-on", "error,warning", "--tag-display-limit", "0"]).arg(&made.deb),
    )?;
    same_again(to, program, made, stamp)?;
    if to.arch() == std::env::consts::ARCH {
        let older = target().join("packages-before");
        fs::create_dir_all(&older)?;
        let older = deb::make(to, program, &stamp.called(BEFORE), &older)?;
        for release in &roots::RELEASES {
            let root = roots::provide(release)?;
            life::run(release, &root, &older, &made.deb, stamp)?;
        }
    } else {
        println!("not run: installing the deb of {} (this machine is another)", to.debian());
    }
    in_an_rpm_root(to, made, stamp)
}

/// The same program and stamp give the same bytes.
fn same_again(to: &Target, program: &Path, made: &Made, stamp: &Stamp) -> Result<()> {
    let again = target().join("packages-again");
    fs::create_dir_all(&again)?;
    for (one, other) in
        [(&made.deb, deb::make(to, program, stamp, &again)?), (&made.rpm, rpm::make(to, program, stamp, &again)?)]
    {
        if fs::read(one)? != fs::read(&other)? {
            bail!("{} and {} differ, though they were made of the same", one.display(), other.display());
        }
        println!("{}: the same, bit for bit, made twice", one.display());
    }
    fs::remove_dir_all(&again).context("can't remove what was made twice")
}

/// As far as an rpm can be tried on a Debian: its database, its files, their verification, its removal.
fn in_an_rpm_root(to: &Target, made: &Made, stamp: &Stamp) -> Result<()> {
    let root = target().join("rpm-root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(&root)?;
    let rpm = |words: &[&str]| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(&root).args(words);
        command
    };
    commands::output(&mut rpm(&["--initdb"]))?;
    let file = made.rpm.display().to_string();
    // Scripts need a shell inside, dependencies the distribution.
    commands::output(&mut rpm(&["--install", "--nodeps", "--noscripts", "--ignorearch", &file]))?;
    commands::output(&mut rpm(&["--verify", "--nodeps", "conductor"]))?;
    let told = commands::output(&mut rpm(&["--query", "--configfiles", "conductor"]))?;
    if told.trim() != "/etc/conductor/conductor.toml" {
        bail!("the settings are not what the rpm holds to be settings: {told}");
    }
    fs::create_dir_all(root.join("var/lib/conductor"))?;
    let settings = root.join("etc/conductor/conductor.toml");
    fs::write(&settings, "[agent]\nname = \"edited\"\n")?;
    commands::output(&mut rpm(&["--erase", "--nodeps", "--noscripts", "conductor"]))?;
    if root.join("usr/bin/conductor").exists() || !root.join("etc/conductor/conductor.toml.rpmsave").exists() {
        bail!("after its removal the program is there, or the edited settings are not");
    }
    println!(
        "{} {}: an rpm root takes it, verifies it and lets it go; edited settings are kept",
        to.arch(),
        stamp.version
    );
    println!("not run: the rpm's scripts and its dependencies (no distribution of rpms is within reach here)");
    Ok(())
}
