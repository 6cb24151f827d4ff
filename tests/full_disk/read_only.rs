//! The file system is remounted read-only between two runs, as it is after an error.

use super::scene::{PATIENCE, Scene, number};
use super::small::{Kind, apart};

#[test]
fn a_read_only_disk_refuses_the_start_with_77_and_when_it_can_be_written_again_nothing_is_missing() {
    apart(&a_read_only_disk_refuses_the_start_with_77_and_when_it_can_be_written_again_nothing_is_missing, || {
        let Some(mut scene) = Scene::on(Kind::Tmpfs, "max-size = \"4GiB\"") else { return };
        scene.at.soc.refuse();
        scene.threats(1, 30);
        let mut agent = scene.place.start();
        scene.import(500, 1_000).ends();
        let waits = scene.truth.events() as u64;
        agent.wait_within(PATIENCE, "all of it is kept", |agent| number(agent, "/queue/appended_total") == waits);
        agent.kill();
        scene.disk.remount("ro");
        let ended = scene.place.verb(&["run"]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(77), "{said}");
        assert!(said.contains("ead-only file system") && said.contains("agent.state-dir"), "what to do: {said}");
        scene.disk.remount("rw");
        scene.at.soc.listen_again().expect("the same port");
        let mut agent = scene.place.start();
        scene.everything_arrives(&mut agent);
        scene.end(agent);
    });
}
