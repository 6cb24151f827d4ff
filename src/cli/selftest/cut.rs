//! A writer of the queue that is killed in the middle of its work, and what it leaves.
//!
//! Promise: what the writer's queue had confirmed when it was killed is found again, byte for byte, in order, with the
//! checkpoint that was kept with it; anything less is a failure that says what is missing.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;

use super::super::{Exit, Failure};
use super::scratch;
use crate::config::Settings;
use crate::engine;
use crate::event::{Checkpoint, Event, Seq, Severity};
use crate::queue::{NewPage, Queue};

const INTEGRATION: &str = "selftest";
const STREAM: &str = "trial";
/// Events of a page.
const PAGE: u64 = 20;
/// So many are confirmed before the writer is killed; it goes on meanwhile, so that the kill meets it at work.
const ENOUGH: u64 = 400;

/// What was found.
pub struct Cut {
    /// The writer had said so of these.
    pub confirmed: u64,
    /// And a page may have become durable before it could say so.
    pub there: u64,
}

/// Starts a writer, kills it, opens what it left.
///
/// # Errors
/// [`Exit::Disk`]: something is missing or can't be written; [`Exit::Software`]: the writer can't be run.
pub fn kill_and_reopen(folder: &Path, settings: &Settings, through: Option<&Path>) -> Result<Cut, Failure> {
    let confirmed = killed_after(folder, through)?;
    let (queue, _) = engine::open_queue(&queue_folder(settings), &settings.queue)?;
    let there = read_all(&queue)?;
    if there < confirmed {
        return Err(broken(format!("{confirmed} events were confirmed and {there} are there")));
    }
    let checkpoint = queue.place(INTEGRATION, STREAM).checkpoint;
    if checkpoint.as_ref() != Some(&checkpoint_after(there)) {
        return Err(broken(format!("the checkpoint does not belong to the {there} events that are there")));
    }
    queue.close();
    Ok(Cut { confirmed, there })
}

/// The other side: writes pages and says how many events are confirmed, until it is killed, nobody listens, or the queue is full.
///
/// # Errors
/// Of the queue.
pub fn write_until_killed(folder: &Path) -> Result<u8, Failure> {
    let settings = scratch::load(folder)?;
    let state = queue_folder(&settings);
    std::fs::create_dir_all(state.parent().unwrap_or(&state))?;
    let (queue, _) = engine::open_queue(&state, &settings.queue)?;
    let mut stdout = std::io::stdout().lock();
    let mut last = 0;
    loop {
        let events = (last + 1..=last + PAGE).map(event).collect();
        let next = Some(checkpoint_after(last + PAGE));
        let page = NewPage {
            integration: INTEGRATION.into(),
            stream: STREAM.into(),
            events,
            next,
            keyed: true,
            ..NewPage::default()
        };
        last = queue.append(page)?.last.0;
        writeln!(stdout, "{last}")?;
        stdout.flush()?;
    }
}

fn queue_folder(settings: &Settings) -> PathBuf {
    settings.agent.state_dir.join("queue")
}

/// Returns the last seq that the writer had told.
fn killed_after(folder: &Path, through: Option<&Path>) -> Result<u64, Failure> {
    let cant = |error: std::io::Error| {
        let text = format!(
            "this binary can't be run a second time: {error}; where an emulator runs it, name that by --through"
        );
        Failure::new(Exit::Software, text)
    };
    let ourselves = std::env::current_exe().map_err(cant)?;
    let mut command = match through {
        Some(program) => {
            let mut command = Command::new(program);
            command.arg(ourselves);
            command
        }
        None => Command::new(ourselves),
    };
    command.arg("selftest").arg("--writes-into").arg(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut writer = Writer(command.spawn().map_err(cant)?);
    let mut confirmed = 0;
    if let Some(told) = writer.0.stdout.take() {
        for line in BufReader::new(told).lines() {
            // A line that the kill has cut short tells nothing.
            let Some(seq) = line?.parse::<u64>().ok() else { break };
            confirmed = seq;
            if confirmed >= ENOUGH {
                // What it still said is read: the pipe outlives it.
                writer.0.kill()?;
            }
        }
    }
    if confirmed < ENOUGH {
        let status = writer.0.wait()?;
        return Err(Failure::new(
            Exit::Disk,
            format!("the writer ended by itself after {confirmed} events ({status})"),
        ));
    }
    Ok(confirmed)
}

/// How many there are, each held against what was written under its seq.
fn read_all(queue: &Queue) -> Result<u64, Failure> {
    let mut last = 0;
    loop {
        let batch = queue.read_after(Seq(last), 1000, 1 << 20)?;
        for stored in &batch.events {
            last += 1;
            let (seq, found) = (stored.seq.0, &stored.event);
            let meant = event(last);
            if seq != last || (&found.id, &found.raw, &found.summary) != (&meant.id, &meant.raw, &meant.summary) {
                return Err(broken(format!("where event {last} belongs stands {seq}, {}", found.id)));
            }
        }
        if batch.events.is_empty() {
            return Ok(last);
        }
    }
}

/// The same under the same number, in any process.
fn event(number: u64) -> Event {
    let native = number.to_string();
    Event {
        id: Event::make_id(INTEGRATION, STREAM, &native, "1"),
        integration: INTEGRATION.into(),
        stream: STREAM.into(),
        kind: "test".into(),
        severity: Severity::Info,
        occurred: Timestamp::UNIX_EPOCH,
        observed: Timestamp::UNIX_EPOCH,
        summary: format!("event {number} of a trial").into(),
        raw: format!("{{\"number\":{number},\"text\":\"{}\"}}", native.repeat(100)).into(),
    }
}

fn checkpoint_after(number: u64) -> Checkpoint {
    Checkpoint(format!("after {number}"))
}

fn broken(text: String) -> Failure {
    Failure::new(
        Exit::Disk,
        format!("what was confirmed is not kept: {text}; this disk or file system can't be relied on"),
    )
}

/// Killed and reaped, however the trial ends.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
