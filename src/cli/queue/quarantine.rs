//! `conductor queue quarantine`: what destinations refused for ever, and what becomes of it.
//!
//! Promise: nothing is let go that was not named, or counted and confirmed with --yes.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::{Screen, converse, reply};
use crate::cli::recording::{self, Doing};
use crate::cli::{Exit, Failure};
use crate::config::Settings;
use crate::control::{Act, Reply, Request};
use crate::event::Seq;
use crate::values::Name;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One JSON object for each: destination, seq, id, reason (also without a word).
    List {
        /// Only of this destination.
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
        /// The events themselves, as `queue export` writes them.
        #[arg(long)]
        events: bool,
    },
    /// Hand them to their destination again, after it was mended. What it takes leaves the quarantine.
    Retry(Chosen),
    /// Let single events go for good.
    Drop(Chosen),
    /// Let everything go that one destination refused.
    Forget {
        #[arg(long, value_name = "NAME")]
        destination: String,
        /// Do it; without, only say how much would be given up.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Chosen {
    #[arg(long, value_name = "NAME")]
    destination: String,
    /// As `list` tells it; may be said more than once.
    #[arg(long, value_name = "SEQ", required = true)]
    seq: Vec<u64>,
}

impl Arguments {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        let of = |chosen: &Chosen| {
            let seqs: Vec<String> = chosen.seq.iter().map(u64::to_string).collect();
            format!("{} {}", recording::name(&chosen.destination), seqs.join(" "))
        };
        match &self.verb {
            None | Some(Verb::List { .. } | Verb::Forget { yes: false, .. }) => None,
            Some(Verb::Retry(chosen)) => Some(("queue quarantine retry", of(chosen))),
            Some(Verb::Drop(chosen)) => Some(("queue quarantine drop", of(chosen))),
            Some(Verb::Forget { destination, yes: true }) => {
                Some(("queue quarantine forget", recording::name(destination)))
            }
        }
    }
}

pub fn run(settings: &Settings, arguments: Arguments) -> Result<u8, Failure> {
    match arguments.verb {
        None => list(settings, None, false),
        Some(Verb::List { destination, events }) => list(settings, destination, events),
        Some(Verb::Retry(chosen)) => {
            let set = chosen.destination.parse::<Name>().is_ok_and(|name| settings.destinations.contains_key(&name));
            if !set {
                let text = format!("the settings name no destination {:?}: nobody would try", chosen.destination);
                return Err(Failure::new(Exit::Usage, text));
            }
            act(settings, Act::Retry, chosen.destination, chosen.seq)
        }
        Some(Verb::Drop(chosen)) => act(settings, Act::Drop, chosen.destination, chosen.seq),
        Some(Verb::Forget { destination, yes: true }) => act(settings, Act::Drop, destination, Vec::new()),
        Some(Verb::Forget { destination, yes: false }) => {
            let mut events = 0;
            let request = Request::Quarantine { destination: Some(destination.clone()), events: false };
            converse(settings, &request, |line| {
                events += u64::from(matches!(reply(line), Some(Reply::Quarantined { .. })));
                Ok(())
            })?;
            let text = format!("{events} events that {destination} refused would be given up; say it again with --yes");
            Err(Failure::new(Exit::Usage, text))
        }
    }
}

fn list(settings: &Settings, destination: Option<String>, events: bool) -> Result<u8, Failure> {
    let mut screen = Screen(io::stdout().lock());
    converse(settings, &Request::Quarantine { destination, events }, |line| match reply(line) {
        None => screen.write_all(format!("{line}\n").as_bytes()).map_err(Failure::from),
        Some(Reply::Quarantined { quarantined }) => {
            screen.write_all((serde_json::to_string(&quarantined).unwrap_or_default() + "\n").as_bytes())?;
            Ok(())
        }
        Some(Reply::Waiting { waiting }) => {
            eprintln!("conductor: {waiting}");
            Ok(())
        }
        Some(Reply::CountedOut { counted_out }) if counted_out > 0 => {
            eprintln!("conductor: {counted_out} older events had to leave the quarantine, which holds 1000 or 64 MiB");
            Ok(())
        }
        Some(Reply::Failed { failed }) => Err(Failure::new(Exit::Disk, failed)),
        Some(_) => Ok(()),
    })?;
    Ok(0)
}

fn act(settings: &Settings, act: Act, destination: String, seqs: Vec<u64>) -> Result<u8, Failure> {
    let seqs = seqs.into_iter().map(Seq).collect();
    converse(settings, &Request::Act { act, destination: destination.clone(), seqs }, |line| match reply(line) {
        Some(Reply::Acted { acted: Act::Retry, events }) => {
            eprintln!("conductor: {destination} is handed {events} events again; what it takes leaves the quarantine");
            Ok(())
        }
        Some(Reply::Acted { acted: Act::Drop, events }) => {
            eprintln!("conductor: {events} events that {destination} refused are given up");
            Ok(())
        }
        Some(Reply::Failed { failed }) => Err(Failure::new(Exit::Usage, failed)),
        Some(_) | None => Ok(()),
    })?;
    Ok(0)
}
