//! The quarantine over the socket: what is in it, the events themselves, and what becomes of them.
//!
//! Promise: each act names what it did, and touches what was named alone.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::reply::reply;
use super::{Reply, line};
use crate::event::Seq;
use crate::queue::{Quarantined, Queue, QueueError};

/// What becomes of events in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Their destination is handed them again.
    Retry,
    /// They are let go.
    Drop,
}

/// Entries of one destination, or of all.
fn of(queue: &Queue, destination: Option<&str>) -> Vec<Quarantined> {
    let mut entries = queue.quarantined();
    entries.retain(|entry| destination.is_none_or(|name| name == entry.destination));
    entries
}

/// The entries, or with `events` the events themselves as lines of an export.
pub fn list(
    queue: &Queue,
    destination: Option<&str>,
    events: bool,
    output: &mut impl Write,
) -> io::Result<Result<Reply, String>> {
    for entry in of(queue, destination) {
        if !events {
            reply(output, &Reply::Quarantined { quarantined: entry })?;
            continue;
        }
        match queue.aside(&entry.destination, entry.seq) {
            Ok(Some(stored)) => {
                let mut out = Vec::new();
                line::write(&mut out, &stored)?;
                out.push(b'\n');
                output.write_all(&out)?;
            }
            Ok(None) => {
                let why = format!("event {} of {} is damaged or was not kept", entry.seq, entry.destination);
                reply(output, &Reply::Waiting { waiting: why })?;
            }
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    let counted_out = queue.aside_counted_out();
    Ok(Ok(Reply::CountedOut { counted_out }))
}

/// Does it to these seqs of a destination; to all of them where none is named.
pub fn act(queue: &Queue, act: Act, destination: &str, seqs: &[Seq]) -> Result<Reply, String> {
    let entries = of(queue, Some(destination));
    if let Some(unknown) = seqs.iter().find(|seq| !entries.iter().any(|entry| entry.seq == **seq)) {
        return Err(format!("the quarantine holds no event {unknown} of {destination:?}: nothing was done"));
    }
    let mut events = 0;
    for entry in entries.iter().filter(|entry| seqs.is_empty() || seqs.contains(&entry.seq)) {
        let done: Result<(), QueueError> = match act {
            Act::Retry => queue.retry_aside(destination, entry.seq),
            Act::Drop => queue.drop_aside(destination, entry.seq),
        };
        done.map_err(|error| format!("{events} events were seen to, then: {error}"))?;
        events += 1;
    }
    Ok(Reply::Acted { acted: act, events })
}
