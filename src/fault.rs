//! What can go wrong, and what the engine does about it: one table, one total function.
//!
//! Promise: every fault has exactly one reaction, decided here and nowhere else.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The machine's word for what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The settings are wrong.
    Misconfigured,
    /// A secret can't be read.
    Keyless,
    /// 401, 403, or a certificate refused.
    Refused,
    /// 402, or an add-on that is absent.
    Unlicensed,
    /// 429.
    Throttled,
    /// DNS, connect, time-out, 5xx, a cut.
    Unavailable,
    /// The vendor no longer holds what was asked for.
    OutOfRetention,
    /// An answer that does not parse, or an item that keeps failing.
    Unreadable,
    /// The peer will never take this event.
    Rejected,
    /// Quota or no space on the disk.
    Full,
    /// A checksum does not match.
    Corrupt,
}

impl FaultKind {
    /// All kinds, for tables and metrics.
    pub const ALL: [FaultKind; 11] = [
        FaultKind::Misconfigured,
        FaultKind::Keyless,
        FaultKind::Refused,
        FaultKind::Unlicensed,
        FaultKind::Throttled,
        FaultKind::Unavailable,
        FaultKind::OutOfRetention,
        FaultKind::Unreadable,
        FaultKind::Rejected,
        FaultKind::Full,
        FaultKind::Corrupt,
    ];

    /// The word on /status and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Misconfigured => "misconfigured",
            FaultKind::Keyless => "keyless",
            FaultKind::Refused => "refused",
            FaultKind::Unlicensed => "unlicensed",
            FaultKind::Throttled => "throttled",
            FaultKind::Unavailable => "unavailable",
            FaultKind::OutOfRetention => "out-of-retention",
            FaultKind::Unreadable => "unreadable",
            FaultKind::Rejected => "rejected",
            FaultKind::Full => "full",
            FaultKind::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something went wrong: a kind for the machine, a sentence for the human, the cause for whoever digs.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    /// A sentence that says what is wrong and, where it can, what to do. Never holds a secret.
    pub context: String,
    /// What the peer asked for (Retry-After), where it did.
    pub retry_after: Option<Duration>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Fault {
    pub fn new(kind: FaultKind, context: impl Into<String>) -> Fault {
        Fault { kind, context: context.into(), retry_after: None, status: None, source: None }
    }

    /// The same fault with its cause kept.
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Fault {
        self.source = Some(Arc::new(source));
        self
    }

    /// The same fault with the wait that the peer asked for.
    pub fn retry_after(mut self, wait: Option<Duration>) -> Fault {
        self.retry_after = wait;
        self
    }

    /// The same fault with the HTTP status that caused it.
    pub fn with_status(mut self, status: u16) -> Fault {
        self.status = Some(status);
        self
    }

    /// The sentence and its causes, on one line.
    pub fn chain(&self) -> String {
        let mut text = self.context.clone();
        let mut cause = self.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text.push_str(": ");
                text.push_str(&inner_text);
            }
            cause = inner.source();
        }
        text
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.context)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|s| s.as_ref() as &(dyn Error + 'static))
    }
}

/// Which side of the house the fault came from: an API is given more time than a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Api,
    Destination,
    Queue,
}

/// What the engine does about a fault. Delays are decided by `engine::backoff` from these shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Refuse the settings: exit 78 at start, the old ones kept at reload.
    RefuseSettings,
    /// Stop this integration or destination until its settings or secrets change; look again each `again`.
    ParkUntilChanged { again: Duration },
    /// Stop it, and try again by itself, from `first` doubling to `most`.
    Park { first: Duration, most: Duration },
    /// Stop this stream alone for a day; not an error.
    ParkStream { again: Duration },
    /// Slow the whole integration; wait what was asked for, else `base` with jitter, doubling to `most`.
    Slow { base: Duration, most: Duration },
    /// Exponential back-off with full jitter between `base` and `most`; `patient` replaces `most` after `after`.
    Retry { base: Duration, most: Duration, after: Duration, patient: Duration },
    /// Move the window forward, count the gap, say so; go on at once.
    MoveOn,
    /// Set the one item aside for later; go on with the others.
    Defer,
    /// Put the event into quarantine; go on with the others.
    Quarantine,
    /// Pause polling; look again each `again`.
    Pause { again: Duration },
    /// Set the record aside, rewind the stream's checkpoint, fetch again.
    Refetch,
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The one table of house rules: fault → reaction. Total: no kind is without an answer.
pub fn reaction(kind: FaultKind, side: Side) -> Reaction {
    match kind {
        FaultKind::Misconfigured => Reaction::RefuseSettings,
        FaultKind::Keyless => Reaction::ParkUntilChanged { again: secs(60) },
        FaultKind::Refused => Reaction::Park { first: secs(60), most: secs(15 * 60) },
        FaultKind::Unlicensed => Reaction::ParkStream { again: secs(24 * 3600) },
        FaultKind::Throttled => Reaction::Slow { base: secs(60), most: secs(15 * 60) },
        FaultKind::Unavailable => match side {
            Side::Api | Side::Queue => {
                Reaction::Retry { base: secs(1), most: secs(60), after: secs(60), patient: secs(60) }
            }
            // A receiver that comes back is met within 0.25 s (median) in its first minute away:
            // short steps first, then patience.
            Side::Destination => Reaction::Retry {
                base: Duration::from_millis(100),
                most: Duration::from_millis(400),
                after: secs(60),
                patient: secs(15),
            },
        },
        FaultKind::OutOfRetention => Reaction::MoveOn,
        FaultKind::Unreadable => match side {
            // A list page is never skipped: the same question again, later. Items are deferred by the connector.
            Side::Api => Reaction::Retry { base: secs(5), most: secs(300), after: secs(60), patient: secs(300) },
            Side::Destination | Side::Queue => Reaction::Defer,
        },
        FaultKind::Rejected => Reaction::Quarantine,
        FaultKind::Full => Reaction::Pause { again: secs(1) },
        FaultKind::Corrupt => Reaction::Refetch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_the_reaction_of_the_house_table() {
        let table = [
            (FaultKind::Misconfigured, "RefuseSettings"),
            (FaultKind::Keyless, "ParkUntilChanged { again: 60s }"),
            (FaultKind::Refused, "Park { first: 60s, most: 900s }"),
            (FaultKind::Unlicensed, "ParkStream { again: 86400s }"),
            (FaultKind::Throttled, "Slow { base: 60s, most: 900s }"),
            (FaultKind::Unavailable, "Retry { base: 1s, most: 60s, after: 60s, patient: 60s }"),
            (FaultKind::OutOfRetention, "MoveOn"),
            (FaultKind::Unreadable, "Retry { base: 5s, most: 300s, after: 60s, patient: 300s }"),
            (FaultKind::Rejected, "Quarantine"),
            (FaultKind::Full, "Pause { again: 1s }"),
            (FaultKind::Corrupt, "Refetch"),
        ];
        assert_eq!(table.map(|(kind, _)| kind), FaultKind::ALL, "the table names every kind, in order");
        for (kind, expected) in table {
            assert_eq!(format!("{:?}", reaction(kind, Side::Api)), expected, "{kind}");
        }
    }

    #[test]
    fn a_destination_is_tried_again_sooner_than_an_api_and_patiently_after_a_minute() {
        let Reaction::Retry { most, patient, after, .. } = reaction(FaultKind::Unavailable, Side::Destination) else {
            panic!("a destination that is away is retried");
        };
        assert!(most <= secs(2) && after == secs(60) && patient == secs(15));
    }

    #[test]
    fn a_fault_tells_its_causes_once() {
        let fault = Fault::new(FaultKind::Unavailable, "the API can't be reached")
            .caused_by(std::io::Error::other("connection refused"));
        assert_eq!(fault.chain(), "the API can't be reached: connection refused");
    }
}
