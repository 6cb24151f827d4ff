//! Asking for the vendor's examples instead of live data: every request carries the header `mock-data: True`.
//!
//! Promise: no request leaves by this client without that header.

use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::Fault;
use crate::net::http::{Answer, Get};
use crate::values::Secret;

/// By which the vendor answers with examples (declared on most of its operations; the key must be a real one).
const HEADER: (&str, &str) = ("mock-data", "True");

/// A client that asks for examples.
pub struct AskForExamples(pub Arc<dyn Get>);

#[async_trait]
impl Get for AskForExamples {
    async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
        let mut with = headers.to_vec();
        with.push(HEADER);
        self.0.get(url, &with, bearer).await
    }
}
