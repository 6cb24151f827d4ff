//! The destination against receivers of many manners: what is told as taken was read, and nothing else.

mod openssl;
mod plain;
mod receiver;
mod trust;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustls::version::{TLS12, TLS13};

use self::receiver::{Manner, Pki, Receiver};
use super::receipts::{HoldRule, MOST_REQUESTS};
use super::*;
use crate::destinations::link::{TlsVersion, Transport};

/// Events `from..=to`, each of about 2 kB.
fn events(from: u64, to: u64) -> Vec<Stored> {
    (from..=to)
        .map(|seq| {
            let mut stored = crate::format::rfc5424::tests::sample();
            stored.seq = Seq(seq);
            stored.event.raw = format!("{{\"n\":{seq},\"pad\":\"{}\"}}", "x".repeat(1500)).into();
            stored
        })
        .collect()
}

fn link(address: SocketAddr, pki: &Pki) -> Link {
    Link {
        address: address.to_string(),
        transport: Transport::Tls,
        server_name: Some("localhost".to_owned()),
        ca: Some(pki.file("ca.pem")),
        ..Link::default()
    }
}

fn settings() -> Settings {
    Settings {
        facility: "local0".to_owned(),
        app_name: "conductor".to_owned(),
        enterprise_number: 32473,
        window: 64 * 1024,
        framing: Framing::OctetCounted,
        standard: super::Standard::Rfc5424,
        max_message_size: 64 * 1024,
    }
}

fn made(link: &Link, key: Option<Secret>, settings: &Settings) -> Result<SyslogStream, Fault> {
    SyslogStream::new(link, key, settings, Shape::Json, "acme-mel-1")
}

fn destination(address: SocketAddr, pki: &Pki) -> SyslogStream {
    made(&link(address, pki), None, &settings()).expect("valid")
}

fn start(manner: Manner) -> (Pki, Receiver, SyslogStream) {
    let pki = Pki::new();
    let receiver = Receiver::start(pki.server(&TLS13, false), manner);
    let mut syslog = destination(receiver.address, &pki);
    if matches!(manner, Manner::Plain | Manner::NeverCloses | Manner::ReadsNothing) {
        // These never answer, so a short silence is enough; others keep the usual second, since they may be late.
        syslog.limits.silence = Duration::from_millis(100);
    }
    (pki, receiver, syslog)
}

/// Delivers and confirms; what was taken.
async fn hand_over(syslog: &mut SyslogStream, from: u64, to: u64) -> Option<u64> {
    let delivered = syslog.deliver(&events(from, to)).await;
    assert!(delivered.fault.is_none(), "{:?}", delivered.fault.map(|f| f.chain()));
    let confirmed = syslog.confirm().await;
    assert!(confirmed.fault.is_none(), "{:?}", confirmed.fault.map(|f| f.chain()));
    confirmed.taken.or(delivered.taken).map(|seq| seq.0)
}

fn numbers(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[tokio::test]
async fn a_receiver_that_answers_key_updates_confirms_by_them() {
    for manner in [Manner::AnswersEach, Manner::AnswersLate] {
        let (_pki, receiver, mut syslog) = start(manner);
        assert_eq!((syslog.receipt(), syslog.connected()), (Receipt::Unknown, false));
        assert_eq!(hand_over(&mut syslog, 1, 400).await, Some(400), "{manner:?}");
        assert_eq!((syslog.receipt(), syslog.connected()), (Receipt::ReadKeyUpdate, true), "{manner:?}");
        assert_eq!(hand_over(&mut syslog, 401, 402).await, Some(402), "{manner:?}");
        assert_eq!(syslog.confirm().await.taken, None, "nothing new");
        assert_eq!(receiver.seqs(), numbers(1, 402));
        assert_eq!(syslog.receipt(), Receipt::ReadKeyUpdate);
    }
}

#[tokio::test]
async fn a_receiver_that_answers_no_key_updates_confirms_by_closing_and_is_not_asked_again() {
    let (_pki, receiver, mut syslog) = start(Manner::Plain);
    assert_eq!(hand_over(&mut syslog, 1, 30).await, Some(30));
    assert_eq!(syslog.receipt(), Receipt::ReadClose);
    // 500 kB at four windows of 64 KiB to a close.
    assert_eq!(hand_over(&mut syslog, 31, 280).await, Some(280));
    assert_eq!((receiver.connections(), receiver.seqs()), (3, numbers(1, 280)));
}

#[tokio::test]
async fn tls_1_2_confirms_by_closing() {
    let pki = Pki::new();
    let receiver = Receiver::start(pki.server(&TLS12, false), Manner::Plain);
    let mut syslog = destination(receiver.address, &pki);
    assert_eq!(hand_over(&mut syslog, 1, 5).await, Some(5));
    assert_eq!(syslog.receipt(), Receipt::ReadClose);
    assert_eq!(receiver.seqs(), numbers(1, 5));
}

#[tokio::test]
async fn a_receiver_that_can_do_neither_is_believed_on_its_tcp_only_after_three_live_connections() {
    let (_pki, receiver, mut syslog) = start(Manner::NeverCloses);
    syslog.limits.close = Duration::from_millis(100);
    syslog.limits.hold = HoldRule { bytes: 10_000, time: Duration::from_millis(300) };
    for _ in 0..3 {
        let delivered = syslog.deliver(&events(1, 3)).await;
        assert!(delivered.fault.is_none() && delivered.taken.is_none());
        let confirmed = syslog.confirm().await;
        let fault = confirmed.fault.expect("an unanswered close");
        assert!(fault.context.contains("did not answer the orderly end"), "{fault}");
        assert_eq!((confirmed.taken, syslog.receipt()), (None, Receipt::Unknown));
    }
    assert_eq!(hand_over(&mut syslog, 1, 3).await, Some(3));
    assert_eq!((syslog.receipt(), receiver.connections()), (Receipt::HeldByTcp, 4));
    // Held by its TCP is not yet read.
    let began = std::time::Instant::now();
    while receiver.seqs().len() < 12 && began.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(receiver.seqs(), [numbers(1, 3), numbers(1, 3), numbers(1, 3), numbers(1, 3)].concat());
}

#[tokio::test]
async fn after_a_reset_nothing_is_taken_that_was_not_read() {
    let (_pki, receiver, mut syslog) = start(Manner::ResetsAfter(300_000));
    let (mut taken, mut fault) = (0, None);
    for batch in events(1, 1000).chunks(50) {
        let delivered = syslog.deliver(batch).await;
        taken = delivered.taken.map_or(taken, |seq| seq.0);
        if delivered.fault.is_some() {
            fault = delivered.fault;
            break;
        }
    }
    let fault = fault.expect("a reset");
    assert_eq!(fault.kind, FaultKind::Unavailable, "{}", fault.chain());
    let read = receiver.seqs().len() as u64;
    assert!(taken > 0 && taken <= read, "{taken} taken of {read} read");
    assert!(!syslog.connected());
}

#[tokio::test]
async fn a_receiver_that_reads_nothing_is_given_two_windows_and_confirms_none() {
    let (_pki, _receiver, mut syslog) = start(Manner::ReadsNothing);
    // Enough to fill the kernel's buffers is not needed: two windows are the limit.
    syslog.limits.close = Duration::from_millis(200);
    syslog.limits.stall = Duration::from_millis(200);
    let delivered = syslog.deliver(&events(1, 60)).await;
    assert!(delivered.fault.is_none() && delivered.taken.is_none(), "{:?}", delivered.fault);
    assert!(syslog.session.as_ref().is_some_and(|s| s.ledger.unconfirmed() <= 2 * syslog.window));
    let delivered = syslog.deliver(&events(61, 200)).await;
    assert_eq!(delivered.fault.expect("it stalls").kind, FaultKind::Unavailable);
    assert_eq!((delivered.taken, syslog.receipt()), (None, Receipt::Unknown));
}

#[tokio::test]
async fn a_connection_out_of_requests_is_ended_in_order_and_the_next_goes_on() {
    let (_pki, receiver, mut syslog) = start(Manner::AnswersLate);
    for seq in 1..=u64::from(MOST_REQUESTS) {
        assert_eq!(hand_over(&mut syslog, seq, seq).await, Some(seq));
    }
    assert_eq!((receiver.connections(), syslog.receipt()), (3, Receipt::ReadKeyUpdate));
    assert_eq!(receiver.seqs(), numbers(1, u64::from(MOST_REQUESTS)));
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed_before_more_is_sent_and_confirms_nothing() {
    let (_pki, receiver, mut syslog) = start(Manner::LeavesAfter(1));
    assert!(syslog.deliver(&events(1, 1)).await.fault.is_none());
    let confirmed = syslog.confirm().await;
    let fault = confirmed.fault.expect("it left");
    assert!(fault.context.contains("sent again"), "{fault}");
    assert_eq!((confirmed.taken, syslog.receipt()), (None, Receipt::Unknown));
    assert_eq!(receiver.seqs(), [1]);
}

#[tokio::test]
async fn a_peer_that_leaves_when_all_is_confirmed_is_met_again_in_silence() {
    let (_pki, receiver, mut syslog) = start(Manner::AnswersTwoAndLeaves);
    assert_eq!(hand_over(&mut syslog, 1, 3).await, Some(3));
    while syslog.connected() {
        tokio::task::yield_now().await;
    }
    assert_eq!(hand_over(&mut syslog, 4, 5).await, Some(5));
    assert_eq!((receiver.connections(), receiver.seqs()), (2, numbers(1, 5)));
}

#[tokio::test]
async fn key_updates_that_nobody_asked_for_confirm_nothing_and_a_close_does() {
    let (_pki, receiver, mut syslog) = start(Manner::UpdatesUnasked);
    assert!(syslog.deliver(&[]).await.fault.is_none());
    let (session, peer) = syslog.connected_session(Instant::now() + Duration::from_secs(10)).await.expect("it listens");
    while session.ledger.is_trusted() {
        assert!(session.is_open(peer).expect("it stays"));
        tokio::task::yield_now().await;
    }
    assert_eq!(hand_over(&mut syslog, 1, 2).await, Some(2));
    assert_eq!((syslog.receipt(), receiver.seqs()), (Receipt::ReadClose, numbers(1, 2)));
}

#[tokio::test]
async fn closing_confirms_what_was_sent() {
    let (_pki, receiver, mut syslog) = start(Manner::Plain);
    assert!(syslog.deliver(&events(1, 20)).await.fault.is_none());
    let closed = syslog.close().await;
    assert_eq!((closed.taken, closed.fault.is_none()), (Some(Seq(20)), true));
    assert_eq!(receiver.seqs(), numbers(1, 20));
    assert_eq!(syslog.close().await.taken, None, "nothing to close");
}

#[tokio::test]
async fn a_close_that_crosses_ours_is_no_answer_to_it() {
    let pki = Pki::new();
    let (leave, left) = std::sync::mpsc::channel();
    let mut syslog = destination(receiver::unread(pki.server(&TLS13, false), left), &pki);
    // Fits in our kernel's queue, not in the receiver's.
    assert!(syslog.deliver(&events(1, 50)).await.fault.is_none());
    let closed = {
        let mut closing = syslog.close();
        tokio::select! {
            biased;
            _ = &mut closing => panic!("nobody has answered yet"),
            () = std::future::ready(()) => leave.send(()).expect("it waits"),
        }
        closing.await
    };
    let fault = closed.fault.expect("unread events");
    assert!(closed.taken.is_none() && fault.context.contains("before it had taken everything"), "{fault}");
}

#[tokio::test]
async fn a_receiver_that_answers_key_updates_and_closes_over_what_it_threw_away_has_confirmed_none_of_it() {
    // One event is more than a byte: what follows the first confirmation is thrown away.
    let (_pki, receiver, mut syslog) = start(Manner::ThrowsAwayAfter(1));
    assert_eq!(hand_over(&mut syslog, 1, 3).await, Some(3));
    assert!(syslog.deliver(&events(4, 9)).await.fault.is_none());
    syslog.limits.farewell = Duration::from_secs(60);
    let closed = syslog.close().await;
    let fault = closed.fault.expect("nobody has read them");
    assert!(closed.taken.is_none() && fault.context.contains("before it had taken everything"), "{fault}");
    assert_eq!(receiver.seqs(), [1, 2, 3]);
}

#[tokio::test]
async fn a_receiver_that_answered_nothing_on_a_whole_connection_is_sent_it_again_and_shows_anew_what_it_can() {
    let (_pki, receiver, mut syslog) = start(Manner::ThrowsAwayTheSecond);
    syslog.limits.farewell = Duration::from_secs(60);
    assert_eq!(hand_over(&mut syslog, 1, 3).await, Some(3));
    assert!(syslog.close().await.fault.is_none() && syslog.peer.answers_key_updates());
    assert!(syslog.deliver(&events(4, 9)).await.fault.is_none());
    let closed = syslog.close().await;
    assert!(closed.taken.is_none() && closed.fault.is_some(), "it is known to answer, and did not");
    assert!(!syslog.peer.answers_key_updates(), "another process may be there now");
    assert_eq!(hand_over(&mut syslog, 4, 9).await, Some(9));
    assert_eq!((receiver.connections(), receiver.seqs()), (3, numbers(1, 9)));
}

/// The fault of a first delivery.
async fn refusal(mut syslog: SyslogStream) -> Fault {
    let delivered = syslog.deliver(&events(1, 1)).await;
    let fault = match delivered.fault {
        Some(fault) => fault,
        // TLS 1.3 tells a client only after its handshake that its certificate is missed.
        None => syslog.confirm().await.fault.expect("refused"),
    };
    assert_eq!(delivered.taken, None);
    fault
}

#[tokio::test]
async fn trouble_with_certificates_is_refused_and_names_the_setting() {
    let (pki, other) = (Pki::new(), Pki::new());
    let receiver = Receiver::start(pki.server(&TLS13, false), Manner::Plain);
    let fault = refusal(destination(receiver.address, &other)).await;
    assert!(fault.kind == FaultKind::Refused && fault.context.contains("`ca`"), "{}", fault.chain());

    let named = Link { server_name: Some("siem.example".to_owned()), ..link(receiver.address, &pki) };
    let fault = refusal(made(&named, None, &settings()).expect("valid")).await;
    assert!(fault.kind == FaultKind::Refused && fault.context.contains("`server-name`"), "{}", fault.chain());

    for version in [&TLS12, &TLS13] {
        let mutual = Receiver::start(pki.server(version, true), Manner::Plain);
        let fault = refusal(destination(mutual.address, &pki)).await;
        assert!(fault.kind == FaultKind::Refused && fault.context.contains("`cert`"), "{}", fault.chain());
        let ours = Link { cert: Some(pki.file("cert.pem")), ..link(mutual.address, &pki) };
        let key = std::fs::read_to_string(pki.file("key.pem")).expect("written above");
        let mut syslog = made(&ours, Some(Secret::new(key)), &settings()).expect("valid");
        assert_eq!(hand_over(&mut syslog, 1, 1).await, Some(1));
    }
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_or_nothing_is_unavailable_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("connected");
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("open");
        let (silent, _) = listener.accept().expect("connected again");
        std::thread::park();
        drop((stream, silent));
    });
    let pki = Pki::new();
    let fault = refusal(destination(address, &pki)).await;
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("does not speak TLS"), "{}", fault.chain());
    let mut syslog = destination(address, &pki);
    syslog.limits.handshake = Duration::from_millis(200);
    let fault = refusal(syslog).await;
    assert!(fault.kind == FaultKind::Unavailable && fault.context.contains("TLS handshake"), "{}", fault.chain());
}

#[test]
fn settings_that_can_not_work_are_named() {
    let pki = Pki::new();
    let good = link(([127, 0, 0, 1], 6514).into(), &pki);
    let at_local9 = Settings { facility: "local9".to_owned(), ..settings() };
    let table = [
        (Link { address: "siem".to_owned(), ..good.clone() }, settings(), "host:port"),
        (Link { address: "::1:6514".to_owned(), ..good.clone() }, settings(), "host:port"),
        (Link { server_name: Some("a b".to_owned()), ..good.clone() }, settings(), "`server-name`"),
        (good.clone(), at_local9, "local9"),
    ];
    for (link, settings, expected) in table {
        let fault = made(&link, None, &settings).expect_err(expected);
        assert!(fault.kind == FaultKind::Misconfigured && fault.context.contains(expected), "{fault}");
    }
    let bracketed = Link { address: "[::1]:6514".to_owned(), server_name: None, ..good };
    assert!(made(&bracketed, None, &settings()).is_ok());
}
