//! `cargo xtask bench`: the release build beside its peers, by the peers harness, interleaved.
//!
//! The machine's noise hits all contestants of a round alike, so ratios are told, not speeds alone.
//!
//! Promise: the table is made from this run's own lines of the harness's results, and from nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::commands::{cargo, on_path, output, run as execute, target};
use crate::setup;

/// Who runs unless it is said, in this order in each round.
pub const CONTESTANTS: [&str; 3] = ["conductor-O", "syslogng-O", "floor-sync1M"];
/// Each run has ports of its own from here up (the harness uses four), so that none waits for the last one's.
const FIRST_PORT: u16 = 21_000;
const PORTS_OF_A_RUN: u16 = 10;

/// What the command line says.
pub struct Options {
    pub peers: Option<PathBuf>,
    pub rounds: u32,
    pub events: u32,
    /// The ratios are to the second.
    pub contestants: Vec<String>,
    pub tests: Vec<String>,
}

/// What is told of a test: the harness's field, the column's head, what one unit of the field is in the column's.
type Column = (&'static str, &'static str, f64);

const STEADY: &[Column] = &[
    ("eps", "events/s", 1.0),
    ("cpu_per_100k", "CPU s / 100k", 1.0),
    ("rss_peak_kb", "peak RSS MiB", 1.0 / 1024.0),
    ("disk_per_event", "bytes written / event", 1.0),
    ("first_event_s", "first event s", 1.0),
];

const OUTAGE: &[Column] = &[
    ("fill_eps", "fill events/s", 1.0),
    ("drain_eps", "drain events/s", 1.0),
    ("drain_cpu_per_100k", "drain CPU s / 100k", 1.0),
    ("rss_peak_kb", "peak RSS MiB", 1.0 / 1024.0),
    ("disk_per_event", "bytes written / event", 1.0),
    ("reconnect_s", "receiver back to first event s", 1.0),
];

/// Runs the rounds and prints the tables.
pub fn run(options: &Options) -> Result<()> {
    let peers = peers_folder(options)?;
    provide()?;
    execute(&mut cargo(&["build", "--release", "--package", "conductor"]))?;
    let mut port = FIRST_PORT;
    let mut results = Vec::new();
    for round in 0..options.rounds {
        for test in &options.tests {
            for contestant in &options.contestants {
                eprintln!("round {} of {}: {test} {contestant}", round + 1, options.rounds);
                let mut bench = Command::new("python3");
                bench.arg(peers.join("bench.py")).args([test.as_str(), contestant, &options.events.to_string()]);
                bench.args([format!("--port={port}"), format!("--rep={round}")]);
                // Its folder may be read-only or another's.
                bench.env("PYTHONDONTWRITEBYTECODE", "1");
                // The harness can stumble over a contestant; the others are still worth their numbers.
                match output(bench.env("CONDUCTOR", target().join("release/conductor"))) {
                    Ok(said) => results.extend(said.lines().filter_map(|line| serde_json::from_str(line).ok())),
                    Err(error) => eprintln!("this run gives no number: {error:#}"),
                }
                port = if port > 60_000 { FIRST_PORT } else { port + PORTS_OF_A_RUN };
            }
        }
    }
    for test in &options.tests {
        println!("{}", table(test, options, &results));
    }
    let ours: Vec<&Value> = results.iter().filter(|result| is_ours(result)).collect();
    let lost: u64 = ours.iter().map(|result| lost(result)).sum();
    if lost > 0 {
        bail!("Conductor lost {lost} events");
    }
    let wanted = options.contestants.iter().any(|name| name.starts_with("conductor"));
    if wanted && ours.is_empty() {
        bail!("Conductor gave no number");
    }
    Ok(())
}

fn peers_folder(options: &Options) -> Result<PathBuf> {
    let named = options.peers.clone().or_else(|| std::env::var_os("PEERS_DIR").map(PathBuf::from));
    let Some(folder) = named else { bail!("name the folder of the peers harness by --peers or PEERS_DIR") };
    if !folder.join("bench.py").is_file() {
        bail!("{} holds no bench.py: name the peers harness by --peers or PEERS_DIR", folder.display());
    }
    Ok(folder)
}

/// The harness wants syslog-ng installed, and builds its receiver against OpenSSL.
fn provide() -> Result<()> {
    setup::run()?;
    let mut lacking = Vec::new();
    if !Path::new("/usr/sbin/syslog-ng").exists() {
        lacking.extend(["syslog-ng-core", "syslog-ng-mod-http"]);
    }
    if !Path::new("/usr/include/openssl/ssl.h").exists() {
        lacking.push("libssl-dev");
    }
    if !on_path("pkg-config") {
        lacking.push("pkg-config");
    }
    if !on_path("python3") {
        lacking.push("python3");
    }
    if lacking.is_empty() {
        return Ok(());
    }
    eprintln!("bench: the harness needs {}", lacking.join(", "));
    setup::install(&lacking.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .context("the harness can't be provided for; where rsyslog is installed, syslog-ng excludes it")
}

/// The harness has one contestant for each of our ways out.
fn is_ours(result: &Value) -> bool {
    result["contestant"].as_str().is_some_and(|name| name.starts_with("conductor"))
}

fn lost(result: &Value) -> u64 {
    result["check"]["lost"].as_u64().unwrap_or(0)
}

/// Medians of one test for each contestant, and how many times the reference's they are.
fn table(test: &str, options: &Options, results: &[Value]) -> String {
    let events = options.events;
    let reference = options.contestants.get(1).map_or("", String::as_str);
    let columns = match test {
        "steady" => STEADY,
        "outage" => OUTAGE,
        // The other tests are about losses.
        _ => &[],
    };
    let mut runs: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for result in results.iter().filter(|result| result["test"] == test) {
        runs.entry(result["contestant"].as_str().unwrap_or_default()).or_default().push(result);
    }
    let of = |name: &str, field: &str| runs.get(name).and_then(|runs| median(runs.iter().map(|r| r[field].as_f64())));
    let heads: Vec<&str> = columns.iter().map(|(_, head, _)| *head).collect();
    let mut text = format!("\n### {test}, {events} events\n\n| contestant | runs | ");
    text.extend(heads.iter().map(|head| format!("{head} | ")));
    text.push_str("lost (worst) | repeats (worst) | out of order (worst) |\n|");
    text.push_str(&"---|".repeat(heads.len() + 5));
    for name in options.contestants.iter().map(String::as_str) {
        let Some(own) = runs.get(name) else { continue };
        text.push_str(&format!("\n| {name} | {} | ", own.len()));
        for (field, _, unit) in columns {
            let cell = match (of(name, field), of(reference, field)) {
                (None, _) => "–".to_owned(),
                (Some(value), Some(theirs)) if name != reference && theirs > 0.0 => {
                    format!("{} ({:.2} ×)", number(value * unit), value / theirs)
                }
                (Some(value), _) => number(value * unit),
            };
            text.push_str(&format!("{cell} | "));
        }
        let worst = |field: &str| own.iter().filter_map(|result| result["check"][field].as_u64()).max().unwrap_or(0);
        text.push_str(&format!("{} | {} | {} |", worst("lost"), worst("dup"), worst("reordered")));
    }
    text.push_str(&format!("\n\n(×: times {reference})"));
    text
}

/// Of those that are there; of an even number, the mean of the middle two.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.flatten().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(contestant: &str, eps: u64, lost: u64) -> Value {
        serde_json::json!({"test": "steady", "contestant": contestant, "eps": eps, "check": {"lost": lost, "dup": 0, "reordered": 1}})
    }

    #[test]
    fn the_table_tells_medians_and_ratios_to_the_reference() {
        let results = [
            result("conductor-O", 300, 0),
            result("conductor-O", 100, 2),
            result("conductor-O", 200, 0),
            result("syslogng-O", 40, 7),
            result("syslogng-O", 60, 0),
        ];
        let contestants = CONTESTANTS.map(str::to_owned).to_vec();
        let options = Options { peers: None, rounds: 3, events: 1000, contestants, tests: Vec::new() };
        let table = table("steady", &options, &results);
        assert!(table.contains("| conductor-O | 3 | 200 (4.00 ×) | – | – | – | – | 2 | 0 | 1 |"), "{table}");
        assert!(table.contains("| syslogng-O | 2 | 50.0 | "), "{table}");
        assert!(!table.contains("floor-sync1M"), "who did not run is not told: {table}");
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!(median([None, None].into_iter()), None);
        assert_eq!(median([Some(3.0), None, Some(1.0)].into_iter()), Some(2.0));
    }
}
