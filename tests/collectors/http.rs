//! A plain collector.

use std::time::Duration;

use conductor::destinations::Receipt;
use conductor::destinations::http::courier::Courier;
use conductor::destinations::http::settings::{Auth, Compression, HeaderText, Layout, Settings};
use conductor::destinations::http::{self, Collector as Plain};
use conductor::destinations::link::Transport;
use conductor::fault::FaultKind;
use conductor::values::SecretRef;
use conductor_sim::collector::{Fault, Language};

use super::bench::{Bench, Hand, TOKEN, events};

fn bench() -> Bench {
    Bench::new(Language::Plain, "Bearer", |_| {})
}

fn settings(bench: &Bench) -> Settings {
    Settings {
        common: bench.common("Bearer"),
        method: ::http::Method::POST,
        headers: Vec::new(),
        layout: Layout::Lines,
    }
}

fn made(bench: &Bench, change: impl FnOnce(&mut Settings)) -> Courier<Plain> {
    let mut settings = settings(bench);
    change(&mut settings);
    bench.given(|given| http::new(&settings, given))
}

/// A receiver that fails once by `fault`: all arrives all the same.
async fn survive(fault: Fault, kind: FaultKind, most_repeats: usize) -> String {
    let bench = bench();
    let hangs = matches!(fault, Fault::Hangs { .. } | Fault::HangsInAnswer | Fault::Endless);
    bench.collector.fail([fault]);
    let destination =
        made(&bench, |settings| settings.common.timeout = Duration::from_secs(if hangs { 3 } else { 30 }));
    let mut hand = Hand::new(&bench, destination, events(1, 25, &[]));
    hand.play(1).await;
    assert_eq!(hand.faults.first().map(|fault| fault.kind), Some(kind), "{}", hand.said());
    let repeats = hand.judge();
    assert!(repeats <= most_repeats, "{repeats} repeats: one batch was in flight");
    hand.said()
}

#[tokio::test]
async fn every_form_of_a_batch_arrives_whole_and_in_order() {
    for layout in [Layout::Lines, Layout::Array] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let bench = bench();
            let destination = made(&bench, |settings| {
                settings.layout = layout;
                settings.common.compression = compression;
                settings.common.path = "/in?tenant=acme".into();
                settings.method = ::http::Method::PUT;
                settings.headers = vec![
                    ("x-tenant".into(), HeaderText::Plain("acme".into())),
                    ("x-key".into(), HeaderText::Secret(SecretRef::Credential("key".into()))),
                ];
            });
            let mut hand = Hand::new(&bench, destination, events(1, 25, &[]));
            assert_eq!(hand.destination.receipt(), Receipt::Unknown);
            hand.play(0).await;
            assert_eq!((hand.judge(), hand.destination.receipt()), (0, Receipt::Acknowledged));
            let heard = bench.collector.heard();
            assert_eq!(heard.len(), 3, "batches of ten");
            for one in heard {
                assert_eq!((one.method.as_str(), one.path.as_str()), ("PUT", "/in?tenant=acme"));
                let header =
                    |name: &str| one.headers.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
                assert_eq!(header("x-tenant").as_deref(), Some("acme"));
                assert_eq!(header("x-key").as_deref(), Some(TOKEN));
                assert_eq!(header("host"), Some(bench.collector.addr().to_string()));
            }
        }
    }
}

#[tokio::test]
async fn user_and_password_are_sent_as_rfc_7617_has_them() {
    let bench = Bench::new(Language::Plain, "", |options| {
        // base64 of "me:CANARY-token-7f31".
        options.authorization = Some("Basic bWU6Q0FOQVJZLXRva2VuLTdmMzE=".into());
    });
    let destination = made(&bench, |settings| {
        settings.common.auth = Auth::Basic { user: "me".into(), password: SecretRef::Credential("password".into()) };
    });
    let mut hand = Hand::new(&bench, destination, events(1, 3, &[]));
    hand.play(0).await;
    assert_eq!(hand.judge(), 0);
}

#[tokio::test]
async fn plain_http_reaches_a_receiver_without_tls() {
    let bench = Bench::new(Language::Plain, "Bearer", |options| options.tls = None);
    let settings = settings(&bench);
    let destination = bench.given_over(Transport::Tcp, |given| http::new(&settings, given));
    let mut hand = Hand::new(&bench, destination, events(1, 3, &[]));
    hand.play(0).await;
    assert_eq!(hand.judge(), 0);
}

#[tokio::test]
async fn a_bad_event_is_found_and_put_aside_alone() {
    let bench = bench();
    let destination = made(&bench, |settings| settings.common.batching.events = 100);
    let mut hand = Hand::new(&bench, destination, events(1, 100, &[1, 37, 38, 100]));
    hand.play(0).await;
    assert_eq!((hand.aside.as_slice(), hand.judge()), (&[1, 37, 38, 100][..], 0));
    assert!(hand.said().contains("(422)"), "{}", hand.said());
}

#[tokio::test]
async fn a_receiver_that_finds_every_event_bad_parks_us_instead_of_emptying_the_queue() {
    let bench = bench();
    let bad: Vec<u64> = (1..=50).collect();
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 50, &bad));
    let kind = loop {
        if let Some(kind) = hand.round().await.filter(|kind| *kind != FaultKind::Rejected) {
            break kind;
        }
    };
    assert_eq!((kind, hand.aside.len()), (FaultKind::Refused, 10));
    assert!(hand.said().contains("wrong settings"), "{}", hand.said());
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_split_until_it_fits_and_stays_split() {
    let bench = Bench::new(Language::Plain, "Bearer", |options| options.largest = 3_000);
    let destination = made(&bench, |settings| settings.common.batching.events = 100);
    let mut hand = Hand::new(&bench, destination, events(1, 100, &[]));
    hand.play(0).await;
    assert_eq!(hand.judge(), 0);
    let sizes: Vec<usize> = bench.collector.heard().iter().map(|heard| heard.body.len()).collect();
    let too_large = sizes.iter().filter(|size| **size > 3_000).count();
    assert!(too_large > 0 && too_large < 6, "{sizes:?}");
}

#[tokio::test]
async fn an_event_that_is_too_large_by_itself_is_put_aside() {
    let bench = Bench::new(Language::Plain, "Bearer", |options| options.largest = 2_000);
    let mut all = events(1, 10, &[]);
    all[4].event.raw = format!("{{\"pad\":\"{}\"}}", "x".repeat(5_000)).into();
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), all);
    hand.play(0).await;
    assert_eq!((hand.aside.as_slice(), hand.judge()), (&[5][..], 0));
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_is_not_whole_repeats_one_batch_and_loses_none() {
    let told = survive(Fault::Hangs { keeps: true }, FaultKind::Unavailable, 10).await;
    assert!(told.contains("did not answer it within"), "{told}");
    survive(Fault::Hangs { keeps: false }, FaultKind::Unavailable, 0).await;
    survive(Fault::Cuts { keeps: true }, FaultKind::Unavailable, 10).await;
    survive(Fault::Cuts { keeps: false }, FaultKind::Unavailable, 0).await;
    survive(Fault::CutsAnswer { keeps: true }, FaultKind::Unavailable, 10).await;
    let told = survive(Fault::CutsAnswer { keeps: false }, FaultKind::Unavailable, 0).await;
    assert!(told.contains("cut in the middle"), "{told}");
    survive(Fault::HangsInAnswer, FaultKind::Unavailable, 10).await;
    let told = survive(Fault::Endless, FaultKind::Unavailable, 10).await;
    assert!(told.contains("larger than"), "{told}");
    let told = survive(Fault::Gibberish, FaultKind::Unavailable, 0).await;
    assert!(told.contains("HTTP/1.1"), "{told}");
}

#[tokio::test]
async fn a_batch_that_is_sent_again_has_the_same_borders_and_the_same_key() {
    let bench = bench();
    bench.collector.fail([Fault::Cuts { keeps: true }]);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 25, &[]));
    hand.play(1).await;
    let heard = bench.collector.heard();
    let key = |at: usize| {
        let headers = &heard[at].headers;
        headers.iter().find(|(name, _)| name == "idempotency-key").map(|(_, text)| text.clone()).expect("a key")
    };
    assert_eq!((key(0), &heard[0].body), (key(1), &heard[1].body));
    assert!(key(1) != key(2) && key(2) != key(3) && heard.len() == 4);
}

#[tokio::test]
async fn each_status_is_told_as_the_table_has_it_and_what_the_receiver_asks_for_is_passed_on() {
    let date = httpdate_in(90);
    let table: &[(u16, Option<&str>, FaultKind, Option<u64>)] = &[
        (429, Some("7"), FaultKind::Throttled, Some(7)),
        (429, None, FaultKind::Throttled, None),
        (503, Some("120"), FaultKind::Unavailable, Some(120)),
        (500, None, FaultKind::Unavailable, None),
        (408, None, FaultKind::Unavailable, None),
        (401, None, FaultKind::Refused, None),
        (403, None, FaultKind::Refused, None),
        (404, None, FaultKind::Refused, None),
        (405, None, FaultKind::Refused, None),
        (302, None, FaultKind::Refused, None),
    ];
    for (status, wait, kind, seconds) in table {
        let bench = bench();
        let headers = wait.map(|wait| ("retry-after", wait.to_owned())).into_iter().collect();
        bench.collector.fail([Fault::Says(*status, headers)]);
        let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 5, &[]));
        assert_eq!(hand.round().await, Some(*kind), "{status}");
        let fault = &hand.faults[0];
        assert_eq!((fault.status, fault.retry_after.map(|wait| wait.as_secs())), (Some(*status), *seconds));
        hand.play(0).await;
        assert_eq!(hand.judge(), 0, "{status}: nothing was kept by the refusal");
    }
    let bench = bench();
    bench.collector.fail([Fault::Says(503, vec![("retry-after", date)])]);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 5, &[]));
    hand.round().await;
    let wait = hand.faults[0].retry_after.expect("a wait").as_secs();
    assert!((30..=90).contains(&wait), "{wait}: the date form counts as well");
}

/// An HTTP date so many seconds ahead.
fn httpdate_in(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_origin_and_nowhere_else() {
    let bench = bench();
    let own = format!("https://{}/moved?x=1", bench.collector.addr());
    bench
        .collector
        .fail([Fault::Says(307, vec![("location", "/moved".into())]), Fault::Says(308, vec![("location", own)])]);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 5, &[]));
    hand.play(0).await;
    let paths: Vec<_> =
        bench.collector.heard().iter().map(|heard| (heard.method.clone(), heard.path.clone())).collect();
    let post = |path: &str| ("POST".to_owned(), path.to_owned());
    assert_eq!(paths, [post("/"), post("/moved"), post("/moved?x=1")]);

    let other = Bench::new(Language::Plain, "Bearer", |_| {});
    let plain = format!("http://{}/", bench.collector.addr());
    let elsewhere = format!("https://{}/", other.collector.addr());
    for location in [elsewhere, plain, "//evil.example/".into(), "not an address".into()] {
        bench.collector.fail([Fault::Says(308, vec![("location", location.clone())])]);
        let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(6, 7, &[]));
        assert_eq!(hand.round().await, Some(FaultKind::Refused), "{location}");
        assert!(hand.said().contains("url"), "{}", hand.said());
    }
    assert!(other.collector.heard().is_empty(), "our token went to another");
    let round = std::iter::repeat_n(Fault::Says(307, vec![("location", "/again".into())]), 10);
    bench.collector.fail(round);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(6, 7, &[]));
    assert_eq!(hand.round().await, Some(FaultKind::Refused));
    assert!(hand.said().contains("again and again"), "{}", hand.said());
}

#[tokio::test]
async fn a_batch_waits_for_more_until_it_is_confirmed_and_a_heartbeat_does_not_wait() {
    let bench = bench();
    let patient = |settings: &mut Settings| settings.common.batching.age = Duration::from_secs(3600);
    let mut hand = Hand::new(&bench, made(&bench, patient), events(1, 5, &[]));
    let delivered = hand.destination.deliver(&events(1, 5, &[])).await;
    assert_eq!((delivered.taken, delivered.sent, bench.collector.heard().len()), (None, None, 0));
    let confirmed = hand.destination.confirm().await;
    assert_eq!(confirmed.taken.map(|seq| seq.0), Some(5));
    let mut beat = events(5, 5, &[]);
    beat[0].event.kind = "heartbeat".into();
    assert!(hand.destination.deliver(&beat).await.fault.is_none());
    assert_eq!(bench.collector.heard().len(), 2);
}

#[tokio::test]
async fn a_refused_heartbeat_is_let_go_and_puts_nothing_aside() {
    let bench = bench();
    let mut destination = made(&bench, |_| {});
    let mut beat = events(5, 5, &[5]);
    beat[0].event.kind = "heartbeat".into();
    let delivered = conductor::destinations::Destination::deliver(&mut destination, &beat).await;
    assert!(delivered.fault.is_none(), "{:?}", delivered.fault);
    assert!(bench.kept().is_empty() && bench.collector.heard().len() == 1);
}
