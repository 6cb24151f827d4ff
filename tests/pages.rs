//! The pages of the real agent, over HTTPS, as a browser without a script asks them: from the claim of a box to a green
//! tile, a red one, and a green one again.

mod agent;

#[allow(dead_code, reason = "a part of it is used here")]
mod remote {
    pub mod authority;
    pub mod scene;
}

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use agent::Agent;
use conductor_sim::api::{Api, ApiOptions};
use conductor_sim::ca::{Authority, LOOPBACK};
use remote::scene::{self, Answer, Client, Scene};

const KEY: &str = "CANARY-key-of-the-pages-1";
const NEXT_KEY: &str = "CANARY-key-of-the-pages-2";
const PASSWORD: &str = "CANARY correct horse battery";

/// Somebody with a browser.
struct Browser {
    client: Client,
    to: SocketAddr,
    cookie: String,
    /// Everything that was ever answered.
    seen: String,
}

impl Browser {
    fn get(&mut self, path: &str) -> Answer {
        let cookie = format!("Cookie: {}\r\n", self.cookie);
        let answer = self.client.get(self.to, path, &cookie).expect("an answer");
        self.seen.push_str(&answer.0);
        answer
    }

    /// Posts a form of the page at `page`, with that page's token.
    fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).0.split("name=\"csrf\" value=\"").nth(1).map(|rest| {
            let end = rest.find('"').expect("its end");
            rest[..end].to_owned()
        });
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).extend_pairs(token.iter().map(|token| ("csrf", token)));
        let (form, host) = (form.finish(), format!("localhost:{}", self.to.port()));
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nCookie: {}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{form}",
            self.cookie,
            form.len()
        );
        let answer = self.client.send(self.to, &request).expect("an answer");
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().unwrap_or_default().to_owned();
        }
        // The session's cookie is the one secret that an answer may hold, and only there.
        self.seen.push_str(answer.body());
        answer
    }
}

fn tile(agent: &Agent) -> String {
    agent.status()["integrations"][0]["state"].as_str().unwrap_or_default().to_owned()
}

/// Does any file below this folder hold it?
fn holds(folder: &Path, text: &str) -> Option<String> {
    fs::read_dir(folder).expect("a folder").find_map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|part| part == text.as_bytes()).then(|| path.display().to_string())
    })
}

#[test]
fn a_box_is_claimed_and_an_integration_added_tested_saved_refused_and_mended_without_a_restart() {
    let scene = Scene::new();
    let authority = Authority::new("API CA").expect("a CA");
    let api = Api::start(ApiOptions::new(KEY, authority.server(&LOOPBACK).expect("a certificate"))).expect("an API");
    let mut agent = scene.start(&scene.remote("admin = true\nallow-other-hosts = true"));
    let to = scene::address(&agent).expect("it listens");
    let mut browser = Browser { client: scene.stranger(), to, cookie: String::new(), seen: String::new() };

    assert_eq!(browser.get("/admin").header("location"), Some("/admin/claim"));
    let said = scene.place.verb(&["claim"]);
    let code = String::from_utf8(said.stdout).expect("text").lines().next().expect("the code").to_owned();
    let fields = [("code", code.as_str()), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)];
    let answer = browser.post("/admin/claim", "/admin/claim", &fields);
    assert_eq!((answer.status(), answer.header("location")), (303, Some("/admin")), "{}", answer.0);

    // What is typed is tested before it is saved.
    let (new, host) = ("/admin/settings/add/integration", format!("localhost:{}", api.addr().port()));
    let ca = authority.ca_pem();
    let mut fields = vec![
        ("name", "acme"),
        ("host", "other"),
        ("host-other", &host),
        ("api-key", "not-the-key"),
        ("ca", ca.as_str()),
        ("polling-interval", "1s"),
        ("streams", "threats"),
        ("enabled", "on"),
    ];
    let tested = browser.post(new, &format!("{new}/test"), &fields);
    assert_eq!(tested.status(), 200, "{}", tested.0);
    assert!(tested.body().contains("GET /v1/cases") && tested.body().contains("401"), "{}", tested.body());
    assert!(fs::read_dir(scene.place.state().join("certificates")).expect("the folder").next().is_none(), "nor a file");
    assert_eq!(agent.status()["integrations"].as_array().map(Vec::len), Some(0), "a test keeps nothing");

    fields[3] = ("api-key", KEY);
    let saved = browser.post(new, new, &fields);
    let acme = "/admin/settings/integrations/acme";
    assert_eq!(saved.header("location"), Some("/admin/settings/integrations/acme?said=added"), "{}", saved.0);
    agent.wait_until("the tile is green", |agent| tile(agent) == "ok");
    let page = browser.get(acme);
    assert!(page.body().contains("data-live-word>ok</strong>"), "{}", page.body());
    let mut form = [
        ("host", "other"),
        ("host-other", host.as_str()),
        ("api-key", ""),
        ("polling-interval", "1s"),
        ("streams", "threats"),
        ("enabled", "on"),
    ];
    let tested = browser.post(acme, &format!("{acme}/test"), &form);
    assert!(tested.body().contains("It works."), "{}", tested.body());

    // The vendor takes another key by now: red with a hint, and green again by the new one.
    api.set_token(NEXT_KEY);
    agent.wait_until("the tile is red", |agent| tile(agent) == "parked");
    let page = browser.get(acme);
    assert!(page.body().contains("data-live-word>parked</strong>") && page.body().contains("401"), "{}", page.body());
    form[2] = ("api-key", NEXT_KEY);
    let saved = browser.post(acme, acme, &form);
    assert_eq!(saved.header("location"), Some("/admin/settings/integrations/acme?said=saved"), "{}", saved.0);
    agent.wait_until("the tile is green again", |agent| tile(agent) == "ok");

    let (status, log) = (agent.status().to_string(), scene.place.log());
    agent.stop();
    let audit = scene.place.verb(&["audit", "show"]);
    let audit = String::from_utf8(audit.stdout).expect("text");
    for act in ["claim", "secret set", "integration add", "integration set"] {
        assert!(audit.contains(act), "{act} is missing:\n{audit}");
    }
    for secret in [KEY, NEXT_KEY, PASSWORD, "not-the-key"] {
        for (what, text) in
            [("an answer", &browser.seen), ("the log", &log), ("the status", &status), ("audit", &audit)]
        {
            assert!(!text.contains(secret), "{what} holds a secret");
        }
        assert_eq!(holds(scene.place.dir.path(), secret), None, "a file holds a secret");
    }
}
