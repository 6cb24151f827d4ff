//! `cargo test` over the workspace: passed on as it comes, counted, and what failed run once more by itself.
//!
//! Promise: a test that fails twice makes the run red; one that fails once is named at the end and never forgotten. The tests
//! work with real receivers, ports and processes on whatever machine this is: one that can't fail twice is a fault of the test
//! or a rare one of ours, and is to be found by its name, not by holding up everybody's landing.

use std::io::{BufRead, BufReader, pipe};

use anyhow::{Context, Result, bail};

use crate::commands::{cargo, run as execute};

/// More than this many that failed are no accident of timing, and are not run again.
const RUN_AGAIN: usize = 5;

/// What became of all tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Over all test programs; those that passed in the second run only are among them.
    pub passed: u64,
    /// Failed once, then passed: `test of -p conductor --test bad_input`.
    pub unsteady: Vec<String>,
}

/// Runs every test of every program, whatever fails on the way.
pub fn run() -> Result<Tally> {
    eprintln!("$ cargo test --workspace --no-fail-fast");
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    // One pipe for both: what cargo says of the programs stands between what these print.
    let (read, write) = pipe().context("no pipe")?;
    command.stdout(write.try_clone().context("no second end of a pipe")?).stderr(write);
    let mut child = command.spawn().context("cargo can't be run")?;
    drop(command); // our own ends of the pipe: it would never end
    let mut heard = Heard::default();
    for line in BufReader::new(read).split(b'\n') {
        let line = line.context("what cargo test prints can't be read")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        heard.line(&line);
    }
    let status = child.wait().context("cargo test was lost")?;
    if status.success() && heard.passed > 0 {
        return Ok(Tally { passed: heard.passed, unsteady: Vec::new() });
    }
    let counts = format!("{} passed, {} failed ({status})", heard.passed, heard.failed);
    let Some(again) = heard.to_run_again() else { bail!("cargo test: {counts}") };
    eprintln!("cargo test: {counts}; what failed is run once more");
    let mut unsteady = Vec::new();
    for (target, names) in again {
        for name in names {
            let target_words: Vec<&str> = target.split_whitespace().collect();
            let mut words = vec!["test"];
            words.extend(&target_words);
            words.extend(["--", "--exact", name]);
            execute(&mut cargo(&words)).with_context(|| format!("{name} of {target} failed twice"))?;
            unsteady.push(format!("{name} of {target}"));
        }
    }
    Ok(Tally { passed: heard.passed + heard.failed, unsteady })
}

/// What can be learnt from the lines of `cargo test`.
#[derive(Debug, Default)]
struct Heard {
    passed: u64,
    failed: u64,
    /// The tests of the program that is running now which failed.
    now: Vec<String>,
    /// Those of each program that failed, in the order in which they ran. None: it ended without a result.
    programs: Vec<Vec<String>>,
    /// How cargo names the programs that failed, in the same order: `-p conductor --test bad_input`.
    targets: Vec<String>,
}

impl Heard {
    /// `test NAME ... FAILED`, then `test result: FAILED. 3 passed; 2 failed; ...` at the end of each program, and at the end
    /// of all a line for each target: `    \`-p conductor --test bad_input\``.
    fn line(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
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
        } else if let Some(test) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.now.push(test.to_owned());
        } else if let Some(target) = line.strip_prefix("    `").and_then(|rest| rest.strip_suffix('`')) {
            self.targets.push(target.to_owned());
        }
    }

    /// Each target with its tests that failed; None where more is wrong than a few tests by name: a program that doesn't build
    /// or ended by a signal, an example in the documentation, too many.
    fn to_run_again(&self) -> Option<impl Iterator<Item = (&str, &[String])>> {
        let named: usize = self.programs.iter().map(Vec::len).sum();
        let all_named = named as u64 == self.failed && self.now.is_empty() && self.programs.len() == self.targets.len();
        let can = all_named && (1..=RUN_AGAIN).contains(&named) && !self.targets.iter().any(|t| t.contains("--doc"));
        can.then(|| self.targets.iter().map(String::as_str).zip(self.programs.iter().map(Vec::as_slice)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &[&str]) -> Heard {
        let mut heard = Heard::default();
        lines.iter().for_each(|line| heard.line(line));
        heard
    }

    #[test]
    fn the_results_of_all_programs_are_added_up_and_nothing_else_is() {
        let heard = heard(&[
            "test result: ok. 278 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 8.94s",
            "test a_test_result_9_passed ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ]);
        assert_eq!((heard.passed, heard.failed), (281, 2));
    }

    #[test]
    fn a_test_that_failed_is_run_again_by_the_name_of_its_own_program() {
        let heard = heard(&[
            "test a::one ... ok",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test b::two ... FAILED",
            "test b::three ... ok",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test four ... FAILED",
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "error: 2 targets failed:",
            "    `-p conductor --lib`",
            "    `-p conductor --test relp`",
        ]);
        let again: Vec<_> = heard.to_run_again().expect("two by name").collect();
        let expected = [("-p conductor --lib", "b::two"), ("-p conductor --test relp", "four")];
        assert_eq!(again.len(), 2);
        for ((target, names), (expected, name)) in again.into_iter().zip(expected) {
            assert_eq!((target, names), (expected, &[name.to_owned()][..]));
        }
    }

    #[test]
    fn what_is_more_than_a_few_tests_by_name_is_not_run_again() {
        let killed = ["test a ... ok", "error: 1 target failed:", "    `-p conductor --test crash`"];
        assert!(heard(&killed).to_run_again().is_none(), "it ended by a signal");
        let broken = ["error[E0425]: cannot find value", "    `x` is not there", "error: could not compile"];
        assert!(heard(&broken).to_run_again().is_none(), "it doesn't build");
        let nth = |n: usize| format!("test t{n} ... FAILED");
        let mut many: Vec<String> = (0..=RUN_AGAIN).map(nth).collect();
        many.push(format!("test result: FAILED. 0 passed; {} failed; 0 ignored", RUN_AGAIN + 1));
        many.push("    `-p conductor --lib`".to_owned());
        assert!(heard(&many.iter().map(String::as_str).collect::<Vec<_>>()).to_run_again().is_none(), "too many");
    }
}
