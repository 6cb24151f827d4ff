//! One fact, as it travels from a connector through the queue to the destinations.
//!
//! Promise: `raw` is the vendor's JSON byte for byte; nothing on the way parses it into numbers.

use std::borrow::Cow;
use std::fmt;

use bytestring::ByteString;
use jiff::Timestamp;

/// An event's place in the queue. Never reused; 0 means "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The next place.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }

    /// The place before; of the first, 0.
    pub fn before(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How grave the connector's table holds an event. Ordered, so that a filter can say "at least".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Severity {
    #[default]
    Unknown = 0,
    Info = 1,
    Low = 2,
    Medium = 3,
    High = 4,
    Critical = 5,
}

impl Severity {
    /// All, from the mildest up.
    pub const ALL: [Severity; 6] =
        [Severity::Unknown, Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The word used in settings, JSON and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Unknown => "unknown",
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// From the byte that the journal keeps; an unknown one reads as [`Severity::Unknown`].
    pub fn from_byte(byte: u8) -> Severity {
        Severity::ALL.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fact. The texts share their frame's memory: a clone costs reference counts, no copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `integration/stream/native-id/version`: the same thing seen twice has the same id.
    pub id: ByteString,
    /// The integration's name.
    pub integration: ByteString,
    /// The stream inside it.
    pub stream: ByteString,
    /// What it is, in one word: `threat`, `case`, `heartbeat`, `import`.
    pub kind: ByteString,
    pub severity: Severity,
    /// When it happened, by the vendor.
    pub occurred: Timestamp,
    /// When we saw it.
    pub observed: Timestamp,
    /// One line for people. May hold anything that a mail's subject can hold.
    pub summary: ByteString,
    /// The vendor's JSON, byte for byte.
    pub raw: ByteString,
}

impl Event {
    /// Builds the id from its parts. The native id may hold any character: two that differ never become one.
    pub fn make_id(integration: &str, stream: &str, native: &str, version: &str) -> ByteString {
        format!("{integration}/{stream}/{}/{version}", native_part(native)).into()
    }

    /// Bytes of all texts: what limits of pages and batches count.
    pub fn weight(&self) -> usize {
        self.id.len()
            + self.integration.len()
            + self.stream.len()
            + self.kind.len()
            + self.summary.len()
            + self.raw.len()
    }
}

/// A native id as it stands in an event id: without the slash that parts the id, and back again without doubt.
pub fn native_part(native: &str) -> Cow<'_, str> {
    if native.contains(['/', '%']) { native.replace('%', "%25").replace('/', "%2F").into() } else { native.into() }
}

/// An event with its place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub seq: Seq,
    pub event: Event,
}

/// Where a stream stands: JSON that only its connector understands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub String);

/// Something to come back to: an item that failed, or one that is not settled yet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deferred {
    /// The vendor's id of the item.
    pub id: String,
    /// Why, in a sentence.
    pub reason: String,
    /// When it first failed.
    pub since: Timestamp,
    /// How often it failed; 0: it has not, it waits for what the vendor decides.
    pub tries: u32,
    /// When it is tried again.
    pub due: Timestamp,
}

/// A range that could not be collected and never will be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Why, in a sentence.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_ids_that_differ_by_a_slash_never_become_one_event() {
        let id = |native: &str| Event::make_id("acme", "threats", native, "v");
        assert_eq!(id("plain-1:2"), "acme/threats/plain-1:2/v");
        let all = ["a/b", "a_b", "a%2Fb", "a%252Fb"].map(id);
        for (n, one) in all.iter().enumerate() {
            assert_eq!(one.split('/').count(), 4, "{one}");
            assert!(all[n + 1..].iter().all(|other| other != one), "{one}");
        }
    }
}
