//! A scripted API and an engine of a few lines, so that a test reads as a dialogue.

mod campaigns;
mod cases;
mod details;
mod enrichment;
mod faults;
mod floods;
mod lists;
mod messages;
mod model;
mod streams;
mod visible;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Abnormal, Settings};
use crate::connectors::{Connector, Page, PollContext};
use crate::event::{Checkpoint, Event, Gap};
use crate::fault::Fault;
use crate::net::http::{Answer, Get};
use crate::values::Secret;

pub const TOKEN: &str = "CANARY-5f1c-8a6e0f1b2c3d4e5f60718293a4b5c6d7";
pub const NOW: &str = "2026-11-20T12:00:00Z";

/// What the connector asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    List { field: String, from: Timestamp, to: Timestamp, page: u32 },
    Item { id: String, page: u32 },
    Other(String),
}

type Script = dyn Fn(&Ask) -> Result<Answer, Fault> + Send + Sync;

/// Only does what it is told, and remembers what it was asked.
pub struct Fake {
    script: Mutex<Box<Script>>,
    pub asked: Mutex<Vec<Ask>>,
}

#[async_trait]
impl Get for Fake {
    async fn get(&self, url: &str, headers: &[(&str, &str)], bearer: Option<&Secret>) -> Result<Answer, Fault> {
        assert_eq!(bearer.map(Secret::reveal), Some(TOKEN), "every request carries the token");
        assert!(headers.contains(&("Accept", "application/json")) && !url.contains(TOKEN));
        let ask = parse(url);
        self.asked.lock().expect("asked").push(ask.clone());
        (self.script.lock().expect("script"))(&ask)
    }
}

/// The connector, what it is asked through, and what an engine would hold for it.
pub struct Bench {
    pub connector: Abnormal,
    pub fake: Arc<Fake>,
    pub checkpoint: Option<Checkpoint>,
    /// Event ids in the queue.
    pub kept: BTreeSet<String>,
    /// Events in the queue, repeats dropped.
    pub events: Vec<Event>,
    pub gaps: Vec<Gap>,
    pub now: Timestamp,
    pub stream: &'static str,
    /// Requests that may be spent on what was seen before.
    pub spare: AtomicU32,
    /// The stream's interval is over.
    pub due: bool,
}

impl Bench {
    pub fn new(script: impl Fn(&Ask) -> Result<Answer, Fault> + Send + Sync + 'static) -> Bench {
        Bench::of("threats", false, script)
    }

    /// Another stream; what it asks for is [`Ask::Other`].
    pub fn of(
        stream: &'static str,
        enrich: bool,
        script: impl Fn(&Ask) -> Result<Answer, Fault> + Send + Sync + 'static,
    ) -> Bench {
        Bench { stream, ..Bench::with(vec![stream.to_owned()], enrich, script) }
    }

    fn with(
        streams: Vec<String>,
        enrich: bool,
        script: impl Fn(&Ask) -> Result<Answer, Fault> + Send + Sync + 'static,
    ) -> Bench {
        let fake = Arc::new(Fake { script: Mutex::new(Box::new(script)), asked: Mutex::new(Vec::new()) });
        let settings = Settings {
            host: "api.abnormal.test".to_owned(),
            polling_interval: Duration::from_secs(600),
            intervals: Default::default(),
            start: Duration::from_secs(3_600),
            lag: Duration::from_secs(120),
            overlap: Duration::from_secs(900),
            streams,
            enrich,
        };
        let connector = Abnormal::new("acme".parse().expect("a name"), settings, fake.clone(), Secret::new(TOKEN));
        Bench {
            connector,
            fake,
            checkpoint: None,
            kept: BTreeSet::new(),
            events: Vec::new(),
            gaps: Vec::new(),
            now: time(NOW),
            stream: "threats",
            spare: AtomicU32::new(u32::MAX),
            due: true,
        }
    }

    /// From now on the API answers otherwise.
    pub fn script(&self, script: impl Fn(&Ask) -> Result<Answer, Fault> + Send + Sync + 'static) {
        *self.fake.script.lock().expect("script") = Box::new(script);
    }

    /// One poll, committed as an engine commits it.
    pub async fn poll(&mut self) -> Page {
        let kept = &self.kept;
        let known = |native: &str| {
            let native = &*crate::event::native_part(native);
            let exact = format!("acme/{}/{native}/", self.stream);
            let longer = format!("acme/{}/{native}:", self.stream);
            kept.iter().any(|id| id.starts_with(&exact) || id.starts_with(&longer))
        };
        let spare = |most| self.spare.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(most)).is_ok();
        let whole = |id: &str| kept.contains(id);
        let context = PollContext { now: self.now, round: self.due, known: &known, kept: &whole, spare: &spare };
        let page = self.connector.poll(self.stream, self.checkpoint.as_ref(), &context).await;
        if let Some(next) = &page.next {
            self.checkpoint = Some(next.clone());
        }
        for event in &page.events {
            if self.kept.insert(event.id.to_string()) {
                self.events.push(event.clone());
            }
        }
        self.gaps.extend(page.gaps.clone());
        page
    }

    /// Polls until nothing more is to be asked for now, or a fault.
    pub async fn round(&mut self) -> Page {
        for _ in 0..1_000 {
            let page = self.poll().await;
            if !page.more {
                return page;
            }
        }
        panic!("the round has no end: {:?}", self.checkpoint);
    }

    pub fn later(&mut self, seconds: i64) {
        self.now = self.now.saturating_add(jiff::SignedDuration::from_secs(seconds)).expect("a time");
    }

    /// What was asked for since the last call.
    pub fn asked(&self) -> Vec<Ask> {
        std::mem::take(&mut *self.fake.asked.lock().expect("asked"))
    }

    /// Ids of the items asked for since the last call.
    pub fn items_asked(&self) -> Vec<String> {
        let items = self.asked().into_iter().filter_map(|ask| match ask {
            Ask::Item { id, .. } => Some(id),
            Ask::List { .. } | Ask::Other(_) => None,
        });
        items.collect()
    }

    pub fn natives(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.id.split('/').nth(2)).collect()
    }
}

/// An API that holds these threats by `(id, receivedTime, latestTimeRemediated)`, each with one message.
pub fn holds(threats: &[(&str, &str, &str)]) -> impl Fn(&Ask) -> Result<Answer, Fault> + Send + Sync + use<> {
    let threats: Vec<(String, String, String)> =
        threats.iter().map(|(id, at, fixed)| (id.to_string(), at.to_string(), fixed.to_string())).collect();
    move |ask| match ask {
        Ask::List { field, from, to, .. } => {
            let within = |at: &str| at.parse::<Timestamp>().is_ok_and(|at| *from <= at && at < *to);
            let ids = threats.iter().filter(|(_, at, fixed)| within(if field == "receivedTime" { at } else { fixed }));
            list(&ids.map(|(id, _, _)| id.as_str()).collect::<Vec<_>>(), None)
        }
        Ask::Item { id, .. } => match threats.iter().find(|(other, _, _)| other == id) {
            Some((id, at, fixed)) => detail(&[&mail(&format!("{id}-m"), at, fixed)], None),
            None => status(404, "{}"),
        },
        Ask::Other(_) => status(404, "{}"),
    }
}

pub fn mail(id: &str, received: &str, remediated: &str) -> String {
    format!(
        "{{\"abxMessageIdStr\":\"{id}\",\"receivedTime\":\"{received}\",\"remediationTimestamp\":\"{remediated}\",\"isRead\":false}}"
    )
}

pub fn list(ids: &[&str], next: Option<u32>) -> Result<Answer, Fault> {
    let ids: Vec<String> = ids.iter().map(|id| format!("{{\"threatId\":\"{id}\"}}")).collect();
    let next = next.map(|page| format!(",\"nextPageNumber\":{page}")).unwrap_or_default();
    status(200, &format!("{{\"threats\":[{}],\"pageNumber\":1{next}}}", ids.join(",")))
}

pub fn detail(messages: &[&str], next: Option<u32>) -> Result<Answer, Fault> {
    let next = next.map(|page| format!(",\"nextPageNumber\":{page}")).unwrap_or_default();
    status(200, &format!("{{\"threatId\":\"x\",\"recipientCount\":1,\"messages\":[{}]{next}}}", messages.join(",")))
}

pub fn status(status: u16, body: &str) -> Result<Answer, Fault> {
    Ok(Answer {
        status,
        date: None,
        retry_after: None,
        content_type: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    })
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The first window of a stream that begins at [`NOW`] is asked for by this field.
pub fn is_list(ask: &Ask, of: &str) -> bool {
    matches!(ask, Ask::List { field, .. } if field == of)
}

fn parse(url: &str) -> Ask {
    let path = url.strip_prefix("https://api.abnormal.test/v1").expect("https, the host and the version");
    if !path.starts_with("/threats?") && (!path.starts_with("/threats/") || !path.contains('?')) {
        return Ask::Other(path.replace("%20", " ").replace("%3A", ":"));
    }
    let (path, query) = path.split_once('?').expect("a query");
    let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    let page = value("pageNumber").map_or(1, |page| page.parse().expect("a number"));
    if let Some(id) = path.strip_prefix("/threats/") {
        assert_eq!(value("pageSize"), Some("100"));
        return Ask::Item { id: id.to_owned(), page };
    }
    // Without a filter a list tells the newest alone: enough for a probe, never for collecting.
    if path != "/threats" || value("filter").is_none() && value("pageSize") == Some("1") {
        return Ask::Other(url.to_owned());
    }
    assert_eq!(value("pageSize"), Some("500"));
    let filter = value("filter").expect("a list without a filter is the top 100 only");
    let filter = filter.replace("%20", " ").replace("%3A", ":");
    let words: Vec<&str> = filter.split(' ').collect();
    match words.as_slice() {
        [field, "gte", from, "lte", to] => {
            assert!(from.len() == 20 && to.len() == 20, "whole seconds: {filter}");
            Ask::List { field: field.to_string(), from: time(from), to: time(to), page }
        }
        _ => panic!("the vendor refuses the filter {filter:?}"),
    }
}
