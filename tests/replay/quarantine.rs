//! `queue quarantine` with the real agent: what was refused is shown, tried again, and let go.

use std::sync::Arc;

use conductor::event::Seq;
use conductor::queue::disk::RealDisk;
use conductor::queue::{Options, Quarantined, Queue};

use super::scene::{PATIENCE, Scene, got};

/// As a peer that refuses them would: the first `count` events of the queue go aside for `soc`.
fn put_aside(scene: &Scene, count: u64) {
    let options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: i64::MAX, keep_bytes: 1 << 30 };
    let now = || jiff::Timestamp::now().as_millisecond();
    let dir = scene.place.state().join("queue");
    let (queue, _) = Queue::open(&dir, options, Arc::new(RealDisk), now).expect("no agent holds it");
    for stored in queue.read_after(Seq(0), count as usize, 1 << 20).expect("read").events.iter().take(count as usize) {
        let id = stored.event.id.to_string();
        let entry = Quarantined { destination: "soc".into(), seq: stored.seq, id, reason: "too odd".into() };
        queue.put_aside(&entry, &stored.event).expect("kept");
    }
    queue.close();
}

fn verb(scene: &Scene, arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["queue", "quarantine"].iter().chain(arguments).copied().collect();
    let output = scene.place.verb(&arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_was_refused_is_shown_whole_tried_again_once_the_peer_is_mended_and_let_go_when_named() {
    let scene = Scene::new(10, "");
    let (agent, _) = scene.start_and_fill();
    assert!(agent.stop().0.success());
    let first = got(&scene.soc);
    put_aside(&scene, 4);

    let (_, listed, _) = verb(&scene, &[]);
    assert!(listed.lines().count() == 4 && listed.contains("\"reason\":\"too odd\""), "{listed}");
    assert_eq!(verb(&scene, &["list", "--destination", "other"]).1, "");
    let (_, events, _) = verb(&scene, &["list", "--events"]);
    assert!(events.lines().all(|line| line.starts_with("{\"conductor_export\":1,")), "an import takes them: {events}");
    let exported = scene.place.verb(&["queue", "peek", "-n", "4"]);
    assert_eq!(events.as_bytes(), exported.stdout, "each as the queue had it");

    scene.soc.refuse();
    let mut agent = scene.start();
    let (code, _, said) = verb(&scene, &["retry", "--destination", "soc", "--seq", "2", "--seq", "99999"]);
    assert!(code == Some(64) && said.contains("no event 99999") && said.contains("nothing was done"), "{said}");
    let (code, _, said) = verb(&scene, &["retry", "--destination", "soc", "--seq", "2", "--seq", "3"]);
    assert!(code == Some(0) && said.contains("2 events"), "{said}");
    assert_eq!(verb(&scene, &[]).1.lines().count(), 4, "a peer that is away costs nothing");
    agent.kill();
    agent = scene.start();
    scene.soc.listen_again().expect("its port is its own");
    agent.wait_within(PATIENCE, "what is taken leaves the quarantine", |_| verb(&scene, &[]).1.lines().count() == 2);
    let came = got(&scene.soc);
    let again: Vec<&str> = came[first.len()..].iter().map(|got| got.id.as_str()).collect();
    assert!(again.contains(&first[1].id.as_str()) && again.contains(&first[2].id.as_str()), "{again:?}");
    assert!(came.iter().all(|got| !got.replayed), "it had never taken them");

    assert_eq!(verb(&scene, &["drop", "--destination", "soc", "--seq", "1"]).0, Some(0));
    let (code, _, said) = verb(&scene, &["forget", "--destination", "soc"]);
    assert!(code == Some(64) && said.contains("1 events") && said.contains("--yes"), "{said}");
    let (code, _, said) = verb(&scene, &["forget", "--destination", "soc", "--yes"]);
    assert!(code == Some(0) && said.contains("1 events that soc refused are given up"), "{said}");
    assert_eq!(verb(&scene, &[]).1, "");
    assert!(agent.stop().0.success());
}
