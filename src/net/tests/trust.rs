//! Who is trusted, who trusts us, and that the token goes to nobody else.

use super::peers::{Ca, Peer, ok, token};
use crate::fault::FaultKind;
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::net::tls::{TlsOptions, client_config};
use crate::values::Secret;

async fn refused(peer: &mut Peer, client: &Client, words: &[&str]) {
    let fault = client.get(&peer.url("/v1"), &[], Some(&token())).await.expect_err("a certificate to refuse");
    assert_eq!(fault.kind, FaultKind::Refused, "{}", fault.chain());
    for word in words {
        assert!(fault.context.contains(word), "{word:?} is not in {:?}", fault.context);
    }
    assert!(!format!("{fault:?} {}", fault.chain()).contains("CANARY"), "the token is in the fault");
    assert!(peer.heads().is_empty(), "a request went to a peer that is not trusted");
}

#[tokio::test]
async fn a_ca_that_is_not_ours_is_refused_with_the_setting_that_would_trust_it() {
    let (ours, other, renewed) = (Ca::new("ours"), Ca::new("other"), Ca::new("ours"));
    let client = ours.client(Limits::default());
    let mut peer = Peer::answering(other.server("localhost"), ok("{}")).await;
    refused(&mut peer, &client, &["localhost", "does not trust", "`ca`"]).await;
    let mut peer = Peer::answering(renewed.server("localhost"), ok("{}")).await;
    refused(&mut peer, &client, &["localhost", "renewed", "`ca`"]).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_the_name_is_told() {
    let ca = Ca::new("ours");
    let mut peer = Peer::answering(ca.server("elsewhere.example"), ok("{}")).await;
    refused(&mut peer, &ca.client(Limits::default()), &["not valid for that name", "elsewhere.example"]).await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_its_date_and_our_clock() {
    let ca = Ca::new("ours");
    let mut peer = Peer::answering(ca.server_with("localhost", true, None), ok("{}")).await;
    refused(&mut peer, &ca.client(Limits::default()), &["expired on 2021-01-01", "clock"]).await;
}

#[tokio::test]
async fn a_peer_that_wants_a_client_certificate_gets_ours_and_says_so_when_there_is_none() {
    let (ca, clients) = (Ca::new("ours"), Ca::new("other"));
    let mut peer = Peer::answering(ca.server_with("localhost", false, Some(&clients)), ok("in")).await;
    refused(&mut peer, &ca.client(Limits::default()), &["client certificate", "`cert`"]).await;

    let (certificate, key) = clients.issue("agent", false);
    let tls = TlsOptions {
        cert: Some(ca.keep("agent.pem", &certificate.pem())),
        key: Some(Secret::new(key.serialize_pem())),
        ..ca.trust()
    };
    let client = Client::new(ClientOptions { tls, ..ClientOptions::default() }).expect("a client");
    let answer = client.get(&peer.url("/v1"), &[], None).await.expect("let in");
    assert_eq!(&answer.body[..], b"in");
}

#[test]
fn files_and_keys_that_can_not_serve_are_named_and_not_quoted() {
    let (ca, other) = (Ca::new("ours"), Ca::new("other"));
    let (certificate, key) = ca.issue("agent", false);
    let (_, stranger) = other.issue("agent", false);
    let cert = Some(ca.keep("agent.pem", &certificate.pem()));
    let with = |file: &str, text: &str| TlsOptions { ca: Some(ca.keep(file, text)), ..TlsOptions::default() };
    let pair = |key: &str| TlsOptions { cert: cert.clone(), key: Some(Secret::new(key)), ..ca.trust() };
    let absent = TlsOptions { ca: Some("/nowhere/ca.pem".into()), ..TlsOptions::default() };
    let table = [
        (absent, FaultKind::Misconfigured, "/nowhere/ca.pem"),
        (with("empty.pem", "CANARY"), FaultKind::Misconfigured, "empty.pem"),
        (with("bad.pem", "-----BEGIN CERTIFICATE-----\nCANARY!\n"), FaultKind::Misconfigured, "bad.pem"),
        (with("key.pem", "-----BEGIN CANARY\nCANARY\n-----"), FaultKind::Misconfigured, "key.pem"),
        (pair("-----BEGIN PRIVATE KEY-----\nCANARY!\n-----END PRIVATE KEY-----"), FaultKind::Keyless, "agent.pem"),
        (pair("CANARY"), FaultKind::Keyless, "agent.pem"),
        (pair(&stranger.serialize_pem()), FaultKind::Keyless, "pair"),
        (TlsOptions { cert: cert.clone(), ..ca.trust() }, FaultKind::Keyless, "`key`"),
        (TlsOptions { key: Some(Secret::new(key.serialize_pem())), ..ca.trust() }, FaultKind::Misconfigured, "`cert`"),
    ];
    for (options, kind, word) in table {
        let fault = client_config(&options).expect_err(word);
        assert_eq!(fault.kind, kind, "{}", fault.chain());
        assert!(fault.context.contains(word), "{word:?} is not in {:?}", fault.context);
        assert!(!format!("{fault:?} {}", fault.chain()).contains("CANARY"), "{}", fault.chain());
    }
    assert!(client_config(&pair(&key.serialize_pem())).is_ok());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_the_token_does_not_follow_it() {
    let ca = Ca::new("ours");
    let mut elsewhere = Peer::answering(ca.server("localhost"), ok("stolen")).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url("/steal"));
    let mut peer = Peer::answering(ca.server("localhost"), redirect).await;
    let client = ca.client(Limits::default());
    let answer = client.get(&peer.url("/v1?a=b"), &[("accept", "application/json")], Some(&token())).await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.body.len()), (302, 0));
    assert_eq!((elsewhere.connections(), elsewhere.heads().len()), (0, 0));
    let heads = peer.heads();
    assert_eq!(heads.len(), 1);
    let head = heads[0].to_ascii_lowercase();
    assert!(head.starts_with("get /v1?a=b http/1.1\r\n"), "{head}");
    for line in [
        "authorization: bearer canary-7f3a\r\n".to_owned(),
        format!("host: localhost:{}\r\n", peer.address.port()),
        "accept: application/json\r\n".to_owned(),
        "accept-encoding: identity\r\n".to_owned(),
    ] {
        assert!(head.contains(&line), "{line:?} is not in {head}");
    }
    assert!(!format!("{client:?} {answer:?}").contains("CANARY"));
}
