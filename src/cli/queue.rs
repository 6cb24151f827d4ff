//! `conductor queue …`: look into the queue, copy it out and in.
//!
//! Promise: an import counts a line only when the agent has made it durable, and waits (saying so) while the
//! queue is full or the agent is away; it goes on after the last confirmed line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::agent_socket::{converse, reply};
use super::{Exit, Failure, settings};
use crate::control::{Reply, Request, Show};
use crate::values::ByteSize;

mod import;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Depth, size and each destination's place.
    Show {
        #[arg(long)]
        json: bool,
    },
    /// The next events, oldest first.
    Peek {
        /// Those that this destination gets next; default: the oldest kept.
        #[arg(long)]
        destination: Option<String>,
        #[arg(short = 'n', long, default_value_t = 10)]
        count: usize,
    },
    /// All events as NDJSON on stdout or into a file; nothing is taken out of the queue.
    Export {
        /// Only what this destination has not taken.
        #[arg(long)]
        destination: Option<String>,
        file: Option<PathBuf>,
    },
    /// NDJSON from a file, or from stdin with `-`: lines of an export keep their identity, any other object
    /// becomes an event of the integration `import`.
    Import { file: PathBuf },
    /// What destinations refused for ever.
    Quarantine,
    /// Give up what a destination that is no longer set has not taken.
    Forget {
        destination: String,
        /// Do it; without, only say how much would be given up.
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    match verb {
        Verb::Show { json } => show(&settings, json),
        Verb::Peek { destination, count } => {
            copy_events(&settings, &Request::Peek { destination, count }, &mut io::stdout().lock())
        }
        Verb::Export { destination, file } => {
            let request = Request::Export { destination };
            match file {
                None => copy_events(&settings, &request, &mut io::stdout().lock()),
                Some(path) => {
                    let mut file = io::BufWriter::new(std::fs::File::create(&path)?);
                    copy_events(&settings, &request, &mut file)?;
                    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
                    Ok(0)
                }
            }
        }
        Verb::Import { file } => import::run(&settings.agent.state_dir, &file),
        Verb::Quarantine => {
            converse(&settings, &Request::Quarantine, |line| match reply(line) {
                Some(Reply::Quarantined { quarantined }) => {
                    print_line(&serde_json::to_string(&quarantined).unwrap_or_default())
                }
                Some(Reply::Failed { failed }) => Err(Failure::new(Exit::Disk, failed)),
                _ => Ok(()),
            })?;
            Ok(0)
        }
        Verb::Forget { destination, yes } => forget(&settings, destination, yes),
    }
}

fn print_line(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(Failure::from)
}

fn copy_events(settings: &crate::config::Settings, request: &Request, output: &mut impl Write) -> Result<u8, Failure> {
    let copied = converse(settings, request, |line| match reply(line) {
        None => {
            output.write_all(line.as_bytes())?;
            output.write_all(b"\n").map_err(Failure::from)
        }
        Some(Reply::Failed { failed }) => Err(Failure::new(Exit::Unavailable, failed)),
        Some(_) => Ok(()),
    });
    copied.and_then(|()| output.flush().map_err(Failure::from)).map(|()| 0)
}

fn ask_show(settings: &crate::config::Settings) -> Result<Show, Failure> {
    let mut found = None;
    converse(settings, &Request::Show, |line| {
        if let Some(Reply::Show { show }) = reply(line) {
            found = Some(show);
        }
        Ok(())
    })?;
    found.ok_or_else(|| Failure::new(Exit::Unavailable, "the agent did not answer"))
}

fn show(settings: &crate::config::Settings, json: bool) -> Result<u8, Failure> {
    let show = ask_show(settings)?;
    if json {
        print_line(&serde_json::to_string(&show).unwrap_or_default())?;
        return Ok(0);
    }
    let mut out = format!(
        "{} events waiting ({} of disk, {} in all, quota {})\n",
        show.events,
        ByteSize(show.bytes),
        ByteSize(show.disk_bytes),
        ByteSize(show.max_bytes)
    );
    if let Some(oldest) = show.oldest_seconds {
        out.push_str(&format!("the oldest has waited {oldest} s\n"));
    }
    for destination in &show.destinations {
        out.push_str(&format!(
            "{}: {} waiting, took up to {}\n",
            destination.name, destination.depth, destination.cursor
        ));
        if destination.dropped > 0 {
            out.push_str(&format!("{}: {} dropped by when-full\n", destination.name, destination.dropped));
        }
    }
    if show.damaged > 0 {
        out.push_str(&format!("{} events were in damaged frames, which were set aside\n", show.damaged));
    }
    io::stdout().lock().write_all(out.as_bytes())?;
    Ok(0)
}

fn forget(settings: &crate::config::Settings, destination: String, yes: bool) -> Result<u8, Failure> {
    let set = destination.parse().is_ok_and(|name: crate::values::Name| settings.destinations.contains_key(&name));
    if set {
        let text = format!("{destination} is still set: take it out of the settings first");
        return Err(Failure::new(Exit::Usage, text));
    }
    if !yes {
        let show = ask_show(settings)?;
        let depth = show.destinations.iter().find(|d| d.name == destination).map(|d| d.depth);
        return match depth {
            Some(depth) => Err(Failure::new(
                Exit::Usage,
                format!("{destination} has not taken {depth} events: they would be given up; say it again with --yes"),
            )),
            None => Err(Failure::new(Exit::Usage, format!("the queue knows no destination {destination:?}"))),
        };
    }
    let mut outcome = Ok(0);
    converse(settings, &Request::Forget { destination }, |line| {
        match reply(line) {
            Some(Reply::Forgotten { forgotten, events }) => {
                eprintln!("forgot {forgotten}: {events} events were given up")
            }
            Some(Reply::Failed { failed }) => outcome = Err(Failure::new(Exit::Usage, failed)),
            _ => {}
        }
        Ok(())
    })?;
    outcome
}
