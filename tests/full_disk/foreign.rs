//! Another program fills the disk beside us, to the last byte.

use super::scene::{PATIENCE, Scene, is_gone, measured, number, stands};
use super::small::{Kind, apart};

const ROOMY: &str = "max-size = \"4GiB\"\nkeep-size = \"0\"";

/// A backlog of some MiB that the SOC has not taken, and then not one free byte. Returns the agent, which runs.
fn full_with_a_backlog(scene: &mut Scene) -> crate::agent::Agent {
    scene.at.soc.refuse();
    scene.threats(1, 30);
    let mut agent = scene.place.start();
    scene.import(1_500, 6_000).ends();
    let waits = scene.truth.events() as u64;
    agent.wait_within(PATIENCE, "all of it is kept", |agent| number(agent, "/queue/appended_total") == waits);
    scene.disk.fill(0);
    stands(&mut agent, "queue-full", "nearly full");
    stands(&mut agent, "queue-paused", "nearly full");
    agent
}

#[test]
fn a_foreign_file_takes_the_last_byte_and_acks_still_work_and_polling_goes_on_once_it_is_gone() {
    apart(&a_foreign_file_takes_the_last_byte_and_acks_still_work_and_polling_goes_on_once_it_is_gone, || {
        on_a_full_disk(Kind::Tmpfs)
    });
}

#[test]
fn the_same_on_ext4() {
    apart(&the_same_on_ext4, || on_a_full_disk(Kind::Ext4));
}

fn on_a_full_disk(kind: Kind) {
    let Some(mut scene) = Scene::on(kind, ROOMY) else { return };
    let mut agent = full_with_a_backlog(&mut scene);
    scene.at.soc.listen_again().expect("the same port");
    scene.everything_arrives(&mut agent);
    agent.wait_within(PATIENCE, "the cursor is at the head", |agent| number(agent, "/destinations/0/depth") == 0);
    agent.wait_within(PATIENCE, "what was taken is let go", |agent| number(agent, "/queue/disk_bytes") < 4 << 20);
    // What we gave back is taken too; and a start finds everything as it was.
    scene.disk.empty();
    scene.disk.fill(0);
    agent.kill();
    let mut agent = scene.place.start();
    assert!(!agent.has_condition("queue-damaged"), "{:?}", agent.conditions());
    stands(&mut agent, "queue-full", "nearly full");
    scene.threats(2, 30);
    stands(&mut agent, "queue-paused", "nearly full");
    let (asked, kept) = (scene.api.request_count(), number(&agent, "/queue/appended_total"));
    assert_eq!(agent.get("/readyz").map(|(status, _)| status), Some(200), "full is not broken");
    scene.disk.empty();
    measured(&mut agent, &format!("{kind:?}, foreign file gone: to polling"), |_| scene.api.request_count() > asked);
    measured(&mut agent, "and from there to the first event kept", |agent| {
        number(agent, "/queue/appended_total") > kept
    });
    scene.everything_arrives(&mut agent);
    for code in ["queue-full", "queue-paused", "queue-corrupt", "disk-error"] {
        is_gone(&mut agent, code);
    }
    scene.end(agent);
}

#[test]
fn an_import_that_meets_a_full_disk_waits_says_so_and_goes_on_when_the_foreign_file_is_gone() {
    apart(&an_import_that_meets_a_full_disk_waits_says_so_and_goes_on_when_the_foreign_file_is_gone, || {
        let Some(mut scene) = Scene::on(Kind::Tmpfs, ROOMY) else { return };
        let mut agent = scene.place.start();
        scene.disk.fill(0);
        stands(&mut agent, "queue-full", "nearly full");
        let importing = scene.import(100, 2_000);
        importing.says("waiting: the disk under");
        scene.disk.empty();
        measured(&mut agent, "foreign file gone: to the first line kept", |agent| {
            number(agent, "/queue/appended_total") > 0
        });
        importing.ends();
        scene.everything_arrives(&mut agent);
        is_gone(&mut agent, "queue-full");
        scene.end(agent);
    });
}

#[test]
fn an_agent_starts_on_a_full_disk_and_drains_it() {
    apart(&an_agent_starts_on_a_full_disk_and_drains_it, || started_full(Kind::Tmpfs));
}

#[test]
fn an_agent_starts_on_a_full_ext4_and_drains_it() {
    apart(&an_agent_starts_on_a_full_ext4_and_drains_it, || started_full(Kind::Ext4));
}

fn started_full(kind: Kind) {
    let Some(mut scene) = Scene::on(kind, ROOMY) else { return };
    let agent = full_with_a_backlog(&mut scene);
    agent.kill();
    // What its reserve gave back is another's by now.
    scene.disk.empty();
    scene.disk.fill(0);
    let mut agent = scene.place.start();
    stands(&mut agent, "queue-full", "nearly full");
    scene.at.soc.listen_again().expect("the same port");
    scene.everything_arrives(&mut agent);
    agent.wait_within(PATIENCE, "what was taken is let go", |agent| number(agent, "/queue/disk_bytes") < 4 << 20);
    scene.threats(2, 30);
    scene.disk.empty();
    scene.everything_arrives(&mut agent);
    for code in ["queue-full", "queue-paused", "queue-corrupt", "disk-error"] {
        is_gone(&mut agent, code);
    }
    scene.end(agent);
}
