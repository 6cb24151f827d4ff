//! Every stream in every schema, as files to read: what the vendor's mock data becomes, and the examples of
//! docs/formats.md. `UPDATE_DOCS=1 cargo test --test formats` writes both again; the difference is for a reviewer.

mod receivers;

#[path = "formats/received.rs"]
mod received;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conductor::connectors::abnormal::examples::AskForExamples;
use conductor::connectors::abnormal::{Abnormal, STREAMS, Settings};
use conductor::connectors::{Connector, PollContext};
use conductor::event::{Event, Seq, Severity, Stored};
use conductor::format::rfc3164::Rfc3164;
use conductor::format::rfc5424::{Rfc5424, facility};
use conductor::format::{Body, Shape};
use conductor::net::http::{Client, ClientOptions, Get};
use conductor::net::tls::TlsOptions;
use conductor::values::Secret;
use conductor_sim::api::generate::not_analyzed;
use conductor_sim::api::{Api, ApiOptions};
use conductor_sim::ca::Authority;
use jiff::Timestamp;

const TOKEN: &str = "CANARY-token-of-the-formats-tests";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The documented example: a message with everything that a message can have.
fn example() -> Event {
    let raw = include_str!("formats/example.json").trim();
    Event {
        id: "acme/threats/5b0e7c1e-2f0a-4f0e-9d5f-0c6a1d7b9e42:-8123456789012345678/90f3c1b2a4d5e6f7".into(),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: at("2026-11-19T08:14:02Z"),
        observed: at("2026-11-19T08:24:10.512Z"),
        summary: "Invoice/Payment Fraud (BEC): Rechnung 4711 | bitte prüfen from billing@quay-invoices.example to \
                  ana@harbor.example"
            .into(),
        raw: raw.into(),
    }
}

/// The attachments of the same threat, as the connector joins them; the mock data has none.
fn attachments() -> Event {
    let threat = "5b0e7c1e-2f0a-4f0e-9d5f-0c6a1d7b9e42";
    let entry = r#"{"abxMessageIdStr":"-8123456789012345678","attachmentName":"inv.pdf"}"#;
    Event {
        id: Event::make_id("acme", "threats", &format!("{threat}:attachments"), "0f3c9a5277d13a60"),
        kind: "threat-attachments".into(),
        severity: Severity::Info,
        summary: format!("1 attachments of threat {threat}").into(),
        raw: format!(r#"{{"threatId":"{threat}","attachments":[{entry}]}}"#).into(),
        ..example()
    }
}

/// The example, one event of each stream that the vendor has mock data for, a row that is not analyzed, and two of our
/// own.
async fn events() -> Vec<Event> {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("the test's CA").expect("a CA");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, authority.ca_pem()).expect("its file");
    let tls = authority.server(&["127.0.0.1", "localhost"]).expect("a certificate");
    let api = Api::start(ApiOptions::new(TOKEN, tls)).expect("the API");
    let mocked = at("2026-01-01T00:00:00Z");
    not_analyzed(5, 1, mocked, mocked).into_iter().for_each(|row| api.put_not_analyzed(row));
    let tls = TlsOptions { ca: Some(ca), ..TlsOptions::default() };
    let live: Arc<dyn Get> =
        Arc::new(Client::new(ClientOptions { tls, ..ClientOptions::default() }).expect("a client"));
    let mut events = vec![example(), attachments()];
    for stream in STREAMS {
        let settings = Settings {
            host: api.addr().to_string(),
            polling_interval: Duration::from_secs(600),
            intervals: Default::default(),
            start: Duration::from_secs(86_400),
            lag: Duration::from_secs(120),
            overlap: Duration::from_secs(900),
            streams: vec![(*stream).to_owned()],
            enrich: true,
        };
        let http: Arc<dyn Get> =
            if *stream == "not-analyzed" { live.clone() } else { Arc::new(AskForExamples(live.clone())) };
        let connector = Abnormal::new("acme".parse().expect("a name"), settings, http, Secret::new(TOKEN));
        let context = PollContext {
            now: at("2026-01-01T00:20:00Z"),
            round: true,
            known: &|_| false,
            kept: &|_| false,
            spare: &|_| true,
        };
        let (mut checkpoint, mut of_stream) = (None, Vec::<Event>::new());
        for step in 0..50 {
            let context = PollContext { round: step == 0, ..context };
            let page = connector.poll(stream, checkpoint.as_ref(), &context).await;
            assert!(page.fault.is_none(), "{stream}: {:?}", page.fault);
            checkpoint = page.next.or(checkpoint);
            for event in page.events {
                if !of_stream.iter().any(|known| known.kind == event.kind) {
                    of_stream.push(event);
                }
            }
            if !page.more {
                break;
            }
        }
        assert!(!of_stream.is_empty(), "{stream} has no example");
        of_stream.sort_by(|a, b| a.kind.cmp(&b.kind));
        events.append(&mut of_stream);
    }
    events.push(own("heartbeat", Severity::Info, "acme-mel-1 is healthy, 0 events waiting", HEARTBEAT));
    events.push(own("import", Severity::Unknown, "", r#"{"any": "line|of=an import\\", "n": 9007199254740993}"#));
    events
}

const HEARTBEAT: &str = r#"{"agent":"acme-mel-1","version":"0.1.0","state":"healthy","depth":0}"#;

fn own(kind: &str, severity: Severity, summary: &str, raw: &str) -> Event {
    let integration = if kind == "import" { "import" } else { "conductor" };
    Event {
        id: Event::make_id(integration, kind, "1767225600000", "1"),
        integration: integration.into(),
        stream: kind.to_owned().into(),
        kind: kind.to_owned().into(),
        severity,
        occurred: at("2026-01-01T00:00:00Z"),
        observed: at("2026-01-01T00:00:00Z"),
        summary: summary.to_owned().into(),
        raw: raw.to_owned().into(),
    }
}

/// The schemas by their file's name.
fn shapes() -> Vec<(&'static str, Shape)> {
    let shape = |word| Shape::from_word(word).expect("a word of the settings");
    let mut activity = shape("ocsf");
    assert!(activity.set_class("email-activity"));
    vec![
        ("json", shape("json")),
        ("cef", shape("cef")),
        ("leef", shape("leef")),
        ("ocsf", shape("ocsf")),
        ("ocsf-email-activity", activity),
        ("ecs", shape("ecs")),
    ]
}

fn text(shape: Shape, replayed: bool, stored: &Stored) -> String {
    let mut out = Vec::new();
    Body { shape, replayed }.write(&mut out, stored).expect("a Vec");
    // The version of the agent changes with each release; what is told of it does not.
    String::from_utf8(out).expect("UTF-8").replace(conductor::VERSION, "0.0.0")
}

/// Compares a file with what it should hold, or writes it.
fn golden(path: &Path, text: &str) {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        fs::write(path, text).expect("written");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "{}: UPDATE_DOCS=1 cargo test --test formats; now it is\n{text}", path.display());
}

#[tokio::test]
async fn every_stream_in_every_schema_is_as_the_golden_files_have_it() {
    let events: Vec<Stored> = (1..).zip(events().await).map(|(seq, event)| Stored { seq: Seq(seq), event }).collect();
    let kinds: Vec<&str> = events.iter().map(|stored| &*stored.event.kind).collect();
    for kind in
        ["threat", "threat-attachments", "threat-links", "case", "campaign", "not-analyzed", "vendor-case", "audit"]
    {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    for (name, shape) in shapes() {
        let mut lines: Vec<String> = events.iter().map(|stored| text(shape, false, stored)).collect();
        lines.push(text(shape, true, &events[0]));
        golden(&room.join(format!("{name}.golden")), &(lines.join("\n") + "\n"));
    }
}

#[test]
fn the_documents_examples_are_what_the_agent_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let mut guide = fs::read_to_string(&path).expect("the guide");
    let stored = Stored { seq: Seq(42), event: example() };
    let messages = |shape: Shape| {
        let facility = facility("local0").expect("a keyword");
        let (mut new, mut old) = (Vec::new(), Vec::new());
        Rfc5424::new(facility, "acme-mel-1", "conductor", 32473)
            .shaped(shape)
            .message(&mut new, &stored)
            .expect("a Vec");
        Rfc3164::new(facility, "acme-mel-1", "conductor").shaped(shape).message(&mut old, &stored).expect("a Vec");
        [new, old].map(|message| String::from_utf8(message).expect("UTF-8").replace(conductor::VERSION, "0.0.0"))
    };
    let [new, old] = messages(Shape::from_word("cef").expect("a word"));
    let mut examples = vec![("rfc5424", new), ("rfc3164", old)];
    for (name, shape) in shapes() {
        let text = text(shape, false, &stored);
        examples.push((
            name,
            match shape.is_json() && name != "json" {
                // Told on many lines, for people.
                true => {
                    let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    serde_json::to_string_pretty(&object).expect("JSON")
                }
                false => text,
            },
        ));
    }
    for (name, text) in examples {
        let begin = format!("<!-- example: {name} -->\n");
        let (before, rest) = guide.split_once(&begin).unwrap_or_else(|| panic!("no example of {name}"));
        let (_, after) = rest.split_once("<!-- end -->").expect("its end");
        let language = if text.starts_with('{') { "json" } else { "text" };
        guide = format!("{before}{begin}```{language}\n{text}\n```\n<!-- end -->{after}");
    }
    golden(&path, &guide);
}
