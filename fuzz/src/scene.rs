//! One stream of the connector, an API that answers as it is told, and an engine of a few lines between them.
//!
//! Promise: each poll is committed as the engine commits it, and judged before that; once the API is calm, a stream
//! that goes on for ever is a panic.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use conductor::connectors::abnormal::{Abnormal, STREAMS, Settings};
use conductor::connectors::{Connector, Page, PollContext};
use conductor::event::{Checkpoint, native_part};
use conductor::fault::{Fault, FaultKind};
use conductor::net::http::{Answer, Get};
use conductor::values::Secret;
use jiff::Timestamp;

use super::judge;

/// What must never be told.
pub const TOKEN: &str = "CANARY-5f1c-8a6e0f1b";
pub const HOST: &str = "api.abnormal.test";

/// Whatever is asked for, it is answered by this: no list holds anything, every item is settled.
const CALM: &str = concat!(
    r#"{"threats":[],"cases":[],"campaigns":[],"vendorCases":[],"auditLogs":[],"results":[],"attachments":[],"links":[],"#,
    r#""messages":[{"abxMessageIdStr":"calm"}],"caseId":1,"campaignId":1,"vendorCaseId":1,"judgementStatus":"Safe"}"#
);

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    Answer(Answer),
    /// No answer came.
    Cut,
}

/// A 200 with this body and no Date.
pub fn ok(body: impl Into<Bytes>) -> Reply {
    Reply::Answer(Answer { status: 200, date: None, retry_after: None, content_type: None, body: body.into() })
}

type Script = dyn FnMut(&str) -> Reply + Send;

/// Only does what it is told, and remembers what it sent.
pub struct Api {
    script: Mutex<Box<Script>>,
    /// Every body of a 200: what an event's `raw` can be a part of.
    pub sent: Mutex<Vec<Bytes>>,
    pub asked: AtomicUsize,
    /// What was asked since it was last judged: a panic in a request's own task would go unseen.
    unjudged: Mutex<Vec<(String, bool)>>,
}

#[async_trait]
impl Get for Api {
    async fn get(&self, url: &str, _: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
        let authenticated = bearer.map(Secret::reveal) == Some(TOKEN);
        self.unjudged.lock().unwrap_or_else(PoisonError::into_inner).push((url.to_owned(), authenticated));
        self.asked.fetch_add(1, Relaxed);
        match (self.script.lock().unwrap_or_else(PoisonError::into_inner))(url) {
            Reply::Answer(answer) => {
                if answer.status == 200 {
                    self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(answer.body.clone());
                }
                Ok(answer)
            }
            Reply::Cut => Err(Fault::new(FaultKind::Unavailable, "the connection was cut")),
        }
    }
}

/// How the operator set the integration.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub start: Duration,
    pub lag: Duration,
    pub overlap: Duration,
    pub enrich: bool,
}

impl Default for Timing {
    fn default() -> Timing {
        let secs = Duration::from_secs;
        Timing { start: secs(3_600), lag: secs(120), overlap: secs(900), enrich: false }
    }
}

/// A stream, and what the engine holds of it.
pub struct Scene {
    pub api: Arc<Api>,
    connector: Abnormal,
    runtime: tokio::runtime::Runtime,
    pub stream: &'static str,
    pub now: Timestamp,
    /// The stream's interval is over.
    pub round: bool,
    /// Requests that may be spent on what was seen before.
    pub spare: AtomicU32,
    pub checkpoint: Option<Checkpoint>,
    /// Event ids in the queue.
    kept: BTreeSet<String>,
}

impl Scene {
    /// `stream` is taken modulo their number.
    pub fn new(stream: usize, now: Timestamp, timing: Timing) -> Scene {
        let stream = STREAMS[stream % STREAMS.len()];
        let api = Arc::new(Api {
            script: Mutex::new(Box::new(|_| ok(CALM))),
            sent: Mutex::new(Vec::new()),
            asked: AtomicUsize::new(0),
            unjudged: Mutex::new(Vec::new()),
        });
        let settings = Settings {
            host: HOST.to_owned(),
            polling_interval: Duration::from_secs(600),
            intervals: Default::default(),
            start: timing.start,
            lag: timing.lag,
            overlap: timing.overlap,
            streams: vec![stream.to_owned()],
            enrich: timing.enrich,
        };
        let http: Arc<dyn Get> = api.clone();
        let connector = Abnormal::new("acme".parse().expect("a name"), settings, http, Secret::new(TOKEN));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (spare, kept) = (AtomicU32::new(u32::MAX), BTreeSet::new());
        Scene { api, connector, runtime, stream, now, round: true, spare, checkpoint: None, kept }
    }

    /// From now on the API answers so.
    pub fn script(&self, script: impl FnMut(&str) -> Reply + Send + 'static) {
        *self.api.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// Asks the connector with this checkpoint, and commits nothing.
    pub fn ask(&self, checkpoint: Option<&Checkpoint>) -> Page {
        let known = |native: &str| {
            let start = format!("acme/{}/{}", self.stream, native_part(native));
            let after = |id: &String| matches!(id.as_bytes().get(start.len()), Some(b'/' | b':'));
            self.kept.range(start.clone()..).take_while(|id| id.starts_with(&start)).any(after)
        };
        let spare = |most| self.spare.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(most)).is_ok();
        let kept = |id: &str| self.kept.contains(id);
        let context = PollContext { now: self.now, round: self.round, known: &known, kept: &kept, spare: &spare };
        let page = self.runtime.block_on(self.connector.poll(self.stream, checkpoint, &context));
        for (url, authenticated) in self.api.unjudged.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            assert!(authenticated, "every request carries the token");
            judge::request(&url);
        }
        page
    }

    /// One poll, judged and committed.
    pub fn poll(&mut self) -> Page {
        let (asked, sent) = (self.api.asked.load(Relaxed), self.sent_bytes());
        let page = self.ask(self.checkpoint.as_ref());
        let cost = judge::Cost {
            requests: self.api.asked.load(Relaxed) - asked,
            answered: self.sent_bytes() - sent,
            before: self.checkpoint.as_ref(),
        };
        judge::page(self.stream, self.now, &page, &cost);
        judge::raws(&page, &self.api.sent.lock().unwrap_or_else(PoisonError::into_inner));
        self.kept.extend(page.events.iter().map(|event| event.id.to_string()));
        self.checkpoint = page.next.clone().or(self.checkpoint.take());
        page
    }

    /// The API is well and has no news: what was begun is done within as many polls as there is work in the
    /// checkpoint, each without a fault.
    pub fn calm_down(&mut self) {
        self.script(|_| ok(CALM));
        self.round = false;
        *self.spare.get_mut() = u32::MAX;
        let most = 2 + self.checkpoint.as_ref().map_or(0, judge::work_left);
        for _ in 0..most {
            let page = self.poll();
            assert!(page.fault.is_none(), "the API is well: {:?}", page.fault);
            if !page.more {
                let left = self.checkpoint.as_ref().map_or(0, judge::work_left);
                assert_eq!(left, 0, "{}: quiet, and yet there is work: {:?}", self.stream, self.checkpoint);
                return;
            }
        }
        panic!("{}: not quiet after {most} polls of a calm API: {:?}", self.stream, self.checkpoint);
    }

    fn sent_bytes(&self) -> usize {
        self.api.sent.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Bytes::len).sum()
    }
}
