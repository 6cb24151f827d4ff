//! The documents say what the code says. `UPDATE_DOCS=1 cargo test --test docs` writes the generated parts again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use conductor::status::Code;

const BEGIN: &str = "<!-- conditions: generated from src/status/conditions.rs -->\n";
const END: &str = "<!-- end of conditions -->\n";

#[test]
fn the_operators_guide_lists_every_condition_as_the_agent_tells_it() {
    let mut table = String::from("| Condition | Severity | Means | Do |\n|---|---|---|---|\n");
    for code in Code::ALL {
        let (word, severity) = (code.as_str(), code.severity());
        table.push_str(&format!("| `{word}` | {severity} | {} | {} |\n", code.meaning(), code.advice()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operators-guide.md");
    let guide = fs::read_to_string(&path).expect("the guide");
    let (before, rest) = guide.split_once(BEGIN).expect("the table's beginning");
    let (_, after) = rest.split_once(END).expect("the table's end");
    let written = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &written).expect("written");
    }
    assert!(written == guide || std::env::var_os("UPDATE_DOCS").is_some(), "UPDATE_DOCS=1 cargo test --test docs");
}

/// Every function's name in these folders.
fn functions(folders: &[&str]) -> BTreeSet<String> {
    let mut next: Vec<PathBuf> = folders.iter().map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).collect();
    let mut found = BTreeSet::new();
    while let Some(path) = next.pop() {
        if path.is_dir() {
            next.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            found.extend(names.map(str::to_owned));
        }
    }
    found
}

#[test]
fn each_test_that_the_threat_model_names_is_there() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/threat-model.md")).expect("the model");
    let quoted = text.split('`').skip(1).step_by(2);
    // A sentence: four words at least, and nothing but words.
    let is_test = |word: &&str| {
        word.split('_').count() > 3 && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let named: BTreeSet<&str> = quoted.filter(is_test).collect();
    assert!(named.len() > 100, "the table was not found");
    let there = functions(&["src", "tests", "xtask/src", "sim/src"]);
    let gone: Vec<_> = named.iter().filter(|name| !there.contains(**name)).collect();
    assert!(gone.is_empty(), "the threat model names tests that are not there: {gone:#?}");
}
