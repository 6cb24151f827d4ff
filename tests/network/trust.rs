//! Whose certificates are trusted: the system's, by SSL_CERT_FILE too, and those of `ca` beside them.

use std::fs;

use conductor_sim::api::{Api, ApiOptions};
use conductor_sim::ca::{Authority, LOOPBACK};

use crate::agent::{Agent, Place};
use crate::world::TOKEN;

/// Each integration's name with the kind of its fault; empty where it works; `None` before its first answer.
fn states(agent: &Agent) -> Option<Vec<(String, String)>> {
    let status: serde_json::Value = serde_json::from_str(&agent.get("/status")?.1).ok()?;
    let told = |one: &serde_json::Value| {
        let stream = &one["streams"][0];
        let fault = stream["fault"]["kind"].as_str().map(str::to_owned);
        let well = (!stream["last_success"].is_null()).then(String::new);
        Some((one["name"].as_str()?.to_owned(), fault.or(well)?))
    };
    status["integrations"].as_array()?.iter().map(told).collect()
}

#[test]
fn a_ca_of_the_settings_counts_beside_the_systems_roots_and_neither_alone_for_the_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let (vendor, inspector) = (Authority::new("Public CA").expect("a CA"), Authority::new("Proxy CA").expect("a CA"));
    let start = |by: &Authority| {
        Api::start(ApiOptions::new(TOKEN, by.server(&LOOPBACK).expect("a certificate"))).expect("it listens")
    };
    let (public, inspected) = (start(&vendor), start(&inspector));
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (roots, own) = (file("roots.pem", vendor.ca_pem()), file("own.pem", inspector.ca_pem()));
    let none = dir.path().join("none");
    fs::create_dir(&none).expect("a folder");
    let place = Place::new("");
    let integration = |name: &str, api: &Api, ca: &str| {
        let key = place.secret(name, TOKEN);
        format!("[integrations.{name}]\nhost = \"{}\"\napi-key = {key}\n{ca}\n", api.addr())
    };
    let ca = format!("ca = \"{own}\"");
    place.write_settings(
        &[
            integration("a-system", &public, ""),
            integration("b-beside", &public, &ca),
            integration("c-own", &inspected, &ca),
            integration("d-neither", &inspected, ""),
        ]
        .concat(),
    );
    let mut agent = place.spawn_in(&[], &[("SSL_CERT_FILE", &roots), ("SSL_CERT_DIR", &none.display().to_string())]);
    // The status answers before the first of them has begun.
    agent.wait_until("all have answered", |agent| states(agent).is_some_and(|all| all.len() == 4));
    let states = states(&agent).expect("as just now");
    let told: Vec<(&str, &str)> = states.iter().map(|(name, fault)| (name.as_str(), fault.as_str())).collect();
    assert_eq!(told, [("a-system", ""), ("b-beside", ""), ("c-own", ""), ("d-neither", "refused")]);
    assert!(agent.stop().0.success());
}
