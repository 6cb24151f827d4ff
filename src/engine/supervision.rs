//! Tasks that come back.
//!
//! Promise: a panic ends one task; it starts again after a growing wait and raises a condition. No other task
//! notices. A task that returns has ended as it meant to.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::stop::Stop;
use crate::fault::Reaction;
use crate::status::{Board, Code};

const COMES_BACK: Reaction = Reaction::Retry {
    base: Duration::from_millis(500),
    most: Duration::from_secs(60),
    after: Duration::from_secs(60),
    patient: Duration::from_secs(60),
};
/// A task that ran this long is taken to be well again.
const WELL_AFTER: Duration = Duration::from_secs(600);

/// Runs what `make` makes, again and again until it returns or is stopped.
pub fn supervise<F, Fut>(name: &str, board: Board, mut stop: Stop, make: F) -> JoinHandle<()>
where
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let name = name.to_owned();
    tokio::spawn(async move {
        let mut backoff = Backoff::default();
        loop {
            let started = Instant::now();
            let mut task = AbortOnDrop(tokio::spawn(make()));
            let Err(error) = (&mut task.0).await else { return };
            if !error.is_panic() || stop.is_stopped() {
                return;
            }
            if started.elapsed() > WELL_AFTER {
                backoff.reset();
            }
            let wait = backoff.next(COMES_BACK, None, Instant::now(), fastrand::f64());
            board.agent(|agent| agent.task_restarts += 1);
            let text = format!("the task \"{name}\" ended unexpectedly and was started again: please report this bug");
            tracing::error!(task = name, wait_ms = wait.as_millis(), "a task panicked; it starts again");
            board.raise(Code::TaskRestarted, &name, text, Timestamp::now());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.stopped() => return,
            }
        }
    })
}

/// Cutting the supervisor off must not leave its task behind.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stop;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_comes_back_with_a_condition() {
        let board = Board::new("test", Timestamp::now());
        let (_stopper, flag) = stop::flag();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let task = supervise("poller", board.clone(), flag, move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(run >= 2, "this panic is part of the test");
            }
        });
        task.await.expect("the supervisor itself is well");
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        assert!(board.stands(Code::TaskRestarted, "poller"));
    }
}
