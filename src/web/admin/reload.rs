//! How a page asks the running agent to read its settings again, and hears what came of it.
//!
//! Promise: it is the reload of SIGHUP; who asks gets the outcome or learns that there is nobody to tell it.

use tokio::sync::{mpsc, oneshot};

/// `Err`: the old settings stay in force, and why.
pub type Outcome = Result<(), String>;

/// The page's end.
#[derive(Clone, Debug)]
pub struct ReloadBell(mpsc::Sender<oneshot::Sender<Outcome>>);

/// The agent's end: each item is answered with what came of one reload.
pub type Reloads = mpsc::Receiver<oneshot::Sender<Outcome>>;

/// Both ends. A few may wait; they are answered one after the other.
pub fn reload_bell() -> (ReloadBell, Reloads) {
    let (bell, reloads) = mpsc::channel(8);
    (ReloadBell(bell), reloads)
}

impl ReloadBell {
    /// Asks, and waits for the outcome.
    ///
    /// # Errors
    /// Why the settings were not taken, or that the agent is stopping.
    pub async fn ring(&self) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let gone = || "the agent is stopping: the change is written and counts from its next start".to_owned();
        self.0.send(answer).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}
