//! The quarantine over the socket: what is in it, the events themselves, and what becomes of them.
//!
//! Promise: each act names what it did, and touches what was named alone.

use std::io::{self, Write};

use super::reply::reply;
use super::{Reply, line};
use crate::event::Seq;
use crate::queue::{Act, Queue};

/// The entries, or with `events` the events themselves as lines of an export.
pub fn list(
    queue: &Queue,
    destination: Option<&str>,
    events: bool,
    output: &mut impl Write,
) -> io::Result<Result<Reply, String>> {
    for entry in queue.quarantined_of(destination) {
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
    queue.act_aside(act, destination, seqs).map(|events| Reply::Acted { acted: act, events })
}
