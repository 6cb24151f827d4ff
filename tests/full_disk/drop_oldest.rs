//! `when-full = "drop-oldest"`: one of two SOCs is away, and the disk is not the place to keep all of it.

use std::collections::BTreeMap;

use conductor_sim::soc::{KeyUpdates, Soc, SocOptions};
use serde_json::Value;

use super::scene::{PATIENCE, Scene, stands};
use super::small::{Kind, apart};

#[test]
fn the_laggard_alone_loses_the_oldest_and_each_loss_is_counted_with_its_range_and_told() {
    apart(&the_laggard_alone_loses_the_oldest_and_each_loss_is_counted_with_its_range_and_told, || {
        let queue = "max-size = \"16MiB\"\nkeep-size = \"0\"\nwhen-full = \"drop-oldest\"";
        let Some(mut scene) = Scene::on(Kind::Tmpfs, queue) else { return };
        let tls = scene.trust.paths.server().expect("a certificate");
        let client_ca = Some(scene.trust.authority.ca_pem());
        let options = SocOptions { client_ca, key_updates: KeyUpdates::AllButFirst, ..SocOptions::new(tls) };
        let slow = Soc::start(options).expect("it listens");
        let prompt = scene.at.soc.addr().to_string();
        let destinations = scene.trust.destination("prompt", &prompt, "")
            + &scene.trust.destination("slow", &slow.addr().to_string(), "");
        scene.settings(queue, &destinations);
        slow.refuse();
        let mut agent = scene.place.start();
        // In pieces that the prompt one has taken before the next comes.
        for _ in 0..10 {
            scene.import(700, 6_000).ends();
            agent.wait_within(PATIENCE, "the prompt one has all", |agent| depth(agent, "prompt") == 0);
        }
        let text = stands(&mut agent, "events-dropped", "not taken by slow (seq 1 to ");
        assert!(!text.contains("prompt"), "{text}");
        // What /status says is a second old at the most; the queue itself knows now.
        agent.wait_within(PATIENCE, "each loss is told, as an event and in the status", |agent| {
            let show = scene.place.verb(&["queue", "show", "--json"]);
            let show: Value = serde_json::from_slice(&show.stdout).expect("JSON");
            let all = show["destinations"].as_array().expect("a list");
            let lost = all.iter().find(|each| each["name"] == "slow").expect("it is known")["dropped"].clone();
            let as_events = told(&scene.at.soc).values().map(|(events, ..)| events).sum::<u64>();
            lost == as_events && of(agent, "slow")["dropped_total"] == lost
        });
        let lost = of(&agent, "slow");
        let (dropped, first, last) = (&lost["dropped_total"], &lost["dropped_first"], &lost["dropped_last"]);
        assert_eq!((first.as_u64(), last.as_u64()), (Some(1), dropped.as_u64()), "{lost}");
        let prompt = of(&agent, "prompt");
        assert_eq!((&prompt["dropped_total"], &prompt["dropped_first"]), (&Value::from(0), &Value::Null));
        let metrics = agent.get("/metrics").expect("it answers").1;
        let line = |name: &str, of: &str| {
            format!("conductor_destination_dropped_total{{destination=\"{name}\",type=\"syslog\"}} {of}\n")
        };
        assert!(metrics.contains(&line("prompt", "0")) && metrics.contains(&line("slow", &dropped.to_string())));
        assert!(scene.place.log().contains("dropped events before the destination took them destination=\"slow\""));
        // A restart knows it still.
        assert!(agent.stop().0.success());
        let mut agent = scene.place.start();
        stands(&mut agent, "events-dropped", "not taken by slow (seq 1 to ");
        // What is left is handed over, in order and without a hole.
        slow.listen_again().expect("the same port");
        let head = seqs(&scene.at.soc).last().copied().expect("it has some");
        agent.wait_within(PATIENCE, "the slow one has the rest", |_| seqs(&slow).last() == Some(&head));
        let known = |agent: &crate::agent::Agent| of(agent, "slow")["dropped_total"].clone();
        agent.wait_within(PATIENCE, "the count is known again", |agent| known(agent) != 0);
        let after = dropped.as_u64().expect("a number");
        assert_eq!(known(&agent), after, "it loses no more");
        let seqs = seqs(&slow);
        assert_eq!(seqs, (after + 1..=head).collect::<Vec<u64>>(), "all that was not dropped");
        let seqs = self::seqs(&scene.at.soc);
        assert_eq!(seqs, (1..=head).collect::<Vec<u64>>(), "the prompt one lost none");
        println!("dropped {after} of {head}, told as {} events", told(&scene.at.soc).len());
        assert!(agent.stop().0.success());
    });
}

#[test]
fn nothing_is_dropped_where_that_would_make_no_room() {
    apart(&nothing_is_dropped_where_that_would_make_no_room, || {
        let queue = "max-size = \"4GiB\"\nkeep-size = \"0\"\nwhen-full = \"drop-oldest\"";
        let Some(mut scene) = Scene::on(Kind::Tmpfs, queue) else { return };
        scene.at.soc.refuse();
        let mut agent = scene.place.start();
        scene.import(200, 6_000).ends();
        scene.disk.fill(0);
        stands(&mut agent, "queue-full", "nearly full");
        let importing = scene.import(100, 6_000);
        importing.says("waiting: the disk under");
        scene.threats(1, 20);
        stands(&mut agent, "queue-paused", "nearly full");
        scene.disk.empty();
        importing.ends();
        scene.at.soc.listen_again().expect("the same port");
        scene.everything_arrives(&mut agent);
        assert!(!agent.has_condition("events-dropped"), "{:?}", agent.conditions());
        scene.end(agent);
    });
}

fn of(agent: &crate::agent::Agent, name: &str) -> Value {
    let status = agent.status();
    let all = status["destinations"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|each| each["name"] == name).unwrap_or_else(|| panic!("no {name}: {status}"))
}

fn depth(agent: &crate::agent::Agent, name: &str) -> u64 {
    of(agent, name)["depth"].as_u64().expect("a number")
}

fn envelopes(soc: &Soc) -> impl Iterator<Item = Value> {
    soc.messages().into_iter().filter_map(|message| {
        let text = std::str::from_utf8(&message).expect("UTF-8");
        // A heartbeat borrows the seq of the event before it.
        let (_, msg) = text.split_once("\"] ")?;
        let envelope: Value = serde_json::from_str(msg.trim_start_matches('\u{feff}')).expect("our envelope");
        (envelope["kind"] != "heartbeat").then_some(envelope)
    })
}

/// In the order of their first arrival.
fn seqs(soc: &Soc) -> Vec<u64> {
    let mut seqs: Vec<u64> = Vec::new();
    for envelope in envelopes(soc) {
        let seq = envelope["seq"].as_u64().expect("a seq");
        if seqs.last().is_none_or(|last| seq > *last) {
            seqs.push(seq);
        }
    }
    seqs
}

/// The events that tell losses: how many, and their first and last seq.
fn told(soc: &Soc) -> BTreeMap<String, (u64, u64, u64)> {
    let number = |raw: &Value, key: &str| raw[key].as_u64().unwrap_or_else(|| panic!("no {key}: {raw}"));
    envelopes(soc)
        .filter(|envelope| envelope["kind"] == "drop")
        .map(|envelope| {
            let raw = &envelope["raw"];
            assert_eq!(raw["destination"], "slow", "{envelope}");
            let (events, first, last) = (number(raw, "events"), number(raw, "first_seq"), number(raw, "last_seq"));
            assert_eq!(last + 1 - first, events, "{envelope}");
            (envelope["id"].to_string(), (events, first, last))
        })
        .collect()
}
