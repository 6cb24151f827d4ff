//! Answers: whole, endless, slow, cut, garbled; and the connection after them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::peers::{Ca, Peer, ok, token};
use crate::fault::{Fault, FaultKind};
use crate::net::http::{Client, Get, Limits};

/// For a peer that never says what is waited for.
const SHORT: Duration = Duration::from_millis(300);
/// For a peer that has to get as far as its body first, on a busy machine too.
const LONGER: Duration = Duration::from_secs(2);

/// Only turns a hang into a failure.
const HANG: Duration = Duration::from_secs(20);

async fn fault_of(client: &Client, peer: &Peer) -> Fault {
    let (url, token) = (peer.url("/v1"), token());
    let ended = tokio::time::timeout(HANG, client.get(&url, &[], Some(&token))).await;
    let fault = ended.expect("within the limits").expect_err("no answer");
    assert!(!format!("{fault:?} {}", fault.chain()).contains("CANARY"), "the token is in the fault");
    fault
}

#[tokio::test]
async fn a_peer_that_accepts_and_says_nothing_is_left_at_the_connect_limit() {
    let ca = Ca::new("ours");
    let peer = Peer::plain(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let fault = fault_of(&ca.client(Limits { connect: Duration::from_secs(2), ..Limits::default() }), &peer).await;
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.context.contains("TLS handshake in time"), "{fault}");
}

#[tokio::test]
async fn a_peer_that_takes_the_request_and_hangs_is_left_at_the_headers_limit_and_not_asked_again() {
    let ca = Ca::new("ours");
    let mut peer = Peer::tls(ca.server("localhost"), |stage, mut stream| async move {
        stage.head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let fault = fault_of(&ca.client(Limits { headers: SHORT, ..Limits::default() }), &peer).await;
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.context.contains("did not answer in time"), "{fault}");
    assert!(peer.next_head().await.starts_with("GET /v1 "));
    assert_eq!((peer.connections(), peer.heads().len()), (1, 0));
}

/// Sends `head`, then one byte at a time for ever.
async fn trickling(ca: &Ca, head: &'static str) -> Peer {
    Peer::tls(ca.server("localhost"), move |stage, mut stream| async move {
        stage.head(&mut stream).await;
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        let mut next: &[u8] = head.as_bytes();
        while stream.write_all(next).await.is_ok() && stream.flush().await.is_ok() {
            next = b" ";
            beat.tick().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_trickle_ends_at_the_limit_of_the_whole() {
    let ca = Ca::new("ours");
    let peer = trickling(&ca, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{").await;
    let limits = Limits { whole: LONGER, ..Limits::default() };
    let fault = fault_of(&ca.client(limits), &peer).await;
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.context.contains("did not finish its answer within 2s"), "{fault}");
}

#[tokio::test]
async fn a_status_that_is_no_success_counts_even_where_its_body_never_ends() {
    let ca = Ca::new("ours");
    let head = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 1000000\r\n\r\nslow down";
    let peer = trickling(&ca, head).await;
    let client = ca.client(Limits { whole: LONGER, ..Limits::default() });
    let answer = client.get(&peer.url("/v1"), &[], None).await.expect("a status");
    assert_eq!((answer.status, answer.retry_after), (429, Some(Duration::from_secs(7))));
    assert!(answer.body.starts_with(b"slow down"));
}

#[tokio::test]
async fn a_gibibyte_is_cut_at_the_limit() {
    let ca = Ca::new("ours");
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let peer = Peer::tls(ca.server("localhost"), move |stage, mut stream| {
        let count = count.clone();
        async move {
            stage.head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
            let block = vec![b'x'; 64 << 10];
            while count.load(Ordering::SeqCst) < 1 << 30 && stream.write_all(&block).await.is_ok() {
                count.fetch_add(block.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let fault = fault_of(&ca.client(Limits { body: 1 << 20, ..Limits::default() }), &peer).await;
    assert_eq!(fault.kind, FaultKind::Unreadable);
    assert!(fault.context.contains("larger than 1MiB"), "{fault}");
    assert!(sent.load(Ordering::SeqCst) < 64 << 20, "the client went on reading");
}

#[tokio::test]
async fn a_gibibyte_that_is_announced_is_not_waited_for() {
    let ca = Ca::new("ours");
    let peer = Peer::tls(ca.server("localhost"), |stage, mut stream| async move {
        stage.head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let fault = fault_of(&ca.client(Limits::default()), &peer).await;
    assert!(fault.kind == FaultKind::Unreadable && fault.context.contains("larger than 16MiB"), "{fault}");
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_is_unavailable_and_never_half_an_answer() {
    let ca = Ca::new("ours");
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let peer = Peer::tls(ca.server("localhost"), move |stage, mut stream| async move {
            stage.head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        })
        .await;
        let fault = fault_of(&ca.client(Limits::default()), &peer).await;
        assert_eq!(fault.kind, FaultKind::Unavailable);
        assert!(fault.context.contains("cut its answer in the middle"), "{fault}");
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_counts_only_where_tls_says_that_this_was_the_end() {
    let ca = Ca::new("ours");
    let peer = Peer::tls(ca.server("localhost"), |stage, mut stream| async move {
        stage.head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"half\":").await;
        let _ = stream.flush().await;
        // The first is cut as a firewall cuts, without close_notify; the second closes in order.
        if stage.number > 0 {
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let client = ca.client(Limits::default());
    let fault = fault_of(&client, &peer).await;
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("in the middle"), "{fault}");
    assert_eq!(client.get(&peer.url("/v1"), &[], None).await.expect("a whole answer").body, "{\"half\":");
}

#[tokio::test]
async fn what_is_not_http_or_not_as_asked_for_is_unreadable() {
    let ca = Ca::new("ours");
    let heavy = format!("HTTP/1.1 200 OK\r\nX-Heavy: {}\r\n\r\n", "x".repeat(1 << 20));
    for (answer, words) in [
        ("SSH-2.0-OpenSSH_9.2 hello\r\n\r\n", "did not answer in HTTP/1.1"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f_", "compressed"),
        (heavy.as_str(), "headers beyond any measure"),
    ] {
        let peer = Peer::answering(ca.server("localhost"), answer).await;
        let fault = fault_of(&ca.client(Limits::default()), &peer).await;
        assert_eq!(fault.kind, FaultKind::Unreadable, "{}", fault.chain());
        assert!(fault.context.contains(words), "{fault}");
    }
    // No TLS at all on that port.
    let peer =
        Peer::plain(|_, mut stream| async move { drop(stream.write_all(b"220 mail.example ESMTP\r\n").await) }).await;
    let fault = fault_of(&ca.client(Limits::default()), &peer).await;
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.context.contains("TLS"), "{fault}");
}

#[tokio::test]
async fn date_and_retry_after_are_read_against_the_servers_clock() {
    let ca = Ca::new("ours");
    let answer = "HTTP/1.1 503 Away\r\nDate: Fri, 20 Nov 2026 09:00:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 09:01:30 GMT\r\n\
                  Content-Type: text/plain\r\nContent-Length: 4\r\n\r\naway";
    let peer = Peer::answering(ca.server("localhost"), answer).await;
    let answer = ca.client(Limits::default()).get(&peer.url("/v1"), &[], None).await.expect("a status");
    assert_eq!(answer.retry_after, Some(Duration::from_secs(90)));
    assert_eq!(answer.date, "2026-11-20T09:00:00Z".parse().ok());
    assert_eq!(
        (answer.status, answer.content_type.as_deref(), &answer.body[..]),
        (503, Some("text/plain"), &b"away"[..])
    );
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_the_peer_closed_meanwhile_is_replaced_once() {
    let ca = Ca::new("ours");
    // The first connection answers twice and then cuts under the third request, before any byte of an answer.
    let mut peer = Peer::tls(ca.server("localhost"), |stage, mut stream| async move {
        if stage.number > 0 {
            return stage.answer_all(stream, &ok("fresh")).await;
        }
        for _ in 0..2 {
            stage.head(&mut stream).await;
            let _ = stream.write_all(ok("kept").as_bytes()).await;
        }
        stage.head(&mut stream).await;
    })
    .await;
    let client = ca.client(Limits::default());
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(client.get(&peer.url("/v1"), &[], None).await.expect("an answer").body);
    }
    assert_eq!(bodies, ["kept", "kept", "fresh"]);
    assert_eq!((peer.connections(), peer.heads().len()), (2, 4));
}

#[tokio::test]
async fn a_fresh_connection_that_is_cut_is_a_fault_and_not_tried_for_ever() {
    let ca = Ca::new("ours");
    let mut peer = Peer::tls(ca.server("localhost"), |stage, mut stream| async move {
        stage.head(&mut stream).await;
        let _ = stream.shutdown().await;
    })
    .await;
    let fault = fault_of(&ca.client(Limits::default()), &peer).await;
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.context.contains("before it answered"), "{fault}");
    assert_eq!((peer.connections(), peer.heads().len()), (1, 1));
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_its_time_is_over_though_nobody_asks_again() {
    let ca = Ca::new("ours");
    let closed = Arc::new(Notify::new());
    let seen = closed.clone();
    let peer = Peer::tls(ca.server("localhost"), move |stage, stream| {
        let seen = seen.clone();
        async move {
            stage.answer_all(stream, &ok("{}")).await;
            seen.notify_one();
        }
    })
    .await;
    let client = ca.client(Limits { idle: Duration::from_millis(50), ..Limits::default() });
    client.get(&peer.url("/v1"), &[], None).await.expect("an answer");
    tokio::time::timeout(HANG, closed.notified()).await.expect("the server sees the end");
    client.get(&peer.url("/v1"), &[], None).await.expect("a fresh connection");
    assert_eq!(peer.connections(), 2);
}
