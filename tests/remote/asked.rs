//! What the SOC is told, by certificate and by token.

use super::scene::{Scene, address};

#[test]
fn who_shows_a_certificate_of_the_socs_ca_or_the_token_is_told_everything_that_is_told_locally() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let (stranger, soc) = (scene.stranger(), scene.with(&scene.soc.client(2)));
    for (path, media_type) in [
        ("/healthz", "text/plain; charset=utf-8"),
        ("/readyz", "text/plain; charset=utf-8"),
        ("/health", "application/health+json"),
        ("/status", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
    ] {
        let local = agent.get(path).expect("the local listener answers").0;
        for answer in [soc.get(to, path, "").expect("an answer"), stranger.with_token(to, path)] {
            assert_eq!((answer.status(), answer.header("content-type")), (local, Some(media_type)), "{path}");
        }
    }
    let status: serde_json::Value = serde_json::from_str(stranger.with_token(to, "/status").body()).expect("JSON");
    assert_eq!(status["agent"]["name"], "box");
    assert_eq!(status["remote"]["health"], serde_json::json!(["certificate", "token"]));
    let health: serde_json::Value = serde_json::from_str(stranger.with_token(to, "/health").body()).expect("JSON");
    assert!(health["status"].is_string() && health["checks"].is_object(), "{health}");
}

#[test]
fn every_answer_has_the_security_headers_and_hsts_comes_with_the_operators_certificate_alone() {
    let scene = Scene::new();
    let agent = scene.start(&scene.remote("names = [\"forwarded.example\"]\nadmin = true"));
    let to = address(&agent).expect("it listens");
    let ask = |path: &str, host: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        scene.stranger().send(to, &request).expect("an answer")
    };
    for path in ["/healthz", "/status", "/admin", "/nowhere"] {
        let answer = ask(path, "forwarded.example");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            // Forms of the pages are posted with their origin, which `no-referrer` would blank.
            ("referrer-policy", if path == "/admin" { "same-origin" } else { "no-referrer" }),
            ("strict-transport-security", "max-age=2592000"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}\n{}", answer.0);
        }
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
    assert_eq!(ask("/healthz", "localhost").header("strict-transport-security"), None, "the local listener is plain");
    drop(agent);

    let agent = scene.start("[remote]\nlisten = \"127.0.0.1:0\"\nnames = [\"forwarded.example\"]\n");
    let to = address(&agent).expect("it listens");
    let own = std::fs::read_to_string(scene.place.state().join("tls/self-signed.pem")).expect("it was made");
    let stranger = super::scene::Client::new(&own, None);
    let request = "GET /healthz HTTP/1.1\r\nHost: forwarded.example\r\nConnection: close\r\n\r\n";
    let answer = stranger.send(to, request).expect("an answer");
    assert_eq!((answer.status(), answer.header("strict-transport-security")), (200, None));
}

#[test]
fn a_browser_comes_to_the_pages_by_the_root_and_nowhere_where_they_are_not_served() {
    let scene = Scene::new();
    let agent = scene.start(&scene.remote("admin = true"));
    let to = address(&agent).expect("it listens");
    let answer = scene.stranger().get(to, "/", "").expect("an answer");
    assert_eq!((answer.status(), answer.header("location")), (303, Some("/admin")));
    drop(agent);
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    for path in ["/", "/admin", "/admin/login"] {
        assert_eq!(scene.stranger().get(to, path, "").expect("an answer").status(), 401, "{path}");
        assert_eq!(scene.stranger().with_token(to, path).status(), 404, "{path}");
    }
}

#[test]
fn one_connection_serves_many_requests_and_each_is_judged() {
    use std::io::Write;
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let mut line = scene.stranger().connect(to).expect("a connection");
    let host = "Host: localhost\r\n";
    let known = format!("GET /readyz HTTP/1.1\r\n{host}Authorization: Bearer {}\r\n\r\n", super::scene::TOKEN);
    line.write_all(format!("{known}{known}GET /healthz HTTP/1.1\r\n{host}\r\n").as_bytes()).expect("sent");
    // The last one without the token: what the connection was is not what the request is.
    line.write_all(format!("GET /readyz HTTP/1.1\r\n{host}\r\n").as_bytes()).expect("sent");
    let (all, _) = super::scene::read_all(&mut line);
    let codes: Vec<&str> = all.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(codes, ["200", "200", "200", "401"], "{all}");
}
