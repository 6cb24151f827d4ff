//! The one way to end a task: a flag that is raised once and can be awaited.

use tokio::sync::watch;

/// Raises the flag; dropping it raises it too.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Waits for the flag. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A flag, not yet raised.
pub fn flag() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns once the flag is raised. Safe to drop at any time.
    pub async fn stopped(&mut self) {
        // An error means that the stopper is gone: the same.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}
