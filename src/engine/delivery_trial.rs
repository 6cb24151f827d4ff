//! One marked event handed to a destination by a person who waits for the answer: by a connection of its own.
//!
//! Promise: it knows no queue and no cursor; what it says of the peer's answer is what the protocol said, and no more.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::receiver::{self, Said};
use super::{Forwarding, own};
use crate::config;
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::{Event, Seq, Severity, Stored};
use crate::fault::{Fault, FaultKind};
use crate::secrets::SecretSources;

/// How long all of it may take. A collector that tells what it has indexed does so within seconds, and not at once.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How far the event got.
#[derive(Debug)]
pub struct Tried {
    /// It went onto a connection.
    pub sent: bool,
    /// The peer has it, as far as `receipt` can tell.
    pub taken: bool,
    pub receipt: Receipt,
    /// Why it went no further.
    pub fault: Option<Fault>,
}

/// The event: kind and stream `test` of the integration `conductor`. `native` is its own identity.
pub fn event(agent_name: &str, destination: &str, native: &str) -> Event {
    let raw = json!({"test": true, "agent": agent_name, "destination": destination, "version": crate::VERSION});
    let summary = format!("a test of destination {destination} by {agent_name}: nothing happened");
    own::event("test", "test", native, Severity::Info, summary, &raw)
}

/// One prepared destination, ready to be handed the event.
pub struct Trial(Box<dyn Destination>);

/// Reads its secrets and certificates; nothing is connected yet.
///
/// # Errors
/// `Keyless`: a secret or certificate that can't be read; `Misconfigured`: one that can't be used.
pub fn prepare(set: &config::Destination, agent_name: &str, secrets: &SecretSources) -> Result<Trial, Fault> {
    let as_set = Forwarding { destination: set.clone(), agent_name: agent_name.to_owned() };
    receiver::prepare(&as_set, secrets, Said::Once).map(Trial)
}

impl Trial {
    /// Hands the event over and waits for the peer's word, within [`LIMIT`].
    pub async fn hand_over(mut self, event: Event) -> Tried {
        let mut tried = Tried { sent: false, taken: false, receipt: Receipt::Unknown, fault: None };
        if timeout(LIMIT, self.steps(event, &mut tried)).await.is_err() {
            let text = format!("nothing was confirmed within {} s; the event may arrive yet", LIMIT.as_secs());
            tried.fault = Some(Fault::new(FaultKind::Unavailable, text));
        }
        tried.receipt = self.0.receipt();
        tried
    }

    async fn steps(&mut self, event: Event, tried: &mut Tried) {
        // Not of the queue: it has no place there.
        let stored = [Stored { seq: Seq(0), event }];
        note(tried, self.0.deliver(&stored).await);
        if !tried.taken && tried.fault.is_none() {
            note(tried, self.0.confirm().await);
        }
        // An answered close is a receipt too; after a fault there is nothing left to close.
        if tried.fault.is_none() {
            note(tried, self.0.close().await);
        }
    }
}

fn note(tried: &mut Tried, delivered: Delivered) {
    tried.sent |= delivered.sent.is_some();
    tried.taken |= delivered.taken.is_some();
    // What breaks after the peer has it (a close that is not answered) takes nothing back.
    if !tried.taken {
        tried.fault = delivered.fault;
    }
}
