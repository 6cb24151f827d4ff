//! `cargo xtask fuzz`: the targets of `fuzz/`, built with the compiler's coverage counters and run.
//!
//! `cargo fuzz` wants a nightly compiler for its sanitizers. Those look for what safe Rust can't do, and `unsafe` is
//! forbidden here; the counters that guide the search are a pass that stable has, too. So this verb does what `cargo
//! fuzz` does without them, on the toolchain that builds the agent; the layout stays that of `cargo fuzz`.
//!
//! Promise: what was found is left under `target/fuzz/found` and named; a run of so many inputs is the same each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::commands::{cargo, on_path, output, root, run as execute, target};

/// How long each target runs.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// So many inputs beside the seeds, from the same beginning each time: what CI runs.
    Inputs(u32),
    /// So many seconds, from a new beginning, going on from what earlier runs learnt.
    Seconds(u32),
}

/// One target, and the folders of its seeds.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
    /// Bytes of an input, at the most.
    largest: u32,
    /// How many times slower it is than the others: it opens files, or polls often.
    slow: u32,
}

const TARGETS: [Target; 6] = [
    Target { name: "answers", seeds: &["fuzz/seeds/answers"], largest: 4_096, slow: 1 },
    Target { name: "dialogue", seeds: &["fuzz/seeds/dialogue"], largest: 4_096, slow: 20 },
    Target { name: "checkpoint", seeds: &["fuzz/seeds/checkpoint"], largest: 4_096, slow: 1 },
    Target {
        name: "settings",
        seeds: &["fuzz/seeds/settings", "tests/config/good", "tests/config/bad"],
        largest: 2_048,
        slow: 1,
    },
    Target { name: "frames", seeds: &["fuzz/seeds/frames"], largest: 8_192, slow: 20 },
    Target { name: "syslog", seeds: &["fuzz/seeds/syslog"], largest: 4_096, slow: 1 },
];

/// As `cargo fuzz` has them, without a sanitizer.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg",
    "fuzzing",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// Builds and runs one target, or all of them one after the other.
pub fn run(only: Option<&str>, length: Length) -> Result<()> {
    let chosen: Vec<&Target> = TARGETS.iter().filter(|target| only.is_none_or(|name| name == target.name)).collect();
    if chosen.is_empty() {
        let names = TARGETS.map(|target| target.name).join(", ");
        bail!("there is no target {:?}; there are {names}", only.unwrap_or_default());
    }
    if !on_path("c++") {
        bail!("the fuzzer's runtime is C++ and there is no c++: run `cargo xtask setup`");
    }
    let programs = build(&chosen)?;
    chosen.into_iter().try_for_each(|target| search(target, &programs, length))?;
    eprintln!("xtask fuzz: nothing found");
    Ok(())
}

fn home() -> PathBuf {
    target().join("fuzz")
}

/// The targets are a workspace of their own, whose lock file no other command looks at: it stays behind when the agent's
/// dependencies change. Seconds here, or a red run after twenty minutes.
pub fn locked() -> Result<()> {
    let mut metadata = cargo(&["metadata", "--locked", "--format-version", "1", "--manifest-path", "fuzz/Cargo.toml"]);
    output(&mut metadata)
        .context("fuzz/Cargo.lock is behind: cargo update --workspace --manifest-path fuzz/Cargo.toml")?;
    Ok(())
}

/// Builds the targets into a folder of their own; returns where their programs are.
fn build(chosen: &[&Target]) -> Result<PathBuf> {
    // With a target named, the flags are not for build scripts and macros.
    let triple = host()?;
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    build.args(["--target", &triple, "--target-dir"]).arg(home());
    build.args(chosen.iter().flat_map(|target| ["--bin", target.name]));
    build.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", FLAGS.join(" "));
    execute(&mut build)?;
    Ok(home().join(triple).join("release"))
}

/// The machine that we build for.
fn host() -> Result<String> {
    let told = output(Command::new("rustc").arg("-vV"))?;
    let line = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not tell its host")?.to_owned())
}

fn search(target: &Target, programs: &Path, length: Length) -> Result<()> {
    let found = home().join("found").join(target.name);
    fs::create_dir_all(&found).with_context(|| format!("can't make {}", found.display()))?;
    let mut fuzzer = Command::new(programs.join(target.name));
    fuzzer.current_dir(root()).arg("-dict=fuzz/dictionary.txt").arg(format!("-max_len={}", target.largest));
    fuzzer.args(["-timeout=20", "-rss_limit_mb=2048", "-verbosity=0"]);
    fuzzer.arg(format!("-artifact_prefix={}/", found.display()));
    // The first folder is where libFuzzer keeps what it learns: never the seeds. A run of so many inputs learns anew.
    let learnt = match length {
        Length::Inputs(inputs) => {
            fuzzer.args(["-seed=1".to_owned(), format!("-runs={}", inputs / target.slow)]);
            let learnt = home().join("moment").join(target.name);
            if learnt.exists() {
                fs::remove_dir_all(&learnt).with_context(|| format!("can't empty {}", learnt.display()))?;
            }
            learnt
        }
        Length::Seconds(seconds) => {
            fuzzer.args([format!("-max_total_time={seconds}"), "-print_final_stats=1".to_owned()]);
            home().join("corpus").join(target.name)
        }
    };
    fs::create_dir_all(&learnt).with_context(|| format!("can't make {}", learnt.display()))?;
    fuzzer.arg(learnt);
    fuzzer.args(target.seeds);
    execute(&mut fuzzer).with_context(|| {
        format!(
            "{} found an input that breaks a promise; it is in {} (give that file to {} to see it again)",
            target.name,
            found.display(),
            programs.join(target.name).display()
        )
    })
}
