//! `add`, `enable`, `disable`, `remove`, beside an agent and without one.

use crate::agent::Place;
use crate::said;
use crate::world::Trust;

/// The names of the destinations that the agent runs, with their states.
fn running(agent: &crate::agent::Agent) -> Vec<(String, String)> {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    all.iter().map(|one| (text(&one["name"]), text(&one["state"]))).collect()
}

#[test]
fn a_running_agent_takes_up_a_destination_that_is_added_disabled_and_removed() {
    let place = Place::new("");
    let mut agent = place.start();
    let add = ["destination", "add", "soc", "type=syslog", "transport=tcp", "address=127.0.0.1:9", "window=1MiB"];
    let added = said(&place.verb(&add));
    assert_eq!(added.code, Some(0), "{}", added.text);
    assert!(added.text.contains("the running agent reads its settings again"), "{}", added.text);
    agent.wait_until("it runs", |agent| running(agent).iter().any(|(name, _)| name == "soc"));
    let listed = said(&place.verb(&["destination", "list"]));
    assert!(listed.text.contains("soc  syslog  127.0.0.1:9  json  enabled"), "{}", listed.text);
    assert_eq!(said(&place.verb(&["destination", "disable", "soc"])).code, Some(0));
    agent.wait_until("it is disabled", |agent| running(agent).iter().any(|(_, state)| state == "disabled"));
    let removed = said(&place.verb(&["destination", "remove", "soc"]));
    assert!(removed.code == Some(0) && removed.text.contains("conductor queue forget soc"), "{}", removed.text);
    agent.wait_until("it is gone", |agent| running(agent).is_empty());
    let (exit, _) = agent.stop();
    assert!(exit.success(), "{exit}");
}

#[test]
fn an_integration_is_added_by_the_command_line_with_its_key_by_reference() {
    let (trust, place) = (Trust::new(), Place::new(""));
    let api = trust.api();
    let host = format!("host={}", api.addr());
    let ca = format!("ca={}", trust.paths.ca.display());
    let key = format!("api-key={}", place.secret("acme", crate::world::TOKEN));
    let add = ["integration", "add", "acme", "connector=abnormal-security", &host, &ca, &key, "streams=[\"threats\"]"];
    let added = said(&place.verb(&add));
    assert_eq!(added.code, Some(0), "{}", added.text);
    assert!(added.text.contains("no agent answers"), "{}", added.text);
    let mut agent = place.start();
    let state = |agent: &crate::agent::Agent| agent.status()["integrations"][0]["state"].clone();
    agent.wait_until("it collects", |agent| state(agent) == "ok");
    assert_eq!(said(&place.verb(&["integration", "disable", "acme"])).code, Some(0));
    agent.wait_until("it is disabled", |agent| state(agent) == "disabled");
}

#[test]
fn what_would_not_hold_or_is_the_operators_own_is_refused_and_a_secret_that_slipped_is_not_repeated() {
    let place = Place::new("[destinations.soc]\ntype = \"syslog\"\naddress = \"siem.example:6514\"\n");
    let removed = said(&place.verb(&["destination", "remove", "soc"]));
    let file = place.config().display().to_string();
    assert!(removed.code == Some(64) && removed.text.contains(&file), "{}", removed.text);
    let slipped =
        ["destination", "add", "hec", "type=splunk-hec", "url=https://splunk.example:8088", "token=CANARY-77"];
    let slipped = said(&place.verb(&slipped));
    assert_eq!(slipped.code, Some(78), "{}", slipped.text);
    assert!(!slipped.text.contains("CANARY") && slipped.text.contains("token"), "{}", slipped.text);
    let left = std::fs::read_dir(place.state().join("conductor.d")).map(Iterator::count);
    assert_eq!(left.unwrap_or(0), 0, "nothing is written");
}
