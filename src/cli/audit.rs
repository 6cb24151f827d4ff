//! `conductor audit …`: who did what, and whether the record of it holds.
//!
//! Promise: the first entry that does not fit is named, and what a chain can't show (entries cut off at its end) is said.

use std::io::{self, Write};
use std::path::Path;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::evidence::moment;
use super::{Exit, Failure, recording};
use crate::audit::{Audit, Entry, Verdict};
use crate::config;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Follow the chain of hashes through all entries: exit 0 when it holds, 74 when not.
    Verify {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// The entries: time, who, from where, what, how it ended.
    Show(Show),
}

#[derive(Debug, Args)]
pub struct Show {
    /// From then on: so long ago (2h, 30d), a date, or a time; default: the last 100 entries.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    let state_dir = config::whereabouts(config, &|name| std::env::var(name).ok()).1;
    let folder = recording::folder(&state_dir);
    let audit = Audit::open_existing(&folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let text = format!("there is no audit log in {}: nothing was ever recorded here", folder.display());
            Failure::new(Exit::Unavailable, text)
        }
        io::ErrorKind::PermissionDenied => {
            let text =
                format!("the audit log in {} may not be read: say it as root or as the agent's user", folder.display());
            Failure::new(Exit::Permission, text)
        }
        _ => Failure::new(Exit::Disk, format!("the audit log in {} can't be opened: {error}", folder.display())),
    })?;
    let out = &mut io::stdout().lock();
    match verb {
        Verb::Verify { json } => verify(&audit.verify()?, json, out),
        Verb::Show(show) => shown(&audit, &show, Timestamp::now(), out),
    }
}

fn verify(verdict: &Verdict, json: bool, out: &mut impl Write) -> Result<u8, Failure> {
    let exit = if verdict.misfit.is_none() { 0 } else { Exit::Disk as u8 };
    if json {
        writeln!(out, "{}", verdict.to_json())?;
        return Ok(exit);
    }
    if verdict.torn > 0 {
        writeln!(out, "{} bytes of a torn last line: the next entry sets them aside", verdict.torn)?;
    }
    for aside in &verdict.aside {
        writeln!(out, "set aside after a crash: {aside}")?;
    }
    if let Some(misfit) = &verdict.misfit {
        let number = misfit.number.map_or("a line".to_owned(), |number| format!("entry {number}"));
        let text = format!("{number} does not fit ({} line {}): {}", misfit.file, misfit.line, misfit.why);
        return Err(Failure::new(Exit::Disk, format!("{text}; {} entries before it hold", verdict.entries)));
    }
    let Some((last, hash)) = &verdict.last else {
        writeln!(out, "the audit log is empty")?;
        return Ok(0);
    };
    let first = verdict.first.unwrap_or(1);
    writeln!(out, "entries {first} to {last} hold: {} in one chain", verdict.entries)?;
    if first > 1 {
        writeln!(out, "entries 1 to {} left this disk by age; they were forwarded", first - 1)?;
    }
    writeln!(
        out,
        "the last one is {last}, its hash {hash}\na chain can't show that entries were cut off at its end: compare these two with the \
         last entry that your SOC received (integration conductor, stream audit)"
    )?;
    Ok(0)
}

fn shown(audit: &Audit, show: &Show, now: Timestamp, out: &mut impl Write) -> Result<u8, Failure> {
    let wrong = |text: String| Failure::new(Exit::Usage, text);
    let since =
        show.since.as_deref().map(|text| moment(text, now)).transpose().map_err(|e| wrong(format!("--since {e}")))?;
    let entries = audit.read_last(if since.is_some() { usize::MAX } else { 100 })?;
    for entry in entries.iter().filter(|entry| since.is_none_or(|since| entry.time >= since)) {
        if show.json {
            serde_json::to_writer(&mut *out, entry).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", line(entry))?;
        }
    }
    Ok(0)
}

/// A name or a folder may hold characters that steer a terminal.
fn line(entry: &Entry) -> String {
    let from = entry.from.map_or(String::new(), |from| format!(" from {from}"));
    let (number, who, about) = (entry.number, entry.who.escape_debug(), entry.about.escape_debug());
    format!(
        "{number:>6} {:.0} {who}{from}: {} {about}: {}",
        entry.time,
        entry.act.escape_debug(),
        entry.outcome.as_str()
    )
}
