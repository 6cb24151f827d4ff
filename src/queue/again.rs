//! Replays: what a destination took once and is handed again, because the SOC lost it.
//!
//! A replay is a small record in the book: a range of seqs, what is wanted of it, and the next seq to hand over. It is
//! on disk before it begins and moves on the peer's word alone, so that it goes on after a restart; it ends when it is
//! through. While it stands, what it has still to hand over is not let go by age or `keep-size`; it yields, counted,
//! when new events need the room.
//!
//! Promise: a replay never moves a cursor, and what it could not hand over is counted.

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::frame::Kind;
use super::segment::{Found, Segment};
use super::{Queue, QueueError, lock};
use crate::event::{Event, Seq, Severity};

const REPLAY: &str = "r/";

/// Which events are meant; empty lists mean all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub integrations: Vec<String>,
    pub streams: Vec<String>,
    pub severity_at_least: Severity,
}

impl Wanted {
    pub fn takes(&self, event: &Event) -> bool {
        let listed = |list: &[String], word: &str| list.is_empty() || list.iter().any(|entry| entry == word);
        listed(&self.integrations, &event.integration)
            && listed(&self.streams, &event.stream)
            && event.severity >= self.severity_at_least
    }
}

/// A replay as it stands. One a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaying {
    pub destination: String,
    /// The range as it was asked for: when events were kept, milliseconds since 1970, both ends included.
    pub from_ms: i64,
    pub to_ms: i64,
    pub wanted: Wanted,
    /// The range as seqs, both ends included.
    pub first: Seq,
    pub last: Seq,
    /// Everything before is through.
    pub next: Seq,
    /// Events to hand over, as counted before it began.
    pub events: u64,
    /// Events of it that the peer has confirmed.
    pub handed: u64,
    /// Places that were let go or damaged before their turn came.
    pub gone: u64,
    /// When it was asked for, milliseconds since 1970: tells it from another one.
    pub began_ms: i64,
}

impl Replaying {
    /// Is it the same one, however far either is?
    pub fn is(&self, other: &Replaying) -> bool {
        (self.began_ms, self.first, self.last) == (other.began_ms, other.first, other.last)
    }

    /// Events still to be handed over, as far as the count of the beginning tells.
    pub fn left(&self) -> u64 {
        if self.is_through() { 0 } else { self.events.saturating_sub(self.handed) }
    }

    pub fn is_through(&self) -> bool {
        self.next > self.last
    }
}

/// What the journal still holds of a range of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The seqs kept within it; none when `first > last`.
    pub first: Seq,
    pub last: Seq,
    /// The oldest event that is retained at all, and when it was kept (milliseconds since 1970).
    pub oldest: Option<(Seq, i64)>,
    /// Places within it that damage took along.
    pub damaged: u64,
}

impl Book {
    fn put_replay(&mut self, replay: &Replaying) -> Result<(), String> {
        self.put_json(REPLAY, &replay.destination, replay)
    }

    pub(super) fn replays(&self) -> Result<Vec<Replaying>, String> {
        self.all_json(REPLAY)
    }
}

impl Queue {
    /// What was kept between two times (milliseconds since 1970, both included) and is still here. Reads the heads of
    /// all frames: tens of milliseconds a gigabyte. After a clock that was set back, the range holds what lies between,
    /// too: rather more than less.
    pub fn span(&self, from_ms: i64, to_ms: i64) -> Result<Span, QueueError> {
        let segments: Vec<Segment> = self.journal.with_segments(|all| all.values().cloned().collect());
        let mut span = Span { first: Seq(u64::MAX), ..Span::default() };
        for segment in &segments {
            let mut at = 0;
            while at < segment.len {
                match segment.at(at).map_err(|e| QueueError::disk("read", &segment.path, e))? {
                    Found::End => break,
                    Found::Hole { until, .. } => at = until,
                    Found::Frame(header) => {
                        at += header.frame_len();
                        if header.kind != Kind::Page || header.count == 0 {
                            continue;
                        }
                        span.oldest = span.oldest.or(Some((header.first, header.written_ms)));
                        if (from_ms..=to_ms).contains(&header.written_ms) {
                            span.first = span.first.min(header.first);
                            span.last = span.last.max(header.last());
                        }
                    }
                }
            }
        }
        let (first, last) = (span.first, span.last);
        let within = |(from, to): &(Seq, Seq)| (to.0.min(last.0) + 1).saturating_sub(from.0.max(first.0));
        span.damaged = lock(&self.state).lost.iter().map(within).sum();
        Ok(span)
    }

    /// Begins a replay: it is durable when this returns. One at a time for a destination.
    pub fn begin_replay(&self, replay: &Replaying) -> Result<(), QueueError> {
        let mut book = lock(&self.book);
        if let Some(standing) = self.replaying(&replay.destination) {
            return Err(QueueError::Replaying { destination: replay.destination.clone(), left: standing.left() });
        }
        // Before it is in the book, so that nothing of it is let go meanwhile.
        lock(&self.state).replays.insert(replay.destination.clone(), replay.clone());
        if let Err(fault) = book.put_replay(replay).and_then(|()| book.barrier()) {
            let mut state = lock(&self.state);
            state.replays.remove(&replay.destination);
            state.book_fault = Some(fault.clone());
            return Err(QueueError::Book(fault));
        }
        self.replays.send_modify(|changes| *changes += 1);
        Ok(())
    }

    /// Ends a replay before it is through, durably; returns it as it stood, or nothing where there is none.
    pub fn cancel_replay(&self, destination: &str) -> Result<Option<Replaying>, QueueError> {
        // The book first: a replay that would come back with the next start is not cancelled.
        let mut book = lock(&self.book);
        book.remove(REPLAY, destination).and_then(|()| book.barrier()).map_err(QueueError::Book)?;
        let ended = lock(&self.state).replays.remove(destination);
        self.replays.send_modify(|changes| *changes += 1);
        Ok(ended)
    }

    /// The replay of this destination, if there is one.
    pub fn replaying(&self, destination: &str) -> Option<Replaying> {
        lock(&self.state).replays.get(destination).cloned()
    }

    /// Moves on with each replay that begins or is cancelled.
    pub fn replays(&self) -> tokio::sync::watch::Receiver<u64> {
        self.replays.subscribe()
    }

    /// The peer confirmed more of a replay. It ends here when it is through. False: it was cancelled meanwhile. As with
    /// a cursor, a power cut may take a few seconds of it back: repeats, never loss.
    pub fn replay_moved(&self, replay: &Replaying) -> bool {
        // Held throughout: a cancel that came between would be undone in the book.
        let mut book = lock(&self.book);
        {
            let mut state = lock(&self.state);
            let Some(standing) = state.replays.get_mut(&replay.destination).filter(|standing| standing.is(replay))
            else {
                return false;
            };
            *standing = replay.clone();
            if replay.is_through() {
                state.replays.remove(&replay.destination);
            }
        }
        let entered =
            if replay.is_through() { book.remove(REPLAY, &replay.destination) } else { book.put_replay(replay) };
        let written = entered.and_then(|()| book.hand_over());
        lock(&self.state).book_fault = written.err();
        true
    }

    /// Everything behind this is still to be handed over by some replay.
    pub(super) fn replayed_up_to(&self) -> Option<Seq> {
        lock(&self.state).replays.values().map(|replay| replay.next.before()).min()
    }

    /// For a book that was opened again. One whose beginning or end it could not write is not to come back with the next
    /// start.
    pub(super) fn enter_replays(&self, book: &mut Book) -> Result<(), String> {
        let stand = lock(&self.state).replays.clone();
        for ended in book.replays()?.iter().filter(|replay| !stand.contains_key(&replay.destination)) {
            book.remove(REPLAY, &ended.destination)?;
        }
        stand.values().try_for_each(|replay| book.put_replay(replay))
    }
}
