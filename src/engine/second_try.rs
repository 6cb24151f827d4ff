//! Events in quarantine that somebody wants tried again, after the peer was mended: each alone, and confirmed.
//!
//! Promise: one leaves the quarantine only when the peer has taken it; one that is refused again stays, and a peer that
//! is away costs it nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::receiver::{self, Said};
use super::stop::Stop;
use super::{Facilities, Forwarding, off_thread};
use crate::destinations::{Delivered, Destination};
use crate::event::{Seq, Stored};
use crate::fault::{Fault, FaultKind, Side, reaction};
use crate::queue::Quarantined;

/// After a look that brought no receipt: how long until the next.
const PAUSE: Duration = Duration::from_millis(200);

/// Tries what is due for this destination, until nothing is, it is stopped, or the peer is not to be had now: then it
/// returns how long to wait, so that a replay is not kept waiting behind it.
pub async fn run(facilities: &Facilities, as_set: &Forwarding, backoff: &mut Backoff, stop: &Stop) -> Option<Duration> {
    let name = as_set.destination.name.to_string();
    let mut peer: Option<Box<dyn Destination>> = None;
    let mut later = None;
    while !stop.is_stopped() {
        let (queue, whose) = (Arc::clone(&facilities.queue), name.clone());
        let Some(stored) = off_thread(move || next(&queue, &whose)).await else { break };
        let fault = match try_one(&mut peer, facilities, as_set, &stored).await {
            Ok(()) => {
                backoff.reset();
                tracing::info!(destination = name, event = ?stored.event.id, "taken, and out of the quarantine");
                let (queue, whose) = (Arc::clone(&facilities.queue), name.clone());
                if let Err(error) = off_thread(move || queue.drop_aside(&whose, stored.seq)).await {
                    error.fault()
                } else {
                    continue;
                }
            }
            Err(fault) if fault.kind == FaultKind::Rejected => {
                tracing::warn!(destination = name, event = ?stored.event.id, "refused again: {}", fault.chain());
                let entry = Quarantined {
                    destination: name.clone(),
                    seq: stored.seq,
                    id: stored.event.id.to_string(),
                    reason: fault.chain(),
                };
                let queue = Arc::clone(&facilities.queue);
                off_thread(move || queue.refused_again(&entry)).await;
                continue;
            }
            Err(fault) => fault,
        };
        let at = Instant::now();
        let wait = backoff.next(reaction(fault.kind, Side::Destination), fault.retry_after, at, fastrand::f64());
        if backoff.failing_for(at).is_zero() {
            tracing::info!(destination = name, "what is to be tried again of the quarantine waits: {}", fault.chain());
        }
        later = Some(wait.max(PAUSE));
        break;
    }
    if let Some(mut peer) = peer {
        peer.close().await;
    }
    later
}

/// The first that is due and can be read; what is no longer here is due no more.
fn next(queue: &crate::queue::Queue, name: &str) -> Option<Stored> {
    queue.due_aside(name).into_iter().find_map(|seq: Seq| match queue.aside(name, seq) {
        Ok(Some(stored)) => Some(stored),
        Ok(None) => {
            tracing::warn!(destination = name, seq = seq.0, "what was to be tried again can't be read: it is let go");
            queue.drop_aside(name, seq).ok().and(None)
        }
        Err(error) => {
            tracing::warn!(destination = name, seq = seq.0, %error, "it can't be tried again now");
            None
        }
    })
}

async fn try_one(
    peer: &mut Option<Box<dyn Destination>>,
    facilities: &Facilities,
    as_set: &Forwarding,
    stored: &Stored,
) -> Result<(), Fault> {
    let peer = match peer {
        Some(peer) => peer,
        None => peer.insert(receiver::build(as_set, facilities, Said::Once)?),
    };
    let mut told: Delivered = peer.deliver(std::slice::from_ref(stored)).await;
    loop {
        // Nothing else is on this connection unconfirmed; a later seq may have been tried before this one.
        if told.taken == Some(stored.seq) {
            return Ok(());
        }
        if let Some(fault) = told.fault {
            return Err(fault);
        }
        tokio::time::sleep(PAUSE).await;
        told = peer.confirm().await;
    }
}
