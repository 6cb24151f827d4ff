//! The real agent with the settings of the document, from the vendor's API to the stream.

use crate::agent::Place;
use crate::receivers::{block_of, document};
use crate::world::{Truth, threats};

use super::scene::{PATIENCE, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_settings_bring_every_event_into_the_stream_once() {
    let scene = Scene::new(3);
    let api = scene.trust.api();
    api.put(threats(31, 600));
    let truth = Truth::of("acme", &api);
    let place = Place::new("");
    let password = place.secret("nats.password", "change-me");
    let mut destination = block_of(&document(), "destination")
        .replace("/etc/conductor/soc-ca.pem", &scene.trust.paths.ca.display().to_string())
        .replace("/etc/conductor/agent.pem", &scene.trust.paths.client_cert.display().to_string())
        .replace("/etc/conductor/agent.key", &scene.trust.paths.client_key.display().to_string())
        .replace("{ file = \"/etc/conductor/nats.password\" }", &password);
    for (n, address) in scene.nats.addresses().iter().enumerate() {
        destination = destination.replace(&format!("nats-{}.soc.example:4222", n + 1), address);
    }
    let integration = scene.trust.integration(&place, "acme", &api);
    place.write_settings(&format!("{integration}{destination}start = \"oldest\"\n"));
    let mut agent = place.start();
    let total = truth.events();
    agent.wait_within(PATIENCE, "the stream has acknowledged everything", |agent| {
        agent.status()["destinations"][0]["taken_total"] == total
    });
    let status = agent.status();
    let told = &status["destinations"][0];
    assert_eq!((&told["type"], &told["receipt"]), (&"jetstream".into(), &"acknowledged".into()), "{told}");
    let (exit, _) = agent.stop();
    assert!(exit.success(), "{exit}: {}", place.log());
    let mut kept = scene.kept().await;
    assert_eq!(kept.len(), total);
    kept.sort();
    kept.dedup();
    assert_eq!(kept.len(), total, "each once");
}
