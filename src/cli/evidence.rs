//! `conductor evidence`: what was detected in a period, and what became of it, for an auditor.
//!
//! Promise: the same report with and without a running agent, but for the last polls, which only a running one knows;
//! a file gets a whole report or stays as it is.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::agent_socket::{converse, reply};
use super::queue::export_file;
use super::{Exit, Failure, block_on, settings, status};
use crate::config::Settings;
use crate::control::{Reply, Request};
use crate::evidence::{Asked, Report, csv, html, text};
use crate::status::Snapshot;
use crate::values::parse_duration;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Where the period begins: so long ago (30d, 12h), a date, or a time such as 2026-10-01T08:00:00Z.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: String,
    /// Where it ends, as above; default: now.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Default: as the output's name ends, else text.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only this integration.
    #[arg(long, value_name = "NAME")]
    integration: Option<String>,
    /// Takes the place of a file of that name, once the report is whole; default: stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal or a mail.
    Text,
    /// For programs: docs/evidence.schema.json tells each member.
    Json,
    /// For a spreadsheet: one table, with a column that says what a row is.
    Csv,
    /// For people and printers: one page, whole in itself.
    Html,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let now = Timestamp::now();
    let asked = period(arguments, now)?;
    let mut report = ask(&settings, asked)?;
    if let Some(polls) = last_polls(&settings) {
        report.enter_polls(&polls);
    }
    if report.streams.is_empty()
        && let Some(name) = &arguments.integration
        && !settings.integrations.keys().any(|known| known.as_str() == name)
    {
        let text = format!("no integration {name:?} is set, and nothing of one is remembered");
        return Err(Failure::new(Exit::Usage, text));
    }
    let written = match format_of(arguments) {
        Format::Text => text::write(&report),
        Format::Json => json(&report)?,
        Format::Csv => csv::write(&report),
        Format::Html => html::write(&report).map_err(|e| Failure::new(Exit::Software, e.to_string()))?,
    };
    match &arguments.output {
        Some(path) => export_file::write(path, |file| file.write_all(written.as_bytes()).map_err(Failure::from)),
        None => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(written.as_bytes()).and_then(|()| stdout.flush())?;
            Ok(0)
        }
    }
}

fn json(report: &Report) -> Result<String, Failure> {
    let written = serde_json::to_string_pretty(report).map_err(|e| Failure::new(Exit::Software, e.to_string()))?;
    Ok(written + "\n")
}

fn format_of(arguments: &Arguments) -> Format {
    let ending = || arguments.output.as_ref()?.extension()?.to_str().map(str::to_ascii_lowercase);
    arguments.format.unwrap_or_else(|| match ending().as_deref() {
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some("html" | "htm") => Format::Html,
        Some(_) | None => Format::Text,
    })
}

fn period(arguments: &Arguments, now: Timestamp) -> Result<Asked, Failure> {
    let wrong = |text: String| Failure::new(Exit::Usage, text);
    let from = moment(&arguments.since, now).map_err(|e| wrong(format!("--since {e}")))?;
    let to = match &arguments.until {
        Some(until) => moment(until, now).map_err(|e| wrong(format!("--until {e}")))?,
        None => now,
    };
    if from >= to {
        return Err(wrong(format!("the period is empty: it begins at {from} and ends at {to}")));
    }
    Ok(Asked { from, to, integration: arguments.integration.clone() })
}

/// So long before now, a date (its beginning, by UTC), or a time; without an offset it is UTC.
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(ago) = parse_duration(text) {
        return now.checked_sub(ago).map_err(|_| format!("{text:?} lies before all time"));
    }
    // A date alone reads as its midnight.
    let utc = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let found = text.parse().ok().or_else(utc);
    found.ok_or_else(|| {
        format!("{text:?} is no time: write how long ago (30d, 12h), a date (2026-10-01) or 2026-10-01T08:00:00Z")
    })
}

fn ask(settings: &Settings, asked: Asked) -> Result<Report, Failure> {
    let mut outcome = Err(Failure::new(Exit::Unavailable, "the agent did not answer"));
    let request = Request::Evidence { asked, agent: settings.agent.name.clone() };
    converse(settings, &request, |line| {
        let answer = reply(line);
        if let Some(Reply::Failed { failed }) = answer {
            return Err(Failure::new(Exit::Unavailable, failed));
        }
        if let Some(Reply::Evidence { evidence }) = answer {
            outcome = Ok(*evidence);
        }
        Ok(())
    })?;
    outcome
}

/// When each stream was last asked with success, by the running agent; nothing where none answers.
fn last_polls(settings: &Settings) -> Option<Vec<(String, String, Option<Timestamp>)>> {
    let body = block_on(status::ask(settings.local.listen, &settings.agent.state_dir)).ok()?.ok()?;
    let snapshot: Snapshot = serde_json::from_slice(&body).ok()?;
    let integrations = snapshot.integrations.iter();
    let streams = integrations.flat_map(|integration| {
        let poll = |stream: &crate::status::snapshot::Stream| {
            (integration.name.clone(), stream.name.clone(), stream.last_success)
        };
        integration.streams.iter().map(poll).collect::<Vec<_>>()
    });
    Some(streams.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_told_by_a_span_a_date_or_a_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let now = at("2026-11-21T10:00:00Z");
        for (text, time) in [
            ("30d", "2026-10-22T10:00:00Z"),
            ("90m", "2026-11-21T08:30:00Z"),
            ("2026-10-01", "2026-10-01T00:00:00Z"),
            ("2026-10-01T08:00:00+02:00", "2026-10-01T06:00:00Z"),
            ("2026-10-01 08:00", "2026-10-01T08:00:00Z"),
        ] {
            assert_eq!(moment(text, now), Ok(at(time)), "{text}");
        }
        for text in ["", "yesterday", "30", "2026-13-01", "999999999d"] {
            moment(text, now).expect_err(text);
        }
    }
}
