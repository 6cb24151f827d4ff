//! The journal's record: a frame is what one page brought, with the checkpoint that follows it.
//!
//! ```text
//! header  64 bytes  magic, version, kind, flags, first seq, count, lengths, time, crc of the payload, crc of itself
//! meta    JSON      whose page it is and where its stream stands after it; in a snapshot, where everything stands
//! body    zstd      index (a fixed record an event), then all texts end to end, as one run of UTF-8
//! ```
//!
//! Promise: pure, and total: any bytes decode to a frame that was written or to a [`Damage`], never to a panic
//! or an invented event. The header comes before the body is known to be whole, so it has a checksum of its own.

use bytes::Bytes;
use bytestring::ByteString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec::Codec;
use super::formats::newest;
use super::slate::Tenure;
use crate::event::{Checkpoint, Deferred, Event, Seq, Severity, Stored};

/// Bytes of a header.
pub const HEADER: usize = 64;
/// What each header begins with: found again after damage.
pub const MAGIC: [u8; 4] = *b"CDJF";
/// No payload is larger than this: a length past it is damage, not a reason to allocate.
pub const MAX_PAYLOAD: u32 = 256 << 20;

const COMPRESSED: u16 = 1;
const KEYED: u16 = 2;
/// Below this a body is kept as it is: zstd would not pay.
const WORTH_COMPRESSING: usize = 128;
/// Of one event in the index: severity, two times, six lengths.
const RECORD: usize = 1 + 12 + 12 + 6 * 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events of one stream and its checkpoint.
    Page = 0,
    /// Where everything stands: the first frame of each segment.
    Snapshot = 1,
}

/// A header that has passed its own checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// See [`super::formats`].
    pub format: u8,
    pub kind: Kind,
    /// Ids of these events are remembered, so that the same event is not kept twice.
    pub keyed: bool,
    compressed: bool,
    pub first: Seq,
    pub count: u32,
    meta_len: u32,
    body_len: u32,
    plain_len: u32,
    /// When it was written, milliseconds since 1970.
    pub written_ms: i64,
    crc: u32,
}

impl Header {
    /// Bytes of the whole frame.
    pub fn frame_len(&self) -> u64 {
        HEADER as u64 + u64::from(self.meta_len) + u64::from(self.body_len)
    }

    /// Bytes after the header.
    pub fn payload_len(&self) -> usize {
        self.meta_len as usize + self.body_len as usize
    }

    /// The last seq in this frame; of an empty one, the seq before it.
    pub fn last(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.count)).before()
    }

    /// The last seq that an event of this frame has; 0 where it has none.
    pub fn last_event(&self) -> Seq {
        if self.count > 0 { self.last() } else { Seq(0) }
    }

    /// Reads a header; `None` where there is none, or a damaged one, or one of a later format.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        if bytes[..4] != MAGIC || u32_at(bytes, 60) != crc32fast::hash(&bytes[..60]) || bytes[4] > newest() {
            return None;
        }
        let kind = match bytes[5] {
            0 => Kind::Page,
            1 => Kind::Snapshot,
            _ => return None,
        };
        let flags = u16::from_le_bytes([bytes[6], bytes[7]]);
        let header = Header {
            format: bytes[4],
            kind,
            keyed: flags & KEYED != 0,
            compressed: flags & COMPRESSED != 0,
            first: Seq(u64_at(bytes, 8)),
            count: u32_at(bytes, 16),
            meta_len: u32_at(bytes, 20),
            body_len: u32_at(bytes, 24),
            plain_len: u32_at(bytes, 28),
            written_ms: u64_at(bytes, 32) as i64,
            crc: u32_at(bytes, 40),
        };
        // A seq near the end of its type would overflow where the next one is reckoned.
        let sane = header.first.0 <= u64::MAX >> 1
            && header.meta_len <= MAX_PAYLOAD
            && header.body_len <= MAX_PAYLOAD
            && header.plain_len <= MAX_PAYLOAD;
        sane.then_some(header)
    }

    /// Does this header name a format that only a later build can read?
    pub fn is_of_a_later_format(bytes: &[u8]) -> bool {
        bytes.len() >= HEADER
            && bytes[..4] == MAGIC
            && bytes[4] > newest()
            && u32_at(bytes, 60) == crc32fast::hash(&bytes[..60])
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Why bytes are not the frame that their header promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("the checksum does not match")]
    Checksum,
    #[error("the body can't be decompressed")]
    Compression,
    #[error("the contents do not add up")]
    Contents,
}

/// Whose page a frame is, and where its stream stands after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageMeta {
    pub integration: String,
    pub stream: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
}

/// Where everything stood when a segment began: enough to go on without any other file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    pub streams: Vec<PageMeta>,
    pub cursors: Vec<(String, Seq)>,
    /// Of each of them, in the same order. A build before tenures writes none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenures: Vec<Tenure>,
    /// The last seq that any event of an earlier segment has: what lies between it and this segment's first was never
    /// given to an event that was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Where the streams stood when the segment before this one began: should that be gone, they go back there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<PageMeta>,
}

/// A frame ready to be written, but for its place.
pub struct Draft {
    bytes: Vec<u8>,
    count: u32,
}

impl Draft {
    /// A page of events with the checkpoint that follows them.
    pub fn page(meta: &PageMeta, events: &[Event], keyed: bool, codec: &mut Codec) -> std::io::Result<Draft> {
        let meta = serde_json::to_vec(meta)?;
        Draft::assemble(Kind::Page, &meta, events, keyed, codec)
    }

    /// The first frame of a segment.
    pub fn snapshot(meta: &SnapshotMeta, codec: &mut Codec) -> std::io::Result<Draft> {
        let meta = serde_json::to_vec(meta)?;
        Draft::assemble(Kind::Snapshot, &meta, &[], false, codec)
    }

    fn assemble(kind: Kind, meta: &[u8], events: &[Event], keyed: bool, codec: &mut Codec) -> std::io::Result<Draft> {
        let too_large = || std::io::Error::new(std::io::ErrorKind::InvalidInput, "a page past 256 MiB");
        let count = u32::try_from(events.len()).map_err(|_| too_large())?;
        let mut plain = codec.take_body();
        body(events, &mut plain);
        let plain_len = u32::try_from(plain.len()).ok().filter(|n| *n <= MAX_PAYLOAD).ok_or_else(too_large)?;
        let meta_len = u32::try_from(meta.len()).ok().filter(|n| *n <= MAX_PAYLOAD).ok_or_else(too_large)?;

        let start = HEADER + meta.len();
        let mut bytes = Vec::with_capacity(start + plain.len() / 4 + 1024);
        bytes.resize(HEADER, 0);
        bytes.extend_from_slice(meta);
        let compressed = plain.len() >= WORTH_COMPRESSING;
        if compressed {
            codec.compress(&plain, &mut bytes)?;
        } else {
            bytes.extend_from_slice(&plain);
        }
        codec.put_back(plain);
        let body_len = (bytes.len() - start) as u32;
        let crc = crc32fast::hash(&bytes[HEADER..]);
        let flags = if compressed { COMPRESSED } else { 0 } | if keyed { KEYED } else { 0 };
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = codec.format();
        bytes[5] = kind as u8;
        bytes[6..8].copy_from_slice(&flags.to_le_bytes());
        bytes[16..20].copy_from_slice(&count.to_le_bytes());
        bytes[20..24].copy_from_slice(&meta_len.to_le_bytes());
        bytes[24..28].copy_from_slice(&body_len.to_le_bytes());
        bytes[28..32].copy_from_slice(&plain_len.to_le_bytes());
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        Ok(Draft { bytes, count })
    }

    /// Events in it.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes it will take on disk.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Gives the frame its place and time; what comes back is what is written.
    pub fn seal(&mut self, first: Seq, written_ms: i64) -> &[u8] {
        self.bytes[8..16].copy_from_slice(&first.0.to_le_bytes());
        self.bytes[32..40].copy_from_slice(&written_ms.to_le_bytes());
        let crc = crc32fast::hash(&self.bytes[..60]);
        self.bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        &self.bytes
    }
}

/// Index first, then all texts as one run: one UTF-8 check serves a whole frame when it is read.
fn body(events: &[Event], body: &mut Vec<u8>) {
    let texts: usize = events.iter().map(Event::weight).sum();
    body.reserve_exact(events.len() * RECORD + texts);
    for event in events {
        body.push(event.severity as u8);
        for time in [event.occurred, event.observed] {
            body.extend_from_slice(&time.as_second().to_le_bytes());
            body.extend_from_slice(&time.subsec_nanosecond().to_le_bytes());
        }
        for text in texts_of(event) {
            body.extend_from_slice(&(text.len() as u32).to_le_bytes());
        }
    }
    for event in events {
        for text in texts_of(event) {
            body.extend_from_slice(text.as_bytes());
        }
    }
}

fn texts_of(event: &Event) -> [&ByteString; 6] {
    [&event.id, &event.integration, &event.stream, &event.kind, &event.summary, &event.raw]
}

/// The meta part of a frame's payload, checked.
pub fn meta<'p>(header: &Header, payload: &'p [u8]) -> Result<&'p [u8], Damage> {
    if payload.len() != header.payload_len() || crc32fast::hash(payload) != header.crc {
        return Err(Damage::Checksum);
    }
    Ok(&payload[..header.meta_len as usize])
}

/// All of a frame's events, sharing one buffer. The payload must have passed [`meta`].
pub fn events(header: &Header, payload: &[u8], codec: &mut Codec) -> Result<Vec<Stored>, Damage> {
    let stored = payload.get(header.meta_len as usize..).ok_or(Damage::Contents)?;
    let plain = if header.compressed {
        codec.decompress(stored, header.plain_len as usize).map_err(|_| Damage::Compression)?
    } else {
        stored.to_vec()
    };
    let count = header.count as usize;
    let index_len = count.checked_mul(RECORD).filter(|n| *n <= plain.len()).ok_or(Damage::Contents)?;
    let plain = Bytes::from(plain);
    let texts = ByteString::try_from(plain.slice(index_len..)).map_err(|_| Damage::Contents)?;
    let mut found = Vec::with_capacity(count);
    let mut at = 0;
    for (place, record) in plain[..index_len].chunks_exact(RECORD).enumerate() {
        let time = |from: usize| {
            let nanos = u32_at(record, from + 8) as i32;
            Timestamp::new(u64_at(record, from) as i64, nanos).map_err(|_| Damage::Contents)
        };
        let mut next = |field: usize| {
            let end = at + u32_at(record, 25 + field * 4) as usize;
            let text = texts.get(at..end).ok_or(Damage::Contents)?;
            at = end;
            Ok(texts.slice_ref(text))
        };
        found.push(Stored {
            seq: Seq(header.first.0 + place as u64),
            event: Event {
                severity: Severity::from_byte(record[0]),
                occurred: time(1)?,
                observed: time(13)?,
                id: next(0)?,
                integration: next(1)?,
                stream: next(2)?,
                kind: next(3)?,
                summary: next(4)?,
                raw: next(5)?,
            },
        });
    }
    if at == texts.len() { Ok(found) } else { Err(Damage::Contents) }
}

#[cfg(test)]
mod tests;
