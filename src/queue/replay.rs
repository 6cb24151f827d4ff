//! Replaying the journal's tail: what the book has not seen yet is entered, and where everything stands is found.
//!
//! Promise: frames take effect in their order and only when they check out; what does not is cut where it is the
//! torn end of an unconfirmed write, and reported with its extent where it is not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::book::{Book, Entry};
use super::cursors::Standing;
use super::facts::OpenReport;
use super::frame::{self, Header, Kind, PageMeta, SnapshotMeta};
use super::journal::Position;
use super::known::Marker;
use super::places::{page_meta, read_snapshot};
use super::segment::{Found, Segment};
use super::{Place, QueueError, day_of};
use crate::event::Seq;

/// A stretch that does not check out: where, how long, and the seqs that it took along.
pub(super) type Hole = (Segment, Position, u64, Seq, Seq);

/// Reads the frames that the book has not seen.
pub(super) struct Replay {
    pub(super) book: Book,
    pub(super) streams: HashMap<(String, String), Place>,
    from: Position,
    marker: Marker,
    pub(super) next: Seq,
    pub(super) damage: Vec<Hole>,
    /// Segments with a stretch that is no frame.
    pub(super) holed: BTreeSet<u64>,
    /// The book's place, where the journal ends before it.
    pub(super) beyond: Option<Position>,
}

impl Replay {
    /// From where the book stands; without a usable book, from the oldest segment's snapshot.
    pub(super) fn begin(book: Book, segments: &BTreeMap<u64, Segment>, marker: Marker) -> Result<Replay, QueueError> {
        let position = book.position().map_err(QueueError::Book)?;
        let mut streams = HashMap::new();
        let mut put = |meta: PageMeta| {
            let place = Place { checkpoint: meta.checkpoint, deferred: meta.deferred, generation: 0 };
            streams.insert((meta.integration, meta.stream), place);
        };
        book.streams().map_err(QueueError::Book)?.into_iter().for_each(&mut put);
        let oldest = Position { segment: segments.keys().next().copied().unwrap_or(0), offset: 0 };
        let newest = segments.keys().next_back().copied();
        let beyond = position.filter(|p| match segments.get(&p.segment) {
            Some(segment) => p.offset > segment.len,
            None => newest.is_none_or(|newest| p.segment > newest),
        });
        let known = position.filter(|p| segments.contains_key(&p.segment));
        // A segment that was cut is read whole: what is left of its last frame must be cut too.
        let known = known.map(|p| if beyond.is_some() { Position { offset: 0, ..p } } else { p });
        let from = known.unwrap_or(oldest);
        let (damage, holed) = (Vec::new(), BTreeSet::new());
        Ok(Replay { book, streams, from, marker, next: Seq(0), damage, holed, beyond })
    }

    pub(super) fn run(
        &mut self,
        segments: &mut BTreeMap<u64, Segment>,
        report: &mut OpenReport,
    ) -> Result<(), QueueError> {
        let newest = segments.keys().next_back().copied();
        let firsts: Vec<u64> = segments.range(self.from.segment..).map(|(first, _)| *first).collect();
        for first in firsts {
            let Some(segment) = segments.get_mut(&first) else { continue };
            let from = if first == self.from.segment { self.from.offset.min(segment.len) } else { 0 };
            if from > 0 {
                // Frames before the book's place are not read again, but what follows them is counted from their last.
                let before = before(segment, from);
                self.next = self.next.max(before.next);
                if before.holed {
                    self.holed.insert(first);
                }
                if newest == Some(first) {
                    segment.last = segment.last.max(before.last);
                }
            }
            self.segment(segment, first, from, newest == Some(first), report)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        segment: &mut Segment,
        first: u64,
        from: u64,
        newest: bool,
        report: &mut OpenReport,
    ) -> Result<(), QueueError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |e| QueueError::disk("read", &path, e)
        };
        let mut offset = from;
        loop {
            match segment.at(offset).map_err(fail(&segment.path))? {
                Found::End => break,
                Found::Hole { until, next: None } if newest => {
                    // Nothing whole follows: the torn end of a write that was never confirmed.
                    report.torn_bytes += until - offset;
                    cut(segment, offset)?;
                    break;
                }
                Found::Hole { until, next } => {
                    self.holed.insert(first);
                    let lost_to = next.map_or(segment.last, |n| n.first.before());
                    let at = Position { segment: first, offset };
                    self.damage.push((segment.clone(), at, until - offset, self.next.max(Seq(first)), lost_to));
                    offset = until;
                }
                Found::Frame(header) => {
                    let end = offset + header.frame_len();
                    // A whole segment of imports has nothing for the books: its headers are enough.
                    let of_no_interest = !newest && !header.keyed && header.count > 0;
                    if !of_no_interest {
                        match segment.payload(offset, &header).map_err(fail(&segment.path))? {
                            Ok(payload) => self.frame(&header, &payload)?,
                            Err(_) if newest && end == segment.len => {
                                report.torn_bytes += end - offset;
                                cut(segment, offset)?;
                                break;
                            }
                            Err(_) => {
                                let at = Position { segment: first, offset };
                                let hole = (segment.clone(), at, end - offset, header.first, header.last());
                                self.damage.push(hole);
                            }
                        }
                    }
                    report.frames_read += 1;
                    self.next = self.next.max(header.last().next());
                    if newest {
                        segment.last = segment.last.max(header.last_event());
                    }
                    offset = end;
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, header: &Header, payload: &[u8]) -> Result<(), QueueError> {
        match header.kind {
            Kind::Snapshot => {
                let Some(snapshot) =
                    frame::meta(header, payload).ok().and_then(|m| serde_json::from_slice::<SnapshotMeta>(m).ok())
                else {
                    return Ok(());
                };
                for meta in snapshot.streams {
                    self.put(meta);
                }
            }
            Kind::Page => {
                let Some(meta) = page_meta(header, payload) else { return Ok(()) };
                enter(&mut self.book, header, payload, self.marker).map_err(QueueError::Book)?;
                if meta.checkpoint.is_some() {
                    self.put(meta);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, meta: PageMeta) {
        let place = Place { checkpoint: meta.checkpoint, deferred: meta.deferred, generation: 0 };
        self.streams.insert((meta.integration, meta.stream), place);
    }
}

/// What the headers before a place of a segment tell.
#[derive(Default)]
struct Before {
    /// The last seq of an event.
    last: Seq,
    /// The next that was free.
    next: Seq,
    /// A stretch of it is no frame.
    holed: bool,
}

fn before(segment: &Segment, upto: u64) -> Before {
    let (mut offset, mut before) = (0, Before::default());
    while offset < upto {
        match segment.at(offset) {
            Ok(Found::Frame(header)) => {
                before.last = before.last.max(header.last_event());
                before.next = before.next.max(header.last().next());
                offset += header.frame_len();
            }
            Ok(Found::Hole { until, .. }) => {
                before.holed = true;
                offset = until;
            }
            Ok(Found::End) | Err(_) => break,
        }
    }
    before
}

/// Who there was and how far each had come, as the newest snapshot tells it.
pub(super) fn told_cursors(segments: &BTreeMap<u64, Segment>) -> Vec<Standing> {
    let newest = segments.values().rev().find_map(newest_snapshot).unwrap_or_default();
    let tenures = newest.tenures.into_iter().map(Some).chain(std::iter::repeat(None));
    newest.cursors.into_iter().zip(tenures).map(|((name, seq), tenure)| (name, seq, tenure)).collect()
}

/// The last snapshot of a segment that can be read: one stands at its head, others where destinations came or went.
fn newest_snapshot(segment: &Segment) -> Option<SnapshotMeta> {
    let (mut offset, mut newest) = (0, None);
    loop {
        match segment.at(offset) {
            Ok(Found::Frame(header)) => {
                if header.kind == Kind::Snapshot {
                    newest = read_snapshot(segment, offset).or(newest);
                }
                offset += header.frame_len();
            }
            Ok(Found::Hole { until, .. }) => offset = until,
            Ok(Found::End) | Err(_) => return newest,
        }
    }
}

fn cut(segment: &mut Segment, offset: u64) -> Result<(), QueueError> {
    segment
        .file
        .truncate(offset)
        .and_then(|()| segment.file.sync())
        .map_err(|e| QueueError::disk("cut the torn end of", &segment.path, e))?;
    segment.len = offset;
    Ok(())
}

/// Enters one frame into the book: the ids of its events, with their marks.
fn enter(book: &mut Book, header: &Header, payload: &[u8], marker: Marker) -> Result<(), String> {
    if !header.keyed || header.count == 0 {
        return Ok(());
    }
    let mut codec = super::codec::Codec::new(super::formats::newest()).map_err(|e| e.to_string())?;
    let events = frame::events(header, payload, &mut codec).unwrap_or_default();
    let seen = events.iter().map(|stored| (&*stored.event.id, stored.seq, marker(&stored.event))).collect();
    book.apply(&Entry { seen, day: day_of(header.written_ms) })
}

/// Brings a reopened book up to date with frames that were committed while it was closed.
pub(super) fn catch_up(book: &mut Book, segments: &BTreeMap<u64, Segment>, marker: Marker) -> Result<(), String> {
    let oldest = Position { segment: segments.keys().next().copied().unwrap_or(0), offset: 0 };
    let from = book.position()?.filter(|p| segments.contains_key(&p.segment)).unwrap_or(oldest);
    for (first, segment) in segments.range(from.segment..) {
        let mut offset = if *first == from.segment { from.offset } else { 0 };
        loop {
            match segment.at(offset).map_err(|e| e.to_string())? {
                Found::End => break,
                Found::Hole { until, .. } => offset = until,
                Found::Frame(header) => {
                    let end = offset + header.frame_len();
                    if header.keyed
                        && let Ok(payload) = segment.payload(offset, &header).map_err(|e| e.to_string())?
                    {
                        enter(book, &header, &payload, marker)?;
                    }
                    offset = end;
                }
            }
        }
    }
    Ok(())
}
