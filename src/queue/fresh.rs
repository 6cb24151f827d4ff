//! The newest events, kept in memory for the destinations that keep up.
//!
//! Promise: a bounded window on what the journal holds already, never the only copy.

use std::collections::VecDeque;

use crate::event::{Event, Seq, Stored};

/// Bytes of texts held at the most (the newest frame is held whatever its size).
const LIMIT: usize = 1 << 20;

#[derive(Debug, Default)]
pub struct Fresh {
    frames: VecDeque<Held>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    first: Seq,
    events: Vec<Event>,
    bytes: usize,
}

impl Fresh {
    /// Takes the newest frame in and lets old ones go.
    pub fn push(&mut self, first: Seq, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let bytes = events.iter().map(Event::weight).sum();
        self.bytes += bytes;
        self.frames.push_back(Held { first, events, bytes });
        while self.bytes > LIMIT && self.frames.len() > 1 {
            if let Some(old) = self.frames.pop_front() {
                self.bytes -= old.bytes;
            }
        }
    }

    /// Lets everything go that is at or before this seq: nobody needs it from here.
    pub fn release(&mut self, taken: Seq) {
        while self.frames.front().is_some_and(|f| f.first.0 + f.events.len() as u64 <= taken.next().0) {
            if let Some(old) = self.frames.pop_front() {
                self.bytes -= old.bytes;
            }
        }
    }

    /// Whole frames that follow this seq without a hole, while they fit; empty when the next event is not held.
    pub fn after(&self, cursor: Seq, max: usize, bytes: usize) -> Vec<Stored> {
        let mut found: Vec<Stored> = Vec::new();
        let (mut next, mut weight) = (cursor.next(), 0);
        for frame in &self.frames {
            let end = frame.first.0 + frame.events.len() as u64;
            if end <= next.0 {
                continue;
            }
            if frame.first > next || (!found.is_empty() && (found.len() >= max || weight >= bytes)) {
                break;
            }
            let skip = (next.0 - frame.first.0) as usize;
            let numbered = (next.0..).map(Seq).zip(&frame.events[skip..]);
            found.extend(numbered.map(|(seq, event)| Stored { seq, event: event.clone() }));
            weight += frame.bytes;
            next = Seq(end);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;
    use jiff::Timestamp;

    fn events(n: usize) -> Vec<Event> {
        let event = Event {
            id: "a/b/c/d".into(),
            integration: "a".into(),
            stream: "b".into(),
            kind: "threat".into(),
            severity: Severity::Low,
            occurred: Timestamp::UNIX_EPOCH,
            observed: Timestamp::UNIX_EPOCH,
            summary: "s".into(),
            raw: "{}".into(),
        };
        vec![event; n]
    }

    fn seqs(found: &[Stored]) -> Vec<u64> {
        found.iter().map(|s| s.seq.0).collect()
    }

    #[test]
    fn a_reader_in_the_middle_of_a_frame_gets_the_rest_and_what_follows() {
        let mut fresh = Fresh::default();
        fresh.push(Seq(1), events(3));
        fresh.push(Seq(4), events(2));
        assert_eq!(seqs(&fresh.after(Seq(1), 100, 1 << 20)), [2, 3, 4, 5]);
        assert_eq!(seqs(&fresh.after(Seq(1), 1, 1 << 20)), [2, 3], "frames are not split");
        assert!(fresh.after(Seq(5), 100, 1 << 20).is_empty());
    }

    #[test]
    fn a_hole_ends_what_memory_can_tell() {
        let mut fresh = Fresh::default();
        fresh.push(Seq(1), events(2));
        fresh.push(Seq(10), events(2));
        assert_eq!(seqs(&fresh.after(Seq(0), 100, 1 << 20)), [1, 2]);
        assert!(fresh.after(Seq(2), 100, 1 << 20).is_empty());
    }

    #[test]
    fn what_everyone_has_taken_is_let_go() {
        let mut fresh = Fresh::default();
        fresh.push(Seq(1), events(3));
        fresh.push(Seq(4), events(3));
        fresh.release(Seq(3));
        assert!(fresh.after(Seq(0), 100, 1 << 20).is_empty());
        assert_eq!(seqs(&fresh.after(Seq(3), 100, 1 << 20)), [4, 5, 6]);
    }
}
