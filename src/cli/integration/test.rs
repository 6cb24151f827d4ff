//! `conductor integration test NAME`: the connection step by step, or what the vendor's examples would become.
//!
//! Promise: nothing is changed and nothing is queued; lines come as they are known; the key is printed nowhere, and shown
//! to another region only with `--other-regions`.

use std::io::Write;
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::{block_on, settings};
use super::{Exit, Failure, named};
use crate::config::{Integration, Settings};
use crate::diagnosis::connection::{self, Subject};
use crate::diagnosis::examples::{self, Ended, Examples};
use crate::diagnosis::finding::{Finding, Report, Trouble, one_line};
use crate::engine::trial;
use crate::event::{Event, Severity};
use crate::secrets::resolve_token;

/// Characters of a line's label: most fit.
const LABEL: usize = 34;

#[derive(Debug, Args)]
pub struct Arguments {
    /// As `integration list` calls it.
    name: String,
    /// One JSON document: {ok, integration, host, checks: [{id, subject, outcome, text, advice}]}.
    #[arg(long)]
    json: bool,
    /// Where the key is refused (401), show it to the vendor's other regions too, and say which takes it.
    #[arg(long, conflicts_with = "mock_data")]
    other_regions: bool,
    /// Ask for the vendor's examples instead, and show the events that they would become. Nothing is queued.
    #[arg(long)]
    mock_data: bool,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let integration = named(&settings, &arguments.name)?;
    if arguments.mock_data {
        show_examples(&settings, integration, arguments.json)
    } else {
        test(&settings, integration, arguments)
    }
}

fn test(settings: &Settings, integration: &Integration, arguments: &Arguments) -> Result<u8, Failure> {
    let (secrets, regions) = (settings::secret_sources(&settings.agent.state_dir), integration.connector.regions());
    let subject = Subject {
        integration,
        egress: &settings.egress,
        secrets: &secrets,
        key: None,
        regions: &regions,
        try_other_regions: arguments.other_regions,
    };
    let (mut report, mut unwritten) = (Report::default(), None);
    let mut tell = |finding: Finding| {
        if !arguments.json && unwritten.is_none() {
            unwritten = std::io::stdout().write_all(finding.line(LABEL).as_bytes()).err();
        }
        report.add([finding]);
    };
    block_on(connection::test(&subject, Timestamp::now, &mut tell))?;
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        #[derive(Serialize)]
        struct Document<'a> {
            integration: &'a str,
            host: &'a str,
            #[serde(flatten)]
            report: crate::diagnosis::finding::Document<'a>,
        }
        let document = Document {
            integration: integration.name.as_str(),
            host: trial::host(integration),
            report: report.document(),
        };
        serde_json::to_writer(&mut stdout, &document).map_err(std::io::Error::from)?;
        writeln!(stdout)?;
    } else {
        stdout.write_all(report.sum().as_bytes())?;
    }
    Ok(report.trouble().map_or(Exit::Ok, Exit::from) as u8)
}

/// Said before anything else, so that nobody takes them for an attack.
const THESE_ARE_EXAMPLES: &str = "These are the vendor's examples (asked for with the header mock-data), not events of this tenant. Nothing is queued.";

/// One event as it is printed whole.
#[derive(Serialize)]
struct Whole<'a> {
    id: &'a str,
    stream: &'a str,
    kind: &'a str,
    severity: Severity,
    occurred: Timestamp,
    observed: Timestamp,
    summary: &'a str,
    raw: &'a RawValue,
}

impl Whole<'_> {
    fn of(event: &Event) -> Result<Whole<'_>, Failure> {
        let raw = serde_json::from_str(&event.raw).map_err(std::io::Error::from)?;
        let (id, stream, kind, summary) = (&event.id, &event.stream, &event.kind, &event.summary);
        let (severity, occurred, observed) = (event.severity, event.occurred, event.observed);
        Ok(Whole { id, stream, kind, severity, occurred, observed, summary, raw })
    }
}

fn show_examples(settings: &Settings, integration: &Integration, json: bool) -> Result<u8, Failure> {
    let token = resolve_token(&integration.api_key, &settings::secret_sources(&settings.agent.state_dir))?;
    let mut all = Vec::new();
    let mut keep = |examples| all.push(examples);
    block_on(examples::look(integration, &settings.egress, token, Timestamp::now(), &mut keep))??;
    let mut stdout = std::io::stdout().lock();
    if json {
        write_json(&mut stdout, &all)?;
    } else {
        writeln!(stdout, "{THESE_ARE_EXAMPLES}")?;
        for examples in &all {
            write_text(&mut stdout, examples)?;
        }
    }
    let faults = all.iter().filter_map(|examples| match &examples.ended {
        Ended::Fault(fault) => Some(Trouble::of(fault.kind)),
        Ended::Asked | Ended::NoneOffered => None,
    });
    Ok(faults.max().map_or(Exit::Ok, Exit::from) as u8)
}

fn ended(examples: &Examples) -> Option<String> {
    match &examples.ended {
        Ended::Asked if examples.events.is_empty() => Some("the vendor gave no examples of it".to_owned()),
        Ended::Asked => None,
        Ended::NoneOffered => {
            Some("not asked: the vendor has no examples of it, and would answer with live data".to_owned())
        }
        Ended::Fault(fault) => Some(fault.chain()),
    }
}

fn write_text(out: &mut impl Write, examples: &Examples) -> Result<(), Failure> {
    writeln!(out, "\n{}: {} event(s)", examples.stream, examples.events.len())?;
    for event in &examples.events {
        writeln!(out, "  {:<8} {}", event.severity.as_str(), one_line(&event.summary))?;
        writeln!(out, "           {}", one_line(&event.id))?;
    }
    if let Some(why) = ended(examples) {
        writeln!(out, "  {}", one_line(&why))?;
    }
    Ok(())
}

fn write_json(out: &mut impl Write, all: &[Examples]) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Stream<'a> {
        stream: &'a str,
        note: Option<String>,
        events: Vec<Whole<'a>>,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        note: &'a str,
        streams: Vec<Stream<'a>>,
    }
    let mut streams = Vec::new();
    for examples in all {
        let events = examples.events.iter().map(Whole::of).collect::<Result<_, _>>()?;
        streams.push(Stream { stream: &examples.stream, note: ended(examples), events });
    }
    serde_json::to_writer(&mut *out, &Document { note: THESE_ARE_EXAMPLES, streams }).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
