//! The disk, or the quota, is filled by our own backlog.

use super::scene::{PATIENCE, Scene, is_gone, measured, number, stands};
use super::small::{Kind, apart};

/// Imports more than fits while the SOC is away, polls meanwhile, and has the SOC come back.
fn filled_by_our_own_backlog(kind: Kind) {
    let Some(mut scene) = Scene::on(kind, "max-size = \"4GiB\"\nkeep-size = \"0\"") else { return };
    scene.at.soc.refuse();
    scene.threats(1, 20);
    let mut agent = scene.place.start();
    let importing = scene.import(14_000, 6_000);
    let text = stands(&mut agent, "queue-full", "nearly full");
    assert!(text.contains("goes on by itself"), "{text}");
    stands(&mut agent, "queue-paused", "nearly full");
    // Before the disk is full: what is left alone is there, but for what the book took of it meanwhile.
    let (free, total) = (scene.disk.free(), scene.disk.total());
    assert!(free >= total / 16 - (2 << 20), "paused with {free} of {total} bytes free");
    assert_eq!(agent.status()["queue"]["paused"], true);
    assert_eq!(agent.get("/readyz").map(|(status, _)| status), Some(200), "full is not broken");
    // Not one request more is spent, while there are new threats and their time comes round and round.
    let asked = scene.api.request_count();
    scene.threats(2, 20);
    assert!(!scene.api.wait_for_requests(asked + 1, std::time::Duration::from_secs(3)), "it polls");
    scene.at.soc.listen_again().expect("the same port");
    agent.wait_within(PATIENCE, "the first segment goes", |_| scene.disk.free() > total / 16 + (1 << 20));
    measured(&mut agent, &format!("{kind:?}, drained: space is back to polling"), |_| {
        scene.api.request_count() > asked
    });
    scene.everything_arrives(&mut agent);
    let said = importing.ends();
    assert!(said.contains("waiting: the disk under"), "{said}");
    is_gone(&mut agent, "queue-full");
    is_gone(&mut agent, "queue-paused");
    measured(&mut agent, &format!("{kind:?}, drained: to less than 8 MiB on disk"), |_| {
        scene.disk.free() > total - (8 << 20)
    });
    // A condition goes before its line is written.
    for words in ["is nearly full", "no longer so", "collecting again"] {
        agent.wait_within(PATIENCE, &format!("the log says {words:?}"), |_| scene.place.log().contains(words));
    }
    let log = scene.place.log();
    assert!(!log.contains("No space left"), "it never came to that: {log}");
    scene.end(agent);
}

#[test]
fn our_own_backlog_pauses_polling_before_the_disk_is_full_and_all_goes_on_when_it_drains() {
    apart(&our_own_backlog_pauses_polling_before_the_disk_is_full_and_all_goes_on_when_it_drains, || {
        filled_by_our_own_backlog(Kind::Tmpfs);
    });
}

#[test]
fn the_same_on_ext4() {
    apart(&the_same_on_ext4, || filled_by_our_own_backlog(Kind::Ext4));
}

#[test]
fn the_quota_pauses_polling_and_the_import_and_draining_lets_both_go_on() {
    apart(&the_quota_pauses_polling_and_the_import_and_draining_lets_both_go_on, || {
        let Some(mut scene) = Scene::on(Kind::Tmpfs, "max-size = \"16MiB\"\nkeep-size = \"0\"") else { return };
        scene.at.soc.refuse();
        let mut agent = scene.place.start();
        let importing = scene.import(4_000, 6_000);
        stands(&mut agent, "queue-full", "has reached its quota");
        stands(&mut agent, "queue-paused", "has reached its quota");
        assert!(number(&agent, "/queue/disk_bytes") <= 17 << 20, "{}", agent.status()["queue"]);
        scene.threats(3, 20);
        let asked = scene.api.request_count();
        scene.at.soc.listen_again().expect("the same port");
        measured(&mut agent, "quota: the SOC is back to polling", |_| scene.api.request_count() > asked);
        scene.everything_arrives(&mut agent);
        let said = importing.ends();
        assert!(said.contains("waiting: the queue has reached its quota"), "{said}");
        is_gone(&mut agent, "queue-full");
        is_gone(&mut agent, "queue-paused");
        scene.end(agent);
    });
}
