//! The audit log's way to the SOC: its entries become events of the integration `conductor`, stream `audit`.
//!
//! Promise: each entry is handed on once, as the line stands, and the number of the last one is kept with it in one step.
//! What a command recorded while no agent ran goes at the next start. An entry that was handed on and is no longer in the log
//! (what a chain alone can't show) is a condition.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::stop::Stop;
use super::{Facilities, off_thread, own};
use crate::audit::{Act, Audit, Entry, ITSELF, Outcome};
use crate::config::Settings;
use crate::event::{Checkpoint, Event, Severity};
use crate::queue::{NewPage, Queue, QueueError};
use crate::status::Code;

const STREAM: &str = "audit";
/// Commands write to the log too, and nobody tells us.
const EVERY: Duration = Duration::from_secs(2);
/// Entries in a page.
const MOST: usize = 100;
/// The act that is recorded when the log no longer holds what was handed on.
const BROKEN: &str = "audit break";

/// Up to where entries were handed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    number: u64,
    hash: String,
}

/// What one look came to.
enum Looked {
    /// All is handed on.
    Even,
    /// There is more.
    More,
    /// The queue has no room, or was rewound meanwhile: the next look tries again.
    Later,
    /// The log does not hold the entry that was handed on last: all of it goes again. Ids tell what is known.
    Broken(Reached),
}

/// What is known from the last look, so that an idle one costs a look at the folder.
#[derive(Default, PartialEq, Eq)]
struct Known {
    size: u64,
    checkpoint: Option<String>,
}

pub async fn run(
    facilities: Facilities,
    settings: watch::Receiver<Option<Arc<Settings>>>,
    audit: Audit,
    mut stop: Stop,
) {
    let mut known = Known::default();
    loop {
        let wanted = settings.borrow().as_ref().is_some_and(|settings| settings.agent.forward_audit);
        if !wanted {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(EVERY) => continue,
            }
        }
        let (queue, log, last) = (facilities.queue.clone(), audit.clone(), known);
        let (looked, now_known) = off_thread(move || look(&queue, &log, last)).await;
        known = now_known;
        let more = match looked {
            Ok(Looked::Even | Looked::Later) => {
                facilities.board.clear(Code::AuditBroken, STREAM);
                false
            }
            Ok(Looked::More) => true,
            Ok(Looked::Broken(reached)) => {
                tell_break(&facilities, &audit, &reached).await;
                true
            }
            Err(trouble) => {
                let text = format!("the audit log can't be forwarded: {trouble}");
                facilities.board.raise(Code::AuditBroken, STREAM, text, Timestamp::now());
                false
            }
        };
        if more {
            continue;
        }
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Hands on what is new, a page at the most. A queue without room is asked again at the next look.
fn look(queue: &Queue, audit: &Audit, last: Known) -> (io::Result<Looked>, Known) {
    let place = queue.place(own::INTEGRATION, STREAM);
    let checkpoint = place.checkpoint.as_ref().map(|checkpoint| checkpoint.0.clone());
    let known = match audit.size() {
        Ok(size) => Known { size, checkpoint },
        Err(error) => return (Err(error), last),
    };
    if known == last {
        return (Ok(Looked::Even), known);
    }
    let reached = known.checkpoint.as_deref().and_then(|text| serde_json::from_str::<Reached>(text).ok());
    match hand_on(queue, audit, reached, place.generation) {
        // What was looked at is even with this size and this checkpoint only where nothing was left.
        Ok(Looked::Even) => (Ok(Looked::Even), known),
        other => (other, Known::default()),
    }
}

fn hand_on(queue: &Queue, audit: &Audit, reached: Option<Reached>, generation: u64) -> io::Result<Looked> {
    let mut entries = match &reached {
        // With the one that was handed on last: is it still the same?
        Some(reached) => audit.read_after(reached.number.saturating_sub(1), MOST + 1)?,
        None => audit.read_after(0, MOST)?,
    };
    if let Some(reached) = reached {
        match entries.first() {
            Some((entry, _)) if (entry.number, &entry.hash) == (reached.number, &reached.hash) => {
                drop(entries.remove(0))
            }
            _ => {
                // Its place is lost, not its entries: without a checkpoint all are read again.
                let lost = page(audit.read_after(0, MOST)?, generation);
                let next = Some(lost.next.clone().unwrap_or_else(|| Checkpoint("null".into())));
                let kept = keep(queue, NewPage { next, ..lost })?;
                return Ok(if kept { Looked::Broken(reached) } else { Looked::Later });
            }
        }
    }
    if entries.is_empty() {
        return Ok(Looked::Even);
    }
    let whole = entries.len() >= MOST;
    let kept = keep(queue, page(entries, generation))?;
    // Even is what the next look finds.
    Ok(if kept && whole { Looked::More } else { Looked::Later })
}

/// False: the queue has no room, or was rewound meanwhile.
fn keep(queue: &Queue, page: NewPage) -> io::Result<bool> {
    match queue.append(page) {
        Ok(_) => Ok(true),
        Err(QueueError::Stale) => Ok(false),
        Err(error) if error.is_full() => Ok(false),
        Err(error) => Err(io::Error::other(error)),
    }
}

fn page(entries: Vec<(Entry, String)>, generation: u64) -> NewPage {
    let last = entries.last().map(|(entry, _)| Reached { number: entry.number, hash: entry.hash.clone() });
    let next = last.and_then(|reached| serde_json::to_string(&reached).ok()).map(Checkpoint);
    NewPage {
        integration: own::INTEGRATION.into(),
        stream: STREAM.into(),
        events: entries.into_iter().map(|(entry, line)| event(&entry, line)).collect(),
        next,
        generation: Some(generation),
        keyed: true,
        ..NewPage::default()
    }
}

/// The line as it stands is the event's `raw`: whoever has them all can follow the chain without us.
fn event(entry: &Entry, line: String) -> Event {
    let severity = match entry.outcome {
        Outcome::Failed if entry.act == BROKEN => Severity::High,
        Outcome::Done => Severity::Info,
        Outcome::Refused => Severity::Medium,
        Outcome::Failed => Severity::Low,
    };
    let from = entry.from.map_or(String::new(), |from| format!(" from {from}"));
    let about = if entry.about.is_empty() { String::new() } else { format!(" {}", entry.about) };
    let summary = format!("{}{from}: {}{about}: {}", entry.who, entry.act, entry.outcome.as_str());
    // After a reset numbers begin anew: the hash keeps a receiver from taking another entry for a repeat.
    let native = format!("{}-{}", entry.number, entry.hash.get(..16).unwrap_or_default());
    let told = own::event(STREAM, STREAM, &native, severity, summary, &serde_json::Value::Null);
    Event { occurred: entry.time, raw: line.into(), ..told }
}

async fn tell_break(facilities: &Facilities, audit: &Audit, reached: &Reached) {
    let text = format!(
        "entry {} of the audit log, as it was forwarded (hash {}), is not in the log any more: the log was cut, changed or brought \
         back from a copy. What stands there now is forwarded again: compare it with what your SOC has",
        reached.number, reached.hash
    );
    tracing::error!("{text}");
    facilities.board.raise(Code::AuditBroken, "", &text, Timestamp::now());
    let about = format!("entry {} with hash {} was forwarded and is not here any more", reached.number, reached.hash);
    let act = Act { who: ITSELF.into(), from: None, act: BROKEN, about, outcome: Outcome::Failed };
    let log = audit.clone();
    if let Err(error) = off_thread(move || log.record(&act, Timestamp::now())).await {
        tracing::error!(%error, "the audit log can't be written");
    }
}
