//! The API as a raw client sees it over TLS: first when all is well, then each behaviour once.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

use super::*;
use crate::ca::{Authority, LOOPBACK};

const TOKEN: &str = "CANARY-4c1d";
/// A guard against a test that would hang, never a measure.
const GUARD: Duration = Duration::from_secs(30);

struct Bench {
    api: Api,
    trust: Arc<ClientConfig>,
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Bench {
    /// An API that holds this many threats, received in the hour from 08:00.
    fn with(threats: usize) -> Bench {
        let authority = Authority::new("Test CA").expect("a CA");
        let options = ApiOptions::new(TOKEN, authority.server(&LOOPBACK).expect("a certificate"));
        let api = Api::start(options).expect("started");
        api.put(generate(5, threats, at("2026-11-19T08:00:00Z"), at("2026-11-19T09:00:00Z")));
        Bench { api, trust: crate::tls::client(&authority.ca_pem(), None) }
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let socket = TcpStream::connect(self.api.addr()).expect("connected");
        socket.set_read_timeout(Some(GUARD)).expect("a guard");
        let name = "localhost".try_into().expect("a name");
        StreamOwned::new(ClientConnection::new(self.trust.clone(), name).expect("a client"), socket)
    }

    fn ask(&self, path: &str, token: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let mut stream = self.connect();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("asked");
        stream
    }

    fn try_get(&self, path: &str) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        self.ask(path, TOKEN).read_to_end(&mut bytes)?;
        Ok(Reply::from(bytes))
    }

    fn get(&self, path: &str) -> Reply {
        self.try_get(path).expect("an answer")
    }

    fn first_detail(&self) -> String {
        format!("/v1/threats/{}", self.api.threats().first().expect("a threat").id)
    }
}

impl Reply {
    fn from(bytes: Vec<u8>) -> Reply {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text").to_lowercase();
        let status = head[9..12].parse().expect("a status");
        Reply { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn ids(&self) -> Vec<String> {
        let json = self.json();
        let list = json["threats"].as_array().expect("a list");
        list.iter().map(|item| item["threatId"].as_str().expect("an id").to_owned()).collect()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// All threats of the bench, in pages.
fn list(size: usize, page: usize) -> String {
    format!(
        "/v1/threats?filter=receivedTime%20gte%202026-11-19T08%3A00%3A00Z%20lte%202026-11-19T09%3A00%3A00Z&pageSize={size}&pageNumber={page}"
    )
}

#[test]
fn pages_go_down_by_id_and_the_last_one_names_no_next() {
    let bench = Bench::with(5);
    let (mut seen, mut page) = (Vec::new(), 1);
    loop {
        let reply = bench.get(&list(2, page));
        assert_eq!(reply.json()["pageNumber"], page);
        seen.extend(reply.ids());
        match reply.json().get("nextPageNumber").and_then(Value::as_u64) {
            Some(next) => page = usize::try_from(next).expect("small"),
            None => break,
        }
    }
    let mut all: Vec<String> = bench.api.threats().into_iter().map(|threat| threat.id).collect();
    all.reverse();
    assert_eq!((seen, page), (all, 3));
}

#[test]
fn the_halves_of_a_window_lose_no_threat_and_share_none_at_their_edge() {
    let bench = Bench::with(40);
    let half = |from: &str, to: &str| {
        let reply = bench.get(&format!("/v1/threats?filter=receivedTime+gte+{from}+and+receivedTime+lte+{to}"));
        reply.ids().into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    let edge = "2026-11-19T08:30:00Z";
    bench.api.put([Threat { id: "edge".to_owned(), messages: vec![generate::message(1, at(edge))] }]);
    let (first, second) = (half("2026-11-19T08:00:00Z", edge), half(edge, "2026-11-19T09:00:00Z"));
    assert!(!first.contains("edge") && second.contains("edge"));
    assert_eq!(first.union(&second).count(), 41);
}

#[test]
fn without_a_filter_come_the_top_hundred_and_no_page_fields() {
    let bench = Bench::with(103);
    let reply = bench.get("/v1/threats?pageSize=2&pageNumber=2");
    assert_eq!(reply.ids().len(), 100);
    assert_eq!(reply.json().as_object().expect("an object").len(), 1);
}

#[test]
fn a_late_remediation_shows_in_the_other_list_and_a_new_recipient_in_the_detail() {
    let bench = Bench::with(1);
    let path = bench.first_detail();
    let id = path.rsplit('/').next().expect("an id");
    let late = "/v1/threats?filter=latestTimeRemediated%20gte%202026-11-19T14:00:00Z%20lte%202026-11-19T15:00:00Z";
    assert_eq!(bench.get(late).ids().len(), 0);
    assert!(bench.api.remediate(id, at("2026-11-19T14:40:11.50321Z")));
    assert_eq!(bench.get(late).ids(), [id]);

    let before = bench.get(&path).json()["messages"].as_array().expect("messages").len();
    assert!(bench.api.add_message(id, generate::message(9, at("2026-11-19T14:40:00Z"))));
    let detail = bench.get(&format!("{path}?pageSize=1")).json();
    assert_eq!(detail["recipientCount"], before + 1);
    assert_eq!((detail["messages"].as_array().expect("messages").len(), &detail["nextPageNumber"]), (1, &2.into()));
    assert!(bench.api.remove(id));
    assert_eq!(bench.get(&path).status, 404);
}

#[test]
fn wrong_questions_get_the_vendors_statuses() {
    let bench = Bench::with(1);
    assert_eq!(bench.get("/v1/threats?filter=receivedTime%20gt%20now").status, 404);
    assert_eq!(bench.get(&list(0, 1)).status, 400);
    assert_eq!(bench.get("/v1/nothing").status, 404);
    bench.api.set_retention(Some(Duration::from_secs(60)));
    let reply = bench.get("/v1/threats?filter=receivedTime%20gte%202020-01-01T00:00:00Z%20lte%202020-01-02T00:00:00Z");
    assert!(String::from_utf8_lossy(&reply.body).contains("are out of accepted data retention range"));
    assert_eq!(reply.status, 400);
    let mut bytes = Vec::new();
    bench.ask("/v1/cases", "wrong").read_to_end(&mut bytes).expect("an answer");
    assert_eq!(Reply::from(bytes).status, 401);
    assert_eq!(bench.api.requests().last().map(|seen| seen.authorized), Some(false));
    assert!(!format!("{:?}{:?}", bench.api, bench.api.requests()).contains(TOKEN));
}

#[test]
fn the_other_lists_are_empty_in_their_own_shape_and_the_probe_tells_the_address() {
    let bench = Bench::with(0);
    for (path, list) in [("cases", "cases"), ("abusecampaigns", "campaigns"), ("vendor-cases", "vendorCases")] {
        let filtered = format!("/v1/{path}?filter=lastModifiedTime%20gte%202026-11-19T08:00:00.5Z");
        let json = bench.get(&filtered).json();
        assert_eq!((&json[list], &json["pageNumber"]), (&Value::Array(Vec::new()), &1.into()));
    }
    assert_eq!(bench.get("/ip").body, b"127.0.0.1");
    bench.api.set_egress(Some("203.0.113.10"));
    assert_eq!(bench.get("/ip").body, b"203.0.113.10");
}

#[test]
fn enrichments_come_under_a_threat_and_the_tokens_end_is_told_only_where_it_is_set() {
    let bench = Bench::with(0);
    let mut message = generate::message(1, at("2026-11-19T08:00:00Z"));
    (message.urls, message.attachments) = (vec!["https://a.test/".to_owned()], vec!["a.pdf".to_owned()]);
    let id = message.id.to_string();
    bench.api.put([Threat { id: "5b0e".to_owned(), messages: vec![message] }]);
    let links = bench.get("/v1/threats/5b0e/links").json();
    assert_eq!(
        (&links["links"][0]["abxMessageIdStr"], &links["links"][0]["linkUrl"]),
        (&id.into(), &"https://a.test/".into())
    );
    assert_eq!(bench.get("/v1/threats/5b0e/attachments").json()["attachments"][0]["attachmentName"], "a.pdf");
    assert_eq!(bench.get("/v1/soar/tokens").status, 403);
    bench.api.set_token_expires(Some(at("2027-01-02T00:00:00Z")));
    assert_eq!(bench.get("/v1/soar/tokens").json()["data"][0]["expires_at"], "2027-01-02T00:00:00Z");
}

#[test]
fn an_api_that_is_away_refuses_and_comes_back_at_the_same_port() {
    let bench = Bench::with(0);
    bench.api.refuse();
    assert_eq!(
        TcpStream::connect(bench.api.addr()).map_err(|e| e.kind()).err(),
        Some(io::ErrorKind::ConnectionRefused)
    );
    bench.api.listen_again().expect("the port is still ours");
    assert_eq!(bench.get("/ip").status, 200);
}

#[test]
fn a_rule_is_met_so_often_and_only_where_it_was_set() {
    let bench = Bench::with(1);
    bench.api.set(Behaviour::ServerError.on(Endpoint::Detail).times(2));
    let statuses =
        [bench.first_detail(), list(1, 1), bench.first_detail(), bench.first_detail()].map(|p| bench.get(&p).status);
    assert_eq!(statuses, [500, 200, 500, 200]);
}

#[test]
fn every_behaviour_is_seen_by_a_client() {
    let bench = Bench::with(3);
    for behaviour in Behaviour::list() {
        bench.api.set(behaviour.clone());
        observe(&bench, &behaviour);
        bench.api.clear();
    }
    assert_eq!(bench.get(&list(2, 1)).status, 200, "cleared, all is well again");
}

/// Asks what shows the behaviour. A behaviour that is new in the list finds no arm here.
fn observe(bench: &Bench, behaviour: &Behaviour) {
    let plain = || bench.get(&list(2, 1));
    match behaviour {
        Behaviour::IpDenied | Behaviour::NotPermitted => assert!(plain().status == 403 && !plain().body.is_empty()),
        Behaviour::IpDeniedSilently => assert!(plain().status == 403 && plain().body.is_empty()),
        Behaviour::Unlicensed => assert_eq!(bench.get("/v1/cases").status, 402),
        Behaviour::Throttled => assert!(plain().status == 429 && plain().header("retry-after").is_none()),
        Behaviour::ThrottledSeconds { .. } => assert_eq!(plain().header("retry-after"), Some("60")),
        Behaviour::ThrottledDate { .. } => assert!(plain().header("retry-after").is_some_and(|d| d.ends_with("gmt"))),
        Behaviour::RateLimit { .. } => {
            bench.api.set(Behaviour::RateLimit { per_minute: 1_000_000 });
            assert_eq!(plain().status, 200);
            bench.api.set(Behaviour::RateLimit { per_minute: 1 });
            assert_eq!(plain().status, 429);
        }
        Behaviour::ConcurrencyCap { .. } => observe_cap(bench),
        Behaviour::ServerError => assert_eq!(plain().status, 500),
        Behaviour::BadGateway => assert_eq!((plain().status, plain().header("content-type")), (502, Some("text/html"))),
        Behaviour::Hung => observe_hung(bench),
        Behaviour::Trickled { .. } => {
            bench.api.set(Behaviour::Trickled { every: Duration::from_millis(1) });
            assert_eq!(plain().ids().len(), 2);
        }
        Behaviour::Truncated => assert!(serde_json::from_slice::<Value>(&plain().body).is_err()),
        Behaviour::Html => assert!(plain().status == 200 && plain().body.starts_with(b"<!doctype")),
        Behaviour::EmptyBody => assert!(plain().status == 200 && plain().body.is_empty()),
        Behaviour::Endless { .. } => {
            let mut stream = bench.ask(&list(2, 1), TOKEN);
            let mut much = vec![0; 4 << 20];
            stream.read_exact(&mut much).expect("more than anyone asked for");
        }
        Behaviour::ShiftingPages => {
            let seen = [bench.get(&list(2, 1)).ids(), bench.get(&list(2, 2)).ids()].concat();
            assert_eq!(seen.len(), 2, "the third of three was skipped: {seen:?}");
        }
        Behaviour::MissingDetail => assert_eq!(bench.get(&bench.first_detail()).status, 404),
        Behaviour::WithoutMessages => assert!(bench.get(&bench.first_detail()).json().get("messages").is_none()),
        Behaviour::NoMessages => {
            assert_eq!(bench.get(&bench.first_detail()).json()["messages"], Value::Array(Vec::new()));
        }
        Behaviour::RepeatedNextPage => assert_eq!(bench.get(&list(2, 2)).json()["nextPageNumber"], 2),
        Behaviour::NextOnEmptyPage => {
            let empty = bench.get(&list(2, 9));
            assert_eq!((empty.ids().len(), &empty.json()["nextPageNumber"]), (0, &10.into()));
        }
        Behaviour::ClockSkew { .. } => {
            // So far behind that the header stops at its own beginning: nothing to measure.
            bench.api.set(Behaviour::ClockSkew { seconds: -10_000_000_000 });
            assert_eq!(plain().header("date"), Some("thu, 01 jan 1970 00:00:00 gmt"));
        }
        Behaviour::Reset => {
            let error = bench.try_get(&list(2, 1)).map(|reply| reply.status).expect_err("cut in the middle");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        Behaviour::WrongShape => assert!(plain().json().is_array()),
        Behaviour::NumericTotal => assert_eq!(plain().json()["total"], 3),
        Behaviour::ExtraFields => assert!(plain().json()["x-new"].is_object() && plain().ids().len() == 2),
        Behaviour::Redirected { .. } => {
            assert!(plain().status == 302 && plain().header("location").is_some_and(|to| to.contains("elsewhere")));
        }
    }
}

fn observe_hung(bench: &Bench) {
    let asked = bench.api.request_count();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut bytes = Vec::new();
            // Closed without a word of TLS, or with: no answer either way.
            let _ = bench.ask(&list(2, 1), TOKEN).read_to_end(&mut bytes);
            bytes
        });
        assert!(bench.api.wait_for_requests(asked + 1, GUARD));
        bench.api.clear();
        assert_eq!(waiting.join().expect("no panic"), b"");
    });
    assert_eq!(bench.api.requests().last().map(|seen| seen.status), Some(None));
}

fn observe_cap(bench: &Bench) {
    bench.api.set(Behaviour::ConcurrencyCap { most: 1 });
    bench.api.set(Behaviour::Hung.on(Endpoint::Detail).times(1));
    let (asked, path) = (bench.api.request_count(), bench.first_detail());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.try_get(&path).map(|reply| reply.status).is_err());
        assert!(bench.api.wait_for_requests(asked + 1, GUARD));
        assert_eq!(bench.get(&path).status, 429);
        assert_eq!(bench.api.most_details_at_once(), 2);
        bench.api.clear();
        assert!(waiting.join().is_ok());
    });
}
