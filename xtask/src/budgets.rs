//! What each hot path may cost: the committed table, and the verdict about a run.
//!
//! Promise: pure. Only what was counted with the table's own compilers is judged: others make other instructions of
//! the same sources.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Past its budget by more than this a path fails, in percent.
pub const TOLERANCE: u64 = 5;

/// The committed table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Who compiled what was counted.
    pub compilers: String,
    /// Instructions of one walk.
    pub paths: BTreeMap<String, u64>,
}

const HEAD: &str = "\
# What one walk of each hot path (benches/counts) may cost, in instructions of our own code.
# Held by `cargo xtask counts` to +5 %. After a change that is worth it: `cargo xtask counts --renew`, and say why in the commit.
";

impl Budgets {
    /// Reads the table.
    pub fn read(text: &str) -> Result<Budgets> {
        let mut budgets = Budgets::default();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            if let Some(compilers) = line.strip_prefix("compilers ") {
                budgets.compilers = compilers.trim().to_owned();
                continue;
            }
            let (name, number) = line.trim().split_once(' ').unwrap_or((line, ""));
            let number = number.trim().parse();
            let number =
                number.with_context(|| format!("a line of the budgets is not `PATH INSTRUCTIONS`: {line:?}"))?;
            budgets.paths.insert(name.to_owned(), number);
        }
        Ok(budgets)
    }

    /// The table as it is committed.
    pub fn write(&self) -> String {
        let mut text = format!("{HEAD}compilers {}\n", self.compilers);
        for (name, instructions) in &self.paths {
            text.push_str(&format!("{name:<20} {instructions:>12}\n"));
        }
        text
    }

    /// Compares a run with the table: a line for each path, and what is past its budget.
    pub fn judge(&self, counted: &BTreeMap<String, u64>) -> Verdict {
        let mut verdict = Verdict::default();
        for (name, now) in counted {
            let Some(may) = self.paths.get(name) else {
                verdict.beyond.push(format!("{name} has no budget yet"));
                continue;
            };
            let change = (*now as f64 / (*may).max(1) as f64 - 1.0) * 100.0;
            verdict.lines.push(format!("{name:<20} {now:>12} instructions ({change:+.1} %)"));
            if now * 100 > may * (100 + TOLERANCE) {
                verdict.beyond.push(format!("{name}: {now} instructions, the budget is {may} ({change:+.1} %)"));
            }
        }
        let gone = self.paths.keys().filter(|name| !counted.contains_key(*name));
        verdict.beyond.extend(gone.map(|name| format!("{name} has a budget and was not counted")));
        verdict
    }
}

/// What a comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// A line for each path.
    pub lines: Vec<String>,
    /// A sentence for each thing that is wrong.
    pub beyond: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(paths: &[(&str, u64)]) -> Budgets {
        Budgets { compilers: "rustc 1, cc 2".into(), paths: counts(paths) }
    }

    fn counts(paths: &[(&str, u64)]) -> BTreeMap<String, u64> {
        paths.iter().map(|(name, instructions)| ((*name).to_owned(), *instructions)).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let budgets = budgets(&[("append", 1_234_567), ("read", 7)]);
        assert_eq!(Budgets::read(&budgets.write()).expect("a table"), budgets);
        Budgets::read("append many").expect_err("no number");
        Budgets::read("append").expect_err("no number");
    }

    #[test]
    fn five_percent_more_pass_and_what_is_beyond_names_its_path_and_its_numbers() {
        let budgets = budgets(&[("append", 1000)]);
        assert!(budgets.judge(&counts(&[("append", 1050)])).beyond.is_empty());
        assert!(budgets.judge(&counts(&[("append", 10)])).beyond.is_empty(), "less is well");
        let slow = budgets.judge(&counts(&[("append", 1051)]));
        assert_eq!(slow.beyond, ["append: 1051 instructions, the budget is 1000 (+5.1 %)"]);
    }

    #[test]
    fn a_path_without_a_budget_and_a_budget_without_its_path_are_both_told() {
        let verdict = budgets(&[("append", 1)]).judge(&counts(&[("read", 1)]));
        assert_eq!(verdict.beyond, ["read has no budget yet", "append has a budget and was not counted"]);
    }
}
