//! `integration show`, beside a running agent and without one.

use conductor_sim::api::Behaviour;
use serde_json::Value;

use crate::world::{TOKEN, World, number_at};

fn shown(world: &World, more: &[&str]) -> (i32, String) {
    let output = world.place.verb(&[&["integration", "show", "acme"], more].concat());
    (output.status.code().expect("it ended"), String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_deferred_item_is_listed_with_its_reason_while_the_agent_runs_and_after() {
    let world = World::new();
    world.put(50, 3);
    let ill = world.api.threats()[0].id.clone();
    world.api.set(Behaviour::MissingDetail.about(&ill));
    let mut agent = world.place.start();
    agent.wait_until("the others are kept and one is deferred", |agent| {
        number_at(agent, "/integrations/0/streams/0/deferred") == Some(1)
            && number_at(agent, "/queue/appended_total") > Some(0)
    });
    let (code, text) = shown(&world, &[]);
    assert_eq!(code, 0, "{text}");
    for part in [&ill, "1 try, due ", "404", "last poll", "next poll", "since the start", "api-key", "\"windows\""] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let (_, json) = shown(&world, &["--json"]);
    let document: Value = serde_json::from_str(&json).expect("JSON");
    let stream = &document["streams"][0];
    assert_eq!((&document["running"], &stream["status"]["deferred"]), (&true.into(), &1.into()), "{document:#}");
    assert_eq!((&stream["deferred"][0]["id"], &stream["deferred"][0]["tries"]), (&ill.as_str().into(), &1.into()));
    assert!(!text.contains(TOKEN) && !json.contains(TOKEN), "the key is told");

    agent.stop();
    let (code, json) = shown(&world, &["--json"]);
    let document: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &document["running"]), (0, &false.into()), "{document:#}");
    assert_eq!(document["streams"][0]["deferred"][0]["id"], ill.as_str());
    assert!(document["streams"][0]["checkpoint"].is_string(), "{document:#}");
    let unknown = document["unknown"][0].as_str().unwrap_or_default();
    assert!(unknown.starts_with("polls, lag and counts: the agent does not"), "{unknown}");
}

#[test]
fn an_agent_that_never_ran_leaves_the_settings_to_be_shown_and_says_what_is_not_known() {
    let world = World::new();
    let (code, text) = shown(&world, &[]);
    assert_eq!(code, 69, "{text}");
    assert!(text.contains("not known: checkpoints and deferred items: there is no queue"), "{text}");
    assert!(text.contains("polling-interval"), "{text}");
}
