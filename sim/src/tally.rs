//! A count that only rises, and waiting for it: blocking with a limit, or as a future.
//!
//! Promise: no polling and no lost wake-up; whoever waits for a number already reached does not wait.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::door::lock;

pub(crate) struct Tally {
    count: Mutex<u64>,
    risen: Condvar,
    told: watch::Sender<u64>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { count: Mutex::new(0), risen: Condvar::new(), told: watch::Sender::new(0) }
    }

    pub(crate) fn count(&self) -> u64 {
        *lock(&self.count)
    }

    /// One more. Whatever is counted must be there to see before.
    pub(crate) fn add(&self) {
        let mut count = lock(&self.count);
        *count += 1;
        self.told.send_replace(*count);
        self.risen.notify_all();
    }

    /// Blocks until the count is `n` or more; false if it was not in time.
    pub(crate) fn wait(&self, n: u64, limit: Duration) -> bool {
        match self.risen.wait_timeout_while(lock(&self.count), limit, |count| *count < n) {
            Ok((_, waited)) => !waited.timed_out(),
            Err(_) => false,
        }
    }

    /// Until the count is `n` or more. Sets no limit, and needs no clock that a test might have paused.
    pub(crate) async fn reached(&self, n: u64) {
        // The sender lives as long as we do, so there is no error to meet.
        let _ = self.told.subscribe().wait_for(|count| *count >= n).await;
    }
}
