//! The documents say what the code says. `UPDATE_DOCS=1 cargo test --test docs` writes the generated parts again.

#[path = "docs/commands.rs"]
mod commands;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/samples.rs"]
mod samples;
#[path = "docs/sentences.rs"]
mod sentences;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use conductor::status::Code;

const BEGIN: &str = "<!-- conditions: generated from src/status/conditions.rs -->\n";
const END: &str = "<!-- end of conditions -->\n";

#[test]
fn the_troubleshooting_lists_every_condition_as_the_agent_tells_it() {
    let mut table = String::from("| Condition | Severity | Means | Do |\n|---|---|---|---|\n");
    for code in Code::ALL {
        let (word, severity) = (code.as_str(), code.severity());
        table.push_str(&format!("| `{word}` | {severity} | {} | {} |\n", code.meaning(), code.advice()));
    }
    let path = home().join("docs/troubleshooting.md");
    let guide = fs::read_to_string(&path).expect("the document");
    let (before, rest) = guide.split_once(BEGIN).expect("the table's beginning");
    let (_, after) = rest.split_once(END).expect("the table's end");
    let written = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &written).expect("written");
    }
    assert!(written == guide || std::env::var_os("UPDATE_DOCS").is_some(), "UPDATE_DOCS=1 cargo test --test docs");
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below these folders whose name ends so, with its text.
fn texts(folders: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let mut next: Vec<PathBuf> = folders.iter().map(|name| home().join(name)).collect();
    let mut found = Vec::new();
    while let Some(path) = next.pop() {
        if path.is_dir() {
            next.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|end| end == ending) {
            let text = fs::read_to_string(&path).expect("a text");
            found.push((path, text));
        }
    }
    found
}

/// Every function's name in these folders.
fn functions(folders: &[&str]) -> BTreeSet<String> {
    let names = |(_, text): (PathBuf, String)| {
        let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    texts(folders, "rs").into_iter().flat_map(names).collect()
}

#[test]
fn each_test_that_the_threat_model_names_is_there() {
    let text = fs::read_to_string(home().join("docs/threat-model.md")).expect("the model");
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
