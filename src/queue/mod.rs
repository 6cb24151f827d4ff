//! The durable queue: a journal on disk, with sled as its book-keeper.
//!
//! ```text
//! STATE/queue/lock                  held by the one agent that owns this folder
//! STATE/queue/journal/N.cdj         segments, named by their first seq; each begins with a snapshot
//! STATE/queue/book/                 sled: cursors, ids already kept, quarantine; can be rebuilt
//! STATE/queue/cursors               where each destination stands, until the book has it (slate.rs)
//! STATE/queue/format                which format the frames have (formats.rs); none: the first
//! STATE/queue/reserve               given up when the disk is full, so that cursors can still be written, and it opens
//! STATE/queue/damaged/              what did not check out, set aside
//! STATE/queue/quarantine/           events that a peer will never take, a file each
//! ```
//!
//! **Writing.** A page and the checkpoint that follows it are one frame, and one fdatasync commits both:
//! after a crash both are there, or neither. Pages of several integrations share a barrier. Only then are
//! the events visible to readers, and only then does the stream's checkpoint move.
//!
//! **Reading.** Each destination has a cursor: the last seq it took. Reading goes by cursor, from memory when
//! the frame is fresh, else from the journal. A segment goes when the last destination has passed it and
//! nobody wants it kept; depth is arithmetic.
//!
//! **Opening** reads the tail alone. A torn last frame was never confirmed and is cut. Damage in the middle, and segments
//! that are missing, are counted, and the streams go back to where they stood before, to fetch again.
//!
//! Promise: what [`Queue::append`] has confirmed stays, in order, with its checkpoint, until every destination
//! has taken it or the operator's own rule drops it, counted.
//!
//! Everything here is synchronous; the engine calls it off its async threads.

mod again;
mod aside;
mod asked;
mod barrier;
mod book;
mod bookkeeping;
mod codec;
mod cursors;
pub mod disk;
mod dropping;
mod error;
mod facts;
mod formats;
mod frame;
mod fresh;
mod journal;
mod known;
mod looking;
mod misplaced;
mod places;
mod prepared;
mod reading;
mod recovery;
mod rehearsal;
mod replay;
mod reserve;
mod retention;
mod segment;
mod slate;
mod steady;
mod verify;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

pub use again::{Replaying, Span, Wanted};
pub use aside::Quarantined;
pub use asked::{Act, AskedReplay, ShowReplay};
pub use bookkeeping::IdWalk;
pub use dropping::Dropped;
pub use error::QueueError;
pub use facts::{DamageNote, Facts, OpenReport};
pub use formats::Standing;
pub use known::{Known, Marker, Memory};
pub use looking::{LookedBack, Looker};
pub use prepared::{KeptPages, Prepared};
pub use reading::Batch;
pub use recovery::{Lock as Held, take_lock as hold};
pub use rehearsal::rehearse;
pub use verify::{AsideLost, Finding, Verified};

use crate::event::{Checkpoint, Deferred, Event, Seq};
use book::{Book, Entry};
use codec::Codec;
use disk::Disk;
use frame::{Draft, PageMeta, SnapshotMeta};
use fresh::Fresh;
use journal::{Journal, Keeper, Placed, Position};
use slate::{Slate, Tenure};
use steady::Steady;

/// The checkpoint of a stream that was sent back to its beginning.
const BEGINNING: &str = "";
/// Segments are at most this long.
const SEGMENT_BYTES: u64 = 64 << 20;

/// How the operator wants the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of disk; appending refuses past it.
    pub max_bytes: u64,
    /// When full: drop the oldest instead of refusing.
    pub drop_oldest: bool,
    /// How long events stay after all took them, milliseconds.
    pub keep_ms: i64,
    /// And how much of them.
    pub keep_bytes: u64,
}

/// A page to keep.
#[derive(Debug, Default)]
pub struct NewPage {
    pub integration: String,
    pub stream: String,
    pub events: Vec<Event>,
    /// The checkpoint that follows; `None` leaves the old one.
    pub next: Option<Checkpoint>,
    pub deferred: Vec<Deferred>,
    /// From [`Place`], to notice that the stream was rewound meanwhile; `None`: whatever.
    pub generation: Option<u64>,
    /// Drop events whose id was kept within the horizon, and remember these. Off for imports, whose lines
    /// are confirmed one by one and never asked for twice.
    pub keyed: bool,
}

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The last seq given out.
    pub last: Seq,
    pub kept: usize,
    /// Events known already.
    pub duplicates: usize,
}

/// Where a stream stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub checkpoint: Option<Checkpoint>,
    pub deferred: Vec<Deferred>,
    /// Changes when the queue rewinds the stream.
    pub generation: u64,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<(String, String), Place>,
    cursors: BTreeMap<String, Seq>,
    /// Of each of them.
    tenures: BTreeMap<String, Tenure>,
    /// Of whom the book has another cursor than there is, or one and there is none.
    unbooked_cursors: BTreeSet<String>,
    fresh: Fresh,
    hints: Vec<(Seq, Position)>,
    lost: Vec<(Seq, Seq)>,
    /// Destinations that the settings in force name.
    in_use: BTreeSet<String>,
    damage: Vec<DamageNote>,
    dropped: BTreeMap<String, Dropped>,
    /// What of it nobody has told yet.
    untold: BTreeMap<String, Vec<dropping::Untold>>,
    /// By destination.
    replays: BTreeMap<String, Replaying>,
    /// Streams whose place the book does not have yet, and the end of what it covers then.
    unbooked: HashSet<(String, String)>,
    position: Option<Position>,
    duplicates: u64,
    appended: u64,
    /// Why the last append could not be made durable.
    write_fault: Option<String>,
    book_fault: Option<String>,
    book_bytes: u64,
}

/// What travels with a frame until it is durable.
struct Payload {
    meta: PageMeta,
    events: Vec<Event>,
    /// Of each event, where they are keyed.
    marks: Vec<Option<Vec<u8>>>,
    keyed: bool,
}

/// The queue. Shared by reference; every method may be called from any thread.
pub struct Queue {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    clock: fn() -> i64,
    marker: Marker,
    steady: Mutex<Steady>,
    options: Mutex<Options>,
    journal: Journal<Payload>,
    state: Mutex<State>,
    book: Mutex<Book>,
    /// Behind any other lock.
    slate: Mutex<Slate>,
    codecs: Mutex<Vec<Codec>>,
    /// What frames are written in.
    format: u8,
    head: watch::Sender<Seq>,
    /// Counts the acks that passed the end of a segment.
    passed: watch::Sender<u64>,
    /// Counts the replays that began or were cancelled.
    replays: watch::Sender<u64>,
    /// Read by an append from the check of its generation to its commit, written by a rewind: no page that was asked
    /// for before a rewind is committed after it.
    rewinding: RwLock<()>,
    /// Held by whoever removes segments, from the look at the oldest to its end. Behind `rewinding`, before any other lock.
    letting_go: Mutex<()>,
    /// Held by whoever tells the journal which destinations there are: could the last one not? Before the journal's own and
    /// the book's.
    owes_telling: Mutex<bool>,
    _lock: recovery::Lock,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// A lock whose data stays valid when its holder panics: each change to it is complete or not begun.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Keeps a page and the checkpoint that follows it, in one durable step. An error has changed nothing.
    pub fn append(&self, page: NewPage) -> Result<Appended, QueueError> {
        let _before_any_rewind = self.rewinding.read().unwrap_or_else(PoisonError::into_inner);
        self.append_now(page)
    }

    fn append_now(&self, mut page: NewPage) -> Result<Appended, QueueError> {
        let key = (std::mem::take(&mut page.integration), std::mem::take(&mut page.stream));
        self.check_generation(&key, page.generation)?;
        let given = page.events.len();
        if page.keyed {
            // A disk that was full has closed it, perhaps: without it, what is listed twice would be kept twice.
            self.mend_closed_book();
            self.drop_known(&mut page.events);
        }
        let kept = page.events.len();
        let old = self.place(&key.0, &key.1);
        let meta = PageMeta {
            integration: key.0,
            stream: key.1,
            checkpoint: page.next.or(old.checkpoint),
            deferred: page.deferred,
        };
        let draft = self
            .with_codec(|codec| Draft::page(&meta, &page.events, page.keyed, codec))
            .map_err(|e| QueueError::disk("encode a page for", &self.dir, e))?;
        self.make_room(draft.len())?;
        // Here, and not when it is committed: then others wait.
        let marks = if page.keyed { page.events.iter().map(self.marker).collect() } else { Vec::new() };
        let payload = Payload { meta, events: page.events, marks, keyed: page.keyed };
        let placed = self.journal.append(draft, payload, self.segment_limit(), self);
        let mut state = lock(&self.state);
        state.write_fault = placed.as_ref().err().filter(|e| !e.is_full()).map(ToString::to_string);
        let placed = placed?;
        state.duplicates += (given - kept) as u64;
        state.appended += kept as u64;
        drop(state);
        Ok(Appended { last: placed.last, kept, duplicates: given - kept })
    }

    fn check_generation(&self, key: &(String, String), asked: Option<u64>) -> Result<(), QueueError> {
        let state = lock(&self.state);
        let now = state.streams.get(key).map_or(0, |place| place.generation);
        if asked.is_none_or(|asked| asked == now) { Ok(()) } else { Err(QueueError::Stale) }
    }

    /// Where a stream stands: what its next poll begins with.
    pub fn place(&self, integration: &str, stream: &str) -> Place {
        let key = (integration.to_owned(), stream.to_owned());
        let mut place = lock(&self.state).streams.get(&key).cloned().unwrap_or_default();
        place.checkpoint = place.checkpoint.filter(|checkpoint| checkpoint.0 != BEGINNING);
        place
    }

    /// Has something with this native id (or one that continues it with `:`) been kept within the horizon?
    /// When the book can't say, the answer is no: a repeat, never a loss.
    pub fn knows(&self, integration: &str, stream: &str, native: &str) -> bool {
        let found = lock(&self.book).seen_native(integration, stream, native).unwrap_or_default();
        let state = lock(&self.state);
        found.into_iter().any(|seq| !is_lost(&state.lost, seq))
    }

    /// Has this very event been kept within the horizon? When the book can't say, the answer is no.
    pub fn has(&self, id: &str) -> bool {
        let found = lock(&self.book).seen(id).unwrap_or_default();
        found.is_some_and(|seq| !is_lost(&lock(&self.state).lost, seq))
    }

    fn drop_known(&self, events: &mut Vec<Event>) {
        // Not both locks at once: others must be able to ask where things stand while sled reads.
        let seen: Vec<Option<Seq>> = {
            let book = lock(&self.book);
            events.iter().map(|event| book.seen(&event.id).unwrap_or_default()).collect()
        };
        let state = lock(&self.state);
        let mut seen = seen.into_iter();
        events.retain(|_| seen.next().flatten().is_none_or(|seq| is_lost(&state.lost, seq)));
    }

    /// The newest durable seq, and a way to wait for the next.
    pub fn head(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// The newest durable seq.
    pub fn head_now(&self) -> Seq {
        *self.head.borrow()
    }

    fn with_codec<T>(&self, work: impl FnOnce(&mut Codec) -> std::io::Result<T>) -> std::io::Result<T> {
        let spare = lock(&self.codecs).pop();
        let mut codec = match spare {
            Some(codec) => codec,
            None => Codec::new(self.format)?,
        };
        let result = work(&mut codec);
        let mut spare = lock(&self.codecs);
        if spare.len() < 2 {
            spare.push(codec);
        }
        result
    }
}

impl Keeper<Payload> for Queue {
    fn committed(&self, placed: Placed, payload: Payload) {
        let Payload { meta, events, marks, keyed } = payload;
        if keyed && !events.is_empty() {
            let numbered = (placed.first.0..).map(Seq);
            let seen = events.iter().zip(numbered).zip(marks);
            let seen = seen.map(|((event, seq), marks)| (&*event.id, seq, marks)).collect();
            let entry = Entry { seen, day: day_of(placed.written_ms) };
            self.write_book(|book| book.apply(&entry));
        }
        let mut state = lock(&self.state);
        state.position = Some(placed.end);
        if meta.checkpoint.is_some() {
            let key = (meta.integration, meta.stream);
            state.unbooked.insert(key.clone());
            let place = state.streams.entry(key).or_default();
            place.checkpoint = meta.checkpoint;
            place.deferred = meta.deferred;
        }
        state.fresh.push(placed.first, events);
        drop(state);
        self.head.send_if_modified(|head| {
            let moved = placed.last > *head;
            *head = placed.last.max(*head);
            moved
        });
    }

    fn snapshot(&self, before: Seq) -> std::io::Result<Draft> {
        let newest = self.journal.with_segments(|all| all.values().next_back().cloned());
        let earlier = newest.and_then(|segment| places::read_snapshot(&segment, 0)).map(|snapshot| snapshot.streams);
        let state = lock(&self.state);
        let streams = state.streams.iter().map(|((integration, stream), place)| PageMeta {
            integration: integration.clone(),
            stream: stream.clone(),
            checkpoint: place.checkpoint.clone(),
            deferred: place.deferred.clone(),
        });
        let meta = SnapshotMeta {
            streams: streams.collect(),
            cursors: state.cursors.iter().map(|(name, seq)| (name.clone(), *seq)).collect(),
            tenures: state.tenures_of_all(),
            before: Some(before),
            earlier: earlier.unwrap_or_default(),
        };
        drop(state);
        self.with_codec(|codec| Draft::snapshot(&meta, codec))
    }

    fn now_ms(&self) -> i64 {
        (self.clock)()
    }
}

fn is_lost(lost: &[(Seq, Seq)], seq: Seq) -> bool {
    lost.iter().any(|(first, last)| (*first..=*last).contains(&seq))
}

fn day_of(ms: i64) -> u32 {
    u32::try_from(ms / 86_400_000).unwrap_or(0)
}
