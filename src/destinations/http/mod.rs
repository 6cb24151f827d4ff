//! HTTP: batches of events to a collector, as JSON lines or as an array; what Splunk and Elastic speak stands on it.
//!
//! Promise: an event is taken when the answer to its batch is a 2xx and whole. A batch whose answer did not come is
//! sent again, with the same `Idempotency-Key` while its borders stay. One request is in flight, so order is kept.
//!
//! ```text
//!   mod, splunk_hec, elastic (Dialect: how events are written, what answers mean)
//!        └── courier (one batch at a time) ── exchange (one request) ── link (TCP, TLS)
//!               ├── batch   what waits, where it is cut, halving (pure)
//!               ├── answer  status → action (pure)
//!               ├── doubt   one bad event, or bad settings? (pure)
//!               └── request head, body, compression, key
//! ```

pub mod answer;
pub mod batch;
pub mod courier;
mod doubt;
pub mod exchange;
pub mod request;
pub mod settings;

use std::io;

use async_trait::async_trait;
use tokio::time::Instant;

use self::answer::{Answer, Verdict, verdict};
use self::courier::{CALL, Courier, Dialect};
use self::request::Frame;
pub use self::settings::Settings;
use self::settings::{Given, HeaderText, Layout};
use crate::destinations::{Delivered, Destination, Receipt};
use crate::event::Stored;
use crate::fault::Fault;
use crate::format::Body;

/// A collector that takes JSON.
pub struct Collector {
    body: Body,
    layout: Layout,
}

/// Prepares a destination of type `http`; nothing is connected yet.
///
/// # Errors
/// What the link says of certificates, the resolver of secrets, and `Misconfigured` of a header that can't be sent.
pub fn new(settings: &Settings, given: &Given<'_>) -> Result<Courier<Collector>, Fault> {
    let collector = Collector { body: given.body(), layout: settings.layout };
    let mut courier = Courier::new(&settings.common, settings.common.path.clone(), collector, given)?.keyed();
    courier.head_mut().method = settings.method.clone();
    if settings.layout == Layout::Array {
        courier.head_mut().add("content-type", "application/json", None)?;
    }
    for (name, text) in &settings.headers {
        match text {
            HeaderText::Plain(text) => courier.head_mut().add(name, text, None)?,
            HeaderText::Secret(secret) => {
                let secret = (given.resolve)(secret)?;
                let text = secret.clone();
                courier.head_mut().add(name, text.reveal(), Some(secret))?;
            }
        }
    }
    Ok(courier)
}

impl Dialect for Collector {
    const LARGEST_ANSWER: usize = 1 << 20;
    const CONTENT_TYPE: &'static str = "application/x-ndjson";

    fn write(&self, text: &mut Vec<u8>, stored: &Stored) -> io::Result<()> {
        self.body.write(text, stored)?;
        match self.layout {
            Layout::Lines => request::one_line(text),
            Layout::Array => as_json(text)?,
        }
        Ok(())
    }

    fn frame(&self) -> Frame {
        match self.layout {
            Layout::Lines => Frame { open: "", between: "\n", close: "\n" },
            Layout::Array => Frame { open: "[", between: ",", close: "]" },
        }
    }

    fn judge(&self, answer: &Answer, _: usize, place: &str, quote: &str) -> Verdict {
        verdict(answer, place, quote)
    }
}

/// Makes a JSON value of a text that is none: a format such as CEF becomes a string.
///
/// # Errors
/// Those of the writer; a `Vec` has none.
pub fn as_json(text: &mut Vec<u8>) -> io::Result<()> {
    if text.first() != Some(&b'{') {
        *text = serde_json::to_vec(&String::from_utf8_lossy(text))?;
    }
    Ok(())
}

/// Receivers whose answer is their last word.
#[async_trait]
impl<D: Dialect> Destination for Courier<D> {
    async fn deliver(&mut self, batch: &[Stored]) -> Delivered {
        let outcome = match self.put(batch) {
            Ok(()) => send_all(self, false).await,
            Err(fault) => Err(fault),
        };
        self.told(outcome)
    }

    async fn confirm(&mut self) -> Delivered {
        let outcome = send_all(self, true).await;
        self.told(outcome)
    }

    fn connected(&self) -> bool {
        self.is_connected()
    }

    fn receipt(&self) -> Receipt {
        if self.has_taken { Receipt::Acknowledged } else { Receipt::Unknown }
    }

    /// What waits is not sent: it is not taken, so it comes again.
    async fn close(&mut self) -> Delivered {
        Courier::close(self).await;
        self.told(Ok(()))
    }
}

async fn send_all<D: Dialect>(courier: &mut Courier<D>, flush: bool) -> Result<(), Fault> {
    let until = Instant::now() + CALL;
    while courier.send(flush, until).await?.is_some() {}
    Ok(())
}
