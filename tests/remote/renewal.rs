//! The certificate of our own making, and files that change while the agent runs.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use socket2::{Domain, Socket, Type};

use super::scene::{Client, Scene, TOKEN, address, reload};

#[test]
fn a_box_without_a_certificate_makes_one_and_tells_its_fingerprint_in_log_status_and_verb() {
    let scene = Scene::new();
    let settings = "[remote]\nlisten = \"127.0.0.1:0\"\nhealth-token = { file = \"token\" }\n";
    let agent = scene.start(settings);
    let to = address(&agent).expect("it listens");
    let status = agent.status();
    let fingerprint = status["remote"]["fingerprint_sha256"].as_str().expect("told").to_owned();
    assert_eq!(status["remote"]["certificate"], "self-signed");
    // What a stranger sees, by another program.
    let script =
        format!("openssl s_client -connect {to} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256");
    let seen = Command::new("sh").args(["-c", &script]).output().expect("openssl runs");
    let seen = String::from_utf8_lossy(&seen.stdout).trim().to_owned();
    assert_eq!(seen.split_once('=').map(|(_, print)| print), Some(fingerprint.as_str()));
    assert!(scene.place.log().contains(&fingerprint));
    let said = scene.place.verb(&["status"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains(&fingerprint));

    let own = fs::read_to_string(scene.place.state().join("tls/self-signed.pem")).expect("it was made");
    let client = Client::new(&own, None);
    assert_eq!(client.with_token(to, "/status").status(), 200, "whoever pins it is served");
    agent.stop();
    let agent = scene.start(settings);
    assert_eq!(agent.status()["remote"]["fingerprint_sha256"], fingerprint.as_str(), "a restart keeps it");
    let to = address(&agent).expect("it listens");
    let key: String = own.lines().skip_while(|line| !line.contains("PRIVATE")).nth(1).expect("a key").to_owned();
    let told = [scene.place.log(), client.with_token(to, "/status").0, client.with_token(to, "/metrics").0].concat();
    assert!(!told.contains(&key) && !told.contains(TOKEN));
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart_and_a_bad_one_takes_the_place_of_none() {
    let scene = Scene::new();
    let mut agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let print =
        |agent: &crate::agent::Agent| agent.status()["remote"]["fingerprint_sha256"].as_str().map(str::to_owned);
    let first = print(&agent);
    let renewed = scene.site.server(&["localhost", "127.0.0.1"], 2098);
    // The certificate comes before its key: for a moment they are no pair.
    scene.write("box.pem", &renewed.cert);
    agent.wait_until("that is told", |agent| agent.has_condition("remote-not-taken"));
    assert_eq!(print(&agent), first);
    assert_eq!(scene.stranger().with_token(to, "/status").status(), 200, "the last good pair is shown");
    scene.place.secret("box.key", &renewed.key);
    agent.wait_until("the new one is shown", |agent| print(agent) != first);
    assert!(!agent.has_condition("remote-not-taken"));
    assert_eq!(scene.stranger().with_token(to, "/status").status(), 200);

    scene.place.secret("token", "another-token-of-the-soc");
    agent.wait_until("the old token is none", |_| {
        let old = format!("Authorization: Bearer {TOKEN}\r\n");
        scene.stranger().get(to, "/status", &old).is_ok_and(|answer| answer.status() == 401)
    });
    let new = "Authorization: Bearer another-token-of-the-soc\r\n";
    assert_eq!(scene.stranger().get(to, "/status", new).expect("an answer").status(), 200);
    scene.place.secret("token", "too-short");
    agent.wait_until("that is told", |agent| {
        agent.conditions().iter().any(|(code, text)| code == "remote-not-taken" && text.contains("16 characters"))
    });
    assert_eq!(scene.stranger().get(to, "/status", new).expect("an answer").status(), 200);
    assert!(!scene.place.log().contains("too-short"));
}

#[test]
fn a_reload_opens_moves_and_closes_the_listener_and_an_address_in_use_is_a_condition() {
    let scene = Scene::new();
    scene.place.write_settings("");
    let mut agent = scene.place.start();
    assert_eq!(agent.status()["remote"], serde_json::Value::Null);
    scene.place.write_settings(&scene.usual());
    reload(&mut agent);
    agent.wait_until("it listens", |agent| address(agent).is_some());
    let first = address(&agent).expect("it listens");
    assert_eq!(scene.stranger().with_token(first, "/readyz").status(), 200);

    // Bound, and shared with nobody until it is let go: then no other test is given it either.
    let taken = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let port = taken.local_addr().ok().and_then(|bound| bound.as_socket()).expect("bound").port();
    scene.place.write_settings(&scene.usual().replace("127.0.0.1:0", &format!("127.0.0.1:{port}")));
    reload(&mut agent);
    agent.wait_until("that is told", |agent| agent.has_condition("remote-down"));
    assert_eq!(agent.status()["state"], "degraded");
    taken.set_reuse_address(true).expect("an option");
    agent.wait_until("it listens there", |agent| address(agent).is_some_and(|to| to.port() == port));
    assert!(!agent.has_condition("remote-down"));

    scene.place.write_settings("");
    reload(&mut agent);
    agent.wait_until("nothing listens", |agent| address(agent).is_none());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_certificate_that_can_not_be_read_keeps_the_listener_shut_and_nothing_else() {
    let scene = Scene::new();
    fs::remove_file(scene.path("box.pem")).expect("gone");
    scene.place.write_settings(&scene.usual());
    let mut agent = scene.place.start();
    agent.wait_until("that is told", |agent| {
        agent.conditions().iter().any(|(code, text)| code == "remote-down" && text.contains("box.pem"))
    });
    let own = scene.site.server(&["localhost"], 2099);
    scene.place.secret("box.key", &own.key);
    scene.write("box.pem", &own.cert);
    agent.wait_until("it listens", |agent| address(agent).is_some());
    assert!(!agent.has_condition("remote-down"));
}

#[test]
fn the_operators_certificate_is_told_before_it_ends_and_after() {
    let scene = Scene::new();
    let ended = scene.site.server(&["localhost"], 2021);
    scene.write("box.pem", &ended.cert);
    scene.place.secret("box.key", &ended.key);
    let mut agent = scene.start(&scene.usual());
    agent.wait_until("that is told", |agent| {
        agent.conditions().iter().any(|(code, text)| code == "remote-expiring" && text.contains("ended at 2021"))
    });
}
