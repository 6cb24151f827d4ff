//! What the journal's barriers have confirmed, and what they have thrown away.
//!
//! Promise: a failed fsync is never taken back by a later one on the same file.

use std::sync::{Arc, Mutex};

use super::disk::DiskFile;
use super::lock;

/// The file that grows. The kernel tells a failed fsync once: whoever asks next would hear that all is well. So the
/// verdict is kept with the file, and asked for one at a time.
pub struct Active {
    pub file: Arc<dyn DiskFile>,
    broken: Mutex<bool>,
}

impl Active {
    pub fn new(file: Arc<dyn DiskFile>) -> Arc<Active> {
        Arc::new(Active { file, broken: Mutex::new(false) })
    }

    /// fdatasync, once at a time.
    pub fn sync(&self) -> std::io::Result<()> {
        let mut broken = lock(&self.broken);
        if *broken {
            return Err(std::io::Error::other("an earlier barrier of this file has failed"));
        }
        let result = self.file.sync();
        *broken = result.is_err();
        result
    }
}

/// How far the barriers of a process have come, counted in bytes ever written.
#[derive(Default)]
pub struct Barrier {
    pub synced: u64,
    /// Somebody leads one now.
    pub syncing: bool,
    /// Ranges of bytes that a failed barrier has thrown away.
    pub failed: Vec<(u64, u64)>,
}

impl Barrier {
    /// What lies below `from` was durable already: in an earlier segment, or by an earlier barrier.
    pub fn fail(&mut self, from: u64, to: u64) {
        self.synced = self.synced.max(from);
        if self.failed.len() >= 64 {
            self.failed.remove(0);
        }
        self.failed.push((from, to));
    }
}
