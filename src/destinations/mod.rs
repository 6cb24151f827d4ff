//! Destinations hand events over. A new protocol is one new folder here and one line in the engine's table.
//!
//! Promise: `taken` never runs ahead of what the peer has confirmed, as far as its protocol can tell.

pub mod elastic;
pub mod http;
pub mod jetstream;
pub mod link;
pub mod relp;
pub mod splunk_hec;
pub mod syslog;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::event::{Seq, Stored};
use crate::fault::Fault;

/// How far a destination got.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Everything up to here is confirmed by the peer (of this and earlier calls); `None`: nothing new.
    pub taken: Option<Seq>,
    /// The last event that went onto a connection since the last fault, confirmed or not; `None`: none did.
    pub sent: Option<Seq>,
    /// Why it stopped. `Rejected` speaks of the first event after `taken`, of this call or of an earlier one: whoever
    /// reports it has waited until all before is confirmed, or an innocent event would be put aside. What lies between `taken` and the batch's end must then be handed over again.
    pub fault: Option<Fault>,
}

/// How the peer confirms what it took: told on /status, never more than the protocol can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receipt {
    /// Not yet known: nothing was confirmed on this connection so far.
    Unknown,
    /// The receiving process read it: it answered a TLS 1.3 KeyUpdate that stood behind the events.
    ReadKeyUpdate,
    /// The receiving process read it: it answered an orderly close behind the events.
    ReadClose,
    /// The peer acknowledged each event by its protocol's own word.
    Acknowledged,
    /// The peer told that each event is indexed: past its own queues, where a search finds it.
    Indexed,
    /// The peer's TCP has it; nobody can tell whether the process has read it.
    HeldByTcp,
    /// It was sent; nobody can tell whether anything has arrived.
    Sent,
}

/// One configured receiver. One task of the engine owns it; it is never shared.
#[async_trait]
pub trait Destination: Send {
    /// Hands a batch over, in order. May return before the peer has confirmed it: `taken` then lags behind.
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered;

    /// Waits until all that was handed over is confirmed, or a fault.
    async fn confirm(&mut self) -> Delivered;

    /// Is a connection up now?
    fn connected(&self) -> bool;

    /// How this peer confirms.
    fn receipt(&self) -> Receipt;

    /// Until when the certificate holds that the peer showed on the connection that is up; `None`: it is not known.
    fn peer_certificate_ends(&self) -> Option<Timestamp> {
        None
    }

    /// Ends the connection in order, confirming what it can within the engine's time.
    async fn close(&mut self) -> Delivered;
}
