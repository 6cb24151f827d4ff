//! What the queue can't do, for the engine to react to and for people to read.
//!
//! Promise: each error says what is wrong and what to do, and an append that failed has changed nothing.

use std::io;
use std::path::{Path, PathBuf};

use crate::fault::{Fault, FaultKind};
use crate::values::ByteSize;

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error(
        "the queue has reached its quota ({used} of {max}): polling pauses until a destination has taken events, or raise queue.max-size"
    )]
    Quota { used: ByteSize, max: ByteSize },
    #[error(
        "the disk under {} is nearly full ({free} free): polling pauses; free space, the queue goes on by itself",
        path.display()
    )]
    NoSpace { path: PathBuf, free: ByteSize },
    #[error("the queue could not {action} {}: {source}", path.display())]
    Disk { action: &'static str, path: PathBuf, source: io::Error },
    #[error("another agent holds the state folder {}: stop it first (systemctl stop conductor), or set agent.state-dir", path.display())]
    Locked { path: PathBuf },
    #[error("{} was written by a later version of conductor: install that version again, or move it away and lose what it holds", path.display())]
    LaterFormat { path: PathBuf },
    #[error("the stream's checkpoint has moved meanwhile: the page is asked for again")]
    Stale,
    #[error(
        "a replay to {destination} is under way ({left} events are left): wait until it is through (conductor status), or \
         end it with `conductor queue replay --destination {destination} --cancel`"
    )]
    Replaying { destination: String, left: u64 },
    #[error("the queue's book-keeping failed: {0}")]
    Book(String),
}

impl QueueError {
    /// An I/O error at a path; a full disk is told apart, because the reaction differs.
    pub(crate) fn disk(action: &'static str, path: &Path, source: io::Error) -> QueueError {
        let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full {
            QueueError::NoSpace { path: path.to_owned(), free: ByteSize(0) }
        } else {
            QueueError::Disk { action, path: path.to_owned(), source }
        }
    }

    /// Will it pass by itself when events are taken or space is freed?
    pub fn is_full(&self) -> bool {
        matches!(self, QueueError::Quota { .. } | QueueError::NoSpace { .. })
    }

    /// As a fault of the house's table.
    pub fn fault(&self) -> Fault {
        let kind = match self {
            QueueError::Quota { .. } | QueueError::NoSpace { .. } => FaultKind::Full,
            QueueError::Locked { .. } => FaultKind::Misconfigured,
            QueueError::Stale | QueueError::Replaying { .. } => FaultKind::Unavailable,
            QueueError::Disk { .. } | QueueError::LaterFormat { .. } | QueueError::Book(_) => FaultKind::Corrupt,
        };
        Fault::new(kind, self.to_string())
    }
}
