//! `settings`: any text as `conductor.toml`.
//!
//! Promise: settings that hold come with warnings of one line each; what does not hold is told as mistakes of one line
//! each that have their place in the file, and none repeats a value that was written.

use std::path::Path;

use conductor::config::{Mistake, Mistakes, load, whereabouts};

/// Where the text marks a value that is a secret in the wrong place.
const MARK: &str = "CANARY";

pub fn run(data: &[u8]) {
    let folder = tempfile::Builder::new().prefix("conductor-fuzz-").tempdir_in(fast()).expect("a folder");
    let path = folder.path().join("conductor.toml");
    std::fs::write(&path, data).expect("a file");
    // No state folder but this one: what is searched is the text alone.
    let state = folder.path().join("state").display().to_string();
    let env = |name: &str| (name == "STATE_DIRECTORY").then(|| state.clone());
    let (listen, _) = whereabouts(&path, &env);
    match load(&path, &env) {
        Ok(loaded) => {
            assert_eq!(listen, loaded.settings.local.listen, "the agent is looked for where it listens");
            for warning in &loaded.warnings {
                assert!(one_line(warning), "a warning of several lines: {warning:?}");
            }
        }
        Err(mistakes) => told(&mistakes, data),
    }
}

fn told(mistakes: &Mistakes, data: &[u8]) {
    assert!(mistakes.iter().next().is_some(), "refused without a mistake");
    let lines = data.split(|byte| *byte == b'\n').count();
    for mistake in mistakes.iter() {
        let Mistake { line, column, text, .. } = mistake;
        assert!(*line <= lines && (*line == 0) == (*column == 0), "no such place: {mistake:?}");
        assert!(!text.is_empty() && one_line(&mistake.to_string()), "{mistake:?}");
    }
    if only_values_are_marked(data) {
        assert!(!mistakes.to_string().contains(MARK), "a value is repeated: {mistakes}");
    }
}

/// Keys are told, so the mark must stand in none. Where the text is no TOML that can't be known.
fn only_values_are_marked(data: &[u8]) -> bool {
    fn keys_are_plain(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => table.iter().all(|(key, value)| !key.contains(MARK) && keys_are_plain(value)),
            toml::Value::Array(values) => values.iter().all(keys_are_plain),
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => true,
        }
    }
    let table = std::str::from_utf8(data).ok().and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| keys_are_plain(&toml::Value::Table(table)))
}

fn one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// A file system in memory, where there is one: thousands of small files a second.
pub fn fast() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}
