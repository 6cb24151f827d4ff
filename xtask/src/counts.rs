//! `cargo xtask counts`: the instructions of the hot paths, counted by callgrind and held to committed budgets.
//!
//! A count does not know how busy the machine is, so it can fail a build where a timing never should. What would
//! still make it differ from one machine to the next is left out: the C library's own instructions, and CPUs that
//! lack AVX2 (below which memchr, crc32fast and others take other ways; what is above, such as SHA-NI and AVX-512,
//! valgrind hides from the program).
//!
//! Promise: a path past its budget fails with its numbers and with how to renew them; what can't be counted or judged
//! here is said, and fails nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::budgets::{Budgets, TOLERANCE};
use crate::callgrind::instructions;
use crate::commands::{cargo, on_path, output, root, target};

/// What is not counted outside of: a function of benches/counts.
const COUNTED: &str = "counts::counted*";

/// Did the run judge?
pub enum Outcome {
    Held,
    /// Why nothing was counted, or nothing judged.
    NotJudged(String),
}

/// Counts and compares; `renew` writes the table instead.
pub fn run(renew: bool) -> Result<Outcome> {
    if let Some(reason) = unable() {
        return Ok(Outcome::NotJudged(reason));
    }
    let program = build()?;
    let folder = target().join("callgrind");
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let mut counted = BTreeMap::new();
    for name in output(&mut Command::new(&program))?.lines() {
        counted.insert(name.to_owned(), count(&program, name, &folder)?);
    }
    let table = root().join("benches/counts/budgets.txt");
    let compilers = compilers()?;
    if renew {
        let text = Budgets { compilers, paths: counted }.write();
        fs::write(&table, &text).with_context(|| format!("can't write {}", table.display()))?;
        print!("{text}");
        return Ok(Outcome::Held);
    }
    let text = fs::read_to_string(&table).with_context(|| format!("can't read {}", table.display()))?;
    let budgets = Budgets::read(&text)?;
    let verdict = budgets.judge(&counted);
    verdict.lines.iter().for_each(|line| eprintln!("{line}"));
    if budgets.compilers != compilers {
        verdict.beyond.iter().for_each(|sentence| eprintln!("counts: {sentence}"));
        return Ok(Outcome::NotJudged(format!(
            "instruction counts: told above, not judged: the budgets are of {}, this is {compilers} \
             (cargo xtask counts --renew makes new ones)",
            budgets.compilers
        )));
    }
    if !verdict.beyond.is_empty() {
        bail!(
            "hot paths cost more than {TOLERANCE} % beyond their budgets:\n  {}\nIf the change is worth it, run `cargo xtask \
             counts --renew`, commit benches/counts/budgets.txt and say why. Where the instructions went: \
             callgrind_annotate {}/PATH.out",
            verdict.beyond.join("\n  "),
            folder.display()
        );
    }
    Ok(Outcome::Held)
}

/// Why this machine can't count.
fn unable() -> Option<String> {
    let why = if !cfg!(target_arch = "x86_64") {
        "the budgets are of x86_64"
    } else if !on_path("valgrind") {
        "valgrind is not here (cargo xtask setup gets it)"
    } else if !fs::read_to_string("/proc/cpuinfo").is_ok_and(|cpu| cpu.contains(" avx2")) {
        "the budgets are of a CPU with AVX2"
    } else {
        return None;
    };
    Some(format!("instruction counts: {why}"))
}

/// Builds the program and says where it is.
fn build() -> Result<PathBuf> {
    let words = ["bench", "--profile", "counts", "--package", "conductor", "--bench", "counts", "--no-run"];
    eprintln!("$ cargo {}", words.join(" "));
    let told = output(cargo(&words).arg("--message-format=json-render-diagnostics"))?;
    let messages = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter(|message| message["target"]["name"] == "counts");
    let path = programs.filter_map(|message| Some(message["executable"].as_str()?.to_owned())).next_back();
    path.map(PathBuf::from).context("cargo does not tell where it put benches/counts")
}

/// Walks one path under callgrind.
fn count(program: &Path, name: &str, folder: &Path) -> Result<u64> {
    let (profile, log) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.log")));
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--toggle-collect={COUNTED}"));
    valgrind.arg(format!("--callgrind-out-file={}", profile.display())).arg(format!("--log-file={}", log.display()));
    // The environment is on the stack and moves it: none of ours goes in.
    valgrind.arg(program).arg(name).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let status = valgrind.stdin(Stdio::null()).status().context("can't start valgrind")?;
    if !status.success() {
        bail!("{name} failed under valgrind ({status}); {} tells more", log.display());
    }
    let text = fs::read_to_string(&profile).with_context(|| format!("can't read {}", profile.display()))?;
    let own = program.file_name().unwrap_or_default().to_string_lossy();
    let counted = instructions(&text, &own);
    if counted == 0 {
        bail!("nothing of {name} was counted: is benches/counts' function still called `counted`?");
    }
    Ok(counted)
}

/// Who compiles here: the Rust part, and zstd's C.
fn compilers() -> Result<String> {
    let rust = output(Command::new("rustc").arg("--version"))?;
    let c = output(Command::new("cc").arg("--version"))?;
    Ok(format!("{}; {}", rust.trim(), c.lines().next().unwrap_or_default().trim()))
}
