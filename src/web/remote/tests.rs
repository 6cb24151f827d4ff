//! The listener with pages behind it, in this process: what the pages are given, and what limits stand over them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Extension, response::IntoResponse};
use http::{Extensions, header};
use hyper::body::Frame;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::*;
use crate::config::{Remote, TlsVersion};
use crate::status::samples;
use crate::web::Caller;
use crate::web::connections::Limits;
use crate::web::conversation::converse;

const LIMITS: Limits = Limits {
    handshake: Duration::from_secs(10),
    request: Duration::from_secs(10),
    idle: Some(Duration::from_secs(30)),
    stream: Duration::from_secs(300),
    connections: 8,
    per_address: 8,
    stop: Duration::from_secs(1),
    head: 16 << 10,
    headers: 64,
};

fn settings() -> Remote {
    Remote {
        listen: ([127, 0, 0, 1], 0).into(),
        cert: None,
        key: None,
        tls_min_version: TlsVersion::V13,
        client_ca: None,
        crl: None,
        health_token: None,
        names: Vec::new(),
        admin: true,
        allow_other_hosts: false,
    }
}

/// Sends this to a listener with these pages, and reads all that comes back.
async fn ask(pages: Router, request: &[u8]) -> String {
    let state = tempfile::tempdir().expect("a folder");
    let board = samples::healthy();
    let post = Post {
        board: board.clone(),
        clock: Arc::new(jiff::Timestamp::now),
        secrets: SecretSources::default(),
        state_dir: state.path().to_owned(),
        pages: Some(pages),
        socket: None,
    };
    let (_settings, wanted) = watch::channel(Some(settings()));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(run(post, wanted, async { drop(stopped.await) }));
    let address = loop {
        match board.snapshot(samples::now()).remote {
            Some(remote) => break remote.listen,
            // The certificate is made on another thread; nobody tells when.
            None => tokio::task::yield_now().await,
        }
    };
    let own = std::fs::read(own::file(state.path())).expect("it was made");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&own).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder_with_provider(crate::net::tls::provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("TLS");
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    // Whatever came counts, however the connection ended.
    let _ = stream.read_to_end(&mut answer).await;
    stop.send(()).expect("it runs");
    running.await.expect("it ends without a panic");
    String::from_utf8_lossy(&answer).into_owned()
}

fn posted(path: &str, length: usize) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; length]].concat()
}

#[tokio::test]
async fn the_pages_are_told_who_asks_and_get_their_own_policy() {
    let who = |Extension(caller): Extension<Caller>| async move { caller.address.to_string() };
    let pages = Router::new().route("/admin/who", get(who));
    let answer = ask(pages, b"GET /admin/who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
    assert!(
        answer.contains("script-src 'self'; style-src 'self'") && answer.contains("form-action 'self'"),
        "{answer}"
    );
    assert!(!answer.contains("unsafe") && !answer.contains("strict-transport-security"), "{answer}");
}

#[tokio::test]
async fn a_body_is_read_up_to_a_mebibyte_and_further_where_a_page_says_so() {
    let length = |body: Bytes| async move { body.len().to_string() };
    let pages = Router::new()
        .route("/admin/small", post(length))
        .route("/admin/large", post(length).layer(DefaultBodyLimit::max(2 << 20)));
    for (path, bytes, status) in [
        ("/admin/small", 1 << 20, "200"),
        ("/admin/small", (1 << 20) + 1, "413"),
        ("/admin/large", (1 << 20) + 1, "200"),
        ("/admin/large", (2 << 20) + 1, "413"),
    ] {
        let answer = ask(pages.clone(), &posted(path, bytes)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {bytes}: {answer}");
    }
}

/// A conversation over memory, under a clock that stands until nothing else is to be done.
fn talk(router: Router) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (peer, ours) = tokio::io::duplex(256);
    (peer, tokio::spawn(converse(ours, router, Extensions::new(), std::future::pending(), LIMITS)))
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// An answer without end, of this type.
fn endless(media_type: &'static str) -> Router {
    Router::new().route(
        "/",
        get(move || async move {
            let ticks = Ticks(Box::pin(tokio::time::sleep(Duration::ZERO)));
            ([(header::CONTENT_TYPE, media_type)], Body::new(ticks)).into_response()
        }),
    )
}

/// A line each second.
struct Ticks(Pin<Box<tokio::time::Sleep>>);

impl hyper::body::Body for Ticks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.0.as_mut().poll(context));
        self.0.as_mut().reset(Instant::now() + Duration::from_secs(1));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": tick\n\n")))))
    }
}

/// How long it lasts, while the peer reads whatever comes.
async fn lasts(router: Router, sent: &[u8]) -> u64 {
    let begun = Instant::now();
    let (mut peer, talk) = talk(router);
    peer.write_all(sent).await.expect("sent");
    let mut all = Vec::new();
    let _ = peer.read_to_end(&mut all).await;
    talk.await.expect("it ends without a panic");
    begun.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn events_may_go_on_for_five_minutes_and_any_other_answer_for_ten_seconds() {
    assert_eq!(lasts(endless("text/event-stream"), REQUEST).await, 300);
    assert_eq!(lasts(endless("text/plain"), REQUEST).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_rests_for_half_a_minute_and_a_silent_one_is_let_go_after_ten_seconds() {
    let short = Router::new().route("/", get(|| async { "ok" }));
    assert_eq!(lasts(short.clone(), REQUEST).await, 30);
    assert_eq!(lasts(short.clone(), b"").await, 10);
    // The beginning of another head moves nothing.
    assert_eq!(lasts(short.clone(), &[REQUEST, b"GET / HT"].concat()).await, 30);
    assert_eq!(lasts(short, &[REQUEST, REQUEST].concat()).await, 30);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_and_a_peer_that_never_reads_are_let_go() {
    let never = Router::new().route("/", get(std::future::pending::<()>));
    assert_eq!(lasts(never, REQUEST).await, 10);
    let long = Router::new().route("/", get(|| async { "x".repeat(1 << 20) }));
    let begun = Instant::now();
    let (mut peer, talk) = talk(long);
    peer.write_all(REQUEST).await.expect("sent");
    talk.await.expect("it ends without a panic");
    assert!(begun.elapsed() <= Duration::from_secs(40), "{:?}", begun.elapsed());
}
