//! The control socket: how the command line touches the queue while the agent runs.
//!
//! ```text
//! → {"verb":"import"}               one line of JSON asks
//! → {"any":"object"} …              for an import, lines follow until the sender closes its half
//! ← {"confirmed":512,"bytes":1048576}   answers are lines of JSON; confirmed: fsynced
//! ← {"waiting":"the queue has …"}
//! ← {"done":true}
//! ```
//!
//! Promise: an imported line is confirmed only once it is durable. The same verbs serve a queue that no agent
//! holds: the command line then opens it itself.

mod evidence;
mod import;
pub mod line;
mod quarantine;
mod replay;
mod reply;
mod server;
mod verbs;

use serde::{Deserialize, Serialize};

use crate::event::Deferred;
use crate::evidence::{Asked, Report};

pub use crate::queue::{Act, AskedReplay, ShowReplay};
pub use server::{bind, serve};
pub use verbs::answer;

/// The socket's name in the state folder.
pub const SOCKET: &str = "control.sock";

/// No line of an import is longer than this, in bytes.
pub const LONGEST_LINE: usize = 20 << 20;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Request {
    /// NDJSON follows.
    Import,
    /// How the queue stands.
    Show,
    /// The next events of a destination, or the oldest ones.
    Peek { destination: Option<String>, count: usize },
    /// Everything that waits for a destination, or everything that is kept, as NDJSON.
    Export { destination: Option<String> },
    /// Gives up what a destination has not taken; its place is forgotten.
    Forget { destination: String },
    /// What peers will never take: entries, or the events themselves.
    Quarantine {
        #[serde(default)]
        destination: Option<String>,
        #[serde(default)]
        events: bool,
    },
    /// What becomes of it; no seqs: all of the destination.
    Act { act: Act, destination: String, seqs: Vec<crate::event::Seq> },
    /// Hands events to one destination again.
    Replay { asked: AskedReplay },
    /// Ends a destination's replay before it is through.
    CancelReplay { destination: String },
    /// What was detected in a period, and what became of it; `agent` is the name that the report bears.
    Evidence { asked: Asked, agent: String },
    /// Where each stream of an integration stands, and what it has to come back to.
    Streams { integration: String },
    /// Read everything, and tell what does not check out.
    Verify,
}

/// What is answered, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// Lines and bytes of an import that are durable now.
    Confirmed {
        confirmed: u64,
        bytes: u64,
    },
    /// An import's line that is not a JSON object; the others go on.
    Skipped {
        skipped_line: u64,
        why: String,
    },
    /// It can't go on now, and why.
    Waiting {
        waiting: String,
    },
    Show {
        show: Show,
    },
    Forgotten {
        forgotten: String,
        events: u64,
    },
    Quarantined {
        quarantined: crate::queue::Quarantined,
    },
    Evidence {
        evidence: Box<Report>,
    },
    Stream {
        stream: ShowStream,
    },
    /// Bytes of so many that a verification has read.
    Looked {
        looked: u64,
        of: u64,
    },
    Verified {
        verified: crate::queue::Verified,
    },
    /// Events that had to leave the quarantine for want of room, ever.
    CountedOut {
        counted_out: u64,
    },
    Acted {
        acted: Act,
        events: u64,
    },
    /// How far something long has come.
    Progress {
        progress: u64,
        of: u64,
    },
    Replay {
        replay: ShowReplay,
    },
    /// A replay that was ended; what was left of it.
    Cancelled {
        cancelled: String,
        left: u64,
    },
    Failed {
        failed: String,
    },
    /// An import that can't go on however often it is sent again.
    Refused {
        refused: String,
    },
    Done {
        done: bool,
    },
}

/// The queue in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Show {
    pub head: u64,
    pub events: u64,
    pub bytes: u64,
    pub disk_bytes: u64,
    pub max_bytes: u64,
    pub oldest_seconds: Option<u64>,
    pub damaged: u64,
    pub duplicates: u64,
    pub destinations: Vec<ShowDestination>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShowDestination {
    pub name: String,
    pub cursor: u64,
    pub depth: u64,
    pub dropped: u64,
    /// The replay to it, if one is under way.
    #[serde(default)]
    pub replay: Option<crate::queue::Replaying>,
}

/// A stream as the queue knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShowStream {
    pub name: String,
    /// In its connector's own words; `None`: it has not begun.
    pub checkpoint: Option<String>,
    /// Items to come back to, the one that is due first first.
    pub deferred: Vec<Deferred>,
}
