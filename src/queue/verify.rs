//! Looking at everything that is kept, changing nothing.
//!
//! Promise: each byte of the journal is read and each frame is decoded; what does not check out is told with its place,
//! its extent and the events that are lost with it.

use std::collections::BTreeMap;
use std::fmt;

use super::codec::Codec;
use super::frame::{self, Kind};
use super::segment::{Found, Segment};
use super::{Queue, QueueError, lock};
use crate::event::Seq;
use crate::values::ByteSize;

/// A stretch of the journal that does not check out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The segment, by its first seq.
    pub segment: u64,
    /// The byte in it.
    pub offset: u64,
    /// 0 where the file ends too early, or a whole one is missing.
    pub bytes: u64,
    /// Events lost with it; none when `first > last`.
    pub first: Seq,
    pub last: Seq,
    /// The streams have gone back for these events already; the bytes stay until the segment is let go.
    #[serde(default)]
    pub mended: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal/{:020}.cdj at byte {}: {}", self.segment, self.offset, ByteSize(self.bytes))?;
        if self.first > self.last {
            f.write_str(", no event")?;
        } else {
            write!(f, ", events {} to {}", self.first, self.last)?;
        }
        f.write_str(if self.mended { " (fetched again already)" } else { "" })
    }
}

/// An event in quarantine that can't be read any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct AsideLost {
    pub destination: String,
    pub seq: Seq,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    pub segments: u64,
    pub frames: u64,
    pub events: u64,
    pub bytes: u64,
    /// In the order of the journal.
    pub damage: Vec<Finding>,
    /// Of the quarantine: their files are damaged or missing.
    #[serde(default)]
    pub aside: Vec<AsideLost>,
    /// Bytes of an end that was never confirmed: after a crash, and no damage. The next start cuts them.
    pub torn_bytes: u64,
    /// The book can't be opened: the next start sets it aside and rebuilds it.
    pub book_damaged: bool,
    /// What else the next start would do, in sentences.
    pub repairs: Vec<String>,
}

impl Verified {
    /// Nothing is damaged that is not mended.
    pub fn is_well(&self) -> bool {
        self.damage.iter().all(|finding| finding.mended)
            && self.aside.is_empty()
            && !self.book_damaged
            && self.repairs.is_empty()
    }
}

impl Queue {
    /// Reads everything that is durable now. `looked` hears how many bytes of how many it has read, and says whether to
    /// go on; without, what was found so far comes back.
    pub fn verify(&self, looked: &mut dyn FnMut(u64, u64) -> bool) -> Result<Verified, QueueError> {
        let segments = self.journal.with_segments(Clone::clone);
        let (known, lost) = {
            let state = lock(&self.state);
            (state.damage.clone(), state.lost.clone())
        };
        let mut walk = Walk { looked, of: segments.values().map(|s| s.len).sum(), verified: Verified::default() };
        let mut codec = Codec::new(self.format).map_err(|e| QueueError::disk("read", &self.dir, e))?;
        for (first, segment) in &segments {
            let walked = walk.segment(Seq(*first), segment, &mut codec);
            if !walked.map_err(|e| QueueError::disk("read", &segment.path, e))? {
                break;
            }
        }
        let mut verified = walk.verified;
        let found: BTreeMap<(u64, u64), Finding> =
            verified.damage.iter().map(|f| ((f.segment, f.offset), *f)).collect();
        let noted = known.iter().map(|note| Finding {
            segment: note.at.segment,
            offset: note.at.offset,
            bytes: note.bytes,
            first: note.first,
            last: note.last,
            mended: false,
        });
        verified.damage.extend(noted.filter(|note| !found.contains_key(&(note.segment, note.offset))));
        verified.damage.sort();
        let owed = |finding: &Finding| {
            known.iter().any(|note| !note.rewound && note.first <= finding.last && finding.first <= note.last)
        };
        for finding in &mut verified.damage {
            let gone_back = lost.iter().any(|(first, last)| *first <= finding.first && finding.last <= *last);
            finding.mended = finding.first <= finding.last && gone_back && !owed(finding);
        }
        verified.aside = self.lost_aside()?;
        Ok(verified)
    }

    fn lost_aside(&self) -> Result<Vec<AsideLost>, QueueError> {
        let mut lost = Vec::new();
        for entry in self.quarantined() {
            if self.aside(&entry.destination, entry.seq)?.is_none() {
                lost.push(AsideLost { destination: entry.destination, seq: entry.seq });
            }
        }
        Ok(lost)
    }
}

struct Walk<'l> {
    looked: &'l mut dyn FnMut(u64, u64) -> bool,
    of: u64,
    verified: Verified,
}

impl Walk<'_> {
    /// False when it is told to stop.
    fn segment(&mut self, first: Seq, segment: &Segment, codec: &mut Codec) -> std::io::Result<bool> {
        let (mut offset, mut last) = (0, first.before());
        self.verified.segments += 1;
        loop {
            let finding = |offset, bytes, first, last| Finding {
                segment: first_of(segment),
                offset,
                bytes,
                first,
                last,
                mended: false,
            };
            let from = offset;
            match segment.at(offset)? {
                Found::End => {
                    if last < segment.last {
                        self.verified.damage.push(finding(offset, 0, last.next(), segment.last));
                    }
                    return Ok(true);
                }
                Found::Hole { until, next } => {
                    let lost_to = next.map_or(segment.last, |header| header.first.before());
                    self.verified.damage.push(finding(offset, until - offset, last.next(), lost_to));
                    last = last.max(lost_to);
                    offset = until;
                }
                Found::Frame(header) => {
                    let payload = segment.payload(offset, &header)?;
                    let events = payload.and_then(|payload| frame::events(&header, &payload, codec));
                    match events {
                        Ok(events) => {
                            self.verified.frames += 1;
                            self.verified.events += events.len() as u64;
                        }
                        Err(_) => {
                            let (lost, lost_to) = match header.kind {
                                Kind::Page => (header.first, header.last()),
                                Kind::Snapshot => (last.next(), last),
                            };
                            self.verified.damage.push(finding(offset, header.frame_len(), lost, lost_to));
                        }
                    }
                    last = last.max(header.last_event());
                    offset += header.frame_len();
                }
            }
            self.verified.bytes += offset - from;
            if !(self.looked)(self.verified.bytes, self.of) {
                return Ok(false);
            }
        }
    }
}

/// The name that the segment bears.
fn first_of(segment: &Segment) -> u64 {
    let name = segment.path.file_name().and_then(|name| name.to_str());
    name.and_then(super::segment::first_of).map_or(0, |first| first.0)
}
