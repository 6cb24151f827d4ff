//! What becomes of the servers: killed, stopped, all of them gone.

use super::scene::{Scene, events};

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_killed_in_mid_stream_twice_costs_nothing_and_repeats_nothing() {
    let mut scene = Scene::new(3);
    let events = events(1, 4_000);
    for goal in [1_000, 2_000] {
        scene.hand_over(&events, goal).await;
        let leader = scene.leader().await;
        // The window is full: some are on their way to it.
        scene.hand_over(&events, goal + 100).await;
        scene.nats.named(&leader).kill();
        scene.hand_over(&events, goal + 900).await;
        scene.nats.named(&leader).restart();
    }
    scene.hand_over(&events, 4_000).await;
    assert!(!scene.faults.is_empty(), "the kills were noticed");
    scene.holds_exactly(&events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_left_for_another_and_what_it_held_repeats_nothing() {
    let mut scene = Scene::new(3);
    let events = events(1, 2_000);
    scene.hand_over(&events, 500).await;
    // The one that we talk to: its kernel goes on taking what it will read much later.
    scene.nats.servers[0].stop_reading();
    scene.hand_over(&events, 1_500).await;
    scene.nats.servers[0].resume();
    scene.hand_over(&events, 2_000).await;
    assert!(!scene.faults.is_empty(), "it was noticed");
    scene.holds_exactly(&events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_servers_killed_at_once_come_back_and_nothing_is_missing() {
    let mut scene = Scene::new(3);
    let events = events(1, 1_500);
    scene.hand_over(&events, 700).await;
    scene.nats.servers.iter_mut().for_each(|server| server.kill());
    scene.nats.restart_all();
    scene.hand_over(&events, 1_500).await;
    scene.holds_exactly(&events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_that_step_down_in_mid_stream_leave_no_hole_that_later_events_have_passed() {
    let mut scene = Scene::new(3);
    let events = events(1, 6_000);
    scene.hand_over(&events, 500).await;
    let client = scene.any_client().await;
    let mut changes = 0;
    for goal in (1_000..=5_500).step_by(250) {
        // Not waited for: the next leader comes while the window is full.
        let request = client.request("$JS.API.STREAM.LEADER.STEPDOWN.CONDUCTOR", "".into());
        let (stepped, ()) = tokio::join!(request, scene.hand_over(&events, goal));
        // Nobody answers while there is no leader.
        changes += usize::from(stepped.is_ok());
    }
    scene.hand_over(&events, 6_000).await;
    assert!(changes > 2 && !scene.faults.is_empty(), "{changes} leaders stepped down: {:?}", scene.told());
    scene.holds_exactly(&events).await;
}
