//! Pages made ready ahead of their turn: one thread compresses the next while another waits for a barrier.
//!
//! Promise: pages are kept in the order in which they are handed in; one that could not be written is still in the
//! caller's hands.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::frame::{Draft, PageMeta};
use super::{Payload, Queue, QueueError, lock};
use crate::event::{Event, Seq};

/// A page that has only to be written. It brings no checkpoint, and its ids are not remembered.
pub struct Prepared {
    draft: Draft,
    /// Goes with the frame once it is written.
    payload: Option<Payload>,
}

/// What became of prepared pages.
#[derive(Debug, Default)]
pub struct KeptPages {
    /// The last seq of each that is durable, from the front.
    pub last: Vec<Seq>,
    /// Why the others are not.
    pub fault: Option<QueueError>,
}

impl Queue {
    /// Compresses a page, and keeps nothing yet.
    pub fn prepare(&self, integration: &str, stream: &str, events: Vec<Event>) -> Result<Prepared, QueueError> {
        let meta = PageMeta { integration: integration.into(), stream: stream.into(), ..PageMeta::default() };
        let draft = self
            .with_codec(|codec| Draft::page(&meta, &events, false, codec))
            .map_err(|e| QueueError::disk("encode a page for", &self.dir, e))?;
        Ok(Prepared { draft, payload: Some(Payload { meta, events, marks: Vec::new(), keyed: false }) })
    }

    /// Keeps pages, those that have room now by one barrier; the others stay in `pages`. A page that neither stays nor is
    /// counted among the kept ones was written, and its barrier failed: whoever sent it has to send it again.
    pub fn append_prepared(&self, pages: &mut VecDeque<Prepared>) -> KeptPages {
        let mut kept = KeptPages::default();
        if pages.is_empty() {
            return kept;
        }
        let _before_any_rewind = self.rewinding.read().unwrap_or_else(PoisonError::into_inner);
        let (mut written, mut behind) = (Vec::new(), None);
        // Of the room, and of the disk itself.
        let (mut refused, mut failed, mut tried) = (None, None, false);
        while let Some(Prepared { draft, payload }) = pages.front_mut() {
            if let Err(error) = self.make_room(draft.len()) {
                refused = Some(error);
                break;
            }
            tried = true;
            match self.journal.write(draft, payload, behind, self.segment_limit(), self) {
                Ok((mark, placed)) => {
                    behind = Some(mark);
                    written.push((mark, placed.last, u64::from(draft.count())));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            pages.pop_front();
        }
        let mut events = 0;
        for (mark, last, count) in written {
            if let Err(error) = self.journal.wait(mark, self) {
                // A roll that met the same fault has said more.
                if failed.as_ref().is_none_or(QueueError::is_full) {
                    failed = Some(error);
                }
                break;
            }
            kept.last.push(last);
            events += count;
        }
        let mut state = lock(&self.state);
        if tried {
            state.write_fault = failed.as_ref().filter(|e| !e.is_full()).map(ToString::to_string);
        }
        state.appended += events;
        kept.fault = failed.or(refused);
        kept
    }
}
