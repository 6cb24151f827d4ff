//! Looking at where a key is kept.
//!
//! Promise: a change is seen within [`EVERY`] without a signal, and a file that does not change is not read again.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::off_thread;
use crate::fault::Fault;
use crate::secrets::{SecretSources, Stamp, read_token, stamp};
use crate::values::{Name, Secret, SecretRef};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// The place of one integration's key.
pub struct Look {
    integration: Name,
    place: SecretRef,
    sources: SecretSources,
    /// Of the file as it was when it was last read; `None`: it never was.
    read: Option<Option<Stamp>>,
    clock: Interval,
}

impl Look {
    /// Nothing is read yet.
    pub fn new(integration: Name, place: SecretRef, sources: SecretSources) -> Look {
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Look { integration, place, sources, read: None, clock }
    }

    /// The key as it is now.
    ///
    /// # Errors
    /// As [`read_token`].
    pub async fn read(&mut self) -> Result<Secret, Fault> {
        let (place, sources) = (self.place.clone(), self.sources.clone());
        // The stamp first: what is written meanwhile is seen by the next look.
        let (stamp, token) = off_thread(move || (stamp(&place, &sources), read_token(&place, &sources))).await;
        self.read = Some(stamp);
        let token = token?;
        if token.trimmed {
            tracing::info!(integration = %self.integration, "blanks and line ends after the API key were left out");
        }
        Ok(token.secret)
    }

    /// Returns once the file is another than the one that was read; at once where none was. Dropped at any time, it has missed nothing.
    pub async fn changed(&mut self) {
        loop {
            self.clock.tick().await;
            let (place, sources) = (self.place.clone(), self.sources.clone());
            if Some(off_thread(move || stamp(&place, &sources)).await) != self.read {
                return;
            }
        }
    }
}
