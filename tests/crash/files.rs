//! What a kill leaves on the disk, held against what both SOCs have and what was confirmed. The files are looked at as a
//! copy, so that the next agent recovers from what the kill has left and from nothing else.
//!
//! Promise: no cursor is ahead of what its SOC has read, no SOC has what is not durable, no checkpoint is ahead of the
//! events, nothing that was confirmed is missing, and nothing is there that never was.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conductor::queue::disk::RealDisk;
use conductor::queue::{Options, Queue};
use serde_json::Value;

use crate::agent::Place;
use crate::world::{AtSoc, IMPORT, Truth};

/// A receiver of the simulation reads on after the agent is gone; what is on its way takes no longer.
const READ_ON: Duration = Duration::from_secs(10);

/// An item that the API holds, until its events were seen in the queue.
pub struct Item {
    pub stream: &'static str,
    pub id: String,
    /// The second by which the stream's list is filtered, since 1970.
    pub second: i64,
    /// Its events' ids without the version.
    pub natives: Vec<String>,
}

/// What is owed.
#[derive(Default)]
pub struct Files {
    /// Not yet seen in the queue.
    pub items: Vec<Item>,
    /// Ids of lines whose import was confirmed, not yet seen in the queue.
    pub confirmed: Vec<String>,
    /// Natives of all events that were seen, in the queue or at the SOC that is never cut.
    seen: HashSet<String>,
    ids: HashSet<String>,
    looked: usize,
    /// Rounds in which items were held against the checkpoint.
    pub held: u64,
    /// Once an agent has come that far, the queue is there.
    made: bool,
}

impl Files {
    /// After a kill: `socs` with the names of their destinations, the one that is never cut first.
    pub fn judge(&mut self, place: &Place, truth: &Truth, socs: &mut [(&str, &mut AtSoc)]) {
        let (dir, copy) = (place.state().join("queue"), tempfile::tempdir().expect("a folder"));
        // The first kills may come before an agent has made it.
        if self.made || dir.exists() {
            self.made = true;
            copy_folder(&dir, &copy.path().join("queue"));
        }
        let options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: i64::MAX, keep_bytes: 1 << 30 };
        let now = || jiff::Timestamp::now().as_millisecond();
        let opened = Queue::open(&copy.path().join("queue"), options, Arc::new(RealDisk), now);
        let (queue, report) = opened.expect("it opens by itself");
        assert!(!report.book_rebuilt, "a kill damages no book: {report:?}");
        assert!(queue.facts().damage.is_empty(), "nor anything else: {:?}", queue.facts().damage);
        let kept = events(&queue, truth);
        for (name, at) in socs.iter_mut() {
            let cursor = queue.facts().cursors.get(*name).copied().unwrap_or_default().0;
            // As many messages at least; the rest of what was on its way does no harm.
            at.soc.wait_for(cursor, READ_ON);
            let begun = std::time::Instant::now();
            while at.judge.newest() < cursor && begun.elapsed() < READ_ON {
                at.look(truth);
            }
            at.look(truth);
            let newest = at.judge.newest();
            assert!(newest >= cursor, "{name} has read up to {newest}, and its cursor stands at {cursor}");
            assert!(newest <= queue.head_now().0, "{name} has {newest}, durable is what is up to {}", queue.head_now());
            for (seq, id) in &kept {
                let there = at.judge.at(*seq);
                assert!(there.is_none_or(|there| there == id), "{id} stands at {seq}, where {name} got {there:?}");
                let first = at.judge.seq_of(id).filter(|first| first != seq);
                assert!(first.is_none() || id.starts_with(IMPORT), "{id} is kept at {seq} and came as {first:?}");
            }
            let missing = (newest + 1..=queue.head_now().0).find(|seq| !kept.contains_key(seq));
            assert!(missing.is_none(), "{name} has not taken {missing:?}, and it is gone");
        }
        self.note(&kept, socs[0].1);
        let missing: Vec<&String> = self.confirmed.iter().filter(|id| !self.ids.contains(*id)).collect();
        assert!(missing.is_empty(), "imported, confirmed and gone: {missing:?}");
        self.confirmed.clear();
        self.hold_checkpoints(&queue);
    }

    fn note(&mut self, kept: &HashMap<u64, String>, at: &AtSoc) {
        let new = at.judge.order[self.looked..].iter().chain(kept.values());
        for id in new {
            if self.ids.insert(id.clone()) {
                self.seen.insert(id.rsplit_once('/').map_or(id.as_str(), |(native, _)| native).to_owned());
            }
        }
        self.looked = at.judge.order.len();
    }

    /// What a checkpoint has passed, and does not name as still to be listed or fetched, is kept.
    fn hold_checkpoints(&mut self, queue: &Queue) {
        let mut places: HashMap<&str, Value> = HashMap::new();
        for stream in ["threats", "cases", "vendor-cases"] {
            if let Some(checkpoint) = queue.place("acme", stream).checkpoint {
                places.insert(stream, serde_json::from_str(&checkpoint.0).expect("a checkpoint is JSON"));
            }
        }
        let before = self.items.len();
        self.items.retain(|item| {
            let missing: Vec<&String> = item.natives.iter().filter(|native| !self.seen.contains(*native)).collect();
            let passed = places.get(item.stream).is_some_and(|place| has_passed(place, item));
            assert!(!passed || missing.is_empty(), "{} is ahead of {}: {missing:?}", item.stream, item.id);
            !missing.is_empty()
        });
        self.held += u64::from(self.items.len() < before);
    }
}

/// Is there nothing left to do for this item, as the checkpoint tells it?
fn has_passed(place: &Value, item: &Item) -> bool {
    let field = if item.stream == "threats" { "received" } else { "modified" };
    let to = place["windows"]["cursors"][field]["to"].as_i64().expect("a cursor");
    let all = |name: &str| place[name].as_array().cloned().unwrap_or_default();
    let named =
        ["fetch", "again", "deferred"].iter().flat_map(|name| all(name)).any(|one| one["id"] == item.id.as_str());
    let todo = place["windows"]["todo"].as_array().cloned().unwrap_or_default();
    let listed = todo.iter().any(|window| {
        let (from, to) = (window["from"].as_i64(), window["to"].as_i64());
        window["field"] == field && from <= Some(item.second) && Some(item.second) < to
    });
    item.second < to && !named && !listed
}

/// Everything that the queue holds, by seq.
fn events(queue: &Queue, truth: &Truth) -> HashMap<u64, String> {
    let mut kept = HashMap::new();
    let mut at = queue.oldest().before();
    while at < queue.head_now() {
        let batch = queue.read_after(at, 1024, 1 << 20).expect("readable");
        assert!(batch.upto > at, "reading stands still at {at}");
        at = batch.upto;
        for stored in batch.events {
            let id = stored.event.id.to_string();
            assert!(truth.holds(&id, &stored.event.raw), "there never was {id}: {}", stored.event.raw);
            kept.insert(stored.seq.0, id);
        }
    }
    kept
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else if entry.file_name() != "reserve" {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}
