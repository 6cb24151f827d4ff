//! What the book remembers, for reports: ids of up to [`HORIZON_DAYS`] days in their order, each with its marks.
//!
//! Promise: reading here holds the book for a few entries at a time, so that no append waits for a report.

use super::{Place, Queue, QueueError, lock};
use crate::event::{Event, Seq};

/// Days after which the id of an event is forgotten.
pub const HORIZON_DAYS: u32 = 90;

/// Makes of an event what a report will need of it. The queue keeps these bytes beside the event's id for as long as
/// the id, and knows nothing of what is in them.
pub type Marker = fn(&Event) -> Option<Vec<u8>>;

/// No marks.
pub(super) fn unmarked(_: &Event) -> Option<Vec<u8>> {
    None
}

/// An event whose id is remembered, though it may have left the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: String,
    pub seq: Seq,
    /// The day on which it was kept: days since 1970, UTC.
    pub day: u32,
    /// As its [`Marker`] made them; empty: none were made.
    pub marks: Vec<u8>,
}

impl Known {
    /// From what stands in the book; an entry that can't be read is none.
    pub(super) fn read(id: &str, value: &[u8]) -> Option<Known> {
        let seq = Seq(u64::from_le_bytes(value.get(..8)?.try_into().ok()?));
        let day = u32::from_le_bytes(value.get(8..12)?.try_into().ok()?);
        Some(Known { id: id.to_owned(), seq, day, marks: value.get(12..)?.to_vec() })
    }
}

/// How far back the book remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Ids are forgotten after as many days.
    pub days: u32,
    /// When the book was begun, milliseconds since 1970; `None`: by a version that did not note it.
    pub begun_ms: Option<i64>,
    /// There was a book before it, which was lost: of what it knew, only what the journal still held was entered again.
    pub rebuilt: bool,
}

impl Queue {
    /// Remembered ids that follow `after` (empty: from the first) and begin with `prefix`, at most as many. All versions
    /// of one native id follow each other.
    pub fn known_after(&self, prefix: &str, after: &str, most: usize) -> Result<Vec<Known>, QueueError> {
        lock(&self.book).seen_after(prefix, after, most).map_err(QueueError::Book)
    }

    /// How far back [`Queue::known_after`] can tell.
    pub fn memory(&self) -> Result<Memory, QueueError> {
        let begun = lock(&self.book).begun().map_err(QueueError::Book)?;
        let (begun_ms, rebuilt) = begun.map_or((None, false), |(ms, rebuilt)| (Some(ms), rebuilt));
        Ok(Memory { days: HORIZON_DAYS, begun_ms, rebuilt })
    }

    /// Every stream that has a place, and it: integration, stream, place. In no order.
    pub fn places(&self) -> Vec<(String, String, Place)> {
        let state = lock(&self.state);
        state
            .streams
            .iter()
            .map(|((integration, stream), place)| (integration.clone(), stream.clone(), place.clone()))
            .collect()
    }
}
