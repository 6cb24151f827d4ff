//! Where keys are kept, looked at together: one task for all integrations and destinations.
//!
//! Promise: a file that changed is told within [`EVERY`] to whoever watches it; two hundred keys cost one look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::super::off_thread;
use super::super::stop::Stop;
use crate::secrets::{SecretSources, Stamp, stamp};
use crate::values::SecretRef;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// What the last look found; `None`: no file.
type Seen = Option<Stamp>;

/// The places that somebody watches.
#[derive(Debug)]
pub struct Places {
    sources: SecretSources,
    watched: Mutex<HashMap<SecretRef, watch::Sender<Seen>>>,
    /// Rung at each look that found a change.
    news: watch::Sender<u64>,
}

impl Places {
    pub fn new(sources: SecretSources) -> Arc<Places> {
        Arc::new(Places { sources, watched: Mutex::default(), news: watch::Sender::default() })
    }

    /// Where secrets are looked for.
    pub fn sources(&self) -> &SecretSources {
        &self.sources
    }

    /// From now on, changes of this place. The place is forgotten when nobody watches it any more.
    pub fn watch(&self, place: &SecretRef) -> watch::Receiver<Seen> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.entry(place.clone()).or_default().subscribe()
    }

    /// Rung when any watched place has changed; for who watches several.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Looks until it is stopped.
    pub async fn run(self: Arc<Places>, mut stop: Stop) {
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                _ = clock.tick() => {}
            }
            let places = self.places();
            let sources = self.sources.clone();
            // One after the other: a slow disk must not take the threads that the queue needs.
            let look = move || places.into_iter().map(|place| (stamp(&place, &sources), place)).collect::<Vec<_>>();
            let found = off_thread(look).await;
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let mut any = false;
            for (seen, place) in found {
                if let Some(teller) = watched.get(&place) {
                    any |= teller.send_if_modified(|old| std::mem::replace(old, seen) != seen);
                }
            }
            if any {
                self.news.send_modify(|count| *count += 1);
            }
        }
    }

    fn places(&self) -> Vec<SecretRef> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, teller| teller.receiver_count() > 0);
        watched.keys().cloned().collect()
    }
}
