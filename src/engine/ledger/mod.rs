//! The queue as the pages may use it: search, one event and its fate, replays, the quarantine.
//!
//! Promise: nothing of it runs on an async thread, two of its readings run at one time at the most, and a search ends
//! after [`LONGEST`] or [`MOST_BYTES`] and says how far it came.

mod fate;
#[cfg(test)]
pub(crate) mod samples;
mod search;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::{Engine, off_thread};
use crate::config::Settings;
use crate::event::{Seq, Stored};
use crate::queue::{AskedReplay, Facts, LookedBack, Looker, Queue, Wanted};

pub use crate::queue::{Act, Quarantined, ShowReplay};
pub use fate::Fate;
pub use search::{Asked, Hit, MOST_HITS};

/// How long one search reads.
const LONGEST: Duration = Duration::from_secs(2);
/// And how much, of the journal as it is on disk: a frame is begun only below it.
const MOST_BYTES: u64 = 64 << 20;
/// How long a reading waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// Readings at one time: each holds a frame's texts and a thread.
const AT_ONE_TIME: usize = 2;

/// Shared by clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: Arc<Queue>,
    settings: watch::Receiver<Option<Arc<Settings>>>,
    turns: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("two searches are under way already: try again in a few seconds")]
    Busy,
    #[error("{0}")]
    Failed(String),
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest first.
    pub hits: Vec<Hit>,
    /// Everything before this place was not looked at; `None`: there is nothing older.
    pub next: Option<Seq>,
    /// When the last that was looked at was kept.
    pub back_to: Option<Timestamp>,
    /// Stretches that did not check out, and were passed over.
    pub unreadable: u64,
}

/// One event, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub stored: Stored,
    /// When it was kept here; of one that is in quarantine alone, when we saw it.
    pub kept: Timestamp,
    /// By destination.
    pub fates: BTreeMap<String, Fate>,
}

/// The quarantine, and how many events it had no room for, ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    pub entries: Vec<Quarantined>,
    pub counted_out: u64,
}

impl Engine {
    /// The queue as the pages may use it.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(Arc::clone(&self.facilities.queue), self.settings.subscribe())
    }
}

impl Ledger {
    /// Over this queue; `settings` are those in force.
    fn new(queue: Arc<Queue>, settings: watch::Receiver<Option<Arc<Settings>>>) -> Ledger {
        Ledger { queue, settings, turns: Arc::new(Semaphore::new(AT_ONE_TIME)) }
    }

    /// The settings in force; `None`: none were read yet.
    pub fn settings(&self) -> Option<Arc<Settings>> {
        self.settings.borrow().clone()
    }

    /// Searches, the newest first.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn search(&self, asked: Asked) -> Result<Found, Trouble> {
        let until = Instant::now() + LONGEST;
        self.read(move |queue| search_until(queue, asked, MOST_BYTES, || Instant::now() < until)).await
    }

    /// One event; `None`: it is not here.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn event(&self, seq: Seq) -> Result<Option<Told>, Trouble> {
        let settings = self.settings();
        self.read(move |queue| tell(queue, seq, settings.as_deref())).await
    }

    /// Gives up what a destination has not taken, and its place; how many events that were. `None`: nothing is kept for
    /// it, or the agent still hands it events.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn forfeit(&self, destination: String) -> Result<Option<u64>, Trouble> {
        self.read(move |queue| {
            let facts = queue.facts();
            let cursor = facts.cursors.get(&destination).filter(|_| queue.forget(&destination));
            Ok(cursor.map(|cursor| facts.head.0.saturating_sub(cursor.0)))
        })
        .await
    }

    /// What peers will never take.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn aside(&self) -> Result<Aside, Trouble> {
        self.read(|queue| Ok(Aside { entries: queue.quarantined(), counted_out: queue.aside_counted_out() })).await
    }

    /// Retries or drops these events of a destination's quarantine; returns how many.
    ///
    /// # Errors
    /// See [`Trouble`]; nothing was done where one of them is not there.
    pub async fn act(&self, act: Act, destination: String, seqs: Vec<Seq>) -> Result<u64, Trouble> {
        if seqs.is_empty() {
            return Ok(0);
        }
        self.read(move |queue| queue.act_aside(act, &destination, &seqs)).await
    }

    /// At most so many events were kept since, and are behind the destination's place: what a replay would hand over
    /// again, but for its filter. Reads the heads of frames alone.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn since(&self, destination: String, from: Timestamp) -> Result<u64, Trouble> {
        let work = move |queue: &Queue| {
            let cursor = queue.facts().cursors.get(&destination).copied();
            let cursor = cursor.ok_or_else(|| format!("the queue knows no destination {destination:?}"))?;
            let span = queue.span(from.as_millisecond(), i64::MAX).map_err(|error| error.to_string())?;
            Ok((span.last.min(cursor).0 + 1).saturating_sub(span.first.0))
        };
        self.read(work).await
    }

    /// Counts what the destination took since, and begins to hand it over again. A long count takes a while.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn replay(&self, destination: String, from: Timestamp, now: Timestamp) -> Result<ShowReplay, Trouble> {
        let settings = self.settings();
        let set = settings.iter().flat_map(|settings| settings.destinations.values());
        let Some(filter) = set.filter(|set| set.name.as_str() == destination).map(|set| set.filter.clone()).next()
        else {
            return Err(Trouble::Failed(format!("the settings name no destination {destination:?}")));
        };
        let passes = Wanted {
            integrations: filter.integrations,
            streams: filter.streams,
            severity_at_least: filter.severity_at_least,
        };
        let asked = AskedReplay { destination, from, to: now, wanted: Wanted::default(), passes, dry_run: false };
        self.read(move |queue| queue.replay_asked(&asked, now, &mut |_, _| true)).await
    }

    /// The queue in numbers, as `conductor queue show --json` tells it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn numbers(&self) -> Result<serde_json::Value, Trouble> {
        self.read(|queue| Ok(numbers(&queue.facts()))).await
    }

    /// Takes a turn and works off the async threads. Who goes away meanwhile does not give the turn back before its end.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Queue) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Trouble> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Trouble::Busy)?.map_err(|_| Trouble::Busy)?;
        let queue = Arc::clone(&self.queue);
        off_thread(move || {
            let _turn = turn;
            work(&queue)
        })
        .await
        .map_err(Trouble::Failed)
    }
}

/// A search on its way.
struct Searching<F> {
    asked: Asked,
    hits: Vec<Hit>,
    most_bytes: u64,
    in_time: F,
}

impl<F: Fn() -> bool> Looker for Searching<F> {
    fn see(&mut self, stored: &Stored, kept_ms: i64) -> bool {
        self.hits.extend(self.asked.hit(stored, kept_ms));
        self.hits.len() < MOST_HITS
    }

    fn goes_on(&mut self, bytes: u64) -> bool {
        bytes < self.most_bytes && (self.in_time)()
    }
}

/// Always reads a frame, so that each search comes on.
fn search_until(queue: &Queue, asked: Asked, most_bytes: u64, in_time: impl Fn() -> bool) -> Result<Found, String> {
    let before = asked.before.unwrap_or(Seq(u64::MAX));
    let since_ms = asked.kept_since_ms();
    let mut searching = Searching { asked, hits: Vec::new(), most_bytes, in_time };
    let looked = queue.look_back(before, since_ms, &mut searching).map_err(|error| error.to_string())?;
    let LookedBack { down_to, kept_ms, whole, unreadable } = looked;
    let back_to = kept_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(Found { hits: searching.hits, next: (!whole).then_some(down_to), back_to, unreadable })
}

fn numbers(facts: &Facts) -> serde_json::Value {
    let destination = |(name, cursor): (&String, &Seq)| {
        json!({
            "name": name,
            "cursor": cursor,
            "depth": facts.head.0.saturating_sub(cursor.0),
            "dropped": facts.dropped.get(name).map_or(0, |dropped| dropped.events),
            "replay": facts.replays.iter().find(|replay| replay.destination == *name),
        })
    };
    json!({
        "head": facts.head,
        "events": facts.waiting,
        "bytes": facts.bytes,
        "disk_bytes": facts.disk_bytes,
        "max_bytes": facts.max_bytes,
        "oldest_seconds": facts.oldest_seconds,
        "damaged": facts.damage.iter().map(|note| note.events()).sum::<u64>(),
        "duplicates": facts.duplicates,
        "destinations": facts.cursors.iter().map(destination).collect::<Vec<_>>(),
    })
}

/// From the journal, or from the quarantine, which keeps events that the journal has let go.
fn tell(queue: &Queue, seq: Seq, settings: Option<&Settings>) -> Result<Option<Told>, String> {
    let told = |error: crate::queue::QueueError| error.to_string();
    let aside = queue.quarantined();
    let found = match queue.event(seq).map_err(told)? {
        Some((stored, kept_ms)) => Some((stored, Timestamp::from_millisecond(kept_ms).ok())),
        None => match aside.iter().find(|entry| entry.seq == seq) {
            Some(entry) => queue.aside(&entry.destination, seq).map_err(told)?.map(|stored| (stored, None)),
            None => None,
        },
    };
    Ok(found.map(|(stored, kept)| Told {
        kept: kept.unwrap_or(stored.event.observed),
        fates: fate::fates(&stored, &queue.facts(), settings, &aside, |name| queue.due_aside(name)),
        stored,
    }))
}

#[cfg(test)]
mod tests;
