//! The life of one integration's key: a new one is tried before the old one goes.
//!
//! ```text
//! the file changes, or a reload ──► read ──► one cheap question with the new key
//!                                              it works ──► in use from the next request on; parked streams wake
//!                                              refused  ──► the old one stays, a condition says so; tried again later
//! ```
//!
//! [`trial`] decides (pure), [`places`] sees changes, [`look`] reads, [`life`] tells how long the key lives. Promise: no poll in flight is
//! disturbed, and a key that the vendor does not know takes the place of none.

mod kept;
mod life;
mod look;
mod places;
mod trial;
mod words;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::refusal::Refusals;
use super::stop::Stop;
use crate::config::Integration;
use crate::connectors::Connector;
use crate::fault::{Fault, Side, reaction};
use crate::status::{Board, Code};
use crate::values::Secret;
use trial::{Verdict, standing, verdict};

pub use kept::Kept;
pub use life::Life;
pub use look::Look;
pub use places::Places;

/// A refused key is not asked with again sooner, however often the old one fails.
const PAUSE: Duration = Duration::from_secs(30);

/// The connector that speaks with one key.
#[derive(Clone)]
pub struct Connected {
    pub connector: Arc<dyn Connector>,
    pub key: Secret,
}

/// Watches over the key of one running integration.
pub struct Key {
    pub board: Board,
    pub integration: Integration,
    pub kept: Arc<Kept>,
    pub look: Look,
    /// Makes the connector for a key: the same client, the same pace.
    pub connect: Box<dyn Fn(Secret) -> Arc<dyn Connector> + Send + Sync>,
    /// What the streams ask through. A change wakes those that are parked.
    pub connected: watch::Sender<Connected>,
    pub refusals: Arc<Refusals>,
    /// Rung at each reload.
    pub reloaded: watch::Receiver<u64>,
}

/// A new key that is not in use yet.
struct Offered {
    connected: Connected,
    backoff: Backoff,
    due: Instant,
    tried: Option<Instant>,
}

impl Offered {
    /// Until it is tried again.
    fn wait(&mut self, fault: &Fault, now: Instant) -> Duration {
        self.backoff.next(reaction(fault.kind, Side::Api), fault.retry_after, now.into_std(), fastrand::f64())
    }
}

impl Key {
    /// Watches until it is stopped.
    pub async fn run(mut self, mut stop: Stop) {
        let mut answers = self.refusals.answers.subscribe();
        let mut offered: Option<Offered> = None;
        loop {
            let due = offered.as_ref().map(|offered| offered.due);
            tokio::select! {
                () = stop.stopped() => return,
                () = self.look.changed() => self.read(&mut offered).await,
                () = reload(&mut self.reloaded) => self.read(&mut offered).await,
                () = old_fails(&mut answers), if offered.is_some() => {
                    if let Some(offered) = &mut offered {
                        let soon = offered.tried.map_or(offered.due, |tried| tried + PAUSE);
                        offered.due = offered.due.min(soon);
                    }
                }
                () = until(due), if due.is_some() => {
                    tokio::select! {
                        () = stop.stopped() => return,
                        left = self.attempt(offered.take()) => offered = left,
                    }
                }
            }
        }
    }

    /// Reads what stands there now and offers it, where it is another key.
    async fn read(&mut self, offered: &mut Option<Offered>) {
        let key = match self.look.read().await {
            Ok(key) => key,
            Err(fault) => {
                *offered = None;
                return self.keep(&fault);
            }
        };
        if self.connected.borrow().key == key {
            *offered = None;
            if self.board.clear(Code::ApiKeyNotTaken, self.integration.name.as_str()) {
                tracing::info!(integration = %self.integration.name, "the API key that is in use is back in its place");
            }
            return;
        }
        if let Some(known) = offered.as_mut().filter(|known| known.connected.key == key) {
            known.due = Instant::now();
            return;
        }
        let connected = Connected { connector: (self.connect)(key.clone()), key };
        let now = Instant::now();
        *offered = Some(Offered { connected, backoff: Backoff::default(), due: now, tried: None });
    }

    /// One try. Returns the key where it is still to be tried.
    async fn attempt(&self, offered: Option<Offered>) -> Option<Offered> {
        let mut offered = offered?;
        let answer = offered.connected.connector.probe().await;
        let new = standing(&answer);
        let decided = match verdict(new, None) {
            Verdict::Compare => {
                let old = self.connected.borrow().connector.clone();
                verdict(new, standing(&old.probe().await))
            }
            known @ (Verdict::Adopt | Verdict::Keep | Verdict::Again) => known,
        };
        let now = Instant::now();
        let first = offered.tried.replace(now).is_none();
        match (decided, answer) {
            (Verdict::Adopt, _) | (_, Ok(_)) => {
                self.adopt(offered.connected);
                return None;
            }
            (Verdict::Keep, Err(fault)) => {
                self.keep(&fault);
                offered.due = now + offered.wait(&fault, now);
            }
            (Verdict::Compare | Verdict::Again, Err(fault)) => {
                if first {
                    let why = fault.chain();
                    tracing::info!(
                        integration = %self.integration.name,
                        "the new API key can't be tried yet ({why}); the old one stays in use meanwhile"
                    );
                }
                offered.due = now + offered.wait(&fault, now);
            }
        }
        Some(offered)
    }

    fn adopt(&self, connected: Connected) {
        self.refusals.forget();
        self.kept.keep(&self.integration, connected.key.clone());
        self.connected.send_replace(connected);
        self.board.clear(Code::ApiKeyNotTaken, self.integration.name.as_str());
        tracing::info!(integration = %self.integration.name, "the new API key is in use");
    }

    fn keep(&self, fault: &Fault) {
        let text = format!("the new API key is not taken, the old one stays in use: {}", fault.chain());
        if self.board.raise(Code::ApiKeyNotTaken, self.integration.name.as_str(), &text, Timestamp::now()) {
            tracing::warn!(integration = %self.integration.name, "{text}");
        }
    }
}

/// Returns at the next reload; where none can come any more, never.
pub async fn reload(reloaded: &mut watch::Receiver<u64>) {
    if reloaded.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Returns when a stream was answered that the vendor does not know the key in use.
async fn old_fails(answers: &mut watch::Receiver<super::answers::Answers>) {
    loop {
        if answers.changed().await.is_err() {
            std::future::pending().await
        }
        if answers.borrow_and_update().key_unknown() {
            return;
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
