//! The heartbeat: how a SOC watches a box behind NAT.
//!
//! Promise: only the newest is sent, never queued: an old one would say something that is no longer true.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use super::own;
use super::stop::Stop;
use crate::config::Settings;
use crate::event::{Event, Severity};
use crate::status::{Board, Snapshot, State};

pub async fn run(
    board: Board,
    mut settings: watch::Receiver<Option<Arc<Settings>>>,
    newest: Arc<watch::Sender<Option<Event>>>,
    mut stop: Stop,
) {
    loop {
        let every = settings.borrow_and_update().as_ref().map_or(Duration::ZERO, |s| s.agent.heartbeat);
        let beat = async {
            if every.is_zero() { std::future::pending::<()>().await } else { tokio::time::sleep(every).await }
        };
        tokio::select! {
            () = stop.stopped() => return,
            changed = settings.changed() => if changed.is_err() { return },
            () = beat => {
                newest.send_replace(Some(event(&board.snapshot(Timestamp::now()))));
            }
        }
    }
}

fn event(snapshot: &Snapshot) -> Event {
    let severity = match snapshot.state {
        State::Healthy => Severity::Info,
        State::Degraded => Severity::Medium,
        State::Down => Severity::High,
    };
    let depth = snapshot.destinations.iter().map(|d| d.depth).max().unwrap_or(snapshot.queue.events);
    let integrations: Vec<_> = snapshot
        .integrations
        .iter()
        .map(|each| {
            json!({
                "name": each.name,
                "state": each.state,
                "api_key_expires": each.api_key_expires,
                "api_key_expires_source": each.api_key_expires_source,
            })
        })
        .collect();
    let raw = json!({
        "agent": snapshot.agent.name,
        "version": snapshot.agent.version,
        "state": snapshot.state,
        "depth": depth,
        "oldest_seconds": snapshot.queue.oldest_seconds,
        "egress_ip": snapshot.egress.observed,
        "egress_matches": snapshot.egress.matches,
        "integrations": integrations,
        "conditions": snapshot.conditions,
    });
    let summary = format!("{} is {}, {depth} events waiting", snapshot.agent.name, snapshot.state);
    let native = snapshot.time.as_millisecond().to_string();
    own::event("heartbeat", "heartbeat", &native, severity, summary, &raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::KeyExpiry;

    #[test]
    fn a_heartbeat_tells_when_each_key_ends_and_who_says_so() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let board = Board::new("box", now);
        board.integration(&"acme".parse().expect("a name"), |acme| {
            acme.enabled = true;
            acme.api_key_expires = KeyExpiry::set("2027-01-31".parse().expect("a day"));
        });
        let beat = event(&board.snapshot(now));
        let told: serde_json::Value = serde_json::from_str(&beat.raw).expect("JSON");
        let acme = &told["integrations"][0];
        assert_eq!((&acme["name"], &acme["state"]), (&json!("acme"), &json!("waiting")));
        assert_eq!(
            (&acme["api_key_expires"], &acme["api_key_expires_source"]),
            (&json!("2027-01-31"), &json!("settings"))
        );
    }
}
