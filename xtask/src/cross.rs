//! `cargo xtask cross`: the agent for each architecture of cross.toml, by zig against the glibc that stands there.
//!
//! Promise: what it leaves under `target/TRIPLE/release` was read, not believed: the architecture, that it is stripped, and
//! that it asks for no glibc newer than the floor. The folder it was built in does not show in it.

mod elf;
mod emulator;
mod plan;
pub mod unpacked;
mod zig;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::commands::{self, cargo, root, target};
pub use plan::{Target, chosen};

/// The moment that packages and builds bear where no other is given (`SOURCE_DATE_EPOCH`): the newest commit's.
pub fn epoch() -> Result<String> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let told = commands::output(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root()));
    Ok(told.context("there is no SOURCE_DATE_EPOCH, and no git history to take one from")?.trim().to_owned())
}

pub struct Options {
    /// Triples; none: all of cross.toml.
    pub targets: Vec<String>,
    /// Run each one's self-test: by itself, or under qemu.
    pub check: bool,
    /// Build each a second time in another folder and compare.
    pub twice: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let targets = plan::chosen(&options.targets)?;
    for target in &targets {
        let built = build(target)?;
        if options.check {
            selftest(target, &built)?;
            queue_tests(target)?;
        }
        if options.twice {
            same_elsewhere(target, &built)?;
        }
    }
    Ok(())
}

/// Builds one and reads what came out.
pub fn build(target: &Target) -> Result<PathBuf> {
    build_in(&root(), target)
}

fn build_in(folder: &Path, to: &Target) -> Result<PathBuf> {
    commands::run(&mut zigged(folder, to, &["zigbuild", "--release", "--bin", "conductor"])?)?;
    let here = if folder == root() { target() } else { folder.join("target") };
    let built = here.join(&to.triple).join("release/conductor");
    judge(to, &built)?;
    Ok(built)
}

/// A verb of cargo-zigbuild for our package.
fn zigged(folder: &Path, to: &Target, words: &[&str]) -> Result<Command> {
    zig::provide(&to.triple)?;
    let mut command = cargo(words);
    command.args(["--locked", "--package", "conductor", "--target"]).arg(format!("{}.{}", to.triple, to.floor));
    command.current_dir(folder).env("PATH", zig::path()?).env("SOURCE_DATE_EPOCH", epoch()?);
    command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("RUSTFLAGS", remapped(folder));
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_INCREMENTAL");
    // C parts: their assertions name files.
    command.env("CFLAGS", format!("-ffile-prefix-map={}=/cargo", cargo_home()?.display()));
    Ok(command)
}

/// Neither our folder nor cargo's shows in a panic's message, and a build elsewhere is the same.
fn remapped(folder: &Path) -> String {
    let home = cargo_home().map(|home| format!(" --remap-path-prefix={}=/cargo", home.display())).unwrap_or_default();
    format!("--remap-path-prefix={}=/conductor{home}", folder.display())
}

fn cargo_home() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home).context("neither CARGO_HOME nor HOME is set")
}

/// Reads a program: is it what was asked for?
pub fn judge(to: &Target, built: &Path) -> Result<()> {
    let bytes = fs::read(built).with_context(|| format!("can't read {}", built.display()))?;
    let seen = elf::read(&bytes).with_context(|| format!("{} is no program that can be read", built.display()))?;
    let wrong = elf::wrong(&seen, to.arch(), to.floor);
    if !wrong.is_empty() {
        bail!("{}: {}", built.display(), wrong.join("; "));
    }
    let newest = seen.glibc().map_or("none".to_owned(), |version| version.to_string());
    println!("{}: {} bytes, stripped, glibc {newest} or later (floor {})", to.triple, bytes.len(), to.floor);
    Ok(())
}

/// `conductor selftest`, under qemu where this machine is another.
pub fn selftest(to: &Target, built: &Path) -> Result<()> {
    let mut command = if to.arch() == std::env::consts::ARCH {
        let mut command = Command::new("timeout");
        command.arg("300").arg(built).arg("selftest");
        command
    } else {
        emulator::selftest(to, built)?
    };
    commands::run(&mut command)
}

/// The queue's own tests, where they are not run by this machine anyway.
fn queue_tests(to: &Target) -> Result<()> {
    if to.arch() == std::env::consts::ARCH {
        return Ok(());
    }
    let mut build = zigged(&root(), to, &["zigbuild", "--test", "queue"])?;
    let told = commands::output(build.arg("--message-format=json-render-diagnostics"))?;
    let messages = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == "queue");
    let path = programs.find_map(|message| Some(message["executable"].as_str()?.to_owned()));
    let path = path.context("cargo does not tell where it put the queue's tests")?;
    commands::run(&mut emulator::queue_tests(to, Path::new(&path))?)
}

/// A second build in a folder of another name and length.
fn same_elsewhere(to: &Target, built: &Path) -> Result<()> {
    let elsewhere = target().join("a-second-folder-for-the-same-build");
    if elsewhere.join(".git").exists() {
        commands::run(Command::new("git").args(["fetch", "-q", "origin", "HEAD"]).current_dir(&elsewhere))?;
        commands::run(Command::new("git").args(["checkout", "-q", "FETCH_HEAD"]).current_dir(&elsewhere))?;
    } else {
        commands::run(Command::new("git").args(["clone", "-q"]).arg(root()).arg(&elsewhere))?;
    }
    let again = build_in(&elsewhere, to)?;
    let (one, other) = (fs::read(built)?, fs::read(&again)?);
    if one != other {
        let at = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
        bail!(
            "{} and {} differ from byte {at} on (what is not committed is not in the second)",
            built.display(),
            again.display()
        );
    }
    println!("{}: the same, bit for bit, from two folders", to.triple);
    Ok(())
}
