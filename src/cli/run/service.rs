//! What the service manager is told (sd_notify(3)): ready, reloading, stopping, how things stand, and that the engine goes on.
//!
//! Promise: the watchdog is fed only when the engine has been through a round of its own since the last time; no timer
//! feeds it. An engine that is stuck is ended and started again by the service manager.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::watch;

use crate::status::{Board, Snapshot};

/// How things stand is told so often at the most, where no watchdog asks for more.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Not ready yet; what is being done.
pub fn starting(what: &str) {
    tell(&[NotifyState::Status(what)]);
}

pub fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("the queue is open")]);
}

/// `Type=notify-reload` wants the monotonic time beside the word.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd was not told of a reload"),
    }
}

pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: what is on its way is being confirmed")]);
}

/// Feeds the watchdog as the engine's rounds pass, until the engine is gone. Without a watchdog it still tells how things stand.
pub async fn follow(mut rounds: watch::Receiver<u64>, board: Board) {
    let every = feed_every(sd_notify::watchdog_enabled());
    let mut last: Option<Instant> = None;
    while rounds.changed().await.is_ok() {
        if last.is_some_and(|last| last.elapsed() < every) {
            continue;
        }
        last = Some(Instant::now());
        let line = line(&board.snapshot(jiff::Timestamp::now()));
        tell(&[NotifyState::Watchdog, NotifyState::Status(&line)]);
    }
}

/// A quarter of the watchdog's patience: a round or two may be slow.
fn feed_every(watchdog: Option<Duration>) -> Duration {
    watchdog.map_or(TELL_EVERY, |patience| (patience / 4).min(TELL_EVERY))
}

/// How things stand, in a line for `systemctl status`.
fn line(snapshot: &Snapshot) -> String {
    let conditions = match snapshot.conditions.len() {
        0 => String::new(),
        1 => " · 1 condition".to_owned(),
        many => format!(" · {many} conditions"),
    };
    let waiting = match snapshot.queue.events {
        1 => "1 event waits".to_owned(),
        many => format!("{many} events wait"),
    };
    format!("{}{conditions} · {waiting}", snapshot.state)
}

/// Where there is no service manager this does nothing.
fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told: {state:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;
    use jiff::Timestamp;

    #[test]
    fn the_watchdog_is_fed_four_times_within_its_patience() {
        assert_eq!(feed_every(Some(Duration::from_secs(4))), Duration::from_secs(1));
        assert_eq!(feed_every(Some(Duration::from_secs(3600))), TELL_EVERY);
        assert_eq!(feed_every(None), TELL_EVERY);
    }

    #[test]
    fn the_line_for_systemctl_tells_the_state_the_conditions_and_what_waits() {
        let board = Board::new("box", Timestamp::UNIX_EPOCH);
        board.queue(|record| {
            record.state = crate::status::QueueState::Open;
            record.events = 12;
        });
        assert_eq!(line(&board.snapshot(Timestamp::UNIX_EPOCH)), "healthy · 12 events wait");
        board.raise(Code::NoDestination, "", "none", Timestamp::UNIX_EPOCH);
        assert_eq!(line(&board.snapshot(Timestamp::UNIX_EPOCH)), "degraded · 1 condition · 12 events wait");
    }
}
