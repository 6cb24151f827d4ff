//! The versions of one item, gathered as they come: which was first, which is newest.

use jiff::Timestamp;

use crate::event::Seq;
use crate::marks::Marks;

/// One item, while its versions are read. They come in the order of their ids, which says nothing about time.
#[derive(Debug)]
pub struct Group {
    pub integration: String,
    pub stream: String,
    /// All of the id but its version.
    pub item: String,
    first: Version,
    newest: Version,
    /// Versions kept in the period.
    pub events: u64,
}

/// One version.
#[derive(Clone, Debug)]
pub struct Version {
    pub seq: Seq,
    /// When it was kept; to the day where there are no marks.
    pub kept: Timestamp,
    pub marks: Option<Marks>,
}

/// `integration/stream/native` of an id; an id of another form is none of ours.
pub fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (item, _version) = id.rsplit_once('/')?;
    let mut parts = item.splitn(3, '/');
    let (integration, stream) = (parts.next()?, parts.next()?);
    parts.next()?;
    Some((integration, stream, item))
}

impl Group {
    pub fn new(integration: &str, stream: &str, item: &str, version: Version) -> Group {
        Group {
            integration: integration.to_owned(),
            stream: stream.to_owned(),
            item: item.to_owned(),
            first: version.clone(),
            newest: version,
            events: 0,
        }
    }

    pub fn enter(&mut self, version: Version) {
        if version.seq < self.first.seq {
            self.first = version;
        } else if version.seq > self.newest.seq {
            self.newest = version;
        }
    }

    /// When the item was detected, as far as we saw it: its first version was kept.
    pub fn detected(&self) -> Timestamp {
        self.first.kept
    }

    /// The state that counts.
    pub fn newest(&self) -> Option<&Marks> {
        self.newest.marks.as_ref()
    }
}
