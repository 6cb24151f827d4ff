//! How the agent is watched: heartbeat, filter, egress, the local listener.

use std::fs;

use crate::world::{World, number_at, text_at};

#[test]
fn a_heartbeat_arrives_again_and_again_and_is_not_counted_in_the_queue() {
    let world = World::new();
    fs::write(world.place.audit(), "[agent]\nforward-audit = false\nheartbeat = \"1s\"\n").expect("written");
    let settings = format!("{}filter = {{ integrations = [\"acme\"] }}\n", world.settings());
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    let beats = || world.arrived().iter().filter(|id| id.starts_with("conductor/heartbeat/")).count();
    agent.wait_until("three heartbeats are past the filter", |_| beats() >= 3);
    assert_eq!(number_at(&agent, "/queue/appended_total"), Some(0));
    assert_eq!(number_at(&agent, "/queue/events"), Some(0));
    world.put_now(40, 5);
    world.everything_arrives(&mut agent);
    let before = beats();
    agent.wait_until("and they go on", |_| beats() > before);
    agent.wait_until("nothing waits", |agent| number_at(agent, "/destinations/0/depth") == Some(0));
}

#[test]
fn settings_with_a_mistake_do_not_hide_the_agent_that_goes_on_with_the_old_ones() {
    let world = World::new();
    let mut agent = world.place.start();
    world.put_now(44, 1);
    world.everything_arrives(&mut agent);
    world.place.write_settings(&format!("{}\ntypo = 1\n", world.settings()));
    let told = world.place.verb(&["status"]);
    let (said, warned) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.code() == Some(0) && said.starts_with("HEALTHY: box"), "{told:?}");
    assert!(warned.contains("has no key \"typo\""), "{warned}");
    agent.stop();
    let told = world.place.verb(&["status"]);
    let warned = String::from_utf8_lossy(&told.stderr);
    assert!(warned.contains("has no key \"typo\"") && warned.contains("down: "), "{warned}");
    assert_eq!(told.status.code(), Some(2), "down is down, for a monitoring plugin");
}

#[test]
fn a_filter_lets_through_its_streams_and_severities_and_the_cursor_passes_the_rest() {
    let world = World::new();
    let high = world.destination().replace("destinations.soc", "destinations.high");
    // Two receivers behind one port: what each was given is told by its own taken_total.
    let none = world.destination().replace("destinations.soc", "destinations.none");
    world.place.write_settings(&format!(
        "{}{high}filter = {{ severity-at-least = \"high\" }}\n{none}filter = {{ streams = [\"elsewhere\"] }}\n",
        world.integration()
    ));
    let mut agent = world.place.start();
    world.put_now(41, 60);
    let wanted = world.wanted().len() as u64;
    agent.wait_until("both are through", |agent| {
        number_at(agent, "/queue/appended_total") == Some(wanted)
            && number_at(agent, "/destinations/0/depth") == Some(0)
            && number_at(agent, "/destinations/1/depth") == Some(0)
    });
    let grave = ["Fraud", "Phishing", "Malware"];
    let high: Vec<String> = world
        .api
        .threats()
        .iter()
        .flat_map(|t| t.messages.iter().map(|m| (t.id.clone(), m.clone())))
        .filter(|(_, m)| grave.iter().any(|word| m.attack_type.contains(word)))
        .map(|(threat, m)| format!("acme/threats/{threat}:{}", m.id))
        .collect();
    let (mut arrived, mut high) = (world.arrived(), high);
    arrived.sort();
    high.sort();
    assert!(!high.is_empty() && (high.len() as u64) < wanted);
    assert_eq!(arrived, high);
}

#[test]
fn a_change_of_the_egress_ip_is_logged_with_both_addresses() {
    let world = World::new();
    world.api.set_egress(Some("203.0.113.10"));
    let settings = format!("{}{}", world.settings(), world.egress("\"203.0.113.0/28\""));
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    agent.wait_until("the first look", |agent| text_at(agent, "/egress/observed") == "203.0.113.10");
    world.api.set_egress(Some("203.0.113.11"));
    world.reload_as_is(&mut agent);
    agent.wait_until("the second look", |agent| text_at(agent, "/egress/observed") == "203.0.113.11");
    agent.wait_until("the log tells both", |_| {
        world.place.log().lines().any(|l| l.contains("203.0.113.10") && l.contains("203.0.113.11"))
    });
    assert!(!agent.has_condition("egress-mismatch"));
}

#[test]
fn ready_is_told_by_the_queue_alone_and_not_without_an_agent() {
    let world = World::new();
    world.api.set_egress(Some("203.0.113.10"));
    world.place.write_settings(&format!("{}{}", world.settings(), world.egress("\"198.51.100.1\"")));
    let ready = |code: i32, word: &str| {
        let told = world.place.verb(&["status", "--ready"]);
        let said = String::from_utf8_lossy(&if code == 0 { told.stdout } else { told.stderr }).into_owned();
        assert!(told.status.code() == Some(code) && said.contains(word), "{:?}: {said}", told.status);
    };
    ready(1, "not ready");
    let mut agent = world.place.start();
    agent.wait_until("it is degraded", |agent| agent.has_condition("egress-mismatch"));
    assert_eq!(world.place.verb(&["status"]).status.code(), Some(1), "degraded, for a monitoring plugin");
    ready(0, "ready");
    agent.stop();
    ready(1, "not ready");
}

#[test]
fn the_local_listener_answers_each_of_its_endpoints() {
    let world = World::new();
    world.put(42, 5);
    let mut agent = world.place.start();
    world.everything_arrives(&mut agent);
    let table = [
        ("/healthz", 200, "ok"),
        ("/readyz", 200, "ready"),
        ("/health", 200, "\"status\":\"pass\""),
        ("/status", 200, "\"integrations\""),
        ("/metrics", 200, "conductor_build_info"),
        ("/", 200, "<html"),
        ("/style.css", 200, "{"),
        ("/admin", 404, "Try /"),
        ("/../etc/passwd", 404, "Try /"),
    ];
    for (path, status, words) in table {
        let (found, body) = agent.get(path).expect("an answer");
        assert_eq!(found, status, "{path}");
        assert!(body.contains(words), "{path}: {body}");
    }
    agent.wait_until("it is known how the SOC confirms", |agent| {
        text_at(agent, "/destinations/0/receipt") == "read-key-update"
    });
    let json = world.place.verb(&["status", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((told["state"].as_str(), json.status.code()), (Some("healthy"), Some(0)));
    assert_eq!(told["destinations"][0]["receipt"], "read-key-update");
}
