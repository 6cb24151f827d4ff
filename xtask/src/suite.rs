//! `cargo test` over the workspace: passed on as it comes, counted, and what failed run once more by itself.
//!
//! Promise: a test that fails twice makes the run red; one that fails once is named when it happens and at the end. The tests work
//! with real receivers, ports and processes on whatever machine this is: one that can't fail twice is a fault of the test or a
//! rare one of ours, and is to be found by its name, not by holding up everybody's landing.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::commands::cargo;

/// More than this many that failed are no accident of timing, and are not run again.
const RUN_AGAIN: usize = 5;
/// What tests draw their choices from: one seed for both runs, or the second would try something else.
const SEEDS: [&str; 2] = ["PROPTEST_RNG_SEED", "CONDUCTOR_SEED"];
/// The same in every run: what was not changed must not turn red. `cargo test` by itself draws another each time, and so do
/// the long campaigns.
const SEED: &str = "20261121";
/// Those that hold what we promise: that nothing is lost, invented or out of order. One that fails once may have seen a loss, and
/// a second run that passes takes nothing back.
const NEVER_AGAIN: [&str; 14] = [
    "--test collectors",
    "--test corruption",
    "--test crash",
    "--test destinations",
    "--test full_disk",
    "--test jetstream",
    "--test outage",
    "--test poll_to_taken",
    "--test power_loss",
    "--test queue",
    "--test receipts",
    "--test relp",
    "--test replay",
    "--test two_hosts",
];
/// For the end of a process's output once it has ended itself: a child of a test may have been left with it.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What became of all tests.
#[derive(Debug)]
pub struct Tally {
    /// Over all test programs; those that passed in the second run only are among them.
    pub passed: u64,
    /// Failed once, then passed: `test of -p conductor --test bad_input`.
    pub unsteady: Vec<String>,
}

/// Runs every test of every program, whatever fails on the way.
pub fn run() -> Result<Tally> {
    let seed = std::env::var("CONDUCTOR_SEED").unwrap_or_else(|_| SEED.to_owned());
    let heard = tests(&["--no-fail-fast"], &seed)?;
    if heard.well && heard.passed > 0 {
        return Ok(Tally { passed: heard.passed, unsteady: Vec::new() });
    }
    let counts = format!("cargo test: {} passed, {} failed", heard.passed, heard.failed);
    let Some(again) = heard.to_run_again() else { bail!(counts) };
    eprintln!("{counts}; what failed is run once more");
    let (mut unsteady, mut twice) = (Vec::new(), Vec::new());
    for (target, name) in again {
        let test = format!("{name} of {target}");
        let words: Vec<&str> = words_of(target).chain(["--", "--exact", name]).collect();
        let second = tests(&words, &seed)?;
        // A name that nothing answers to would end well, too.
        if second.well && (second.passed, second.failed) == (1, 0) {
            eprintln!("UNSTEADY: {test} failed once and passed when run again by itself");
            unsteady.push(test);
        } else {
            eprintln!("failed twice: {test}");
            twice.push(test);
        }
    }
    if twice.is_empty() {
        return Ok(Tally { passed: heard.passed + heard.failed, unsteady });
    }
    bail!("{counts}; failed twice: {}; failed once: {}", twice.join(", "), unsteady.join(", "))
}

/// `cargo test --workspace` with these words; all that it prints is passed on, and listened to.
fn tests(words: &[&str], seed: &str) -> Result<Heard> {
    let mut command = cargo(&["test", "--workspace"]);
    command.args(words);
    let mut told = String::new();
    for name in SEEDS.iter().filter(|name| std::env::var_os(name).is_none()) {
        command.env(name, seed);
        told += &format!("{name}={seed} ");
    }
    eprintln!("$ {told}cargo test --workspace {}", words.join(" "));
    listen(&mut command)
}

fn listen(command: &mut Command) -> Result<Heard> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cargo can't be run")?;
    let lines = lines_of(&mut child);
    let mut heard = Heard::default();
    let status = loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => heard.line(line),
            Err(_) => {
                if let Some(status) = child.try_wait().context("cargo test was lost")? {
                    break status;
                }
            }
        }
    };
    while let Ok(line) = lines.recv_timeout(LAST_WORDS) {
        heard.line(line);
    }
    heard.well = status.success();
    Ok(heard)
}

/// A line of what cargo and its programs print.
enum Line {
    /// Of the test programs.
    Out(String),
    /// Of cargo, and whatever else the tests let through.
    Err(String),
}

/// Both outputs, passed on as they come; they end with whoever holds them last.
fn lines_of(child: &mut Child) -> Receiver<Line> {
    let (sender, receiver) = channel();
    if let Some(stdout) = child.stdout.take() {
        pass_on(stdout, sender.clone(), |line| {
            println!("{line}");
            Line::Out(line)
        });
    }
    if let Some(stderr) = child.stderr.take() {
        pass_on(stderr, sender, |line| {
            eprintln!("{line}");
            Line::Err(line)
        });
    }
    receiver
}

fn pass_on(from: impl Read + Send + 'static, to: Sender<Line>, told: fn(String) -> Line) {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(from).split(b'\n').map_while(Result::ok);
        while let Some(line) = lines.next()
            && to.send(told(String::from_utf8_lossy(&line).into_owned())).is_ok()
        {}
    });
}

/// The words that choose a program, of those that cargo names it by. Without its package: of a package alone, cargo would build
/// other features, and so another program.
fn words_of(target: &str) -> impl Iterator<Item = &str> {
    target.split_whitespace().skip(2)
}

/// What can be learnt from the lines of `cargo test`.
#[derive(Debug, Default)]
struct Heard {
    /// It ended with 0.
    well: bool,
    passed: u64,
    failed: u64,
    /// The tests of the program that is running now which failed.
    now: Vec<String>,
    /// Those of each program that failed, in the order in which they ran.
    programs: Vec<Vec<String>>,
    /// How cargo names the programs that failed, in the same order: `-p conductor --test bad_input`.
    targets: Vec<String>,
}

impl Heard {
    /// `test NAME ... FAILED`, then `test result: FAILED. 3 passed; 2 failed; ...` at the end of each program, and at the end
    /// of all, from cargo, a line for each target: `    \`-p conductor --test bad_input\``.
    fn line(&mut self, line: Line) {
        match line {
            Line::Err(line) => {
                if let Some(target) = line.strip_prefix("    `").and_then(|rest| rest.strip_suffix('`'))
                    && target.starts_with("-p ")
                {
                    self.targets.push(target.to_owned());
                }
            }
            Line::Out(line) => {
                if let Some(result) = line.strip_prefix("test result: ") {
                    self.result(result);
                } else if let Some(test) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
                {
                    self.now.push(test.strip_suffix(" - should panic").unwrap_or(test).to_owned());
                }
            }
        }
    }

    fn result(&mut self, result: &str) {
        let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let count = |what: &str| {
            let at = words.iter().position(|word| *word == what)?;
            words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
        };
        self.passed += count("passed").unwrap_or(0);
        self.failed += count("failed").unwrap_or(0);
        let failed = std::mem::take(&mut self.now);
        if !failed.is_empty() {
            self.programs.push(failed);
        }
    }

    /// The target and the name of each test that failed; None where more is wrong than a few tests by name: a program that doesn't
    /// build or ended by a signal, an example in the documentation, too many, one that is never run again.
    fn to_run_again(&self) -> Option<Vec<(&str, &str)>> {
        let named: usize = self.programs.iter().map(Vec::len).sum();
        let all_named = named as u64 == self.failed && self.now.is_empty() && self.programs.len() == self.targets.len();
        let never =
            |target: &String| target.contains("--doc") || NEVER_AGAIN.iter().any(|never| target.ends_with(never));
        if !all_named || !(1..=RUN_AGAIN).contains(&named) || self.targets.iter().any(never) {
            return None;
        }
        let of_each = self.targets.iter().zip(&self.programs);
        Some(of_each.flat_map(|(target, names)| names.iter().map(|name| (&**target, &**name))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(out: &[&str], err: &[&str]) -> Heard {
        let mut heard = Heard::default();
        out.iter().for_each(|line| heard.line(Line::Out((*line).to_owned())));
        err.iter().for_each(|line| heard.line(Line::Err((*line).to_owned())));
        heard
    }

    #[test]
    fn the_results_of_all_programs_are_added_up_and_nothing_else_is() {
        let out = [
            "test result: ok. 278 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 8.94s",
            "test a_test_result_9_passed ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        let heard = heard(&out, &["test result: ok. 9 passed; 0 failed"]);
        assert_eq!((heard.passed, heard.failed), (281, 2));
    }

    #[test]
    fn a_test_that_failed_is_run_again_by_the_name_of_its_own_program() {
        let out = [
            "test a::one ... ok",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test b::two ... FAILED",
            "test b::three - should panic ... FAILED",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test four ... FAILED",
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        let heard =
            heard(&out, &["error: 2 targets failed:", "    `-p conductor --lib`", "    `-p conductor --test remote`"]);
        let (lib, remote) = ("-p conductor --lib", "-p conductor --test remote");
        assert_eq!(heard.to_run_again(), Some(vec![(lib, "b::two"), (lib, "b::three"), (remote, "four")]));
        assert_eq!(words_of(remote).collect::<Vec<_>>(), ["--test", "remote"]);
    }

    #[test]
    fn what_is_more_than_a_few_tests_by_name_is_not_run_again() {
        let one = ["test a ... FAILED", "test result: FAILED. 0 passed; 1 failed; 0 ignored"];
        assert!(heard(&one, &["    `-p conductor --test remote`"]).to_run_again().is_some());
        assert!(heard(&one, &["    `-p conductor --test crash`"]).to_run_again().is_none(), "it may have seen a loss");
        assert!(heard(&one, &["    `-p conductor --doc`"]).to_run_again().is_none(), "an example");
        let killed = heard(&["test a ... ok"], &["error: 1 target failed:", "    `-p conductor --test remote`"]);
        assert!(killed.to_run_again().is_none(), "it ended by a signal");
        let and_killed = ["    `-p conductor --test remote`", "    `-p conductor --test token`"];
        assert!(heard(&one, &and_killed).to_run_again().is_none(), "one of two ended by a signal");
        let broken =
            heard(&[], &["error[E0425]: cannot find value", "    `x` is not there", "error: could not compile"]);
        assert!(broken.to_run_again().is_none(), "it doesn't build");
        let mut many: Vec<String> = (0..=RUN_AGAIN).map(|n| format!("test t{n} ... FAILED")).collect();
        many.push(format!("test result: FAILED. 0 passed; {} failed; 0 ignored", RUN_AGAIN + 1));
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(heard(&many, &["    `-p conductor --lib`"]).to_run_again().is_none(), "too many");
    }
}
