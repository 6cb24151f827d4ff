//! What a stream is like, and who else writes into it.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use conductor::destinations::{Destination, Receipt};
use conductor::fault::FaultKind;

use super::scene::{STREAM, Scene, events, ids, made, settings, user};

/// A stream as somebody else has made it.
fn config() -> Config {
    Config {
        name: STREAM.into(),
        subjects: vec!["conductor.>".into()],
        num_replicas: 1,
        duplicate_window: Duration::from_secs(3600),
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_recognises_repeats_too_briefly_is_refused_and_left_as_it_is() {
    let mut scene = Scene::new(1);
    let context = scene.context().await;
    let brief = Config { duplicate_window: Duration::from_secs(120), ..config() };
    context.create_stream(brief).await.expect("made");
    let told = scene.destination.deliver(&events(1, 3)).await;
    let fault = told.fault.expect("refused");
    assert_eq!((told.taken, fault.kind), (None, FaultKind::Refused));
    assert!(fault.context.contains("--dupe-window 1h"), "{}", fault.context);
    assert_eq!(scene.stream().await.cached_info().config.duplicate_window, Duration::from_secs(120));
    assert!(scene.kept().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_there_is_told_where_none_may_be_made() {
    let mut scene =
        Scene::edited(1, |set| conductor::destinations::jetstream::Settings { create: false, ..set }, |t| t);
    let fault = scene.destination.deliver(&events(1, 1)).await.fault.expect("refused");
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(fault.context.contains("create = true"), "{}", fault.context);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_again_is_kept_once_and_a_replay_once_more_and_marked() {
    let mut scene = Scene::new(1);
    let events = events(1, 20);
    scene.hand_over(&events, 20).await;
    assert_eq!(scene.destination.receipt(), Receipt::Acknowledged);
    // An agent that died before it noted what was taken.
    let mut again = made(&scene.trust, &scene.nats, &settings(&scene.nats), user());
    let delivered = again.deliver(&events).await;
    assert!(delivered.fault.is_none(), "{:?}", delivered.fault);
    let closed = again.close().await;
    assert_eq!(closed.taken.or(delivered.taken).map(|seq| seq.0), Some(20), "a repeat that the stream knows is taken");
    scene.holds_exactly(&events).await;
    for _ in 0..2 {
        let mut replay = made(&scene.trust, &scene.nats, &settings(&scene.nats), user()).replaying(1_795_000_000_123);
        let delivered = replay.deliver(&events[..5]).await;
        assert!(delivered.fault.is_none(), "{:?}", delivered.fault);
        let closed = replay.close().await;
        assert_eq!(closed.taken.or(delivered.taken).map(|seq| seq.0), Some(5));
    }
    let replayed = ids(&events[..5]).into_iter().map(|id| format!("{id}/replay/1795000000123"));
    let expected: Vec<String> = ids(&events).into_iter().chain(replayed).collect();
    assert_eq!(scene.kept().await, expected, "the replay is kept, and its own repeat is not");
    let last = scene.stream().await.get_raw_message(25).await.expect("the last one");
    assert_eq!(last.headers.get("Conductor-Replayed").map(|value| value.as_str()), Some("true"));
    assert_eq!(last.subject.as_str(), "conductor.acme.threats");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_another_writer_our_events_keep_their_order() {
    let mut scene = Scene::new(1);
    let events = events(1, 600);
    let context = scene.context().await;
    scene.hand_over(&events, 50).await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let other = tokio::spawn(async move {
        let mut written = 0;
        while stopped.try_recv().is_err() {
            let ack = context.publish("conductor.other.writer", "x".into()).await.expect("published");
            ack.await.expect("acknowledged");
            written += 1;
        }
        written
    });
    scene.hand_over(&events, 600).await;
    stop.send(()).expect("it runs");
    assert!(other.await.expect("the other writer") > 0);
    let ours: Vec<String> = scene.kept().await.into_iter().filter(|id| !id.is_empty()).collect();
    let wrong = ours.iter().zip(&ids(&events)).position(|(a, b)| a != b);
    assert!(ours == ids(&events), "{} of ours, first difference at {wrong:?}: {:?}", ours.len(), scene.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_makes_events_wait_and_takes_them_when_there_is_room() {
    let mut scene = Scene::new(1);
    let context = scene.context().await;
    let full = Config { max_messages: 10, discard: DiscardPolicy::New, ..config() };
    context.create_stream(full.clone()).await.expect("made");
    let events = events(1, 30);
    scene.hand_over(&events, 10).await;
    let told = scene.destination.deliver(&events[10..]).await;
    let fault = match told.fault {
        Some(fault) => fault,
        None => scene.destination.confirm().await.fault.expect("there is no room"),
    };
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.context.contains("raise max_bytes or max_msgs"), "{}", fault.chain());
    context.update_stream(Config { max_messages: -1, ..full }).await.expect("room is made");
    scene.hand_over(&events, 30).await;
    scene.holds_exactly(&events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_longer_than_the_stream_takes_is_sent_visibly_short() {
    let mut scene = Scene::new(1);
    let context = scene.context().await;
    context.create_stream(Config { max_message_size: 2_000, ..config() }).await.expect("made");
    let mut events = events(1, 3);
    events[1].event.raw = format!("{{\"pad\":\"{}\"}}", "y".repeat(9_000)).into();
    scene.hand_over(&events, 3).await;
    scene.holds_exactly(&events).await;
    let message = scene.stream().await.get_raw_message(2).await.expect("the long one");
    let text: serde_json::Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!((&text["raw"]["conductor_truncated"], &text["raw"]["bytes"]), (&true.into(), &9_010.into()));
}
