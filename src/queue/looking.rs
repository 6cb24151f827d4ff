//! Looking back over what is still here, the newest first: for people who search, not for destinations.
//!
//! Promise: it moves no cursor, holds one frame's texts at a time, and ends when whoever looks says so, between two frames.

use super::frame::{self, Header, Kind};
use super::segment::{Found, Segment};
use super::{Queue, QueueError};
use crate::event::{Seq, Stored};

/// How far a look came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookedBack {
    /// Everything from here up to where it began was looked at; the next look goes on before it.
    pub down_to: Seq,
    /// When the last frame that it came to was kept, milliseconds since 1970.
    pub kept_ms: Option<i64>,
    /// There is nothing older.
    pub whole: bool,
    /// Frames that did not check out: what they held was not looked at.
    pub unreadable: u64,
}

/// What whoever looks back decides on the way.
pub trait Looker {
    /// An event and when it was kept, milliseconds since 1970. False: this was the last one wanted.
    fn see(&mut self, stored: &Stored, kept_ms: i64) -> bool;
    /// Asked before each frame but the first, with the bytes of frames read so far. False: it ends here.
    fn goes_on(&mut self, bytes: u64) -> bool;
}

impl Queue {
    /// Shows the events before this seq, the newest first. Frames that were kept before `since_ms` are passed over
    /// unread.
    ///
    /// # Errors
    /// A file of the journal that can't be read at all.
    pub fn look_back(&self, before: Seq, since_ms: i64, looker: &mut dyn Looker) -> Result<LookedBack, QueueError> {
        let mut segments: Vec<Segment> =
            self.journal.with_segments(|all| all.range(..before.0).map(|(_, segment)| segment.clone()).collect());
        let mut looked = LookedBack { down_to: before, ..LookedBack::default() };
        let mut bytes = 0;
        while let Some(segment) = segments.pop() {
            let fail = |e| QueueError::disk("read", &segment.path, e);
            let mut frames = frames_before(&segment, before, since_ms, &mut looked).map_err(fail)?;
            while let Some(offset) = frames.pop() {
                let Found::Frame(header) = segment.at(offset).map_err(fail)? else { continue };
                if bytes > 0 && !looker.goes_on(bytes) {
                    return Ok(looked);
                }
                bytes += header.frame_len();
                looked.kept_ms = Some(header.written_ms);
                let wants_more = match self.frame_at(&segment, offset, &header)? {
                    Some(events) => show(&events, header.written_ms, looker, &mut looked),
                    None => {
                        looked.unreadable += 1;
                        true
                    }
                };
                if !wants_more {
                    return Ok(looked);
                }
                looked.down_to = looked.down_to.min(header.first);
            }
        }
        looked.whole = true;
        Ok(looked)
    }

    /// One event and when it was kept (milliseconds since 1970); nothing where it is not here, or is damaged.
    ///
    /// # Errors
    /// A file of the journal that can't be read at all.
    pub fn event(&self, seq: Seq) -> Result<Option<(Stored, i64)>, QueueError> {
        if seq == Seq(0) || seq < self.oldest() {
            return Ok(None);
        }
        let Some(kept_ms) = self.kept_ms(seq.before()) else { return Ok(None) };
        let batch = self.read_after(seq.before(), 1, 1)?;
        Ok(batch.events.into_iter().find(|stored| stored.seq == seq).map(|stored| (stored, kept_ms)))
    }

    fn frame_at(&self, segment: &Segment, offset: u64, header: &Header) -> Result<Option<Vec<Stored>>, QueueError> {
        let payload = segment.payload(offset, header).map_err(|e| QueueError::disk("read", &segment.path, e))?;
        let Ok(payload) = payload else { return Ok(None) };
        let decoded = self.with_codec(|codec| Ok(frame::events(header, &payload, codec)));
        Ok(decoded.ok().and_then(Result::ok))
    }
}

/// Where the frames with events before this seq begin, oldest first. Only heads are read.
fn frames_before(segment: &Segment, before: Seq, since_ms: i64, looked: &mut LookedBack) -> std::io::Result<Vec<u64>> {
    let (mut frames, mut at) = (Vec::new(), 0);
    loop {
        match segment.at(at)? {
            Found::End => return Ok(frames),
            Found::Hole { until, .. } => {
                looked.unreadable += 1;
                at = until;
            }
            Found::Frame(header) => {
                if header.first >= before && header.kind == Kind::Page {
                    return Ok(frames);
                }
                if header.kind == Kind::Page && header.count > 0 && header.written_ms >= since_ms {
                    frames.push(at);
                }
                at += header.frame_len();
            }
        }
    }
}

/// False: no more is wanted.
fn show(events: &[Stored], kept_ms: i64, looker: &mut dyn Looker, looked: &mut LookedBack) -> bool {
    // A frame that is there twice is shown once.
    let before = looked.down_to;
    for stored in events.iter().rev().filter(|stored| stored.seq < before) {
        looked.down_to = stored.seq;
        if !looker.see(stored, kept_ms) {
            return false;
        }
    }
    true
}
