//! Whether the file behind a secret is another than it was, without reading it.
//!
//! Promise: a file that was replaced or written to has another stamp; looking costs one `stat`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::{SecretSources, path_of};
use crate::values::SecretRef;

/// What tells one state of a file from another. Links are followed: what they lead to counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    written: (i64, i64),
    /// Owner, mode and contents: a file that becomes readable counts as changed.
    changed: (i64, i64),
}

/// The stamp of the file behind a secret; `None` where there is none.
pub fn stamp(secret: &SecretRef, sources: &SecretSources) -> Option<Stamp> {
    let found = fs::metadata(path_of(secret, sources).ok()?).ok()?;
    Some(Stamp {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        written: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}
