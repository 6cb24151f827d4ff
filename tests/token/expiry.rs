//! When the key ends: as the vendor tells, else as the settings say.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::agent::Agent;
use crate::world::{World, text_at, wait_for, wait_gone};

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days + 1)
}

fn severity(agent: &Agent, code: &str) -> Value {
    let status = agent.status();
    let found = status["conditions"].as_array().into_iter().flatten().find(|one| one["code"] == code).cloned();
    found.map_or(Value::Null, |one| one["severity"].clone())
}

#[test]
fn the_vendors_day_goes_before_the_one_of_the_settings_and_is_told_everywhere() {
    let world = World::new();
    let end = in_days(10);
    world.api.set_token_expires(Some(end));
    let settings = world.settings().replace("lag =", "api-key-expires = \"2030-01-31\"\nlag =");
    world.place.write_settings(&format!("{settings}[integrations.second]\nenabled = false\napi-key = {{ file = \"/absent\" }}\napi-key-expires = \"2031-01-31\"\n"));
    let mut agent = world.place.start();
    let day = end.strftime("%Y-%m-%d").to_string();
    let text = wait_for(&mut agent, "api-key-expiring", &["acme", "in 10 days", &day, "as the vendor tells"]);
    assert!(!text.contains("earliest"), "there is one key: {text}");
    assert_eq!(severity(&agent, "api-key-expiring"), "warning");
    assert_eq!(text_at(&agent, "/integrations/0/api_key_expires"), day);
    assert_eq!(text_at(&agent, "/integrations/0/api_key_expires_source"), "vendor");
    assert_eq!(text_at(&agent, "/integrations/1/api_key_expires_source"), "settings");
    let (_, metrics) = agent.get("/metrics").expect("an answer");
    let line = format!(
        "api_key_expires_timestamp_seconds{{integration=\"acme\",connector=\"abnormal-security\"}} {}",
        end.as_second()
    );
    assert!(metrics.contains(&line), "{metrics}");
    // Made on 2026-01-02, as the sim tells: older than 90 days for as long as these tests run.
    wait_for(&mut agent, "api-key-old", &["acme", "was made", "90d"]);
    assert_eq!(severity(&agent, "api-key-old"), "info");
    let asked = world.api.requests().iter().filter(|one| one.path == "/v1/soar/tokens").count();
    assert_eq!(asked, 1);
    let told = world.place.log().lines().filter(|line| line.contains("ends in 10 days")).count();
    assert_eq!(told, 1, "one line for the step");
}

#[test]
fn a_key_that_may_not_ask_for_its_end_is_no_fault_and_the_settings_day_counts() {
    let world = World::new();
    let yesterday = (Timestamp::now() - SignedDuration::from_hours(24)).strftime("%Y-%m-%d").to_string();
    let settings = world.settings().replace("lag =", &format!("api-key-expires = \"{yesterday}\"\nlag ="));
    world.place.write_settings(&settings);
    let mut agent = world.place.start();
    world.put_now(1, 3);
    world.everything_arrives(&mut agent);
    wait_for(&mut agent, "api-key-expiring", &["ended", "by api-key-expires"]);
    assert_eq!(severity(&agent, "api-key-expiring"), "error");
    agent.wait_until("the vendor was asked", |_| {
        world.api.requests().iter().any(|one| one.path == "/v1/soar/tokens" && one.status == Some(403))
    });
    let codes: Vec<String> = agent.conditions().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["api-key-expiring"], "a 403 there is no condition");
    assert_eq!(text_at(&agent, "/integrations/0/state"), "ok");
    world.reload(&mut agent, &world.settings());
    wait_gone(&mut agent, "api-key-expiring");
}
