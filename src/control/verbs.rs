//! The verbs that touch the queue, over the socket or on a queue that no agent holds.
//!
//! Promise: reading verbs move no cursor; `forget` counts what it gives up.

use std::io::{self, Read, Write};

use jiff::Timestamp;

use super::reply::reply;
use super::{Reply, Request, Show, ShowDestination, ShowStream, evidence, import, line, quarantine, replay};
use crate::event::Seq;
use crate::queue::{Queue, QueueError};

/// Answers one request; `input` is what follows it.
pub fn answer(
    queue: &Queue,
    request: Request,
    input: impl Read + Send,
    output: &mut impl Write,
    stopped: &(dyn Fn() -> bool + Sync),
) -> io::Result<()> {
    match request {
        Request::Import => import::run(queue, input, output, stopped),
        Request::Show => finish(output, Ok(Reply::Show { show: show(queue) })),
        Request::Peek { destination, count } => {
            let written = write_events(queue, destination.as_deref(), count, output, stopped)?;
            finish(output, written)
        }
        Request::Export { destination } => {
            let written = write_events(queue, destination.as_deref(), usize::MAX, output, stopped)?;
            finish(output, written)
        }
        Request::Forget { destination } => {
            let facts = queue.facts();
            let result = match facts.cursors.get(&destination) {
                Some(cursor) if queue.forget(&destination) => {
                    Ok(Reply::Forgotten { forgotten: destination, events: facts.head.0 - cursor.0 })
                }
                Some(_) => Err(format!(
                    "the agent still hands events to {destination}: take it out of the settings, reload (systemctl reload \
                     conductor), then say it again"
                )),
                None => Err(format!("the queue knows no destination {destination:?}")),
            };
            finish(output, result)
        }
        Request::Quarantine { destination, events } => {
            let listed = quarantine::list(queue, destination.as_deref(), events, output)?;
            finish(output, listed)
        }
        Request::Act { act, destination, seqs } => finish(output, quarantine::act(queue, act, &destination, &seqs)),
        Request::Replay { asked } => {
            let begun = replay::begin(queue, &asked, Timestamp::now(), output, stopped)?;
            finish(output, begun)
        }
        Request::CancelReplay { destination } => {
            let result = match queue.cancel_replay(&destination) {
                Ok(Some(ended)) => Ok(Reply::Cancelled { left: ended.left(), cancelled: destination }),
                Ok(None) => Err(format!("no replay to {destination:?} is under way")),
                Err(error) => Err(error.to_string()),
            };
            finish(output, result)
        }
        Request::Evidence { asked, agent } => {
            let report = evidence::report(queue, asked, &agent, Timestamp::now(), stopped);
            finish(output, report.map(|report| Reply::Evidence { evidence: Box::new(report) }))
        }
        Request::Streams { integration } => {
            for name in queue.streams_of(&integration) {
                let mut place = queue.place(&integration, &name);
                place.deferred.sort_by_key(|item| item.due);
                let checkpoint = place.checkpoint.map(|checkpoint| checkpoint.0);
                reply(output, &Reply::Stream { stream: ShowStream { name, checkpoint, deferred: place.deferred } })?;
            }
            finish(output, Ok(Reply::Done { done: true }))
        }
        Request::Verify => {
            let result = verify(queue, output, stopped);
            finish(output, result)
        }
    }
}

/// Tells each so many bytes how far it is; an asker that has gone ends it.
fn verify(queue: &Queue, output: &mut impl Write, stopped: &dyn Fn() -> bool) -> Result<Reply, String> {
    const EACH: u64 = 16 << 20;
    let (mut told, mut ended) = (0, false);
    let verified = queue.verify(&mut |looked, of| {
        if looked >= told + EACH {
            told = looked;
            ended |= reply(output, &Reply::Looked { looked, of }).is_err();
        }
        ended |= stopped();
        !ended
    });
    match verified {
        Ok(_) if ended => Err("the agent is stopping, and has not read everything: say it again when it runs".into()),
        Ok(verified) => Ok(Reply::Verified { verified }),
        Err(error) => Err(error.to_string()),
    }
}

/// Answers a request that is none.
pub(super) fn misunderstood(output: &mut impl Write, error: &serde_json::Error) -> io::Result<()> {
    finish(
        output,
        Err(format!("this agent does not know what was asked ({error}): is the command of another version?")),
    )
}

fn finish(output: &mut impl Write, result: Result<Reply, String>) -> io::Result<()> {
    match result {
        Ok(Reply::Done { .. }) => reply(output, &Reply::Done { done: true }),
        Ok(last) => reply(output, &last).and_then(|()| reply(output, &Reply::Done { done: true })),
        Err(failed) => reply(output, &Reply::Failed { failed }),
    }
}

/// Writes events as lines of an export.
fn write_events(
    queue: &Queue,
    destination: Option<&str>,
    count: usize,
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<Result<Reply, String>> {
    let facts = queue.facts();
    let mut at = match destination {
        Some(name) => match facts.cursors.get(name) {
            Some(cursor) => *cursor,
            None => return Ok(Err(format!("the queue knows no destination {name:?}"))),
        },
        None => queue.oldest().before(),
    };
    let (begin, end, mut left, mut out) = (at, facts.head, count, Vec::new());
    while at < end && left > 0 && !stopped() {
        let batch = match queue.read_after(at, left.min(1024), 1 << 20) {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(QueueError::to_string(&error))),
        };
        if batch.upto <= at {
            break;
        }
        at = batch.upto;
        out.clear();
        for stored in batch.events.iter().filter(|stored| stored.seq <= end).take(left) {
            line::write(&mut out, stored)?;
            out.push(b'\n');
            left -= 1;
        }
        output.write_all(&out)?;
        if count == usize::MAX {
            // An export may be long; what is only looked at is not.
            reply(output, &Reply::Progress { progress: at.min(end).0 - begin.0, of: end.0 - begin.0 })?;
        }
    }
    if at < end && left > 0 && stopped() {
        return Ok(Err("the agent is stopping, and its answer is not whole: say it again when it runs".into()));
    }
    Ok(Ok(Reply::Done { done: true }))
}

fn show(queue: &Queue) -> Show {
    let facts = queue.facts();
    let destination = |(name, cursor): (&String, &Seq)| ShowDestination {
        name: name.clone(),
        cursor: cursor.0,
        depth: facts.head.0.saturating_sub(cursor.0),
        dropped: facts.dropped.get(name).map_or(0, |dropped| dropped.events),
        replay: facts.replays.iter().find(|replay| replay.destination == *name).cloned(),
    };
    Show {
        head: facts.head.0,
        events: facts.waiting,
        bytes: facts.bytes,
        disk_bytes: facts.disk_bytes,
        max_bytes: facts.max_bytes,
        oldest_seconds: facts.oldest_seconds,
        damaged: facts.damage.iter().map(|note| note.events()).sum(),
        duplicates: facts.duplicates,
        destinations: facts.cursors.iter().map(destination).collect(),
    }
}
