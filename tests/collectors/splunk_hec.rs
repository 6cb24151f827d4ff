//! Splunk's HTTP Event Collector.

use std::time::Duration;

use conductor::destinations::http::settings::PerStream;
use conductor::destinations::splunk_hec::{Routing, Settings, SplunkHec};
use conductor::destinations::{Destination, Receipt};
use conductor::fault::FaultKind;
use conductor_sim::collector::{CollectorOptions, Fault, Language};

use super::bench::{Bench, Hand, events};

fn bench(acknowledges: bool) -> Bench {
    bench_with(acknowledges, |_| {})
}

fn bench_with(acknowledges: bool, change: impl FnOnce(&mut CollectorOptions)) -> Bench {
    Bench::new(Language::Hec { acknowledges }, "Splunk", change)
}

fn made(bench: &Bench, change: impl FnOnce(&mut Settings)) -> SplunkHec {
    let mut settings = Settings {
        common: bench.common("Splunk"),
        ack: true,
        ack_timeout: Duration::from_secs(60),
        channel: None,
        routing: Routing { index: PerStream::all("mail"), ..Routing::default() },
    };
    change(&mut settings);
    bench.given(|given| SplunkHec::new(&settings, given))
}

#[tokio::test]
async fn an_event_is_taken_when_it_is_indexed_and_not_when_it_is_received() {
    let bench = bench(true);
    bench.collector.hold_indexing(true);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 25, &[]));
    let delivered = hand.destination.deliver(&events(1, 25, &[])).await;
    assert!(delivered.fault.is_none() && delivered.sent.is_some_and(|seq| seq.0 == 25));
    let confirmed = hand.destination.confirm().await;
    assert_eq!((delivered.taken, confirmed.taken), (None, None), "received is not indexed");
    assert_eq!(hand.destination.receipt(), Receipt::Unknown);
    bench.collector.hold_indexing(false);
    let mut taken = None;
    while taken != Some(25) {
        let confirmed = hand.destination.confirm().await;
        assert!(confirmed.fault.is_none(), "{:?}", confirmed.fault);
        taken = confirmed.taken.map(|seq| seq.0).or(taken);
    }
    assert_eq!((hand.judge(), hand.destination.receipt()), (0, Receipt::Indexed));
    let kept = bench.collector.kept();
    assert!(kept[0].contains("\"index\":\"mail\"") && kept[0].contains("\"host\":\"box\""), "{}", kept[0]);
}

#[tokio::test]
async fn many_batches_wait_for_their_acknowledgement_at_once() {
    let bench = bench(true);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 1000, &[]));
    hand.play(0).await;
    assert_eq!(hand.judge(), 0);
}

#[tokio::test]
async fn a_server_without_acknowledgement_gets_no_event_and_the_sentence_says_what_to_set() {
    let bench = bench(false);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 5, &[]));
    assert_eq!(hand.round().await, Some(FaultKind::Refused));
    assert!(hand.said().contains("ack = false") && bench.kept().is_empty(), "{}", hand.said());
    let mut hand = Hand::new(&bench, made(&bench, |settings| settings.ack = false), events(1, 5, &[]));
    hand.play(0).await;
    assert_eq!((hand.judge(), hand.destination.receipt()), (0, Receipt::Acknowledged));
}

#[tokio::test]
async fn a_server_that_forgets_its_ids_gets_again_what_it_had_not_indexed() {
    let bench = bench(true);
    bench.collector.hold_indexing(true);
    let impatient = |settings: &mut Settings| settings.ack_timeout = Duration::from_secs(3);
    let mut hand = Hand::new(&bench, made(&bench, impatient), events(1, 25, &[]));
    assert!(hand.destination.deliver(&events(1, 25, &[])).await.fault.is_none());
    bench.collector.forget();
    bench.collector.kill_all();
    bench.collector.hold_indexing(false);
    let fault = loop {
        if let Some(fault) = hand.destination.confirm().await.fault {
            break fault;
        }
    };
    assert_eq!(fault.kind, FaultKind::Unavailable, "{}", fault.chain());
    hand.play(3).await;
    assert_eq!(hand.judge(), 0, "what was lost with the process was indexed nowhere");
}

#[tokio::test]
async fn a_server_that_starts_anew_between_two_requests_gets_nothing_before_what_it_lost() {
    let bench = bench(true);
    bench.collector.hold_indexing(true);
    let impatient = |settings: &mut Settings| settings.ack_timeout = Duration::from_secs(3);
    let mut hand = Hand::new(&bench, made(&bench, impatient), events(1, 30, &[]));
    assert!(hand.destination.deliver(&events(1, 10, &[])).await.fault.is_none());
    bench.collector.forget();
    bench.collector.kill_all();
    bench.collector.hold_indexing(false);
    // The next connection is made without a fault. What goes over it first must not be the next batch.
    while hand.destination.connected() {
        tokio::task::yield_now().await;
    }
    let fault = hand.destination.deliver(&events(11, 30, &[])).await.fault.expect("noticed");
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());
    hand.play(0).await;
    assert_eq!(hand.judge(), 0);
}

#[tokio::test]
async fn an_id_that_a_new_server_gives_again_is_not_taken_for_the_old_one() {
    let bench = bench(true);
    bench.collector.hold_indexing(true);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 30, &[]));
    assert!(hand.destination.deliver(&events(1, 10, &[])).await.fault.is_none());
    bench.collector.forget();
    bench.collector.hold_indexing(false);
    // Its id 0 is of these ten; ours of before was of the first ten, which are gone.
    let fault = hand.destination.deliver(&events(11, 20, &[])).await.fault.expect("noticed");
    assert_eq!(fault.kind, FaultKind::Unavailable);
    hand.play(0).await;
    assert!(bench.kept().len() >= 30);
}

#[tokio::test]
async fn the_event_that_splunk_names_is_put_aside_when_all_before_it_are_indexed() {
    let bench = bench(true);
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 60, &[14, 15, 60]));
    hand.play(0).await;
    assert_eq!((hand.aside.as_slice(), hand.judge()), (&[14, 15, 60][..], 0));
    assert!(hand.said().contains("Invalid data format"), "{}", hand.said());
}

#[tokio::test]
async fn a_wrong_token_parks_and_is_told_nowhere() {
    let bench = bench_with(true, |options| options.authorization = Some("Splunk another".into()));
    let mut hand = Hand::new(&bench, made(&bench, |_| {}), events(1, 5, &[]));
    assert_eq!(hand.round().await, Some(FaultKind::Refused));
    assert!(hand.said().contains("`token`"), "{}", hand.said());
}

#[tokio::test]
async fn faults_in_mid_stream_lose_nothing_and_repeat_no_more_than_what_was_open() {
    for fault in [
        Fault::Cuts { keeps: true },
        Fault::Cuts { keeps: false },
        Fault::Says(503, vec![("retry-after", "1".into())]),
        Fault::CutsAnswer { keeps: true },
    ] {
        for before in [1, 2, 4] {
            let bench = bench(true);
            let mut destination = made(&bench, |_| {});
            // Asked for acknowledgement first, so that the faults fall on batches and on questions.
            assert!(destination.deliver(&[]).await.fault.is_none());
            let well = std::iter::repeat_n(Fault::None, before);
            bench.collector.fail(well.chain([fault.clone()]));
            let mut hand = Hand::new(&bench, destination, events(1, 60, &[]));
            hand.play(1).await;
            let repeats = hand.judge();
            assert!(repeats <= 60, "{fault:?}: {repeats}");
        }
    }
}
