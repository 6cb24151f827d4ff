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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Answers with the headers that it was asked with.
    struct Echo;

    #[async_trait]
    impl Get for Echo {
        async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
            let body = Bytes::from(format!("{url} {headers:?} {}", bearer.is_some()));
            Ok(Answer { status: 200, date: None, retry_after: None, content_type: None, body })
        }
    }

    #[tokio::test]
    async fn the_header_that_asks_for_examples_goes_with_every_request_beside_the_connectors_own() {
        let client = AskForExamples(Arc::new(Echo));
        let key = Secret::new("k");
        let answer = client.get("https://x/", &[("Accept", "a")], Some(&key)).await.expect("an answer");
        assert_eq!(&answer.body[..], br#"https://x/ [("Accept", "a"), ("mock-data", "True")] true"#);
    }
}
