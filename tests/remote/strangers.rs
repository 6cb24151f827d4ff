//! What a stranger is told: that something is alive, and nothing else.

use std::process::{Command, Stdio};

use super::scene::{Answer, Scene, TOKEN, address};

#[test]
fn a_stranger_gets_healthz_and_one_and_the_same_answer_to_everything_else() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let stranger = scene.stranger();
    let alive = stranger.get(to, "/healthz", "").expect("an answer");
    assert_eq!((alive.status(), alive.body()), (200, "ok\n"));
    let ask = |request: String| stranger.send(to, &request).unwrap_or_else(|e| panic!("{request}: {e}"));
    let get = |path: &str, more: &str| {
        ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"))
    };
    let one: Answer = get("/status", "");
    assert_eq!(one.status(), 401);
    for path in [
        "/",
        "/readyz",
        "/health",
        "/metrics",
        "/admin",
        "/admin/login",
        "/admin/settings/integrations",
        "/nowhere",
        "/style.css",
        "//healthz",
        "/healthz/",
        "/healthz/../status",
        "/./status",
        "/%73tatus",
        "/status%00",
        "/%2e%2e/status",
        "/healthz%2f..%2fstatus",
        "/status;x=1",
        "/STATUS",
        "/../../etc/passwd",
    ] {
        assert_eq!(get(path, "").timeless(), one.timeless(), "{path}");
    }
    let half = &TOKEN[..TOKEN.len() - 1];
    for path in [format!("/status?token={TOKEN}"), format!("/status?access_token={TOKEN}"), format!("/{TOKEN}/status")]
    {
        assert_eq!(get(&path, "").timeless(), one.timeless(), "a token in a URL is none");
    }
    for header in [
        format!("Authorization: Bearer {half}"),
        format!("Authorization: Bearer {TOKEN}x"),
        format!("Authorization: bearer{TOKEN}"),
        format!("Authorization: Basic {TOKEN}"),
        format!("Authorization: {TOKEN}"),
        format!("X-Auth-Token: {TOKEN}"),
        format!("Cookie: token={TOKEN}"),
        format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer wrong"),
        "X-Forwarded-For: 127.0.0.1".to_owned(),
        "X-Original-URL: /status".to_owned(),
        "X-SSL-Client-Verify: SUCCESS".to_owned(),
    ] {
        assert_eq!(get("/status", &format!("{header}\r\n")).timeless(), one.timeless(), "{header}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        for path in ["/healthz", "/status", "/admin"] {
            let answer = ask(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
            assert_eq!(answer.timeless(), one.timeless(), "{method} {path}");
        }
    }
    let log = scene.place.log();
    assert_eq!(log.matches("a wrong health-token was shown").count(), 1, "told, and told once a minute");
    assert!(!log.contains(half), "nothing that was sent as a token is in the log");
}

#[test]
fn a_foreign_name_is_told_nothing_whoever_asks() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    let ask = |head: &str| {
        let request = format!("{head}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n");
        scene.stranger().send(to, &request).expect("an answer")
    };
    for host in [
        "evil.example",
        "evil.example:8443",
        "box.acme.example.evil.example",
        "192.0.2.1",
        "[::2]",
        "localhost@evil.example",
    ] {
        for path in ["/healthz", "/status"] {
            let answer = ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}"));
            assert_eq!(answer.status(), 421, "{host}");
            assert!(
                !answer.0.contains("box") || answer.body().starts_with("This box is not called that"),
                "{}",
                answer.0
            );
        }
    }
    assert_eq!(ask("GET https://evil.example/status HTTP/1.1\r\nHost: localhost").status(), 421);
    assert_eq!(ask("GET /status HTTP/1.1\r\nHost: localhost\r\nHost: localhost").status(), 400);
    assert_eq!(ask("GET /status HTTP/1.1\r\nX: y").status(), 400);
    for host in ["localhost", "127.0.0.1:1", "BOX.acme.example"] {
        assert_eq!(ask(&format!("GET /status HTTP/1.1\r\nHost: {host}")).status(), 200, "{host}");
    }
}

/// What `openssl s_client` says of a handshake with these options.
fn s_client(to: std::net::SocketAddr, options: &[&str]) -> (bool, String) {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &to.to_string()])
        .args(options)
        // Without the distribution's own floor.
        .env("OPENSSL_CONF", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let text = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned()).concat();
    (output.status.success(), text)
}

#[test]
fn older_tls_is_refused_and_1_2_unless_it_is_allowed() {
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    // Level 0: openssl itself is willing to speak what is asked for.
    let old = ["-cipher", "ALL:@SECLEVEL=0"];
    for version in ["-tls1", "-tls1_1", "-tls1_2"] {
        let (done, said) = s_client(to, &[&[version][..], &old].concat());
        assert!(!done && said.contains("Cipher is (NONE)"), "{version}: {said}");
    }
    let (done, said) = s_client(to, &["-tls1_3"]);
    assert!(done && said.contains("TLSv1.3"), "{said}");
    drop(agent);
    let agent = scene.start(&scene.remote("tls-min-version = \"1.2\""));
    let to = address(&agent).expect("it listens");
    assert!(s_client(to, &["-tls1_2"]).0 && !s_client(to, &[&["-tls1_1"][..], &old].concat()).0);
    let (done, said) = s_client(to, &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]);
    assert!(!done, "a cipher without forward secrecy: {said}");
}

#[test]
fn plain_http_on_the_port_is_told_nothing_and_the_listener_goes_on() {
    use std::io::{Read, Write};
    let scene = Scene::new();
    let agent = scene.start(&scene.usual());
    let to = address(&agent).expect("it listens");
    for text in [
        "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\0\0\0\0\0",
        "\u{16}\u{3}\u{1}\u{7f}\u{7f}garbage",
        "EHLO x\r\n",
    ] {
        let mut plain = std::net::TcpStream::connect(to).expect("a connection");
        plain.write_all(text.as_bytes()).expect("sent");
        plain.shutdown(std::net::Shutdown::Write).expect("no more");
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(answer.len() <= 7, "an alert at the most: {:?}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(scene.stranger().get(to, "/healthz", "").expect("an answer").status(), 200);
}
