//! `conductor destination test NAME`: one marked event, and how far it got.
//!
//! Promise: no cursor moves and nothing is queued; lines come as they are known; nothing printed holds a secret.

use std::io::Write;
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::super::{block_on, settings};
use super::{Exit, Failure, named};
use crate::destinations::Receipt;
use crate::diagnosis::delivery::{self, Subject};
use crate::diagnosis::finding::{Finding, Report};
use crate::engine::delivery_trial;

/// Characters of a line's label: all fit.
const LABEL: usize = 24;

#[derive(Debug, Args)]
pub struct Arguments {
    /// As `destination list` calls it.
    name: String,
    /// One JSON document: {ok, destination, type, address, event, receipt, checks: [{id, subject, outcome, text, advice}]}.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    destination: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    address: &'a str,
    /// The event's id.
    event: &'a str,
    /// How the receiver confirmed it; null: it did not.
    receipt: Option<Receipt>,
    #[serde(flatten)]
    report: crate::diagnosis::finding::Document<'a>,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let destination = named(&settings, &arguments.name)?;
    let (secrets, agent_name) = (settings::secret_sources(&settings.agent.state_dir), settings.agent.name.as_str());
    // Two tests are two events, also within one tick of the clock.
    let native = format!("{}-{:08x}", Timestamp::now().as_millisecond(), fastrand::u32(..));
    let event = delivery_trial::event(agent_name, destination.name.as_str(), &native);
    let id = event.id.to_string();
    if !arguments.json && !destination.enabled {
        let text = "is disabled in the settings; it is tested all the same";
        writeln!(std::io::stdout(), "{} {text}", destination.name)?;
    }
    let (mut report, mut unwritten) = (Report::default(), None);
    let mut tell = |finding: Finding| {
        if !arguments.json && unwritten.is_none() {
            unwritten = std::io::stdout().write_all(finding.line(LABEL).as_bytes()).err();
        }
        report.add([finding]);
    };
    let subject = Subject { destination, agent_name, secrets: &secrets, event };
    let receipt = block_on(delivery::test(subject, Timestamp::now, &mut tell))?;
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let document = Document {
            destination: destination.name.as_str(),
            kind: destination.protocol.as_str(),
            address: &destination.link.address,
            event: &id,
            receipt,
            report: report.document(),
        };
        serde_json::to_writer(&mut stdout, &document).map_err(std::io::Error::from)?;
        writeln!(stdout)?;
    } else {
        stdout.write_all(report.sum().as_bytes())?;
    }
    Ok(report.trouble().map_or(Exit::Ok, Exit::from) as u8)
}
