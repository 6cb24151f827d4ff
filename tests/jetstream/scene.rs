//! A cluster, the destination in front of it, and a reader who sees what the stream holds.
//!
//! Promise: [`Scene::hand_over`] does what the engine does, and nothing better: batches in order, back to what was taken
//! after a fault.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::stream::{RawMessageError, Stream};
use conductor::destinations::Destination;
use conductor::destinations::jetstream::{JetStream, Login, Settings, Template};
use conductor::destinations::link::{Link, Transport};
use conductor::event::{Event, Seq, Severity, Stored};
use conductor::fault::Fault;
use conductor::format::Shape;
use conductor::net::tls::{TlsOptions, client_config};
use conductor::values::Secret;

use crate::receivers::Nats;
use crate::world::Trust;

/// A whole scene on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(180);
pub const STREAM: &str = "CONDUCTOR";

/// The one who looks at the stream; the agent's own login may not.
const READER: &str = "users: [ { user: reader, password: reader }";

pub struct Scene {
    pub trust: Trust,
    pub nats: Nats,
    pub destination: JetStream,
    /// All that is handed over is behind this one.
    pub taken: u64,
    /// All up to here was handed over, taken or not.
    handed: u64,
    /// What was told meanwhile.
    pub faults: Vec<Fault>,
}

impl Scene {
    pub fn new(servers: usize) -> Scene {
        Scene::edited(servers, |settings| settings, |text| text)
    }

    pub fn edited(servers: usize, with: impl FnOnce(Settings) -> Settings, edit: impl Fn(String) -> String) -> Scene {
        let trust = Trust::new();
        let certs = trust.paths.ca.parent().expect("it lies in a folder").to_owned();
        let nats = Nats::start(&trust.folder("nats"), &certs, servers, |text| edit(text.replace("users: [", READER)));
        let destination = made(&trust, &nats, &with(settings(&nats)), user());
        Scene { trust, nats, destination, taken: 0, handed: 0, faults: Vec::new() }
    }

    /// Until at least so many are taken; what else was published is still on its way.
    pub async fn hand_over(&mut self, events: &[Stored], until: u64) {
        let began = Instant::now();
        while self.taken < until {
            let rest = events.iter().skip_while(|stored| stored.seq.0 <= self.handed);
            let batch: Vec<Stored> = rest.take(64).cloned().collect();
            let told = match batch.last() {
                Some(last) => {
                    self.handed = last.seq.0;
                    self.destination.deliver(&batch).await
                }
                None => self.destination.confirm().await,
            };
            if let Some(Seq(taken)) = told.taken {
                assert!(taken >= self.taken, "taken went back");
                self.taken = taken;
            }
            if let Some(fault) = told.fault {
                self.handed = self.taken;
                self.faults.push(fault);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(began.elapsed() < PATIENCE, "{} taken\n{:?}\n{}", self.taken, self.told(), self.nats.log());
        }
    }

    /// The faults so far, each sentence once.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self.faults.iter().map(Fault::chain).collect();
        told.dedup();
        told
    }

    /// The stream, as the reader sees it by any server that answers.
    pub async fn stream(&self) -> Stream {
        let began = Instant::now();
        loop {
            for address in self.nats.addresses() {
                if let Some(context) = reader(&self.trust, &address).await
                    && let Ok(stream) = context.get_stream(STREAM).await
                {
                    return stream;
                }
            }
            assert!(began.elapsed() < PATIENCE, "nobody tells of the stream\n{}", self.nats.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The reader's context at the first server; its requests have time.
    pub async fn context(&self) -> jetstream::Context {
        let began = Instant::now();
        loop {
            if let Some(mut context) = reader(&self.trust, &self.nats.addresses()[0]).await {
                context.set_timeout(PATIENCE);
                return context;
            }
            assert!(began.elapsed() < PATIENCE, "the first server does not answer\n{}", self.nats.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The reader's connection to the first server.
    pub async fn any_client(&self) -> async_nats::Client {
        self.context().await.client()
    }

    /// The name of the stream's leader.
    pub async fn leader(&self) -> String {
        let began = Instant::now();
        loop {
            let stream = self.stream().await;
            if let Some(leader) = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone()) {
                return leader;
            }
            assert!(began.elapsed() < PATIENCE, "no leader\n{}", self.nats.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The ids of all messages, in the order in which the stream holds them.
    pub async fn kept(&self) -> Vec<String> {
        let began = Instant::now();
        loop {
            match read(&self.stream().await).await {
                Ok(ids) => return ids,
                // A server that has just come back may not know yet who leads.
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}\n{}", self.nats.log()),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Each event once, and in order. A server that has just come back tells of less than the stream holds until it has
    /// gone through its log, which takes a busy machine long.
    pub async fn holds_exactly(&self, events: &[Stored]) {
        let (began, expected) = (Instant::now(), ids(events));
        let mut kept = self.kept().await;
        while kept.len() < expected.len() && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(200)).await;
            kept = self.kept().await;
        }
        if kept != expected {
            panic!("{}\n{:?}\n{}", differences(&kept, &expected), self.told(), self.nats.log());
        }
    }
}

/// What is missing, what is there again, and where the order ends.
fn differences(kept: &[String], expected: &[String]) -> String {
    let mut places: HashMap<&String, Vec<usize>> = HashMap::new();
    for (at, id) in kept.iter().enumerate() {
        places.entry(id).or_default().push(at);
    }
    let missing: Vec<usize> = (0..expected.len()).filter(|at| !places.contains_key(&expected[*at])).collect();
    let again: Vec<&Vec<usize>> = places.values().filter(|places| places.len() > 1).collect();
    let wrong = kept.iter().zip(expected).position(|(a, b)| a != b);
    format!(
        "{} of {}, first difference at {wrong:?}; missing {missing:?}; there again {again:?}",
        kept.len(),
        expected.len()
    )
}

async fn read(stream: &Stream) -> Result<Vec<String>, RawMessageError> {
    let state = &stream.cached_info().state;
    let mut ids = Vec::new();
    if state.messages == 0 {
        return Ok(ids);
    }
    for place in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(place).await?;
        ids.push(message.headers.get("Nats-Msg-Id").map(|id| id.as_str().to_owned()).unwrap_or_default());
    }
    Ok(ids)
}

/// A JetStream context of the reader, where that server answers.
pub async fn reader(trust: &Trust, address: &str) -> Option<jetstream::Context> {
    let options = TlsOptions {
        ca: Some(trust.paths.ca.clone()),
        cert: Some(trust.paths.client_cert.clone()),
        key: Some(client_key(trust)),
        ..TlsOptions::default()
    };
    let config = client_config(&options).expect("the reader's TLS");
    let options = async_nats::ConnectOptions::with_user_and_password("reader".into(), "reader".into());
    let options = options.require_tls(true).tls_client_config(config).connection_timeout(Duration::from_secs(2));
    options.connect(address).await.ok().map(jetstream::new)
}

pub fn client_key(trust: &Trust) -> Secret {
    Secret::new(std::fs::read_to_string(&trust.paths.client_key).expect("our key"))
}

pub fn user() -> Login<Secret> {
    Login { credentials: None, user: Some(("conductor".into(), Secret::new("change-me"))), token: None }
}

pub fn settings(nats: &Nats) -> Settings {
    Settings {
        servers: nats.addresses().split_off(1),
        login: Login { credentials: None, user: None, token: None },
        stream: STREAM.into(),
        subject: Template::read("conductor.{integration}.{stream}").expect("a template"),
        replicas: None,
        create: true,
        window: 256,
    }
}

pub fn made(trust: &Trust, nats: &Nats, settings: &Settings, login: Login<Secret>) -> JetStream {
    let link = Link {
        address: nats.addresses().swap_remove(0),
        transport: Transport::Tls,
        server_name: None,
        ca: Some(trust.paths.ca.clone()),
        cert: Some(trust.paths.client_cert.clone()),
        ..Link::default()
    };
    JetStream::new(&link, Some(client_key(trust)), login, settings, Shape::Json, "box").expect("valid")
}

/// Events `from..=to` of about 600 bytes.
pub fn events(from: u64, to: u64) -> Vec<Stored> {
    let now = jiff::Timestamp::from_second(1_795_000_000).expect("a time");
    let event = |n: u64| Event {
        id: Event::make_id("acme", "threats", &format!("t{n}"), "v1"),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::Medium,
        occurred: now,
        observed: now,
        summary: "Invoice overdue".into(),
        raw: format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(300)).into(),
    };
    (from..=to).map(|n| Stored { seq: Seq(n), event: event(n) }).collect()
}

pub fn ids(events: &[Stored]) -> Vec<String> {
    events.iter().map(|stored| stored.event.id.to_string()).collect()
}
