//! `conductor queue …`: look into the queue, copy it out and in.
//!
//! Promise: an import counts a line only when the agent has made it durable, and waits (saying so) while the
//! queue is full or the agent is away; it goes on after the last confirmed line.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use bar::Bar;

use super::agent_socket::{converse, reply};
use super::recording::{self, Doing};
use super::{Exit, Failure, settings};
use crate::control::{Reply, Request, Show};
use crate::values::ByteSize;
pub use verify::verified;

mod bar;
pub mod export_file;
mod import;
mod quarantine;
mod replay;
mod verify;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Depth, size and each destination's place.
    Show {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// The next events, oldest first.
    Peek {
        /// Those that this destination gets next; default: the oldest kept.
        #[arg(long)]
        destination: Option<String>,
        /// How many at the most.
        #[arg(short = 'n', long, default_value_t = 10)]
        count: usize,
    },
    /// All events as NDJSON on stdout or into a file; nothing is taken out of the queue.
    Export {
        /// Only what this destination has not taken.
        #[arg(long)]
        destination: Option<String>,
        /// Takes the place of a file of that name, once the export is whole; default: stdout.
        file: Option<PathBuf>,
    },
    /// NDJSON from a file, or from stdin with `-`: lines of an export keep their identity, any other object
    /// becomes an event of the integration `import`.
    Import {
        /// The file, or `-` for stdin.
        file: PathBuf,
    },
    /// Hand a destination again what it took, after its SOC lost data: the same event ids, marked as replayed.
    Replay(replay::Arguments),
    /// What destinations refused for ever: list it, try it again, let it go.
    Quarantine(quarantine::Arguments),
    /// Read everything that is kept and tell what is damaged: exit 0 when all is well, 74 when not. Changes nothing.
    Verify {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// What the next start would mend, while no agent runs.
    Repair(verify::Repair),
    /// Give up what a destination that is no longer set has not taken.
    Forget {
        /// As `queue show` calls it.
        destination: String,
        /// Do it; without, only say how much would be given up.
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    /// For the audit log: what takes events out, brings some in, hands some again, or gives some up.
    pub fn doing(&self) -> Doing {
        match self {
            Verb::Show { .. } | Verb::Peek { .. } | Verb::Verify { .. } | Verb::Forget { yes: false, .. } => None,
            Verb::Export { destination, .. } => {
                let of = destination.as_deref().map_or_else(|| "everything".to_owned(), recording::name);
                Some(("queue export", of))
            }
            Verb::Import { .. } => Some(("queue import", String::new())),
            Verb::Replay(arguments) => arguments.doing(),
            Verb::Quarantine(arguments) => arguments.doing(),
            Verb::Repair(repair) => repair.doing(),
            Verb::Forget { destination, yes: true } => Some(("queue forget", recording::name(destination))),
        }
    }
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    match verb {
        Verb::Show { json } => show(&settings, json),
        Verb::Peek { destination, count } => {
            copy_events(&settings, &Request::Peek { destination, count }, &mut Screen(io::stdout().lock()), true)
                .map(|_| 0)
        }
        Verb::Export { destination, file } => {
            let request = Request::Export { destination };
            match file {
                None => {
                    let to_screen = io::stdout().is_terminal();
                    copy_events(&settings, &request, &mut Screen(io::stdout().lock()), to_screen).map(|_| 0)
                }
                Some(path) => export_file::write(&path, |file| {
                    let events = copy_events(&settings, &request, file, false)?;
                    eprintln!("conductor: {events} events exported to {}", path.display());
                    Ok(())
                }),
            }
        }
        Verb::Import { file } => import::run(&settings.agent.state_dir, &file),
        Verb::Replay(arguments) => replay::run(&settings, arguments),
        Verb::Quarantine(arguments) => quarantine::run(&settings, arguments),
        Verb::Verify { json } => verify::verify(&settings, json),
        Verb::Repair(repair) => verify::repair(&settings, &repair),
        Verb::Forget { destination, yes } => forget(&settings, destination, yes),
    }
}

fn print_line(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(Failure::from)
}

/// Standard output: a file or a pipe gets the bytes as they are, a terminal gets characters that steer it (and that
/// JSON lets stand: DEL, C1, those of direction) as JSON's escapes. It is handed whole lines.
struct Screen<W>(W);

impl<W: Write + IsTerminal> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) if self.0.is_terminal() => self.0.write_all(harmless(text).as_bytes())?,
            _ => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A line of JSON that means the same and steers no terminal: such characters stand only inside strings.
fn harmless(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Returns how many events were copied. A bar would be drawn across what goes `to_screen`.
fn copy_events(
    settings: &crate::config::Settings,
    request: &Request,
    output: &mut impl Write,
    to_screen: bool,
) -> Result<u64, Failure> {
    let (mut events, mut bar) = (0_u64, Bar::new());
    let copied = converse(settings, request, |line| match reply(line) {
        None => {
            events += 1;
            output.write_all(line.as_bytes())?;
            output.write_all(b"\n").map_err(Failure::from)
        }
        Some(Reply::Progress { progress, of }) => {
            if !to_screen {
                bar.draw(progress, Some(of), &format!("{events} events"));
            }
            Ok(())
        }
        Some(Reply::Failed { failed }) => Err(Failure::new(Exit::Unavailable, failed)),
        Some(_) => Ok(()),
    });
    copied.and_then(|()| output.flush().map_err(Failure::from)).map(|()| events)
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
        if let Some(replay) = &destination.replay {
            out.push_str(&format!("{}: {} left of a replay\n", destination.name, replay.left()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_is_shown_means_the_same_and_steers_nothing() {
        let line = "{\"subject\":\"\u{9b}2J\u{7f}\u{202e}gpj \u{e9}\u{1F4A3}\"}\n";
        let shown = harmless(line);
        assert!(!shown.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&shown), value(line));
    }
}
