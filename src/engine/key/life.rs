//! How long a key lives: asks the vendor once and then daily, and tells what it knows each hour.
//!
//! Promise: asking delays no stream: it begins after one was answered, waits for its permit as any request does, and
//! what goes wrong with it is told nobody. What the vendor tells goes before what the settings say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::answers::Answers;
use super::super::backoff::Backoff;
use super::super::expiry::Step;
use super::super::off_thread;
use super::super::stop::Stop;
use super::words;
use super::{Connected, until};
use crate::config::Integration;
use crate::connectors::{Connector, KeyTold};
use crate::fault::{Side, reaction};
use crate::secrets::first_seen;
use crate::status::{Board, Code, KeyExpiry, KeySource};
use crate::values::Secret;

const DAILY: Duration = Duration::from_secs(86_400);
/// A question that failed is not asked again sooner: nothing hangs on it.
const LATER: Duration = Duration::from_secs(60);
const HOURLY: Duration = Duration::from_secs(3600);

/// Knows and tells how long the key of one running integration lives.
pub struct Life {
    pub board: Board,
    pub state_dir: PathBuf,
    pub integration: Integration,
    pub connected: watch::Receiver<Connected>,
    pub answers: watch::Receiver<Answers>,
}

/// What is known of one key.
struct Known {
    told: Option<KeyTold>,
    /// When this agent first saw it; `None` where that can't be kept.
    seen: Option<Timestamp>,
    /// The last step that the log was told.
    step: Option<Step>,
}

impl Life {
    /// Tells until it is stopped.
    pub async fn run(mut self, mut stop: Stop) {
        loop {
            let connected = self.connected.borrow_and_update().clone();
            tokio::select! {
                () = stop.stopped() => return,
                () = self.of_one(&connected) => {}
            }
        }
    }

    /// As long as this key is in use. Dropped at any time, nothing is lost.
    async fn of_one(&mut self, connected: &Connected) {
        let mut known = Known { told: None, seen: self.seen(connected.key.clone()).await, step: None };
        let mut backoff = Backoff::default();
        let mut due = self.answers.borrow_and_update().any_admitted().then(Instant::now);
        self.tell(&mut known);
        loop {
            tokio::select! {
                changed = self.connected.changed() => match changed {
                    Ok(()) => return,
                    // The watch over the key has ended, and so will this.
                    Err(_) => std::future::pending().await,
                },
                () = admitted(&mut self.answers), if due.is_none() => due = Some(Instant::now()),
                wait = ask_at(due, &connected.connector, self.integration.api_key_name.as_deref(), &mut known.told, &mut backoff), if due.is_some() => {
                    due = Some(Instant::now() + wait);
                }
                () = tokio::time::sleep(HOURLY) => {}
            }
            self.tell(&mut known);
        }
    }

    async fn seen(&self, key: Secret) -> Option<Timestamp> {
        let (state_dir, name) = (self.state_dir.clone(), self.integration.name.clone());
        let seen = off_thread(move || first_seen(&state_dir, &name, &key, Timestamp::now())).await;
        seen.inspect_err(|error| {
            tracing::warn!(integration = %self.integration.name, "since when this API key is in use can't be kept: {error}");
        })
        .ok()
    }

    /// Writes what is known to the board, and to the log where a step was taken.
    fn tell(&self, known: &mut Known) {
        let (board, now) = (&self.board, Timestamp::now());
        let subject = self.integration.name.as_str();
        let told = known.told.as_ref();
        let by_vendor = told.and_then(|told| told.expires).map(|at| KeyExpiry { at, source: KeySource::Vendor });
        let expires = by_vendor.or(self.integration.api_key_expires.and_then(KeyExpiry::set));
        let made = told.and_then(|told| told.made);
        let since = made.or(known.seen);
        board.integration(&self.integration.name, |record| {
            record.api_key_expires = expires;
            record.api_key_since = since;
        });
        let unsure = told.and_then(|told| told.unsure.as_deref()).filter(|_| by_vendor.is_some());
        match expires.and_then(|end| Step::of(end.days_left(now)).map(|step| (end, step))) {
            Some((end, step)) => {
                let text = words::end(subject, end, unsure, now);
                board.raise_as(Code::ApiKeyExpiring, step.severity(), subject, &text, now);
                if known.step != Some(step) {
                    tracing::warn!(integration = subject, "{text}");
                }
                known.step = Some(step);
            }
            None => {
                board.clear(Code::ApiKeyExpiring, subject);
                known.step = None;
            }
        }
        let most = self.integration.api_key_max_age;
        match since.and_then(|since| words::age(subject, since, made.is_some(), most, now)) {
            Some(text) => {
                if board.raise(Code::ApiKeyOld, subject, &text, now) {
                    tracing::info!(integration = subject, "{text}");
                }
            }
            None => {
                board.clear(Code::ApiKeyOld, subject);
            }
        }
    }
}

/// Returns once a stream was let in with this key.
async fn admitted(answers: &mut watch::Receiver<Answers>) {
    if answers.wait_for(Answers::any_admitted).await.is_err() {
        std::future::pending().await
    }
}

/// Asks when it is due; returns how long to wait for the next time.
async fn ask_at(
    due: Option<Instant>,
    connector: &Arc<dyn Connector>,
    named: Option<&str>,
    told: &mut Option<KeyTold>,
    backoff: &mut Backoff,
) -> Duration {
    until(due).await;
    match connector.key(named).await {
        Ok(new) => {
            *told = new;
            backoff.reset();
            DAILY
        }
        Err(fault) => {
            tracing::debug!("the vendor could not be asked about the API key: {}", fault.chain());
            let wait = backoff.next(
                reaction(fault.kind, Side::Api),
                fault.retry_after,
                Instant::now().into_std(),
                fastrand::f64(),
            );
            wait.max(LATER)
        }
    }
}
