//! Turns at what the box can do only a few of at one time: tests, support bundles, live streams.
//!
//! Promise: whoever finds no turn free is told so at once, and nothing waits; a turn is free again when what held it is
//! dropped, however it ended; what is kept of streams is as much as there are streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::values::Secret;

/// Tests at one time, of all who ask.
const MOST_TESTS: usize = 4;
/// Live streams of one session: as many windows of a browser.
const MOST_STREAMS: usize = 4;

/// Shared by clone.
#[derive(Clone, Debug)]
pub struct Turns {
    tests: Arc<Semaphore>,
    /// One is made in memory and reads the whole box.
    bundle: Arc<Semaphore>,
    streams: Arc<Streams>,
}

/// How many there are of each session, by a hash of its cookie.
#[derive(Debug, Default)]
struct Streams(Mutex<HashMap<[u8; 32], usize>>);

/// A live stream's.
pub(super) struct Seat {
    streams: Arc<Streams>,
    session: [u8; 32],
}

impl Default for Turns {
    fn default() -> Turns {
        Turns {
            tests: Arc::new(Semaphore::new(MOST_TESTS)),
            bundle: Arc::new(Semaphore::new(1)),
            streams: Arc::default(),
        }
    }
}

impl Turns {
    pub(super) fn test(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.tests).try_acquire_owned().ok()
    }

    pub(super) fn bundle(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.bundle).try_acquire_owned().ok()
    }

    /// For one more stream of the session that has this cookie.
    pub(super) fn stream(&self, cookie: &Secret) -> Option<Seat> {
        let session = Sha256::digest(cookie.reveal()).into();
        let mut all = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(session).or_default();
        if *held >= MOST_STREAMS {
            return None;
        }
        *held += 1;
        Some(Seat { streams: Arc::clone(&self.streams), session })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = all.get_mut(&self.session) {
            *held -= 1;
            if *held == 0 {
                all.remove(&self.session);
            }
        }
    }
}
