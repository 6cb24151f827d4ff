//! The client that connectors ask through: a permit before each request, and a word to the pace about each answer.
//!
//! Promise: every 429 is seen here, at once, however many requests are under way, whatever the connector makes of it.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::Pace;
use super::line::lane;
use crate::engine::backoff::Backoff;
use crate::fault::{Fault, FaultKind, Side, reaction};
use crate::net::http::{Answer, Get};
use crate::values::Secret;

/// A client at an integration's pace.
pub struct Paced {
    client: Arc<dyn Get>,
    pace: Arc<Pace>,
}

impl Paced {
    pub fn new(client: Arc<dyn Get>, pace: Arc<Pace>) -> Paced {
        Paced { client, pace }
    }
}

#[async_trait]
impl Get for Paced {
    async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
        let asked = self.pace.permit(lane(url)).await;
        let answered = self.client.get(url, headers, bearer).await;
        // A request without an answer, or with one of a vendor that is ill, says nothing about its limit.
        if let Ok(answer) = &answered {
            match answer.status {
                429 => {
                    let slow = reaction(FaultKind::Throttled, Side::Api);
                    let pause = Backoff::default().next(slow, answer.retry_after, Instant::now(), 0.0);
                    self.pace.refused(asked, pause);
                }
                0..500 => self.pace.good(),
                500.. => {}
            }
        }
        answered
    }
}
