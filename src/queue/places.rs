//! Where streams stand, as the journal itself tells it: its snapshots, and the pages after them.
//!
//! Promise: only frames that check out are believed.

use std::collections::HashMap;

use super::frame::{self, Header, Kind, PageMeta, SnapshotMeta};
use super::journal::Position;
use super::segment::{Found, Segment};
use super::{Queue, lock};

impl Queue {
    /// The streams of an integration that the queue has kept pages of, by name.
    pub fn streams_of(&self, integration: &str) -> Vec<String> {
        let state = lock(&self.state);
        let of = state.streams.keys().filter(|(whose, _)| whose == integration);
        let mut names: Vec<String> = of.map(|(_, stream)| stream.clone()).collect();
        names.sort();
        names
    }
}

/// Whose page it is, and where its stream stands after it. The payload must be whole.
pub fn page_meta(header: &Header, payload: &[u8]) -> Option<PageMeta> {
    serde_json::from_slice(frame::meta(header, payload).ok()?).ok()
}

/// Where each stream stood before this place: the nearest snapshot that can be read, and the pages after it.
pub fn places_before(segments: &[(u64, Segment)], place: Position) -> HashMap<(String, String), PageMeta> {
    let mut places: HashMap<(String, String), PageMeta> = HashMap::new();
    let mut put = |meta: PageMeta| drop(places.insert((meta.integration.clone(), meta.stream.clone()), meta));
    // The damaged one's own snapshot may be what is damaged: then an earlier segment tells.
    let from = segments.iter().rposition(|(_, segment)| read_snapshot(segment, 0).is_some()).unwrap_or(0);
    for (first, segment) in &segments[from.min(segments.len())..] {
        read_snapshot(segment, 0).unwrap_or_default().streams.into_iter().for_each(&mut put);
        let end = if *first == place.segment { place.offset } else { segment.len };
        let mut at = 0;
        while at < end {
            match segment.at(at) {
                Ok(Found::Frame(header)) => {
                    if header.kind == Kind::Page
                        && let Ok(Ok(payload)) = segment.payload(at, &header)
                        && let Some(meta) = page_meta(&header, &payload).filter(|meta| meta.checkpoint.is_some())
                    {
                        put(meta);
                    }
                    at += header.frame_len();
                }
                Ok(Found::Hole { until, .. }) => at = until,
                Ok(Found::End) | Err(_) => break,
            }
        }
    }
    places
}

/// Where each stream stood before the segment in front of this one began, as far as this one tells.
pub fn places_before_the_one_in_front(segment: &Segment) -> HashMap<(String, String), PageMeta> {
    let earlier = read_snapshot(segment, 0).unwrap_or_default().earlier;
    earlier.into_iter().map(|meta| ((meta.integration.clone(), meta.stream.clone()), meta)).collect()
}

/// The snapshot at this offset, if one can be read there.
pub fn read_snapshot(segment: &Segment, at: u64) -> Option<SnapshotMeta> {
    let Ok(Found::Frame(header)) = segment.at(at) else { return None };
    if header.kind != Kind::Snapshot {
        return None;
    }
    let payload = segment.payload(at, &header).ok()?.ok()?;
    serde_json::from_slice(frame::meta(&header, &payload).ok()?).ok()
}
