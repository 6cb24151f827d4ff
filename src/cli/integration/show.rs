//! `conductor integration show NAME`: how it is set, how it stands, and what each stream has to come back to.
//!
//! What runs is told by the agent's status endpoint; places and deferred items by the queue, through the agent while it
//! runs, else opened here. Promise: the key is never read; what can't be known now is said to be unknown.

use std::io::Write;
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::super::{agent_socket, block_on, settings, status};
use super::set::Set;
use super::{Exit, Failure, named};
use crate::config::{self, Settings};
use crate::control::{Reply, Request, ShowStream};
use crate::diagnosis::finding::one_line;
use crate::status::sentences::{ago, plural, stream as sentence};
use crate::status::snapshot::{Integration as Running, Stream as RunningStream};
use crate::status::{Snapshot, Standing};

/// Characters of a checkpoint that are shown.
const EXCERPT: usize = 160;

#[derive(Debug, Args)]
pub struct Arguments {
    /// As `integration list` calls it.
    name: String,
    /// One JSON document: {settings, running, state, text, streams: [{name, status, checkpoint, deferred}], unknown}.
    #[arg(long)]
    json: bool,
}

/// What is shown.
#[derive(Serialize)]
struct Shown {
    settings: Set,
    /// Does the agent answer?
    running: bool,
    state: Option<Standing>,
    /// How it stands, in a sentence.
    text: Option<String>,
    streams: Vec<Stream>,
    /// What could not be found out, and why.
    unknown: Vec<String>,
}

#[derive(Serialize)]
struct Stream {
    name: String,
    /// As the running agent tells it.
    status: Option<RunningStream>,
    checkpoint: Option<String>,
    deferred: Vec<crate::event::Deferred>,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let integration = named(&settings, &arguments.name)?;
    let mut unknown = Vec::new();
    let running = running(config, integration.name.as_str())?.unwrap_or_else(|why| {
        unknown.push(format!("polls, lag and counts: {why}"));
        None
    });
    let (kept, failed) = match kept(&settings, integration.name.as_str()) {
        Ok(kept) => (kept, None),
        Err(failure) => {
            unknown.push(format!("checkpoints and deferred items: {}", failure.text));
            (Vec::new(), Some(failure.exit))
        }
    };
    let shown = Shown {
        settings: Set::of(integration),
        running: running.is_some(),
        state: running.as_ref().map(|running| running.state),
        text: running.as_ref().map(|running| running.text.clone()),
        streams: streams(integration, running, kept),
        unknown,
    };
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer(&mut stdout, &shown).map_err(std::io::Error::from)?;
        writeln!(stdout)?;
    } else {
        write_text(&mut stdout, &shown, Timestamp::now())?;
    }
    Ok(failed.unwrap_or(Exit::Ok) as u8)
}

/// The integration as the running agent tells it; the inner error says why it does not.
fn running(config: &Path, name: &str) -> Result<Result<Option<Running>, String>, Failure> {
    let (listen, state_dir) = config::whereabouts(config, &|name| std::env::var(name).ok());
    let read = |body: bytes::Bytes| {
        let snapshot: Snapshot =
            serde_json::from_slice(&body).map_err(|e| format!("what answers on {listen} is no conductor ({e})"))?;
        let found = snapshot.integrations.into_iter().find(|one| one.name == name);
        found.map(Some).ok_or_else(|| "the running agent does not have this integration: reload it".to_owned())
    };
    Ok(block_on(status::ask(listen, &state_dir))?.and_then(read))
}

/// What the queue keeps for its streams.
fn kept(settings: &Settings, name: &str) -> Result<Vec<ShowStream>, Failure> {
    let (mut streams, mut failed) = (Vec::new(), None);
    agent_socket::converse(settings, &Request::Streams { integration: name.to_owned() }, |line| {
        match agent_socket::reply(line) {
            Some(Reply::Stream { stream }) => streams.push(stream),
            Some(Reply::Failed { failed: why }) => failed = Some(why),
            Some(_) | None => {}
        }
        Ok(())
    })?;
    match failed {
        Some(why) => Err(Failure::new(Exit::Unavailable, why)),
        None => Ok(streams),
    }
}

/// Every stream that is set, then those that the queue knows from before.
fn streams(integration: &config::Integration, running: Option<Running>, mut kept: Vec<ShowStream>) -> Vec<Stream> {
    let config::Connector::Abnormal(set) = &integration.connector;
    let mut told = running.map(|running| running.streams).unwrap_or_default();
    let mut streams = Vec::new();
    for name in &set.streams {
        let status = told.iter().position(|one| one.name == *name).map(|at| told.swap_remove(at));
        let place = kept.iter().position(|one| one.name == *name).map(|at| kept.remove(at));
        let (checkpoint, deferred) = place.map(|place| (place.checkpoint, place.deferred)).unwrap_or_default();
        streams.push(Stream { name: name.clone(), status, checkpoint, deferred });
    }
    let before = kept.into_iter().map(|place| Stream {
        name: place.name,
        status: None,
        checkpoint: place.checkpoint,
        deferred: place.deferred,
    });
    streams.extend(before);
    streams
}

fn write_text(out: &mut impl Write, shown: &Shown, now: Timestamp) -> std::io::Result<()> {
    let line = |text: &str| one_line(text);
    for (name, value) in shown.settings.rows() {
        writeln!(out, "{name:<22}{}", line(&value))?;
    }
    let state = shown.state.map_or("not known", Standing::as_str);
    writeln!(out, "{:<22}{state}  {}", "state", line(shown.text.as_deref().unwrap_or_default()))?;
    for stream in &shown.streams {
        let set = shown.settings.streams.contains(&stream.name);
        let heading = if set { stream.name.clone() } else { format!("{} (no longer among `streams`)", stream.name) };
        writeln!(out, "\n{heading}")?;
        if let Some(status) = &stream.status {
            writeln!(out, "  {:<20}{}  {}", "state", status.state.as_str(), line(&sentence(status, now)))?;
            writeln!(out, "  {:<20}{}", "last poll", ago(status.last_poll, now))?;
            writeln!(out, "  {:<20}{}", "last success", ago(status.last_success, now))?;
            let next = status.next_poll.map_or_else(|| "not planned".to_owned(), |at| at.to_string());
            writeln!(out, "  {:<20}{next}", "next poll")?;
            let lag = status.lag_seconds.map_or_else(|| "not known".to_owned(), |lag| format!("{lag} s"));
            writeln!(out, "  {:<20}{lag}", "lag")?;
            let counts = format!(
                "{}, {}, {}",
                plural(status.events_total, "event"),
                plural(status.polls_total, "poll"),
                plural(status.gaps, "gap")
            );
            writeln!(out, "  {:<20}{counts} since the start", "counts")?;
        }
        let checkpoint = stream.checkpoint.as_deref().map_or_else(|| "none yet".to_owned(), excerpt);
        writeln!(out, "  {:<20}{}", "checkpoint", line(&checkpoint))?;
        writeln!(out, "  {:<20}{}", "deferred", plural(stream.deferred.len() as u64, "item"))?;
        for item in &stream.deferred {
            writeln!(
                out,
                "    {}  {}, due {}, since {}: {}",
                line(&item.id),
                if item.tries == 1 { "1 try".to_owned() } else { format!("{} tries", item.tries) },
                item.due,
                item.since,
                line(&item.reason)
            )?;
        }
    }
    for why in &shown.unknown {
        writeln!(out, "\nnot known: {}", line(why))?;
    }
    Ok(())
}

fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(EXCERPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
