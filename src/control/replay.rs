//! A replay asked for: what there is of the range is counted, what is not is told, then it begins.
//!
//! Promise: nothing begins that was not counted, and what is no longer retained is named with its seqs and its time.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Reply;
use super::reply::reply;
use crate::event::Seq;
use crate::queue::{Queue, QueueError, Replaying, Span, Wanted};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedReplay {
    pub destination: String,
    /// When events were kept, both ends included.
    pub from: Timestamp,
    pub to: Timestamp,
    pub wanted: Wanted,
    /// What the settings let pass to this destination anyway: the count minds it.
    pub passes: Wanted,
    pub dry_run: bool,
}

/// What there is of the range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowReplay {
    pub destination: String,
    /// Events that will be handed over again.
    pub events: u64,
    /// The seqs between which they are; none when `first > last`.
    pub first: Seq,
    pub last: Seq,
    /// What was kept before this time is no longer retained, and the range begins earlier: seqs up to `gone`.
    pub retained_from: Option<Timestamp>,
    pub gone: Seq,
    /// Places within the range that damage took along.
    pub damaged: u64,
    /// Events kept within the range that the destination has not taken yet: they come by themselves.
    pub to_come: u64,
    pub begun: bool,
}

/// Counts, tells, and begins unless it is a rehearsal.
pub fn begin(
    queue: &Queue,
    asked: &AskedReplay,
    now: Timestamp,
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<Result<Reply, String>> {
    let name = &asked.destination;
    let Some(cursor) = queue.facts().cursors.get(name).copied() else {
        return Ok(Err(format!("the queue knows no destination {name:?}")));
    };
    if let Some(standing) = queue.replaying(name).filter(|_| !asked.dry_run) {
        let error = QueueError::Replaying { destination: name.clone(), left: standing.left() };
        return Ok(Err(error.to_string()));
    }
    let (from_ms, to_ms) = (asked.from.as_millisecond(), asked.to.as_millisecond());
    let span = match queue.span(from_ms, to_ms) {
        Ok(span) => span,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let last = span.last.min(cursor);
    let mut show = ShowReplay {
        destination: name.clone(),
        first: span.first,
        last,
        damaged: span.damaged,
        to_come: if span.first > span.last {
            0
        } else {
            span.last.0.saturating_sub(cursor.0.max(span.first.before().0))
        },
        ..ShowReplay::default()
    };
    (show.retained_from, show.gone) = gone(&span, queue, from_ms);
    if span.first <= last {
        match count(queue, span.first, last, [&asked.wanted, &asked.passes], output, stopped)? {
            Ok(events) => show.events = events,
            Err(why) => return Ok(Err(why)),
        }
    }
    if !asked.dry_run && show.events > 0 {
        let record = Replaying {
            destination: name.clone(),
            from_ms,
            to_ms,
            wanted: asked.wanted.clone(),
            first: span.first,
            last,
            next: span.first,
            events: show.events,
            handed: 0,
            gone: 0,
            began_ms: now.as_millisecond(),
        };
        if let Err(error) = queue.begin_replay(&record) {
            return Ok(Err(error.to_string()));
        }
        show.begun = true;
    }
    Ok(Ok(Reply::Replay { replay: show }))
}

/// From when on events are retained and the last seq that is not, where the range begins before that.
fn gone(span: &Span, queue: &Queue, from_ms: i64) -> (Option<Timestamp>, Seq) {
    let (oldest, kept) = match span.oldest {
        Some((oldest, kept_ms)) => (oldest, Some(kept_ms)),
        None => (queue.head_now().next(), None),
    };
    // With the very first event still here, nothing was ever let go.
    if oldest <= Seq(1) || kept.is_some_and(|kept_ms| kept_ms <= from_ms) {
        return (None, Seq(0));
    }
    (kept.and_then(|kept_ms| Timestamp::from_millisecond(kept_ms).ok()), oldest.before())
}

fn count(
    queue: &Queue,
    first: Seq,
    last: Seq,
    wanted: [&Wanted; 2],
    output: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> io::Result<Result<u64, String>> {
    let (mut at, mut events) = (first.before(), 0);
    while at < last {
        if stopped() {
            return Ok(Err("the agent is stopping: say it again when it runs".into()));
        }
        let batch = match queue.read_after(at, 1024, 1 << 20) {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if batch.upto <= at {
            break;
        }
        at = batch.upto;
        let meant = batch.events.iter().filter(|stored| stored.seq <= last);
        events += meant.filter(|stored| wanted.iter().all(|wanted| wanted.takes(&stored.event))).count() as u64;
        let done = at.min(last).0.saturating_sub(first.before().0);
        reply(output, &Reply::Progress { progress: done, of: last.0 - first.before().0 })?;
    }
    Ok(Ok(events))
}
