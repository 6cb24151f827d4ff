//! The quarantine: events that a peer will never take, kept whole beside the journal until somebody decides.
//!
//! ```text
//! STATE/queue/quarantine/DESTINATION@SEQ.cdj    one frame: the event, with its checksum
//! ```
//!
//! The book holds why, and which of them are to be tried again. A book that was lost leaves the events.
//!
//! Promise: an event is here, durably, before any cursor passes it; beyond [`MOST`] events or [`MOST_BYTES`] the oldest
//! go, counted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::frame::{self, Draft, PageMeta};
use super::segment::{Found, Segment};
use super::{Queue, QueueError, lock};
use crate::event::{Event, Seq, Stored};

/// Events kept of all destinations together.
pub const MOST: usize = 1000;
/// And bytes of their files.
pub const MOST_BYTES: u64 = 64 << 20;

const ASIDE: &str = "q/";
const DUE: &str = "t/";
const COUNTED_OUT: &str = "u";
const SUFFIX: &str = ".cdj";
/// What a file's name ends with until it is whole.
const PART: &str = "part";

/// An event that a peer will never take, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    pub destination: String,
    pub seq: Seq,
    pub id: String,
    pub reason: String,
}

impl Quarantined {
    fn name(&self) -> String {
        name(&self.destination, self.seq)
    }
}

fn name(destination: &str, seq: Seq) -> String {
    format!("{destination}/{:020}", seq.0)
}

impl Queue {
    fn aside_path(&self, destination: &str, seq: Seq) -> PathBuf {
        self.dir.join("quarantine").join(format!("{destination}@{:020}{SUFFIX}", seq.0))
    }

    /// Files here: whose, which, how long. The lowest seq first.
    fn aside_files(&self) -> Vec<(Seq, String, u64)> {
        let read = |(name, len): (String, u64)| {
            let (destination, seq) = name.strip_suffix(SUFFIX)?.rsplit_once('@')?;
            Some((Seq(seq.parse().ok()?), destination.to_owned(), len))
        };
        // No folder yet: nothing is here.
        let listed = self.disk.list(&self.dir.join("quarantine")).unwrap_or_default();
        let mut files: Vec<(Seq, String, u64)> = listed.into_iter().filter_map(read).collect();
        files.sort();
        files
    }

    /// Puts an event aside for a destination, whole: durable when this returns. Returns how many older ones went to make
    /// room for it.
    pub fn put_aside(&self, entry: &Quarantined, event: &Event) -> Result<u64, QueueError> {
        let meta = PageMeta {
            integration: event.integration.to_string(),
            stream: event.stream.to_string(),
            ..PageMeta::default()
        };
        let dir = self.dir.join("quarantine");
        let path = self.aside_path(&entry.destination, entry.seq);
        let written = || {
            let mut draft = self.with_codec(|codec| Draft::page(&meta, std::slice::from_ref(event), false, codec))?;
            self.disk.create_dir(&dir)?;
            // Under its name once it is whole: it may stand there already, refused a second time.
            let part = path.with_extension(PART);
            let file = self.disk.open(&part, true)?;
            let bytes = draft.seal(entry.seq, (self.clock)());
            file.truncate(0)?;
            file.write_all_at(bytes, 0)?;
            file.sync()?;
            self.disk.rename(&part, &path)?;
            self.disk.sync_dir(&dir)?;
            self.disk.sync_dir(&self.dir)
        };
        written().map_err(|e| QueueError::disk("write", &path, e))?;
        self.quarantine(entry);
        self.count_out()
    }

    fn count_out(&self) -> Result<u64, QueueError> {
        let files = self.aside_files();
        let mut bytes: u64 = files.iter().map(|(_, _, len)| len).sum();
        let mut out = 0;
        for (at, (seq, destination, len)) in files.iter().enumerate() {
            // The newest stays, however long it is.
            if at + 1 == files.len() || (files.len() - at <= MOST && bytes <= MOST_BYTES) {
                break;
            }
            // Counted before it goes: a kill in between counts one too many, never one too few.
            let counted = self.aside_counted_out() + 1;
            self.write_book(|book| book.put_json(COUNTED_OUT, "", &counted).and_then(|()| book.hand_over()));
            self.drop_aside(destination, *seq)?;
            bytes -= len;
            out += 1;
        }
        Ok(out)
    }

    /// Events that went from the quarantine to make room in it, ever.
    pub fn aside_counted_out(&self) -> u64 {
        lock(&self.book).all_json::<u64>(COUNTED_OUT).unwrap_or_default().first().copied().unwrap_or(0)
    }

    /// Remembers that a peer will never take this event.
    pub fn quarantine(&self, entry: &Quarantined) {
        self.write_book(|book| book.put_json(ASIDE, &entry.name(), entry).and_then(|()| book.barrier()));
    }

    /// What peers will never take, by destination and seq.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        let mut entries: Vec<Quarantined> = lock(&self.book).all_json(ASIDE).unwrap_or_default();
        for (seq, destination, _) in self.aside_files() {
            if !entries.iter().any(|entry| entry.seq == seq && entry.destination == destination) {
                let id = self.aside(&destination, seq).ok().flatten().map(|stored| stored.event.id.to_string());
                let reason = "the book that knew why was lost".to_owned();
                entries.push(Quarantined { destination, seq, id: id.unwrap_or_default(), reason });
            }
        }
        entries.sort_by(|a, b| (&a.destination, a.seq).cmp(&(&b.destination, b.seq)));
        entries
    }

    /// The event itself; nothing where it is not here, or is damaged.
    pub fn aside(&self, destination: &str, seq: Seq) -> Result<Option<Stored>, QueueError> {
        let path = self.aside_path(destination, seq);
        let failed = |e| QueueError::disk("read", &path, e);
        let segment = match Segment::at_path(self.disk.as_ref(), path.clone()) {
            Ok(segment) => segment,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let Found::Frame(header) = segment.at(0).map_err(failed)? else { return Ok(None) };
        let Ok(payload) = segment.payload(0, &header).map_err(failed)? else { return Ok(None) };
        let events = self.with_codec(|codec| Ok(frame::events(&header, &payload, codec))).map_err(failed)?;
        Ok(events.ok().and_then(|events| events.into_iter().find(|stored| stored.seq == seq)))
    }

    /// Lets one go for good: after this no power cut brings it back.
    pub fn drop_aside(&self, destination: &str, seq: Seq) -> Result<(), QueueError> {
        let dir = self.dir.join("quarantine");
        let path = self.aside_path(destination, seq);
        match self.disk.remove(&path).and_then(|()| self.disk.sync_dir(&dir)) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(QueueError::disk("remove", &path, e)),
        }
        let name = name(destination, seq);
        let mut book = lock(&self.book);
        let removed = book.remove(ASIDE, &name).and_then(|()| book.remove(DUE, &name)).and_then(|()| book.barrier());
        removed.map_err(QueueError::Book)
    }

    /// Has the destination try one again. Durable when this returns.
    pub fn retry_aside(&self, destination: &str, seq: Seq) -> Result<(), QueueError> {
        let due = (destination, seq);
        let mut book = lock(&self.book);
        let put = book.put_json(DUE, &name(destination, seq), &due).and_then(|()| book.barrier());
        put.map_err(QueueError::Book)?;
        self.replays.send_modify(|changes| *changes += 1);
        Ok(())
    }

    /// What this destination is to try again, the lowest seq first.
    pub fn due_aside(&self, destination: &str) -> Vec<Seq> {
        let due: Vec<(String, Seq)> = lock(&self.book).all_json(DUE).unwrap_or_default();
        due.into_iter().filter(|(whose, _)| whose == destination).map(|(_, seq)| seq).collect()
    }

    /// It was tried, and the peer refused it once more: it stays, with the newer reason.
    pub fn refused_again(&self, entry: &Quarantined) {
        self.write_book(|book| {
            book.put_json(ASIDE, &entry.name(), entry)?;
            book.remove(DUE, &entry.name()).and_then(|()| book.barrier())
        });
    }
}
