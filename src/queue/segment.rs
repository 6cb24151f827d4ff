//! One file of the journal: frames end to end, a snapshot first.
//!
//! Promise: reading stops at the durable end, and what does not check out is reported with its extent,
//! never skipped in silence.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::frame::{self, HEADER, Header, MAGIC};
use crate::event::Seq;

/// The end of a segment's file name.
const SUFFIX: &str = ".cdj";

/// The file that begins with this seq. Names sort as their seqs do.
pub fn path(dir: &Path, first: Seq) -> PathBuf {
    dir.join(format!("{:020}{SUFFIX}", first.0))
}

/// The seq that a file name stands for.
pub fn first_of(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20).then(|| digits.parse().ok().map(Seq))?
}

/// A segment as the journal knows it.
#[derive(Clone, Debug)]
pub struct Segment {
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// The durable end, in bytes.
    pub len: u64,
    /// The last seq it holds so far.
    pub last: Seq,
    /// When its first frame was written, milliseconds since 1970.
    pub opened_ms: i64,
}

/// What stands at an offset.
#[derive(Debug)]
pub enum Found {
    /// A header that checks out; its payload may still be damaged.
    Frame(Header),
    /// Not a frame, up to `until` where the next one begins (or the end).
    Hole { until: u64, next: Option<Header> },
    /// The end of the segment.
    End,
}

impl Segment {
    pub fn open(disk: &dyn Disk, dir: &Path, first: Seq) -> std::io::Result<Segment> {
        let mut segment = Segment::at_path(disk, path(dir, first))?;
        segment.last = first.before();
        if let Found::Frame(header) = segment.at(0)? {
            segment.opened_ms = header.written_ms;
        }
        Ok(segment)
    }

    /// Whatever its name says.
    pub fn at_path(disk: &dyn Disk, path: PathBuf) -> std::io::Result<Segment> {
        let file: Arc<dyn DiskFile> = Arc::from(disk.open(&path, false)?);
        let len = file.size()?;
        Ok(Segment { path, file, len, last: Seq(0), opened_ms: 0 })
    }

    /// What stands at this offset.
    pub fn at(&self, offset: u64) -> std::io::Result<Found> {
        if offset >= self.len {
            return Ok(Found::End);
        }
        if let Some(header) = self.header(offset)? {
            return Ok(Found::Frame(header));
        }
        self.find_header(offset + 1)
    }

    fn header(&self, offset: u64) -> std::io::Result<Option<Header>> {
        let mut bytes = [0; HEADER];
        if offset + HEADER as u64 > self.len {
            return Ok(None);
        }
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Header::parse(&bytes).filter(|header| offset + header.frame_len() <= self.len))
    }

    /// The next place from here on where a header checks out.
    fn find_header(&self, from: u64) -> std::io::Result<Found> {
        const WINDOW: u64 = 1 << 20;
        let mut start = from;
        while start + HEADER as u64 <= self.len {
            // Windows overlap by a header, so that a magic on the border is seen.
            let end = (start + WINDOW + HEADER as u64).min(self.len);
            let mut bytes = vec![0; (end - start) as usize];
            self.file.read_exact_at(&mut bytes, start)?;
            for at in memchr::memmem::find_iter(&bytes, &MAGIC) {
                let offset = start + at as u64;
                if let Some(header) = self.header(offset)? {
                    return Ok(Found::Hole { until: offset, next: Some(header) });
                }
            }
            start += WINDOW;
        }
        Ok(Found::Hole { until: self.len, next: None })
    }

    /// A frame's payload, and its meta part checked against the checksum.
    pub fn payload(&self, offset: u64, header: &Header) -> std::io::Result<Result<Vec<u8>, frame::Damage>> {
        let mut payload = vec![0; header.payload_len()];
        self.file.read_exact_at(&mut payload, offset + HEADER as u64)?;
        Ok(frame::meta(header, &payload).map(|_| ()).map(|()| payload))
    }

    /// Is there no whole frame in it? Its creation was cut off, then: the first frame is durable before any other.
    pub fn is_unfinished(&self) -> std::io::Result<bool> {
        match self.at(0)? {
            Found::End | Found::Hole { next: None, .. } => Ok(true),
            Found::Hole { next: Some(_), .. } => Ok(false),
            Found::Frame(header) => Ok(header.frame_len() == self.len && self.payload(0, &header)?.is_err()),
        }
    }

    /// The format of its frames; `None` where the first of them can't be read.
    pub fn format(&self) -> Option<u8> {
        match self.at(0).ok()? {
            Found::Frame(header) => Some(header.format),
            Found::End | Found::Hole { .. } => None,
        }
    }

    /// Does the file begin with a frame that only a later build can read?
    pub fn is_of_a_later_format(&self) -> bool {
        let mut bytes = [0; HEADER];
        self.len >= HEADER as u64
            && self.file.read_exact_at(&mut bytes, 0).is_ok()
            && Header::is_of_a_later_format(&bytes)
    }
}
