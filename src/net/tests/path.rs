//! The way out: source address, interface, proxy, and peers that are not there.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::peers::{Ca, Peer, ok, token};
use crate::fault::FaultKind;
use crate::net::dial::{Path, dial};
use crate::net::http::{Client, ClientOptions, Get, Limits};
use crate::values::Secret;

const LIMIT: Duration = Duration::from_secs(10);

fn leaving_from(address: &str) -> Path {
    Path { source_address: Some(address.parse().expect("an address")), ..Path::default() }
}

#[tokio::test]
async fn the_source_address_is_the_one_that_the_peer_sees() {
    let ca = Ca::new("ours");
    let peer = Peer::tls(ca.server("localhost"), |stage, stream| async move {
        let from = stage.from.ip().to_string();
        stage.answer_all(stream, &ok(&from)).await;
    })
    .await;
    for address in ["127.0.0.2", "127.0.0.3"] {
        let client = ca.client_by(Limits::default(), leaving_from(address));
        assert_eq!(client.get(&peer.url("/"), &[], None).await.expect("an answer").body, address);
    }
}

#[tokio::test]
async fn a_way_that_the_box_lacks_is_said_and_no_other_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let no_interface = Path { interface: Some("nosuch0".to_owned()), ..Path::default() };
    for (path, words) in [
        (leaving_from("192.0.2.77"), "does not have the source address 192.0.2.77"),
        (leaving_from("2001:db8::77"), "has no IPv6 address"),
        (no_interface, "the interface \"nosuch0\""),
    ] {
        let fault = dial("127.0.0.1", port, &path, LIMIT).await.expect_err("no way out");
        assert_eq!(fault.kind, FaultKind::Unavailable);
        assert!(fault.context.contains(words), "{fault}");
    }
}

#[tokio::test]
async fn refused_and_unresolved_are_told_apart() {
    // Bound and not listening: nobody else can get this port meanwhile.
    let bound = TcpSocket::new_v4().expect("a socket");
    bound.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let port = bound.local_addr().expect("an address").port();
    let fault = dial("127.0.0.1", port, &Path::default(), LIMIT).await.expect_err("nobody listens");
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("refused"), "{fault}");
    // A label of 64 letters is beyond DNS (RFC 1035 2.3.4): the resolver says so without asking anybody.
    let name = format!("{}.invalid", "x".repeat(64));
    let fault = dial(&name, 443, &Path::default(), LIMIT).await.expect_err("no such name");
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("DNS"), "{fault}");
}

#[tokio::test]
async fn a_dialled_connection_does_not_wait_to_fill_packets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stream = dial("127.0.0.1", address.port(), &Path::default(), LIMIT).await.expect("a connection");
    assert!(stream.nodelay().expect("an option"));
    assert!(socket2::SockRef::from(&stream).keepalive().expect("an option"));
    assert_eq!(stream.peer_addr().expect("a peer"), address);
}

/// A proxy that tunnels for who knows its password, to wherever it is asked.
async fn proxy() -> Peer {
    Peer::plain(|stage, mut stream| async move {
        let head = stage.head(&mut stream).await;
        // user:pass word
        if !head.contains("Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n") {
            let _ = stream.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n").await;
            return;
        }
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut onward = TcpStream::connect(target).await.expect("the target");
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
    })
    .await
}

fn through(proxy: &Peer, userinfo: &str) -> Path {
    Path { proxy: Some(Secret::new(format!("http://{userinfo}{}", proxy.address))), ..Path::default() }
}

#[tokio::test]
async fn a_tunnel_is_asked_for_with_the_proxys_password_and_the_token_goes_inside_it() {
    let ca = Ca::new("ours");
    let mut peer = Peer::answering(ca.server("localhost"), ok("inside")).await;
    let mut proxy = proxy().await;
    let client = ca.client_by(Limits::default(), through(&proxy, "user:pass%20word@"));
    for _ in 0..2 {
        let answer = client.get(&peer.url("/v1"), &[], Some(&token())).await.expect("an answer");
        assert_eq!(answer.body, "inside");
    }
    let asked = proxy.heads();
    assert_eq!(asked.len(), 1, "the tunnel is kept for the second request");
    let line = format!("CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n", port = peer.address.port());
    assert!(asked[0].starts_with(&line) && !asked[0].contains("CANARY"), "{}", asked[0]);
    let inside = peer.heads().concat().to_ascii_lowercase();
    assert!(inside.contains("bearer canary") && !inside.contains("proxy-authorization"), "{inside}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_quoted_by_its_status_and_its_password_is_not() {
    let ca = Ca::new("ours");
    let peer = Peer::answering(ca.server("localhost"), ok("{}")).await;
    let proxy = proxy().await;
    let client = ca.client_by(Limits::default(), through(&proxy, "user:CANARY@"));
    let fault = client.get(&peer.url("/v1"), &[], None).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(fault.context.contains("said 407") && fault.context.contains("password"), "{fault}");
    assert!(!format!("{fault:?} {client:?}").contains("CANARY"));
    assert_eq!(peer.connections(), 0, "no way around a proxy that was set");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_no_proxy_is_said() {
    for (answer, words) in [
        ("SSH-2.0-x\r\n\r\n", "as an HTTP proxy does"),
        ("", "cut the connection"),
        ("HTTP/1.1 403 No\r\n\r\n", "said 403"),
    ] {
        let proxy = Peer::plain(move |stage, mut stream| async move {
            stage.head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        let fault = dial("soc.example", 6514, &through(&proxy, ""), LIMIT).await.expect_err("no tunnel");
        assert_eq!(fault.kind, FaultKind::Unavailable);
        let named = fault.context.contains(&proxy.address.to_string());
        assert!(named && fault.context.contains(words), "{fault}");
    }
    let hung = Peer::plain(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let fault = dial("soc.example", 6514, &through(&hung, ""), Duration::from_secs(2)).await.expect_err("no answer");
    assert!(fault.context.contains("did not answer in time"), "{fault}");
    let bad = Path { proxy: Some(Secret::new("https://u:CANARY@proxy.example")), ..Path::default() };
    let fault = Client::new(ClientOptions { path: bad, ..ClientOptions::default() }).expect_err("not a proxy for us");
    assert_eq!(fault.kind, FaultKind::Misconfigured);
    assert!(!fault.chain().contains("CANARY"));
}

#[tokio::test]
async fn a_plain_probe_through_a_proxy_names_its_whole_url_and_leaves_from_the_source_address() {
    let ca = Ca::new("ours");
    let mut proxy = Peer::plain(|stage, stream| async move {
        let from: IpAddr = stage.from.ip();
        stage.answer_all(stream, &ok(&from.to_string())).await;
    })
    .await;
    let path = Path { source_address: leaving_from("127.0.0.2").source_address, ..through(&proxy, "user:pass@") };
    let client = ca.client_by(Limits { allow_http: true, ..Limits::default() }, path);
    let answer = client.get("http://probe.invalid/ip", &[], None).await.expect("the proxy's answer");
    assert_eq!(answer.body, "127.0.0.2");
    let head = proxy.heads().concat();
    assert!(head.starts_with("GET http://probe.invalid/ip HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), "{head}");
}
