//! Elastic's `_bulk`.

use conductor::destinations::elastic::{self, Bulk, Settings};
use conductor::destinations::http::courier::Courier;
use conductor::destinations::http::settings::PerStream;
use conductor::fault::FaultKind;
use conductor_sim::collector::{Fault, Language};

use super::bench::{Bench, Hand, events};

fn bench() -> Bench {
    Bench::new(Language::Bulk, "ApiKey", |_| {})
}

fn made(bench: &Bench) -> Courier<Bulk> {
    let index = PerStream::all("logs-abnormal.{stream}-default");
    let mut settings = Settings { common: bench.common("ApiKey"), index };
    settings.common.batching.events = 50;
    bench.given(|given| elastic::new(&settings, given))
}

#[tokio::test]
async fn each_event_becomes_one_document_of_its_data_stream_under_its_own_id() {
    let bench = bench();
    let mut hand = Hand::new(&bench, made(&bench), events(1, 120, &[]));
    hand.play(0).await;
    assert_eq!(hand.judge(), 0);
    let document: serde_json::Value = serde_json::from_str(&bench.collector.kept()[0]).expect("JSON");
    assert_eq!(document["_index"], "logs-abnormal.threats-default");
    assert_eq!(document["_id"], "acme/threats/t-1/v");
    assert_eq!(document["_source"]["@timestamp"], "2026-11-20T09:08:07.500Z");
}

#[tokio::test]
async fn what_is_sent_again_is_there_already_and_counts_as_taken() {
    let bench = bench();
    bench.collector.fail([Fault::Cuts { keeps: true }, Fault::CutsAnswer { keeps: true }]);
    let mut hand = Hand::new(&bench, made(&bench), events(1, 120, &[]));
    hand.play(2).await;
    assert_eq!(hand.judge(), 0, "no document came twice");
}

#[tokio::test]
async fn an_event_that_the_mapping_refuses_is_put_aside_alone() {
    let bench = bench();
    let mut hand = Hand::new(&bench, made(&bench), events(1, 120, &[1, 60, 61, 120]));
    hand.play(0).await;
    assert_eq!(hand.aside, [1, 60, 61, 120]);
    let mut kept = bench.kept();
    // What stood behind a bad one was created at once; the prefix that is told ends before it all the same.
    kept.sort_unstable();
    assert_eq!(kept, (1..=120).filter(|n| ![1, 60, 61, 120].contains(n)).collect::<Vec<_>>());
    assert!(hand.said().contains("document_parsing_exception"), "{}", hand.said());
}

#[tokio::test]
async fn items_that_a_busy_cluster_refuses_are_handed_over_again() {
    let bench = bench();
    bench.collector.refuse_items(7);
    let mut hand = Hand::new(&bench, made(&bench), events(1, 120, &[]));
    hand.play(200).await;
    assert!(hand.faults.iter().all(|fault| fault.kind == FaultKind::Unavailable && fault.status == Some(429)));
    assert!(!hand.faults.is_empty() && hand.aside.is_empty());
    assert_eq!(bench.kept().len(), 120);
}

#[tokio::test]
async fn a_key_that_is_wrong_parks() {
    let bench = Bench::new(Language::Bulk, "ApiKey", |options| options.authorization = Some("ApiKey other".into()));
    let mut hand = Hand::new(&bench, made(&bench), events(1, 5, &[]));
    assert_eq!(hand.round().await, Some(FaultKind::Refused));
}

#[tokio::test]
async fn what_is_no_bulk_answer_takes_nothing() {
    // A collector that says 200 to everything is no Elasticsearch.
    let bench = Bench::new(Language::Bulk, "ApiKey", |_| {});
    bench.collector.fail([Fault::Says(200, Vec::new())]);
    let mut hand = Hand::new(&bench, made(&bench), events(1, 5, &[]));
    assert_eq!(hand.round().await, Some(FaultKind::Unavailable));
    assert!(hand.said().contains("_bulk"), "{}", hand.said());
}
