//! Reading by cursor, from memory or from the journal.
//!
//! Promise: events come in order and without a silent hole; what can't be read is noted with its range.

use super::facts::DamageNote;
use super::frame::{self, Header, Kind};
use super::journal::Position;
use super::segment::{Found, Segment};
use super::{Queue, QueueError, lock};
use crate::event::{Event, Seq, Stored};

/// Places remembered for readers that come back: a few for each destination.
const HINTS: usize = 64;

/// What was found after a cursor.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<Stored>,
    /// Everything up to here has been looked at: past the last event where the rest was damaged.
    pub upto: Seq,
}

impl Queue {
    /// Events after this seq: whole frames, until `max` events or `bytes` of texts are reached.
    pub fn read_after(&self, cursor: Seq, max: usize, bytes: usize) -> Result<Batch, QueueError> {
        let head = self.head_now();
        if cursor >= head {
            return Ok(Batch { events: Vec::new(), upto: cursor });
        }
        let fresh = lock(&self.state).fresh.after(cursor, max, bytes);
        if let Some(last) = fresh.last().map(|s| s.seq) {
            return Ok(Batch { events: fresh, upto: last });
        }
        let mut at = self.locate(cursor);
        let mut batch = Batch { events: Vec::new(), upto: cursor };
        let mut weight = 0;
        while batch.events.len() < max && weight < bytes {
            // Asked first: a segment that has a follower grows no more, so what is looked at next is all of it.
            let following = self.segment_after(at.segment);
            let Some(segment) = self.segment(at.segment) else {
                if self.journal.with_segments(|all| all.is_empty()) {
                    batch.upto = head;
                }
                break; // it was let go meanwhile: the next call looks where the journal begins now
            };
            let found = segment.at(at.offset).map_err(|e| QueueError::disk("read", &segment.path, e))?;
            match found {
                Found::End => match following {
                    Some(next) => {
                        // It ends before the next one begins: its end is gone.
                        let missing = batch.upto.next().max(Seq(at.segment));
                        if missing <= segment.last && !self.is_known_lost(missing) {
                            self.note_damage(&segment, at, 0, missing, segment.last);
                        }
                        at = Position { segment: next, offset: 0 };
                    }
                    None => {
                        // All up to the head is in the journal, or was in an end that is gone: there is nothing to wait for.
                        batch.upto = batch.upto.max(head);
                        break;
                    }
                },
                Found::Frame(header) => {
                    if header.kind == Kind::Page && header.count > 0 && header.last() > batch.upto {
                        weight += self.read_frame(&segment, at, &header, &mut batch)?;
                    }
                    batch.upto = batch.upto.max(header.last_event());
                    at.offset += header.frame_len();
                }
                Found::Hole { until, next } => {
                    let last = next.map_or(segment.last, |n| n.first.before());
                    // What is before this segment was let go: it is not lost with it.
                    let missing = batch.upto.next().max(Seq(at.segment));
                    self.note_damage(&segment, at, until - at.offset, missing, last);
                    batch.upto = batch.upto.max(last);
                    at.offset = until;
                }
            }
        }
        self.remember(batch.upto, at);
        Ok(batch)
    }

    fn read_frame(
        &self,
        segment: &Segment,
        at: Position,
        header: &Header,
        batch: &mut Batch,
    ) -> Result<usize, QueueError> {
        let payload = segment.payload(at.offset, header).map_err(|e| QueueError::disk("read", &segment.path, e))?;
        let decoded = payload.and_then(|payload| {
            self.with_codec(|codec| Ok(frame::events(header, &payload, codec)))
                .unwrap_or(Err(frame::Damage::Compression))
        });
        match decoded {
            Ok(mut events) => {
                // A frame that is there twice is read once.
                events.retain(|stored| stored.seq > batch.upto);
                let weight = events.iter().map(|s| Event::weight(&s.event)).sum();
                batch.events.append(&mut events);
                Ok(weight)
            }
            Err(_) => {
                self.note_damage(segment, at, header.frame_len(), header.first, header.last());
                Ok(0)
            }
        }
    }

    /// Where the event after this cursor begins, or a place before it.
    fn locate(&self, cursor: Seq) -> Position {
        if let Some((_, at)) = lock(&self.state).hints.iter().rev().find(|(seq, _)| *seq == cursor) {
            let at = *at;
            if self.segment(at.segment).is_some_and(|s| at.offset <= s.len) {
                return at;
            }
        }
        let segment = self.journal.with_segments(|all| {
            let holds = all.range(..=cursor.next().0).next_back().or_else(|| all.iter().next());
            holds.map_or(0, |(first, _)| *first)
        });
        Position { segment, offset: 0 }
    }

    fn remember(&self, seq: Seq, at: Position) {
        let hints = &mut lock(&self.state).hints;
        hints.retain(|(known, _)| *known != seq);
        if hints.len() >= HINTS {
            hints.remove(0);
        }
        hints.push((seq, at));
    }

    fn segment(&self, first: u64) -> Option<Segment> {
        self.journal.with_segments(|all| all.get(&first).cloned())
    }

    fn segment_after(&self, first: u64) -> Option<u64> {
        self.journal.with_segments(|all| all.range(first + 1..).next().map(|(next, _)| *next))
    }

    /// When the first event after this cursor was kept, milliseconds since 1970.
    pub(super) fn kept_ms(&self, cursor: Seq) -> Option<i64> {
        if cursor >= self.head_now() {
            return None;
        }
        let mut at = self.locate(cursor);
        loop {
            let segment = self.segment(at.segment)?;
            match segment.at(at.offset).ok()? {
                Found::Frame(header) if header.count > 0 && header.last() > cursor => return Some(header.written_ms),
                Found::Frame(header) => at.offset += header.frame_len(),
                Found::Hole { until, .. } => at.offset = until,
                Found::End => at = Position { segment: self.segment_after(at.segment)?, offset: 0 },
            }
        }
    }

    fn is_known_lost(&self, seq: Seq) -> bool {
        super::is_lost(&lock(&self.state).lost, seq)
    }

    /// Notes that the journal ends before the book's place; there are no bytes to set aside.
    pub(super) fn note_gone(&self, at: Position, first: Seq, last: Seq) {
        self.note(DamageNote { at, bytes: 0, first, last, rewound: false });
    }

    /// Notes damage once: counted, its bytes set aside, its events no longer taken for kept.
    pub(super) fn note_damage(&self, segment: &Segment, at: Position, len: u64, first: Seq, last: Seq) {
        if self.note(DamageNote { at, bytes: len, first, last, rewound: false }) {
            self.set_aside(segment, at, len);
        }
    }

    /// False where it was noted before.
    fn note(&self, note: DamageNote) -> bool {
        let (first, last) = (note.first, note.last);
        {
            let mut state = lock(&self.state);
            if state.damage.iter().any(|known| known.at == note.at) {
                return false;
            }
            state.damage.push(note);
            if first <= last {
                state.lost.push((first, last));
            }
        }
        if first <= last {
            self.write_book(|book| book.put_lost(first, last, Some(note.at)).and_then(|()| book.barrier()));
        }
        true
    }
}
