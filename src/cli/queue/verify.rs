//! `conductor queue verify` and `queue repair`: is all that was kept still readable, and what would a start mend?
//!
//! Promise: verifying changes nothing, with an agent or without; repairing does what a start does, and tells it first.

use std::io::{self, Write};
use std::sync::Arc;

use super::bar::Bar;
use crate::cli::agent_socket::{converse, folder, held, is_running, reply};
use crate::cli::recording::Doing;
use crate::cli::{Exit, Failure};
use crate::config::Settings;
use crate::control::{Reply, Request};
use crate::engine::queue_options;
use crate::queue::disk::RealDisk;
use crate::queue::{Queue, QueueError, Verified, rehearse};
use crate::values::ByteSize;

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Repair {
    /// Only tell.
    #[arg(long)]
    dry_run: bool,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

impl Repair {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        self.yes.then(|| ("queue repair", String::new()))
    }
}

pub fn verify(settings: &Settings, json: bool) -> Result<u8, Failure> {
    let verified =
        if is_running(&settings.agent.state_dir) { of_the_agent(settings)? } else { of_the_files(settings)? };
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &verified).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(told(&verified).as_bytes())?;
    }
    Ok(code(&verified))
}

/// The same as one JSON value, for the support bundle.
pub fn verified(settings: &Settings) -> Result<serde_json::Value, Failure> {
    let verified =
        if is_running(&settings.agent.state_dir) { of_the_agent(settings)? } else { of_the_files(settings)? };
    Ok(serde_json::to_value(&verified).map_err(io::Error::from)?)
}

pub fn repair(settings: &Settings, asked: &Repair) -> Result<u8, Failure> {
    let state_dir = &settings.agent.state_dir;
    if is_running(state_dir) {
        let text = "the agent runs, and has mended what it could when it started; stop it to repair (systemctl stop conductor), \
                    or see what is damaged: conductor queue verify";
        return Err(Failure::new(Exit::Unavailable, text));
    }
    let verified = of_the_files(settings)?;
    let mut out = io::stdout().lock();
    out.write_all(told(&verified).as_bytes())?;
    if asked.dry_run {
        return Ok(code(&verified));
    }
    if verified.is_well() && verified.torn_bytes == 0 {
        return Ok(0);
    }
    let clock = || jiff::Timestamp::now().as_millisecond();
    let opened = Queue::open(&folder(state_dir)?, queue_options(&settings.queue), Arc::new(RealDisk), clock);
    let (queue, _) = opened.map_err(|error| if is_locked(&error) { held() } else { error.into() })?;
    queue.look_through()?;
    let sent_back = queue.rewind_damaged()?;
    queue.close();
    if !sent_back.is_empty() {
        writeln!(out, "done; the streams went back before the damage, and the agent fetches again what was lost")?;
    } else {
        writeln!(out, "done")?;
    }
    Ok(0)
}

fn is_locked(error: &QueueError) -> bool {
    matches!(error, QueueError::Locked { .. })
}

fn code(verified: &Verified) -> u8 {
    if verified.is_well() { Exit::Ok as u8 } else { Exit::Disk as u8 }
}

fn of_the_agent(settings: &Settings) -> Result<Verified, Failure> {
    let mut found = Err(Failure::new(Exit::Unavailable, "the agent did not answer"));
    let mut bar = Bar::new();
    converse(settings, &Request::Verify, |line| {
        let reply = reply(line);
        if let Some(Reply::Looked { looked, of }) = reply {
            bar.draw(looked, Some(of), "read");
        } else if let Some(Reply::Verified { verified }) = reply {
            found = Ok(verified);
        } else if let Some(Reply::Failed { failed }) = reply {
            found = Err(Failure::new(Exit::Unavailable, failed));
        }
        Ok(())
    })?;
    drop(bar);
    found
}

fn of_the_files(settings: &Settings) -> Result<Verified, Failure> {
    let dir = folder(&settings.agent.state_dir)?;
    let clock = || jiff::Timestamp::now().as_millisecond();
    let mut bar = Bar::new();
    let verified = rehearse(&dir, queue_options(&settings.queue), clock, &mut |looked, of| {
        bar.draw(looked, Some(of), "read");
        true
    });
    drop(bar);
    verified.map_err(|error| if is_locked(&error) { held() } else { error.into() })
}

fn told(verified: &Verified) -> String {
    let Verified { segments, frames, events, bytes, .. } = verified;
    let mut out = format!("{segments} segments, {frames} frames, {events} events, {}\n", ByteSize(*bytes));
    for finding in &verified.damage {
        out.push_str(&format!("damaged: {finding}\n"));
    }
    for sentence in &verified.repairs {
        out.push_str(&format!("to mend: {sentence}\n"));
    }
    for lost in &verified.aside {
        let (name, seq) = (&lost.destination, lost.seq);
        out.push_str(&format!(
            "damaged: event {seq} in quarantine, which {name} refused, can't be read; to strike it off: conductor queue \
             quarantine drop --destination {name} --seq {seq}\n"
        ));
    }
    if verified.book_damaged {
        out.push_str(
            "damaged: the book; it is set aside and rebuilt from the journal; repeats may follow, no loss; a replay that is under \
             way ends with it: ask for it again\n",
        );
    }
    if verified.torn_bytes > 0 {
        let torn = ByteSize(verified.torn_bytes);
        out.push_str(&format!("torn end: {torn} that were never confirmed; the next start cuts them\n"));
    }
    if verified.damage.iter().any(|finding| !finding.mended) {
        out.push_str(
            "what is damaged is set aside when it is read, or by `queue repair --yes` while no agent runs; the streams then \
             fetch again from before it\n",
        );
    }
    if verified.is_well() {
        out.push_str("all is well\n");
    }
    out
}
