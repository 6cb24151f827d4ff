//! What one step brings home: a page within its bounds.
//!
//! Promise: no event is in it twice, and it is never larger than a page may be, but for a single event that is larger
//! alone.

use std::collections::HashSet;

use bytestring::ByteString;
use jiff::Timestamp;

use super::window::Seconds;
use crate::connectors::{PAGE_BYTES, PAGE_EVENTS, Page};
use crate::event::{Event, Gap};

#[derive(Default)]
pub struct Harvest {
    pub page: Page,
    ids: HashSet<ByteString>,
    /// Bytes of the events.
    weight: usize,
    closed: bool,
}

impl Harvest {
    pub fn full(&self) -> bool {
        self.closed || self.page.events.len() >= PAGE_EVENTS || self.weight >= PAGE_BYTES
    }

    /// Events that still fit, by their number.
    pub fn room(&self) -> usize {
        PAGE_EVENTS - self.page.events.len().min(PAGE_EVENTS)
    }

    pub fn holds(&self, id: &ByteString) -> bool {
        self.ids.contains(id)
    }

    /// Takes an event in. `false`: it found no room, and the page is closed: what comes after it belongs after it.
    pub fn put(&mut self, event: Event) -> bool {
        let weight = self.weight + event.weight();
        let fits = self.page.events.len() < PAGE_EVENTS && weight <= PAGE_BYTES;
        if !fits && !self.page.events.is_empty() {
            self.closed = true;
            return false;
        }
        self.weight = weight;
        self.ids.insert(event.id.clone());
        self.page.events.push(event);
        true
    }

    /// Nobody will ever get this range.
    pub fn gap(&mut self, from: Seconds, to: Seconds, reason: impl Into<String>) {
        let time = |at| Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
        self.page.gaps.push(Gap { from: time(from), to: time(to), reason: reason.into() });
    }

    /// The page, with ranges of the same reason that touch as one.
    pub fn page(self) -> Page {
        let mut gaps = self.page.gaps;
        gaps.sort_by(|a, b| (&a.reason, a.from).cmp(&(&b.reason, b.from)));
        let mut merged: Vec<Gap> = Vec::new();
        for gap in gaps {
            match merged.last_mut() {
                Some(last) if last.reason == gap.reason && gap.from <= last.to => last.to = last.to.max(gap.to),
                Some(_) | None => merged.push(gap),
            }
        }
        Page { gaps: merged, ..self.page }
    }
}
