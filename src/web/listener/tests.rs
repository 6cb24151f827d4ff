//! The listener over real sockets on loopback: every path, and what is refused.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::status::{Code, Snapshot, samples};

/// A listener with a board, until it is stopped.
struct Listening {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listening {
    async fn with(board: Board, limits: Limits) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of the system's choice");
        let address = listener.local_addr().expect("it is bound");
        let router = routes::router(board, Arc::new(samples::now), Hosts::bound_to(Some(address.ip())));
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        Listening { address, stop, task: tokio::spawn(accept_all(listener, router, stopped, limits)) }
    }

    /// Sends these bytes and reads all that comes back.
    async fn send(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("the request goes out");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the answer is text and ends");
        answer
    }

    async fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    async fn end(self) {
        self.stop.send(()).expect("it still listens");
        self.task.await.expect("it ends without a panic");
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head and a body").1
}

fn has(answer: &str, header: &str) -> bool {
    let head = answer.split_once("\r\n\r\n").expect("a head and a body").0;
    head.lines().any(|line| line.eq_ignore_ascii_case(header))
}

#[tokio::test]
async fn every_path_answers_with_its_code_for_every_state() {
    // healthz, readyz, health; then the same for a queue that is open while every SOC is away.
    let soc_away = samples::healthy();
    let away = crate::fault::Fault::new(crate::fault::FaultKind::Unavailable, "away");
    let failing = crate::status::Standing::Failing;
    soc_away.destination(&samples::name("soc"), |soc| soc.failed(failing, &away, samples::before(1_000)));
    for (case, board, codes) in [
        ("healthy", samples::healthy(), [200, 200, 200]),
        ("degraded", samples::degraded(), [200, 200, 200]),
        ("down: the queue can't persist", samples::down(), [200, 503, 503]),
        ("down: the SOC is away", soc_away, [200, 200, 503]),
        ("not open yet", Board::new("box", samples::now()), [200, 503, 503]),
    ] {
        let listening = Listening::with(board, LIMITS).await;
        for (path, code) in ["/healthz", "/readyz", "/health"].into_iter().zip(codes) {
            assert_eq!(status(&listening.get(path).await), code, "{case}: {path}");
        }
        for path in ["/", "/status", "/metrics", "/style.css"] {
            assert_eq!(status(&listening.get(path).await), 200, "{case}: {path}");
        }
        listening.end().await;
    }
}

#[tokio::test]
async fn every_answer_has_its_media_type_and_the_security_headers() {
    let listening = Listening::with(samples::degraded(), LIMITS).await;
    for (path, media_type) in [
        ("/healthz", "text/plain; charset=utf-8"),
        ("/readyz", "text/plain; charset=utf-8"),
        ("/health", "application/health+json"),
        ("/status", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/nowhere", "text/plain; charset=utf-8"),
    ] {
        let answer = listening.get(path).await;
        for header in [
            format!("content-type: {media_type}"),
            "content-security-policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
                .into(),
            "x-content-type-options: nosniff".into(),
            "x-frame-options: DENY".into(),
            "cache-control: no-store".into(),
            "referrer-policy: no-referrer".into(),
        ] {
            assert!(has(&answer, &header), "{path} lacks {header}:\n{answer}");
        }
    }
    assert_eq!(body(&listening.get("/healthz").await), "ok\n");
    listening.end().await;
}

#[tokio::test]
async fn the_status_is_the_snapshot_of_the_board() {
    let board = samples::degraded();
    let listening = Listening::with(board.clone(), LIMITS).await;
    let told: Snapshot = serde_json::from_str(body(&listening.get("/status").await)).expect("a snapshot");
    assert_eq!(told, board.snapshot(samples::now()));
    let metrics = listening.get("/metrics").await;
    assert!(body(&metrics).contains("conductor_state{state=\"degraded\"} 1\n"));
    assert!(body(&metrics).contains("process_resident_memory_bytes "));
    let health: serde_json::Value = serde_json::from_str(body(&listening.get("/health").await)).expect("JSON");
    assert_eq!(health["status"], "warn");
    listening.end().await;
}

#[tokio::test]
async fn a_foreign_host_learns_nothing() {
    let listening = Listening::with(samples::healthy(), LIMITS).await;
    let port = listening.address.port();
    for host in ["evil.example", &format!("evil.example:{port}"), "localhost.evil.example", "192.0.2.1"] {
        let answer = listening.send(&format!("GET /status HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(status(&answer), 421, "{host}");
        assert!(!answer.contains("acme") && has(&answer, "x-content-type-options: nosniff"), "{answer}");
    }
    let absolute = "GET http://evil.example/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(status(&listening.send(absolute).await), 421);
    for host in ["localhost", &format!("127.0.0.1:{port}"), "[::1]:1", "LOCALHOST:80"] {
        let answer = listening.send(&format!("GET /status HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(status(&answer), 200, "{host}");
    }
    assert_eq!(status(&listening.send("GET /status HTTP/1.1\r\n\r\n").await), 400, "no Host at all");
    let two = "GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n";
    assert_eq!(status(&listening.send(two).await), 400, "two of them");
    listening.end().await;
}

#[tokio::test]
async fn other_methods_get_405_and_other_paths_404() {
    let listening = Listening::with(samples::healthy(), LIMITS).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = listening.send(&format!("{method} /status HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert_eq!(status(&answer), 405, "{method}");
        assert!(has(&answer, "allow: GET,HEAD"), "{answer}");
    }
    for path in ["/admin", "/status/", "//status", "/../status", "/healthz/x", "/favicon.ico", "/%2e%2e/etc/passwd"] {
        assert_eq!(status(&listening.get(path).await), 404, "{path}");
    }
    let head = listening.send("HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((status(&head), body(&head)), (200, ""));
    listening.end().await;
}

#[tokio::test]
async fn bodies_and_heads_beyond_the_limits_are_refused() {
    let listening = Listening::with(samples::healthy(), LIMITS).await;
    for framing in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
        let answer = listening.send(&format!("GET /status HTTP/1.1\r\nHost: localhost\r\n{framing}")).await;
        assert_eq!(status(&answer), 413, "{framing}");
    }
    let empty = "GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(&listening.send(empty).await), 200, "an empty body is none");
    let many = "X-Filler: x\r\n".repeat(LIMITS.headers);
    let answer = listening.send(&format!("GET /status HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")).await;
    assert_eq!(status(&answer), 431, "too many headers");
    // As much as the limit allows and no end of line: what is read is read, so the answer is not cut by a reset.
    let long = "x".repeat(LIMITS.head);
    let mut stream = listening.connect().await;
    let request = format!("GET /status HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}");
    stream.write_all(&request.as_bytes()[..LIMITS.head]).await.expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the answer is text and ends");
    assert_eq!(status(&answer), 431, "too long a head");
    listening.end().await;
}

#[tokio::test]
async fn garbage_gets_no_answer_that_tells_anything() {
    let listening = Listening::with(samples::healthy(), LIMITS).await;
    for garbage in
        ["\u{16}\u{3}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\nhello\r\n\r\n"]
    {
        assert!(!listening.send(garbage).await.contains("acme"), "{garbage:?}");
    }
    assert_eq!(status(&listening.get("/healthz").await), 200, "and it goes on");
    listening.end().await;
}

#[tokio::test]
async fn silent_peers_lose_their_slots_and_others_are_answered() {
    let limits = Limits { request: Duration::from_secs(1), connections: 2, ..LIMITS };
    let listening = Listening::with(samples::healthy(), limits).await;
    let mut silent = Vec::new();
    for _ in 0..5 {
        let mut stream = listening.connect().await;
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: loc").await.expect("half a request goes out");
        silent.push(stream);
    }
    // This one stands behind them in the backlog.
    assert_eq!(status(&listening.get("/healthz").await), 200);
    for mut stream in silent {
        let mut rest = Vec::new();
        // Closed, in order or by a reset: either ends this read.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!String::from_utf8_lossy(&rest).contains("acme"));
    }
    listening.end().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_let_go() {
    let limits = Limits { request: Duration::from_millis(50), ..LIMITS };
    let (mut peer, ours) = tokio::io::duplex(64);
    peer.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the request goes out");
    let router = routes::router(samples::healthy(), Arc::new(samples::now), Hosts::bound_to(None));
    let conversation = converse(ours, router, Extensions::new(), std::future::pending(), limits);
    tokio::time::timeout(Duration::from_secs(60), conversation).await.expect("it ends, though the answer is stuck");
}

#[tokio::test]
async fn a_stop_ends_even_with_a_silent_peer_connected() {
    let limits = Limits { request: Duration::from_secs(3_600), stop: Duration::from_millis(50), ..LIMITS };
    let listening = Listening::with(samples::healthy(), limits).await;
    let mut silent = listening.connect().await;
    silent.write_all(b"GET /status HTTP/1.1\r\n").await.expect("half a request goes out");
    assert_eq!(status(&listening.get("/healthz").await), 200, "the silent one is accepted by now");
    let address = listening.address;
    tokio::time::timeout(Duration::from_secs(60), listening.end()).await.expect("it ends well before the peer does");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn the_page_escapes_whatever_a_peer_or_an_operator_wrote() {
    let nasty = "</p><script>alert('x')</script>\"&<img src=x>";
    let board = Board::new(nasty, samples::before(60));
    let fault = crate::fault::Fault::new(crate::fault::FaultKind::Refused, nasty);
    board.integration(&samples::name("acme"), |acme| {
        acme.host = nasty.into();
        acme.connector = nasty.into();
        acme.enabled = true;
    });
    let parked = crate::status::Standing::Parked;
    board.stream(&samples::name("acme"), nasty, |stream| stream.failed(parked, &fault, samples::now()));
    board.destination(&samples::name("soc"), |soc| {
        soc.address = nasty.into();
        soc.protocol = nasty.into();
        soc.failed(parked, &fault, samples::now());
    });
    board.queue(|queue| {
        queue.state = crate::status::QueueState::Failed;
        queue.reason = Some(nasty.into());
    });
    board.egress(|egress| {
        egress.observed_by = Some(nasty.into());
        egress.fault = Some(crate::status::FaultNote::new(&fault, samples::now()));
    });
    board.raise(Code::IntegrationRefused, nasty, nasty, samples::now());
    let listening = Listening::with(board, LIMITS).await;
    let page = listening.get("/").await;
    for raw in ["<script", "<img", "alert('x')", "\"&<"] {
        assert!(!page.contains(raw), "{raw} came through:\n{page}");
    }
    assert!(page.contains("&#60;script&#62;alert(&#39;x&#39;)"), "escaped, but there:\n{page}");
    listening.end().await;
}

#[tokio::test]
async fn the_page_tells_the_state_the_egress_ip_and_every_part() {
    let listening = Listening::with(samples::degraded(), LIMITS).await;
    let page = listening.get("/").await;
    for part in [
        "degraded",
        "<p class=\"address\">192.0.2.99</p>",
        "<strong class=\"mark\">mismatch</strong>",
        "<code>smartctl</code>",
        "198.51.100.0/28",
        "globex",
        "archive.acme.example:6514",
        "destination-down",
        "1,204",
        "<meta http-equiv=\"refresh\" content=\"10\">",
    ] {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    assert!(!page.contains("<script") && !page.contains("style="), "the policy would refuse them");
    listening.end().await;
}
