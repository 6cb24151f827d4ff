//! A destination, a stand-in before it, and the engine's way of dealing with both.
//!
//! Promise: what is called taken is looked for at the receiver after every call, so a word too early ends the test.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use conductor::destinations::http::settings::{Auth, Batching, Common, Compression, Given};
use conductor::destinations::link::{Link, Transport};
use conductor::destinations::{Delivered, Destination};
use conductor::event::{Event, Seq, Severity, Stored};
use conductor::fault::{Fault, FaultKind};
use conductor::format::Shape;
use conductor::values::{Secret, SecretRef};
use conductor_sim::ca::{Authority, LOOPBACK};
use conductor_sim::collector::{Collector, CollectorOptions, Language};

/// What no error may hold.
pub const TOKEN: &str = "CANARY-token-7f31";
/// What a bad event holds.
pub const POISON: &str = "POISON";

/// A receiver behind TLS, and what is needed to reach it.
pub struct Bench {
    pub collector: Collector,
    ca: PathBuf,
    _dir: tempfile::TempDir,
}

impl Bench {
    /// `scheme` is what stands before the token in Authorization.
    pub fn new(language: Language, scheme: &str, change: impl FnOnce(&mut CollectorOptions)) -> Bench {
        let authority = Authority::new("Test CA").expect("a CA");
        let mut options = CollectorOptions::new(language, authority.server(&LOOPBACK).expect("a certificate"));
        options.authorization = Some(format!("{scheme} {TOKEN}"));
        options.poison = Some(POISON.to_owned());
        change(&mut options);
        let dir = tempfile::tempdir().expect("a folder");
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, authority.ca_pem()).expect("written");
        Bench { collector: Collector::start(options).expect("it listens"), ca, _dir: dir }
    }

    pub fn link(&self, transport: Transport) -> Link {
        Link {
            address: self.collector.addr().to_string(),
            transport,
            server_name: None,
            ca: Some(self.ca.clone()),
            cert: None,
            ..Link::default()
        }
    }

    /// Settings that most tests want: small batches, no compression.
    pub fn common(&self, scheme: &'static str) -> Common {
        Common {
            authority: self.collector.addr().to_string(),
            path: "/".into(),
            auth: Auth::Token { scheme, secret: SecretRef::Credential("token".into()) },
            batching: Batching { events: 10, bytes: 1 << 20, age: Duration::ZERO },
            compression: Compression::None,
            timeout: Duration::from_secs(10),
        }
    }

    /// Makes a destination of what a constructor wants.
    pub fn given<D>(&self, make: impl FnOnce(&Given<'_>) -> Result<D, Fault>) -> D {
        self.given_over(Transport::Tls, make)
    }

    pub fn given_over<D>(&self, transport: Transport, make: impl FnOnce(&Given<'_>) -> Result<D, Fault>) -> D {
        let resolve = |_: &SecretRef| Ok(Secret::new(TOKEN));
        let given = Given {
            link: &self.link(transport),
            key: None,
            shape: Shape::Json,
            replayed: false,
            agent_name: "box",
            resolve: &resolve,
        };
        make(&given).unwrap_or_else(|fault| panic!("{}", fault.chain()))
    }

    /// The numbers of what is kept, in its order, repeats and all.
    pub fn kept(&self) -> Vec<u64> {
        self.collector.kept().iter().map(|text| number(text)).collect()
    }
}

/// Events `from..=to`; those of `bad` are bad.
pub fn events(from: u64, to: u64, bad: &[u64]) -> Vec<Stored> {
    (from..=to)
        .map(|n| {
            let word = if bad.contains(&n) { POISON } else { "good" };
            let event = Event {
                id: format!("acme/threats/t-{n}/v").into(),
                integration: "acme".into(),
                stream: "threats".into(),
                kind: "threat".into(),
                severity: Severity::High,
                occurred: "2026-11-20T09:08:07.5Z".parse().expect("a time"),
                observed: "2026-11-20T09:10:00Z".parse().expect("a time"),
                summary: "Invoice".into(),
                raw: format!("{{\"n\":{n},\n\"word\":\"{word}\"}}").into(),
            };
            Stored { seq: Seq(n), event }
        })
        .collect()
}

/// The number in whatever a receiver keeps of an event.
fn number(text: &str) -> u64 {
    let (_, rest) = text.split_once("acme/threats/t-").unwrap_or_else(|| panic!("no id: {text}"));
    rest.split('/').next().and_then(|n| n.parse().ok()).expect("a number")
}

/// The engine's side: what is open is handed over again after a fault, and a rejected event goes aside.
pub struct Hand<'b> {
    bench: &'b Bench,
    pub destination: Box<dyn Destination>,
    events: Vec<Stored>,
    pub taken: Seq,
    pub aside: Vec<u64>,
    pub faults: Vec<Fault>,
}

impl<'b> Hand<'b> {
    pub fn new(bench: &'b Bench, destination: impl Destination + 'static, events: Vec<Stored>) -> Hand<'b> {
        let destination = Box::new(destination);
        Hand { bench, destination, events, taken: Seq(0), aside: Vec::new(), faults: Vec::new() }
    }

    /// Hands over until all is taken or aside, through at most `most` faults that are no rejection.
    pub async fn play(&mut self, most: usize) {
        let last = self.events.last().expect("events").seq;
        let mut met = 0;
        while self.taken < last {
            match self.round().await {
                None => {}
                Some(FaultKind::Rejected) => {}
                Some(_) => met += 1,
            }
            assert!(met <= most, "{:?}", self.faults.iter().map(Fault::chain).collect::<Vec<_>>());
        }
    }

    /// Hands over all that is not taken, and confirms it, up to the first fault. Returns its kind.
    pub async fn round(&mut self) -> Option<FaultKind> {
        let open: Vec<Stored> = self.events.iter().filter(|stored| stored.seq > self.taken).cloned().collect();
        for batch in open.chunks(100) {
            let delivered = self.destination.deliver(batch).await;
            if let Some(kind) = self.take(delivered) {
                return Some(kind);
            }
        }
        let last = open.last()?.seq;
        while self.taken < last {
            let confirmed = self.destination.confirm().await;
            if let Some(kind) = self.take(confirmed) {
                return Some(kind);
            }
        }
        None
    }

    fn take(&mut self, delivered: Delivered) -> Option<FaultKind> {
        self.taken = self.taken.max(delivered.taken.unwrap_or_default());
        let kept: HashSet<u64> = self.bench.kept().into_iter().collect();
        for stored in self.events.iter().take_while(|stored| stored.seq <= self.taken) {
            let n = stored.seq.0;
            assert!(kept.contains(&n) || self.aside.contains(&n), "{n} is called taken and is nowhere");
        }
        let fault = delivered.fault?;
        assert!(!fault.chain().contains("CANARY"), "{}", fault.chain());
        let kind = fault.kind;
        if kind == FaultKind::Rejected {
            let first = self.events.iter().find(|stored| stored.seq > self.taken).expect("it speaks of one").seq;
            self.aside.push(first.0);
            self.taken = first;
        }
        self.faults.push(fault);
        Some(kind)
    }

    /// Holds what is kept against what was handed over: nothing missing, order kept. Returns how many came again.
    pub fn judge(&self) -> usize {
        let kept = self.bench.kept();
        let mut seen = HashSet::new();
        let firsts: Vec<u64> = kept.iter().copied().filter(|n| seen.insert(*n)).collect();
        let all = self.events.iter().map(|stored| stored.seq.0).filter(|n| !self.aside.contains(n));
        assert_eq!(firsts, all.collect::<Vec<_>>(), "what came first, in its order");
        kept.len() - firsts.len()
    }

    /// The last fault's sentence.
    pub fn said(&self) -> String {
        self.faults.last().map(Fault::chain).unwrap_or_default()
    }
}
