//! `queue replay`, with and without an agent, through kills and cuts.

use std::collections::BTreeSet;

use super::scene::{Got, PATIENCE, Scene, got, parted, soc_status};
use crate::agent::Agent;
use crate::world::new_threats;

fn wait_until_through(agent: &mut Agent, events: usize) {
    agent.wait_within(PATIENCE, "the replay is through", |agent| {
        let soc = soc_status(agent);
        soc["replay"].is_null() && soc["replayed_total"].as_u64() >= Some(events as u64)
    });
}

fn again(scene: &Scene) -> usize {
    got(&scene.soc).iter().filter(|got| got.replayed).count()
}

#[test]
fn what_a_soc_lost_comes_again_under_the_same_ids_marked_in_order_and_to_it_alone_beside_what_is_new() {
    let scene = Scene::new(60, "");
    let (mut agent, all) = scene.start_and_fill();
    let (code, said) = scene.replay(&["--from", "1h", "--dry-run"]);
    assert!(code == Some(0) && said.contains(&format!("{all} events kept between")), "{said}");
    assert!(said.contains("would be") && soc_status(&agent)["replay"].is_null(), "a rehearsal begins nothing: {said}");
    let cursor = soc_status(&agent)["cursor"].as_u64();

    let (code, said) = scene.replay(&["--from", "1h"]);
    assert!(code == Some(0) && said.contains(&format!("{all} events")) && !said.contains("retained"), "{said}");
    scene.api.put(new_threats(8, 5));
    wait_until_through(&mut agent, all);
    let more = crate::world::Truth::of("acme", &scene.api).events();
    agent.wait_within(PATIENCE, "the news are there", |_| parted(&got(&scene.soc)).0.len() == more);
    let (new, replayed) = parted(&got(&scene.soc));
    assert_eq!(replayed, new[..all], "the same ids in the same order");
    assert_eq!(again(&scene), all, "each once");
    assert!(soc_status(&agent)["cursor"].as_u64() >= cursor);
    agent.wait_within(PATIENCE, "the other has the news", |_| parted(&got(&scene.other)).0.len() == more);
    assert!(got(&scene.other).iter().all(|got| !got.replayed), "nobody else is handed anything again");
    let (_, metrics) = agent.get("/metrics").expect("metrics");
    assert!(
        metrics.contains(&format!("conductor_destination_replayed_total{{destination=\"soc\",type=\"syslog\"}} {all}"))
    );
    assert!(metrics.contains("conductor_destination_replay_left{destination=\"soc\",type=\"syslog\"} 0"), "{metrics}");
    assert!(agent.stop().0.success());
}

#[test]
fn a_replay_outlives_a_kill_of_the_agent_and_every_cut_of_its_connection() {
    let scene = Scene::new(400, "");
    let (mut agent, all) = scene.start_and_fill();
    scene.soc.refuse();
    scene.soc.kill_all();
    let (code, said) = scene.replay(&["--from", "1h"]);
    assert_eq!(code, Some(0), "{said}");
    agent.wait_within(PATIENCE, "the replay waits, and why is told", |agent| {
        let replay = &soc_status(agent)["replay"];
        replay["left"].as_u64() == Some(all as u64) && !replay["fault"].is_null()
    });
    agent.kill();
    let mut agent = scene.start();
    agent.wait_within(PATIENCE, "the record was kept", |agent| !soc_status(agent)["replay"].is_null());
    // Each connection is cut in the middle of a batch: what was confirmed before counts, the rest comes again.
    scene.soc.reset_every(Some((all / 3) as u64));
    scene.soc.listen_again().expect("its port is its own");
    agent.wait_within(PATIENCE, "some came again", |_| again(&scene) > all / 2);
    agent.kill();
    scene.soc.reset_every(None);
    let mut agent = scene.start();
    agent.wait_within(PATIENCE, "the replay is through", |agent| {
        soc_status(agent)["replay"].is_null() && parted(&got(&scene.soc)).1.len() == all
    });
    let (new, replayed) = parted(&got(&scene.soc));
    assert_eq!(replayed, new, "none is missing, and first comings are in order");
    assert!(agent.stop().0.success());
}

#[test]
fn a_replay_asked_for_without_an_agent_begins_with_it_and_takes_what_is_asked_for_alone() {
    let scene = Scene::new(30, "");
    scene.api.put_case(
        conductor_sim::api::generate::cases(
            1,
            1,
            jiff::Timestamp::now() - jiff::SignedDuration::from_hours(9),
            jiff::Timestamp::now() - jiff::SignedDuration::from_hours(8),
        )
        .remove(0),
    );
    let settings = std::fs::read_to_string(scene.place.config()).expect("settings");
    std::fs::write(scene.place.config(), settings.replace("[\"threats\"]", "[\"threats\", \"cases\"]"))
        .expect("settings");
    let (mut agent, _) = scene.start_and_fill();
    agent.wait_within(PATIENCE, "the case is there", |_| got(&scene.soc).iter().any(|got| got.id.contains("/cases/")));
    agent.wait_within(PATIENCE, "and confirmed", |agent| soc_status(agent)["depth"] == 0);
    assert!(agent.stop().0.success());
    let (code, said) = scene.replay(&["--from", "1h", "--stream", "cases"]);
    assert!(code == Some(0) && said.contains("1 events kept"), "{said}");
    let mut agent = scene.start();
    wait_until_through(&mut agent, 1);
    let came: Vec<Got> = got(&scene.soc).into_iter().filter(|got| got.replayed).collect();
    assert!(came.len() == 1 && came[0].id.contains("/cases/"), "{came:?}");
}

#[test]
fn one_replay_stands_at_a_time_and_a_cancelled_one_hands_over_nothing_more() {
    let scene = Scene::new(30, "");
    let (mut agent, all) = scene.start_and_fill();
    let (code, said) = scene.replay(&["--cancel"]);
    assert!(code == Some(64) && said.contains("no replay to \"soc\" is under way"), "{said}");
    scene.soc.refuse();
    scene.soc.kill_all();
    assert_eq!(scene.replay(&["--from", "1h"]).0, Some(0));
    let (code, said) = scene.replay(&["--from", "1h"]);
    assert!(code == Some(69) && said.contains(&format!("{all} events are left")), "{said}");
    assert!(scene.replay(&["--from", "1h", "--dry-run"]).1.contains("would be"), "counting is no second one");
    let (code, said) = scene.replay(&["--cancel"]);
    assert!(code == Some(0) && said.contains(&format!("{all} events were left")), "{said}");
    agent.wait_within(PATIENCE, "it is gone from /status", |agent| soc_status(agent)["replay"].is_null());
    scene.soc.listen_again().expect("its port is its own");
    scene.api.put(new_threats(9, 3));
    let more = crate::world::Truth::of("acme", &scene.api).events();
    agent.wait_within(PATIENCE, "the news are there", |_| parted(&got(&scene.soc)).0.len() == more);
    assert_eq!(again(&scene), 0);
    let (code, said) = scene.replay(&["--from", "2000-01-01", "--to", "2000-01-02"]);
    assert!(code == Some(69) && said.contains("nothing to hand over again"), "{said}");
    let (code, said) = scene.replay(&["--from", "2000-01-02", "--to", "2000-01-01"]);
    assert!(code == Some(64) && said.contains("the range is empty"), "{said}");
    let unknown: BTreeSet<_> = scene
        .place
        .verb(&["queue", "replay", "--destination", "x", "--from", "1h"])
        .status
        .code()
        .into_iter()
        .collect();
    assert!(unknown.contains(&64));
}

#[test]
fn what_is_not_retained_any_more_is_told_and_not_promised() {
    let scene = Scene::new(200, "[queue]\nkeep-size = \"0\"\nmax-size = \"64MiB\"\n");
    let (mut agent, _) = scene.start_and_fill();
    let oldest = |scene: &Scene| scene.replay(&["--from", "1h", "--dry-run"]);
    // Kept is nothing, but the newest segment goes only when it is sealed: more is put until it is.
    let mut seed = 100;
    agent.wait_within(PATIENCE, "segments were let go", |agent| {
        // Only who keeps up has a segment that nobody needs.
        if agent.status()["destinations"][0]["depth"] == 0 {
            seed += 1;
            scene.api.put(new_threats(seed, 400));
        }
        oldest(&scene).1.contains("no longer retained") || oldest(&scene).1.contains("were let go")
    });
    let (_, said) = oldest(&scene);
    assert!(said.contains("seq 1 to "), "{said}");
}
