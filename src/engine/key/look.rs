//! Looking at where a key is kept.
//!
//! Promise: a change is seen within seconds without a signal, and a file that does not change is not read again.

use std::sync::Arc;

use tokio::sync::watch;

use super::super::off_thread;
use super::places::Places;
use crate::fault::Fault;
use crate::secrets::{Stamp, read_token, stamp};
use crate::values::{Name, Secret, SecretRef};

/// The place of one integration's key.
pub struct Look {
    integration: Name,
    place: SecretRef,
    places: Arc<Places>,
    /// Of the file as it was when it was last read; `None`: it never was.
    read: Option<Option<Stamp>>,
    seen: watch::Receiver<Option<Stamp>>,
}

impl Look {
    /// Nothing is read yet.
    pub fn new(integration: Name, place: SecretRef, places: Arc<Places>) -> Look {
        let seen = places.watch(&place);
        Look { integration, place, places, read: None, seen }
    }

    /// The key as it is now.
    ///
    /// # Errors
    /// As [`read_token`].
    pub async fn read(&mut self) -> Result<Secret, Fault> {
        let (place, sources) = (self.place.clone(), self.places.sources().clone());
        // The stamp first: what is written meanwhile is seen by the next look.
        let (stamp, token) = off_thread(move || (stamp(&place, &sources), read_token(&place, &sources))).await;
        self.read = Some(stamp);
        let token = token?;
        if token.trimmed {
            tracing::info!(integration = %self.integration, "blanks and line ends after the API key were left out");
        }
        Ok(token.secret)
    }

    /// Returns once the file is another than the one that was read; at once where none was. Dropped at any time, it has
    /// missed nothing.
    pub async fn changed(&mut self) {
        while let Some(read) = &self.read {
            // A look that is older than the reading would tell of a change that was read already: only news count.
            if self.seen.changed().await.is_err() {
                return std::future::pending().await;
            }
            if *self.seen.borrow() != *read {
                return;
            }
        }
    }
}
