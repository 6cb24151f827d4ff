//! What a connection test asks of a connector, one small question each.
//!
//! Promise: an answer changes nothing at the vendor and nothing here; the faults are those that the agent itself meets.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Connector;
use crate::fault::Fault;

/// A connector that can be tried step by step. Everything it is asked goes the way of its polls.
#[async_trait]
pub trait Trial: Connector {
    /// What [`Trial::first`] asks, as it is told: `GET /v1/cases`.
    fn first_question(&self) -> &'static str;

    /// The first question with the key: is it taken at all?
    ///
    /// # Errors
    /// `Refused` with 401 or 403, `Unlicensed` with 402, and all that any request can meet.
    async fn first(&self) -> Result<(), Fault>;

    /// The smallest question that proves that a stream may be collected.
    ///
    /// # Errors
    /// As [`Trial::first`]; `Unlicensed` also for an add-on that is absent.
    async fn permission(&self, stream: &str, now: Timestamp) -> Result<(), Fault>;

    /// Has the vendor examples for this stream, that can be asked for without touching live data?
    fn has_examples(&self, stream: &str) -> bool;
}
