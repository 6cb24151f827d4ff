//! What all clients of one agent share: trust, names being looked up, memory for large answers, resting connections.
//!
//! Promise: two hundred clients cost little more than one, and none can keep another from working by what it holds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::large::Large;
use super::names::Names;
use super::trust::Trust;

/// Resting connections of all clients together, at the most: each costs some 30 kB.
const MOST_RESTING: usize = 64;

/// Requests of all clients on their way at once: each has a connection of its own and an answer in memory. After an
/// outage two hundred integrations would have eight hundred.
const MOST_ON_THE_WAY: usize = 48;
/// How long a request waits for others to come back before it goes all the same: servers that hang cost the others no
/// more than this.
const ROOM_PATIENCE: Duration = Duration::from_secs(2);

/// Shared by clone. A client made without one has its own.
#[derive(Clone)]
pub struct Shared {
    pub(super) trust: Trust,
    pub(super) names: Names,
    pub(super) large: Large,
    pub(super) resting: Arc<Semaphore>,
    pub(super) on_the_way: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            trust: Trust::default(),
            names: Names::default(),
            large: Large::default(),
            resting: Arc::new(Semaphore::new(MOST_RESTING)),
            on_the_way: Arc::new(Semaphore::new(MOST_ON_THE_WAY)),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Room for one more request on its way; it is kept until the answer is read.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        timeout(ROOM_PATIENCE, Arc::clone(&self.on_the_way).acquire_owned()).await.ok()?.ok()
    }

    /// The system's root certificates are read anew for clients that are made from now on: for a reload.
    pub fn forget_roots(&self) {
        self.trust.forget();
    }
}
