//! Where a stream of this connector stands, as it rides in the checkpoint.
//!
//! Promise: everything still to be done is in here (windows to list, items to fetch, items to come back to),
//! so that whoever reads it after a crash goes on at exactly that point.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::Break;
use super::fetch::{Fetch, Found, Part};
use super::fields::ID;
use super::window::{Field, Purpose, Timing, Windows};
use crate::event::{Checkpoint, Deferred, Gap};
use crate::fault::{Fault, FaultKind};

/// The format that this build writes, and the only one it reads.
const FORMAT: u32 = 1;
/// Items to come back to, at the most; past it the one that failed first is given up as a gap.
const DEFERRED: usize = 10_000;
/// Items that wait to be looked at again, at the most: the others stay deferred.
const AGAIN: usize = 100;
/// Entries of deferred items that are kept, at the most.
const DEFERRED_ENTRIES: usize = 100;
/// Characters of a reason: it is kept with each item.
const REASON: usize = 300;
/// Ids of a round that are remembered. Slices of both fields run side by side, so the latest are enough.
const REMEMBERED: usize = 1_000;
/// A deferred item is given up after this long ...
const GIVE_UP: SignedDuration = SignedDuration::from_hours(30 * 24);
/// ... and after so many tries: a clock that jumps ahead by years is no reason.
const GIVE_UP_TRIES: u32 = 30;

/// Where a stream stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    format: u32,
    pub windows: Windows,
    /// To be fetched next, in order.
    pub fetch: VecDeque<Fetch>,
    /// To be fetched once more, as far as the budget has room for it beside news.
    #[serde(default)]
    pub again: VecDeque<Fetch>,
    /// The lists' entries of deferred items, as far as they are few: what the list alone tells is not lost by a failure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    entries: BTreeMap<String, String>,
    /// Which of its paths the list was last found at.
    #[serde(default)]
    pub path: usize,
    /// Ids taken up in this round: listed once more in it, they are not fetched once more.
    taken_up: VecDeque<String>,
    /// To come back to.
    pub deferred: Vec<Deferred>,
    /// Events that the largest of the latest answers held: how many requests fit a step side by side.
    pub heaviest: usize,
}

impl Place {
    /// A stream that begins now.
    pub fn first(fields: &[Field], now: Timestamp, timing: &Timing) -> Place {
        Place {
            format: FORMAT,
            windows: Windows::first(fields, now.as_second(), timing),
            fetch: VecDeque::new(),
            again: VecDeque::new(),
            entries: BTreeMap::new(),
            path: 0,
            taken_up: VecDeque::new(),
            deferred: Vec::new(),
            heaviest: 0,
        }
    }

    /// Reads a checkpoint. One of another format or with a broken text is a [`FaultKind::Corrupt`]: the engine
    /// rewinds the stream.
    pub fn read(checkpoint: &Checkpoint) -> Result<Place, Fault> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let broken = |error: serde_json::Error| {
            Fault::new(FaultKind::Corrupt, "the stream's checkpoint can't be read: it has to begin anew")
                .caused_by(Break::of(&error))
        };
        let head: Head = serde_json::from_str(&checkpoint.0).map_err(broken)?;
        if head.format != FORMAT {
            let text = format!(
                "the stream's checkpoint is of format {} and this version reads format {FORMAT}: \
                 run the version that wrote it, or let the stream begin anew",
                head.format
            );
            return Err(Fault::new(FaultKind::Corrupt, text));
        }
        let place: Place = serde_json::from_str(&checkpoint.0).map_err(broken)?;
        if !place.sound() {
            let text = "the stream's checkpoint holds what none of ours does: it has to begin anew";
            return Err(Fault::new(FaultKind::Corrupt, text));
        }
        Ok(place)
    }

    /// Could we have written it? Its checksum tells of damage on the disk, and of nothing before that.
    fn sound(&self) -> bool {
        let json = |entry: &String| serde_json::from_str::<&RawValue>(entry).is_ok();
        let fetches = || self.fetch.iter().chain(&self.again);
        let mut ids = fetches().map(|fetch| &fetch.id).chain(self.deferred.iter().map(|item| &item.id));
        self.windows.sound()
            && self.path < 16
            && ids.all(|id| (1..=ID).contains(&id.len()))
            && fetches().all(|fetch| fetch.entry.as_ref().is_none_or(json))
            && self.entries.values().all(json)
    }

    /// Writes the checkpoint.
    pub fn write(&self) -> Result<Checkpoint, Fault> {
        serde_json::to_string(self).map(Checkpoint).map_err(|error| {
            Fault::new(FaultKind::Corrupt, "the stream's checkpoint can't be written").caused_by(error)
        })
    }

    /// Is there something new to list or to fetch?
    pub fn news_left(&self) -> bool {
        !self.fetch.is_empty() || self.windows.news_left()
    }

    /// Is there something to look at again?
    pub fn old_left(&self) -> bool {
        !self.again.is_empty() || !self.windows.todo.is_empty()
    }

    /// Begins a round: plans its windows.
    pub fn begin_round(&mut self, now: Timestamp, timing: &Timing) {
        self.taken_up.clear();
        self.windows.plan(now.as_second(), timing);
    }

    /// Takes up what is due again.
    pub fn take_up_due(&mut self, now: Timestamp) {
        for item in &mut self.deferred {
            // Nothing is due later than in a day, unless the clock went back.
            item.since = item.since.min(now);
            item.due = item.due.min(now.saturating_add(pause(u32::MAX)).unwrap_or(now));
        }
        self.deferred.sort_by_key(|item| item.due);
        let room = AGAIN.saturating_sub(self.again.len());
        let due = self.deferred.iter().take_while(|item| item.due <= now).take(room).count();
        for item in self.deferred.drain(..due).collect::<Vec<_>>() {
            let entry = self.entries.remove(&item.id);
            self.push_back(Fetch { again: true, entry, ..due_fetch(item) });
        }
    }

    /// Takes up what a listing found: all of it, or only what was never seen, and nothing twice in a round.
    pub fn take_up(&mut self, found: Vec<Found>, purpose: Purpose, known: &dyn Fn(&str) -> bool) {
        for Found { id, entry } in found {
            if self.taken_up.contains(&id) || self.waits(&id) {
                continue;
            }
            if let Some(at) = self.again.iter().position(|fetch| fetch.id == id && is_whole(fetch)) {
                // It has its turn already, but what changed does not wait for a share of the budget.
                if purpose == Purpose::New
                    && let Some(fetch) = self.again.remove(at)
                {
                    self.remember(id);
                    self.push_back(Fetch { again: false, entry, ..fetch });
                }
                continue;
            }
            let deferred = self.deferred.iter().position(|item| item.id == id);
            let fetch = match (purpose, deferred) {
                // It changed, so it is worth a try before it is due.
                (Purpose::New, Some(at)) => {
                    self.entries.remove(&id);
                    Fetch { entry, ..due_fetch(self.deferred.swap_remove(at)) }
                }
                (Purpose::New, None) => Fetch { entry, ..Fetch::new(id) },
                // A deferred item comes in its own time.
                (Purpose::Leaving | Purpose::Staying | Purpose::Sweep, Some(_)) => continue,
                (Purpose::Leaving, None) => Fetch { entry, again: known(&id), ..Fetch::new(id) },
                (Purpose::Staying | Purpose::Sweep, None) if known(&id) => continue,
                (Purpose::Staying | Purpose::Sweep, None) => Fetch { entry, ..Fetch::new(id) },
            };
            self.remember(fetch.id.clone());
            self.push_back(fetch);
        }
    }

    fn remember(&mut self, id: String) {
        if self.taken_up.len() >= REMEMBERED {
            self.taken_up.pop_front();
        }
        self.taken_up.push_back(id);
    }

    /// Is all of it waiting to be fetched, before everything that is looked at again?
    fn waits(&self, id: &str) -> bool {
        self.fetch.iter().any(|fetch| fetch.id == id && is_whole(fetch))
    }

    /// Behind all others of its kind.
    pub fn push_back(&mut self, fetch: Fetch) {
        if fetch.again { self.again.push_back(fetch) } else { self.fetch.push_back(fetch) }
    }

    /// Before all others of its kind.
    pub fn push_front(&mut self, fetch: Fetch) {
        if fetch.again { self.again.push_front(fetch) } else { self.fetch.push_front(fetch) }
    }

    /// An item that changes by itself is looked at again: soon while it is young, then hourly. It has not failed.
    pub fn wait_for(&mut self, fetch: Fetch, reason: String, now: Timestamp) -> Option<Gap> {
        let since = fetch.since.unwrap_or(now);
        let age = now.duration_since(since);
        let wait = match age.as_hours() {
            ..1 => SignedDuration::from_mins(5),
            1..6 => SignedDuration::from_mins(30),
            6.. => SignedDuration::from_hours(1),
        };
        self.keep_entry(&fetch);
        let due = now.saturating_add(wait).unwrap_or(now);
        self.defer(Deferred { id: fetch.id, reason, since, tries: 0, due }, now)
    }

    /// Sets an item aside: due again after 1, 5 and 30 minutes, then daily. After 30 days it is given up,
    /// and so is the one that failed first when there are too many; the gap says which.
    pub fn put_off(&mut self, fetch: Fetch, reason: String, now: Timestamp) -> Option<Gap> {
        let tries = fetch.tries.saturating_add(1);
        let since = fetch.since.unwrap_or(now);
        let reason: String = reason.chars().take(REASON).collect();
        self.keep_entry(&fetch);
        let item =
            Deferred { id: fetch.id, reason, since, tries, due: now.saturating_add(pause(tries)).unwrap_or(now) };
        if now.duration_since(since) >= GIVE_UP && tries >= GIVE_UP_TRIES {
            self.entries.remove(&item.id);
            return Some(given_up(&item, now, "failed for 30 days"));
        }
        self.defer(item, now)
    }

    fn defer(&mut self, item: Deferred, now: Timestamp) -> Option<Gap> {
        self.deferred.retain(|other| other.id != item.id);
        self.deferred.push(item);
        if self.deferred.len() <= DEFERRED {
            return None;
        }
        // What only waits for a verdict goes first: it was sent, and nothing but its verdict is missed.
        let (at, _) = self.deferred.iter().enumerate().min_by_key(|(_, item)| (item.tries > 0, item.since))?;
        let oldest = self.deferred.swap_remove(at);
        self.entries.remove(&oldest.id);
        if oldest.tries == 0 {
            let id = oldest.id.escape_debug();
            let reason = format!("the verdict of item {id} is not waited for any more: too many have none");
            return Some(Gap { from: oldest.since, to: now, reason });
        }
        Some(given_up(&oldest, now, "too many items fail"))
    }

    fn keep_entry(&mut self, fetch: &Fetch) {
        if let Some(entry) = &fetch.entry
            && self.entries.len() < DEFERRED_ENTRIES
        {
            self.entries.insert(fetch.id.clone(), entry.clone());
        }
    }

    /// Everything that is come back to: what is deferred, and of what waits for its share of the budget, what failed.
    pub fn to_come_back_to(&self, now: Timestamp) -> Vec<Deferred> {
        let failed = self.again.iter().filter(|fetch| fetch.tries > 0).map(|fetch| Deferred {
            id: fetch.id.clone(),
            reason: "it failed, and its next try waits for its turn".to_owned(),
            since: fetch.since.unwrap_or(now),
            tries: fetch.tries,
            due: now,
        });
        self.deferred.iter().cloned().chain(failed).collect()
    }

    /// When the first deferred item is due.
    pub fn wake(&self) -> Option<Timestamp> {
        self.deferred.iter().map(|item| item.due).min()
    }
}

fn due_fetch(item: Deferred) -> Fetch {
    Fetch { tries: item.tries, since: Some(item.since), ..Fetch::new(item.id) }
}

/// Nothing of it was fetched yet.
fn is_whole(fetch: &Fetch) -> bool {
    fetch.page == 1 && fetch.part == Part::Detail
}

fn pause(tries: u32) -> SignedDuration {
    match tries {
        0 | 1 => SignedDuration::from_mins(1),
        2 => SignedDuration::from_mins(5),
        3 => SignedDuration::from_mins(30),
        4.. => SignedDuration::from_hours(24),
    }
}

fn given_up(item: &Deferred, now: Timestamp, why: &str) -> Gap {
    Gap {
        from: item.since,
        to: now,
        // The id is the vendor's word: in a sentence it must not begin a line or steer a terminal.
        reason: format!(
            "item {} is given up after {} tries ({why}): {}",
            item.id.escape_debug(),
            item.tries,
            item.reason
        ),
    }
}
