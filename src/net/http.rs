//! The HTTP client: GET within limits, through the proxy and the path that the operator chose.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::fault::Fault;
use crate::values::Secret;

/// What came back, read whole within the limits.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The server's clock.
    pub date: Option<Timestamp>,
    /// Both forms, as a wait from now.
    pub retry_after: Option<Duration>,
    pub content_type: Option<String>,
    pub body: Bytes,
}

/// Asks one URL. The engine's client awaits a permit of the integration's pace before each request;
/// tests script it.
#[async_trait]
pub trait Get: Send + Sync {
    /// Any answer with a status is `Ok`; a [`Fault`] means that there was none within the limits.
    async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault>;
}

/// Waits until the next request may go: the engine's token bucket.
#[async_trait]
pub trait Gate: Send + Sync {
    async fn permit(&self);
}
