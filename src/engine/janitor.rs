//! The janitor keeps room in the queue, its books durable, and the board's picture of it fresh.
//!
//! Promise: everything that resumes by itself resumes within seconds, because this task looks every second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::stop::Stop;
use super::{Facilities, fault_point, off_thread, own, sealing};
use crate::event::Seq;
use crate::queue::{Dropped, Facts, IdWalk, Queue, QueueError, Replaying};
use crate::status::history::Reading;
use crate::status::{Board, Code, QueueState, ReplayRecord};
use crate::values::Name;

const EVERY: Duration = Duration::from_secs(1);
const BOOKS_EVERY: Duration = Duration::from_secs(5);
const PAST_EVERY: Duration = Duration::from_secs(60);
const IDS_FIRST: Duration = Duration::from_secs(60);
const IDS_EVERY: Duration = Duration::from_secs(86_400);
/// How long one look goes on with the walk through all ids: of ten million it takes minutes, and whoever watches over the engine
/// takes a janitor that does not come back for one that hangs.
const IDS_AT_ONCE: Duration = Duration::from_millis(200);
/// A connected destination that takes nothing for this long has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// What one look at the queue brought.
struct Look {
    facts: Facts,
    /// Events that the quarantine had no room for, ever.
    counted_out: u64,
    room: Result<(), QueueError>,
    trouble: Option<QueueError>,
}

pub async fn run(facilities: Facilities, mut stop: Stop) {
    // The ids of a box that is restarted daily are gone through too: first a minute after the start.
    let (mut books, mut ids, mut ids_every) = (Instant::now(), Instant::now(), IDS_FIRST);
    let (mut walk, mut walked, mut past) = (None, Instant::now(), Instant::now());
    let mut stalls = Stalls::default();
    let mut passed = facilities.queue.passed();
    loop {
        facilities.clock.look(&facilities.board, Instant::now());
        let with_books = books.elapsed() >= BOOKS_EVERY;
        // By a wrong clock all ids would be old.
        if ids.elapsed() >= ids_every && !facilities.board.stands(Code::ClockSkew, "") {
            walk = Some(facilities.queue.walk_ids());
            (ids, ids_every) = (Instant::now(), IDS_EVERY);
        }
        let queue = Arc::clone(&facilities.queue);
        // Not with each segment that a fast feed lets go: it has time.
        let goes_on = walked.elapsed() >= EVERY;
        if goes_on {
            walked = Instant::now();
        }
        let (look, left) = off_thread(move || {
            let look = look(&queue, with_books);
            (look, if goes_on { walk.and_then(|walk| walk_on(&queue, walk)) } else { walk })
        })
        .await;
        walk = left;
        facilities.rounds.send_modify(|rounds| *rounds += 1);
        if with_books {
            books = Instant::now();
        }
        tell(&facilities.board, &look);
        stalls.tell(&facilities.board, &look.facts, Instant::now());
        if past.elapsed() >= PAST_EVERY {
            past = Instant::now();
            forget_the_past(&facilities.board);
            // A command may have sealed the first secret, or the last one that the key file opens.
            sealing::tell(&facilities.board, &facilities.secrets).await;
        }
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep(EVERY) => {}
            // Else a fast feed fills half a segment more before the one that everyone has passed is let go.
            _ = passed.changed() => {}
        }
    }
}

/// Goes on with it for a moment; `None`: it has come to its end.
fn walk_on(queue: &Queue, mut walk: IdWalk) -> Option<IdWalk> {
    let begun = Instant::now();
    while queue.step_ids(&mut walk) {
        if begun.elapsed() >= IDS_AT_ONCE {
            return Some(walk);
        }
    }
    None
}

fn look(queue: &Queue, with_books: bool) -> Look {
    fault_point::wedge();
    let mut trouble = None;
    // Before anything is let go: the damaged segment tells where its streams stood.
    match queue.rewind_damaged() {
        Ok(damage) => {
            for note in damage {
                tracing::warn!(
                    bytes = note.bytes,
                    events = note.events(),
                    "a damaged stretch of the queue was set aside; the streams fetch again"
                );
            }
        }
        Err(error) => trouble = Some(error),
    }
    trouble = trouble.or(queue.trim().err());
    tell_drops(queue);
    if with_books {
        queue.tidy_book();
    }
    Look { facts: queue.facts(), room: queue.has_room(), counted_out: queue.aside_counted_out(), trouble }
}

/// Each loss by the operator's rule is a line of the log and an event of our own, for whoever reads only one of them.
fn tell_drops(queue: &Queue) {
    let drops = queue.take_untold_drops();
    if drops.is_empty() {
        return;
    }
    for (destination, dropped) in &drops {
        tracing::warn!(
            destination,
            events = dropped.events,
            first = dropped.first.0,
            last = dropped.last.0,
            "the queue was full: when-full = \"drop-oldest\" dropped events before the destination took them"
        );
    }
    if let Err(error) = queue.append(own::drops(&drops)) {
        tracing::warn!(%error, "what was dropped can't be told as an event yet");
        queue.give_back_untold_drops(drops);
    }
}

fn tell(board: &Board, look: &Look) {
    let (now, facts) = (Timestamp::now(), &look.facts);
    let paused = look.room.as_ref().is_err_and(QueueError::is_full);
    let damaged: u64 = facts.damage.iter().map(|note| note.events()).sum();
    let dropped: u64 = facts.dropped.values().map(|dropped| dropped.events).sum();
    let oldest = facts.oldest_seconds.and_then(|age| before(now, age));
    let unusable = look.room.as_ref().err().filter(|e| !e.is_full()).or(look.trouble.as_ref().filter(|e| !e.is_full()));
    let failed = unusable.map(ToString::to_string).or_else(|| facts.write_fault.clone());
    board.queue(|record| {
        record.state = if failed.is_some() { QueueState::Failed } else { QueueState::Open };
        record.reason = failed.clone();
        record.events = facts.waiting;
        record.bytes = facts.bytes;
        record.disk_bytes = facts.disk_bytes;
        record.max_bytes = facts.max_bytes;
        record.oldest = oldest;
        record.paused = paused;
        record.damaged = damaged;
        record.duplicates = facts.duplicates;
        record.appended = facts.appended;
        record.dropped = dropped;
    });
    let oldest_seconds = facts.oldest_seconds.unwrap_or(0);
    let reading = Reading { depth: facts.waiting, oldest_seconds, kept_total: facts.appended };
    board.history(|history| history.note(reading, now));
    let condition = |code: Code, text: Option<String>| match text {
        Some(text) => {
            if board.raise(code, "", &text, now) {
                tracing::warn!("{text}");
            }
        }
        None => {
            if board.clear(code, "") {
                tracing::info!(condition = code.as_str(), "no longer so");
            }
        }
    };
    condition(Code::QueueFull, look.room.as_ref().err().filter(|e| e.is_full()).map(ToString::to_string));
    condition(Code::DiskError, failed.clone());
    condition(
        Code::QueueDamaged,
        (!facts.damage.is_empty()).then(|| {
            format!(
                "{} damaged stretch(es) with {damaged} events were set aside in the queue's folder `damaged`; their streams \
                 went back to fetch again",
                facts.damage.len()
            )
        }),
    );
    condition(
        Code::QueueCorrupt,
        facts.book_fault.as_ref().map(|fault| {
            format!("the queue's book-keeping failed and is being mended (repeats may follow, no loss): {fault}")
        }),
    );
    condition(
        Code::EventsDropped,
        (dropped > 0 || look.counted_out > 0).then(|| {
            let told = |(name, dropped): (&String, &Dropped)| {
                let Dropped { events, first, last } = dropped;
                format!("{events} not taken by {name} (seq {first} to {last})", first = first.0, last = last.0)
            };
            let each: Vec<String> = facts.dropped.iter().map(told).collect();
            let by_rule = format!("the queue was full and when-full = \"drop-oldest\" dropped {}", each.join(", "));
            let aside = format!(
                "the quarantine was full and let its {} oldest events go: see conductor queue quarantine list, and why \
                 receivers refuse events",
                look.counted_out
            );
            match (dropped > 0, look.counted_out > 0) {
                (true, true) => format!("{by_rule}; {aside}"),
                (true, false) => by_rule,
                (false, _) => aside,
            }
        }),
    );
    // A destination that was forgotten needs no more telling how.
    board.clear_where(Code::NoDestination, |name| !name.is_empty() && !facts.cursors.contains_key(name));
    for (name, cursor) in &facts.cursors {
        if let Ok(name) = name.parse::<Name>() {
            let depth = facts.head.0.saturating_sub(cursor.0);
            let dropped = facts.dropped.get(name.as_str());
            let oldest = facts.ages.get(name.as_str()).and_then(|age| before(now, *age));
            let replay = facts.replays.iter().find(|replay| name.as_str() == replay.destination).and_then(in_status);
            board.existing_destination(&name, |record| {
                record.cursor = cursor.0;
                record.depth = depth;
                record.oldest = oldest;
                record.rate.note(record.taken, now);
                record.replay = replay;
                record.dropped = dropped.map_or(0, |dropped| dropped.events);
                record.dropped_seqs = dropped.map(|dropped| (dropped.first.0, dropped.last.0));
            });
        }
    }
}

/// So many seconds ago.
pub(super) fn before(now: Timestamp, seconds: u64) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::from_secs(i64::try_from(seconds).ok()?)).ok()
}

/// A range without a time that can be written is none.
fn in_status(replay: &Replaying) -> Option<ReplayRecord> {
    Some(ReplayRecord {
        from: Timestamp::from_millisecond(replay.from_ms).ok()?,
        to: Timestamp::from_millisecond(replay.to_ms).ok()?,
        next: replay.next.0,
        last: replay.last.0,
        events: replay.events,
        handed: replay.handed,
        left: replay.left(),
        gone: replay.gone,
    })
}

/// Conditions that report something past (a range not collected, a task that came back) stand for a day: long
/// enough to be seen, and the events and the log keep them.
fn forget_the_past(board: &Board) {
    let now = Timestamp::now();
    for condition in board.snapshot(now).conditions {
        let past = matches!(condition.code, Code::CollectionGap | Code::TaskRestarted);
        if past && now.duration_since(condition.since) > SignedDuration::from_hours(24) {
            board.clear(condition.code, &condition.subject);
        }
    }
}

/// Since when each destination has had events waiting and taken none.
#[derive(Default)]
struct Stalls(BTreeMap<String, (Seq, Instant)>);

impl Stalls {
    fn tell(&mut self, board: &Board, facts: &Facts, now: Instant) {
        self.0.retain(|name, _| facts.cursors.contains_key(name));
        for (name, cursor) in &facts.cursors {
            let (seen, since) = self.0.entry(name.clone()).or_insert((*cursor, now));
            if *seen != *cursor || *cursor >= facts.head {
                (*seen, *since) = (*cursor, now);
            }
            let waited = now.duration_since(*since);
            let mut connected = false;
            if let Ok(name) = name.parse() {
                board.existing_destination(&name, |record| connected = record.connected);
            }
            if connected && waited > STALLED_AFTER {
                let text = format!(
                    "{name} is connected but has confirmed nothing for {} s, though {} events wait",
                    waited.as_secs(),
                    facts.head.0 - cursor.0
                );
                if board.raise(Code::DestinationStalled, name, &text, Timestamp::now()) {
                    tracing::warn!(destination = name, "{text}");
                }
            } else if waited <= STALLED_AFTER {
                board.clear(Code::DestinationStalled, name);
            }
        }
    }
}
