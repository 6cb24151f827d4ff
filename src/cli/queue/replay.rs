//! `conductor queue replay`: hand a destination again what its SOC lost.
//!
//! Promise: it says how many events there are before it begins, and exactly what of the range is no longer there.

use clap::Args;
use jiff::Timestamp;

use super::bar::Bar;
use super::{converse, reply};
use crate::cli::evidence::moment;
use crate::cli::recording::{self, Doing};
use crate::cli::{Exit, Failure};
use crate::config::Settings;
use crate::control::{AskedReplay, Reply, Request, ShowReplay};
use crate::event::Seq;
use crate::queue::Wanted;
use crate::values::Name;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Who gets the events again; nobody else does.
    #[arg(long, value_name = "NAME")]
    destination: String,
    /// Events kept from then on: so long ago (2h, 1d), a date, or a time such as 2026-10-01T08:00:00Z.
    #[arg(long, value_name = "TIME", required_unless_present = "cancel")]
    from: Option<String>,
    /// Events kept until then, as above; default: now.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only of this stream; may be said more than once.
    #[arg(long, value_name = "NAME")]
    stream: Vec<String>,
    /// Only of this integration; may be said more than once.
    #[arg(long, value_name = "NAME")]
    integration: Vec<String>,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
    /// End the replay that is under way.
    #[arg(long, conflicts_with_all = ["from", "to", "stream", "integration", "dry_run"])]
    cancel: bool,
}

impl Arguments {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        let act = if self.cancel { "queue replay cancel" } else { "queue replay" };
        (!self.dry_run).then(|| (act, recording::name(&self.destination)))
    }
}

pub fn run(settings: &Settings, arguments: Arguments) -> Result<u8, Failure> {
    let wrong = |text: String| Failure::new(Exit::Usage, text);
    let known = arguments.destination.parse::<Name>().ok().and_then(|name| settings.destinations.get(&name));
    if arguments.cancel {
        return cancel(settings, arguments.destination);
    }
    let Some(destination) = known else {
        return Err(wrong(format!("the settings name no destination {:?}", arguments.destination)));
    };
    let now = Timestamp::now();
    let from = moment(arguments.from.as_deref().unwrap_or_default(), now).map_err(|e| wrong(format!("--from {e}")))?;
    let to = match &arguments.to {
        Some(to) => moment(to, now).map_err(|e| wrong(format!("--to {e}")))?,
        None => now,
    };
    if from > to {
        return Err(wrong(format!("the range is empty: it begins at {from} and ends at {to}")));
    }
    let filter = &destination.filter;
    let asked = AskedReplay {
        destination: arguments.destination,
        from,
        to,
        wanted: Wanted { integrations: arguments.integration, streams: arguments.stream, ..Wanted::default() },
        passes: Wanted {
            integrations: filter.integrations.clone(),
            streams: filter.streams.clone(),
            severity_at_least: filter.severity_at_least,
        },
        dry_run: arguments.dry_run,
    };
    let show = ask(settings, asked)?;
    for line in sentences(&show, from, to, arguments.dry_run) {
        eprintln!("conductor: {line}");
    }
    if show.begun && !destination.enabled {
        eprintln!("conductor: {} is disabled: the replay begins when it is enabled", show.destination);
    }
    // A script must be able to tell that there is nothing to be had.
    if show.events == 0 { Ok(Exit::Unavailable as u8) } else { Ok(0) }
}

fn ask(settings: &Settings, asked: AskedReplay) -> Result<ShowReplay, Failure> {
    let mut found = None;
    let mut bar = Bar::new();
    converse(settings, &Request::Replay { asked }, |line| {
        match reply(line) {
            Some(Reply::Progress { progress, of }) => bar.draw(progress, Some(of), "counted"),
            Some(Reply::Replay { replay }) => found = Some(replay),
            Some(Reply::Failed { failed }) => return Err(Failure::new(Exit::Unavailable, failed)),
            Some(_) | None => {}
        }
        Ok(())
    })?;
    found.ok_or_else(|| Failure::new(Exit::Unavailable, "the agent did not answer"))
}

/// What there is of the range, one line each. Pure.
fn sentences(show: &ShowReplay, from: Timestamp, to: Timestamp, dry_run: bool) -> Vec<String> {
    let mut lines = Vec::new();
    match show.retained_from {
        Some(retained) => lines.push(format!(
            "the range begins at {from}, but what was kept before {retained} (seq 1 to {}) is no longer retained \
             ([queue] keep, keep-size, or room for new events)",
            show.gone
        )),
        None if show.gone > Seq(0) => {
            lines.push(format!("nothing is retained: seq 1 to {} were let go ([queue] keep, keep-size)", show.gone))
        }
        None => {}
    }
    if show.damaged > 0 {
        lines.push(format!("{} events of the range were in damaged frames, which were set aside", show.damaged));
    }
    if show.to_come > 0 {
        let name = &show.destination;
        lines.push(format!(
            "{} events of the range still wait for {name}: they come by themselves, unmarked",
            show.to_come
        ));
    }
    let name = &show.destination;
    lines.push(match show.events {
        0 => format!("no event that {name} took was kept between {from} and {to}: nothing to hand over again"),
        events => {
            let range = format!("{events} events kept between {from} and {to} (seq {} to {})", show.first, show.last);
            if dry_run {
                format!("{range} would be handed to {name} again")
            } else {
                format!("{range} are handed to {name} again, marked as replayed; conductor status tells what is left")
            }
        }
    });
    lines
}

fn cancel(settings: &Settings, destination: String) -> Result<u8, Failure> {
    converse(settings, &Request::CancelReplay { destination }, |line| {
        match reply(line) {
            Some(Reply::Cancelled { cancelled, left }) => {
                eprintln!("conductor: the replay to {cancelled} is ended; {left} events were left of it");
            }
            Some(Reply::Failed { failed }) => return Err(Failure::new(Exit::Usage, failed)),
            Some(_) | None => {}
        }
        Ok(())
    })?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn what_is_no_longer_retained_is_told_with_its_seqs_and_its_time() {
        let (from, to) = (at("2026-10-01T00:00:00Z"), at("2026-10-02T00:00:00Z"));
        let part = ShowReplay {
            destination: "soc".into(),
            events: 7,
            first: Seq(41),
            last: Seq(50),
            retained_from: Some(at("2026-10-01T08:00:00Z")),
            gone: Seq(40),
            ..ShowReplay::default()
        };
        let told = sentences(&part, from, to, true);
        assert!(told[0].contains("kept before 2026-10-01T08:00:00Z (seq 1 to 40) is no longer retained"), "{told:?}");
        assert!(told[1].starts_with("7 events kept between") && told[1].contains("would be"), "{told:?}");
        let none = ShowReplay { gone: Seq(50), destination: "soc".into(), ..ShowReplay::default() };
        let told = sentences(&none, from, to, false);
        assert!(told[0].contains("seq 1 to 50 were let go") && told[1].contains("nothing to hand over"), "{told:?}");
    }
}
