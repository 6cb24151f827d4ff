//! The API as a raw client sees it over TLS: when all is well, kind by kind, then each behaviour once.
//!
//! Promise: nothing here knows the agent's client, so a mistake that both could share does not hide.

mod behaviours;
mod other_kinds;
mod threats;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
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
        self.ask_with(path, &format!("authorization: Bearer {token}"))
    }

    fn ask_with(&self, path: &str, headers: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let mut stream = self.connect();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("asked");
        stream
    }

    fn mock(&self, path: &str) -> Reply {
        let mut bytes = Vec::new();
        let headers = format!("authorization: Bearer {TOKEN}\r\nmock-data: True");
        self.ask_with(path, &headers).read_to_end(&mut bytes).expect("an answer");
        Reply::from(bytes)
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
