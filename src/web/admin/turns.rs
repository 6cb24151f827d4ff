//! Turns at what the box can do only a few of at one time: tests, support bundles.
//!
//! Promise: whoever finds no turn free is told so at once, and nothing waits; a turn is free again when what held it is
//! dropped, however it ended.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Tests at one time, of all who ask.
const MOST_TESTS: usize = 4;

/// Shared by clone.
#[derive(Clone, Debug)]
pub struct Turns {
    tests: Arc<Semaphore>,
    /// One is made in memory and reads the whole box.
    bundle: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { tests: Arc::new(Semaphore::new(MOST_TESTS)), bundle: Arc::new(Semaphore::new(1)) }
    }
}

impl Turns {
    pub(super) fn test(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.tests).try_acquire_owned().ok()
    }

    pub(super) fn bundle(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.bundle).try_acquire_owned().ok()
    }
}
