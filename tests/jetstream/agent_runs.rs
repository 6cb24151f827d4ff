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

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_is_stored_and_a_server_that_is_down_is_a_warning_where_another_is_up() {
    let scene = Scene::new(1);
    let (place, paths) = (Place::new(""), &scene.trust.paths);
    let password = place.secret("nats.password", "change-me");
    let destination = |address: &str, servers: &str| {
        format!(
            "[destinations.nats]\ntype = \"jetstream\"\naddress = \"{address}\"\nservers = [{servers}]\nca = \"{}\"\ncert = \"{}\"\n\
             key = {{ file = \"{}\" }}\nuser = \"conductor\"\npassword = {password}\n",
            paths.ca.display(),
            paths.client_cert.display(),
            paths.client_key.display(),
        )
    };
    let up = scene.nats.addresses().remove(0);
    let down = format!("127.0.0.1:{}", crate::receivers::free_port());
    let test = |settings: String| {
        place.write_settings(&settings);
        let said = place.verb(&["destination", "test", "nats"]);
        (said.status.code(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    for (settings, tcp) in
        [(destination(&up, ""), "ok      tcp"), (destination(&down, &format!("\"{up}\"")), "warning tcp")]
    {
        let (code, text) = test(settings);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(tcp) && text.contains("acknowledged: the stream has stored it"), "{text}");
    }
    assert_eq!(scene.kept().await.len(), 2, "one for each test");
    place.secret("nats.password", "another");
    let (code, text) = test(destination(&up, ""));
    assert!(code == Some(69) && text.contains("failed  login"), "{text}");
    assert_eq!(scene.kept().await.len(), 2);
}
