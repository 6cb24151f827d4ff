//! Connectors ask a vendor's API. A second vendor is one new folder here and one line in [`build`].
//!
//! Promise: a connector stores nothing, never sleeps and never retries. It is given a checkpoint and the
//! time, asks through a client whose every request the engine paces, and returns one bounded [`Page`].

pub mod abnormal;
mod trial;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

pub use trial::Trial;

use crate::event::{Checkpoint, Deferred, Event, Gap};
use crate::fault::Fault;
use crate::marks::Marks;

/// Events in one page, at the most.
pub const PAGE_EVENTS: usize = 100;
/// Bytes of events in one page, at the most (one larger event makes a page of its own).
pub const PAGE_BYTES: usize = 1 << 20;

/// One answer: what was found, where the stream stands after it, and what stopped it.
#[derive(Debug, Default)]
pub struct Page {
    pub events: Vec<Event>,
    /// The checkpoint that follows these events; `None` leaves the old one in place.
    pub next: Option<Checkpoint>,
    /// There is more to ask for now: poll again without waiting for the interval.
    pub more: bool,
    /// Everything that this stream has to come back to, after this page.
    pub deferred: Vec<Deferred>,
    /// Ranges found to be out of reach for ever, by this page.
    pub gaps: Vec<Gap>,
    /// When the stream wants to be polled at the latest, before its interval is over.
    pub wake: Option<Timestamp>,
    /// A part of what was asked for is refused to this key; the rest was collected.
    pub shortfall: Option<Fault>,
    /// Was anything asked? A step may have nothing to ask for now.
    pub asked: bool,
    /// The vendor's clock, as the last answer told it.
    pub vendor_date: Option<Timestamp>,
    /// Items (threats, cases) that this page fetched: what the log line counts.
    pub items: usize,
    /// What stopped this page early. Events and `next` are valid all the same.
    pub fault: Option<Fault>,
}

/// What a connector may know of the world during one poll.
pub struct PollContext<'a> {
    /// Our clock.
    pub now: Timestamp,
    /// The stream's interval is over: look for what is new. Else only what was begun goes on.
    pub round: bool,
    /// Has an event of this stream with this native id (or one that continues it with `:`) been kept
    /// within the dedupe horizon?
    pub known: &'a (dyn Fn(&str) -> bool + Send + Sync),
    /// Has exactly this event, by its id, been kept within the horizon?
    pub kept: &'a (dyn Fn(&str) -> bool + Send + Sync),
    /// May so many requests be spent on what was seen before? Takes them from the small share of the budget that such
    /// requests have; `false`: not now, and nothing was taken.
    pub spare: &'a (dyn Fn(u32) -> bool + Send + Sync),
}

impl fmt::Debug for PollContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollContext").field("now", &self.now).field("round", &self.round).finish_non_exhaustive()
    }
}

/// What a vendor tells of the key that it is asked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTold {
    pub expires: Option<Timestamp>,
    pub made: Option<Timestamp>,
    /// Where it can't be known which of several keys is ours: what was told instead, as the rest of a sentence.
    pub unsure: Option<String>,
}

/// The code that speaks one vendor's API, for one integration. The engine makes another one when the key changes, so it
/// may remember what saves requests, and nothing that is dear.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The enabled streams.
    fn streams(&self) -> Vec<String>;

    /// One bounded step of a stream. Never sleeps; the client it asks through waits for permits.
    async fn poll(&self, stream: &str, checkpoint: Option<&Checkpoint>, context: &PollContext<'_>) -> Page;

    /// One authenticated request that proves host, token and permission, for `check`.
    /// Returns a sentence on success.
    async fn probe(&self) -> Result<String, Fault>;

    /// What the vendor tells of our key; `named` is how its portal calls it. `None`: nothing, and that is no fault.
    async fn key(&self, named: Option<&str>) -> Result<Option<KeyTold>, Fault>;
}

/// What evidence will need of an event of a connector; `None`: it is of no connector that we know. Called for each
/// event that is kept, and again where the book is rebuilt: the same event must get the same marks.
pub fn marks(event: &Event) -> Option<Marks> {
    // An event does not tell its connector; kinds do not overlap yet. A second vendor is asked next.
    abnormal::marks(event)
}
