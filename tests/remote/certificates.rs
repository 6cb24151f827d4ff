//! Client certificates that are not to be trusted, each for another reason.

use super::authority::Authority;
use super::scene::{Scene, address};

#[test]
fn a_certificate_that_is_expired_or_of_another_ca_or_revoked_ends_the_handshake() {
    let scene = Scene::new();
    scene.write("crl.pem", &scene.soc.crl(&[3]));
    let agent = scene.start(&scene.remote("client-ca = \"soc-ca.pem\"\ncrl = \"crl.pem\""));
    let to = address(&agent).expect("it listens");
    let good = scene.with(&scene.soc.client(2)).get(to, "/status", "").expect("an answer");
    assert_eq!(good.status(), 200);
    for (why, identity) in [
        ("expired", scene.soc.expired(2)),
        ("of another CA", Authority::new("Other CA").client(2)),
        ("of another CA of the same name", Authority::new("SOC CA").client(2)),
        ("of the box's own CA", scene.site.client(2)),
        ("revoked", scene.soc.client(3)),
        ("for servers", scene.soc.server(&["soc"], 2099)),
    ] {
        let answer = scene.with(&identity).get(to, "/healthz", "");
        assert!(answer.is_err(), "{why}: not even /healthz, but {answer:?}");
    }
    let nobody = scene.stranger().get(to, "/status", "").expect("an answer");
    assert_eq!(nobody.status(), 401, "without a certificate");
}

#[test]
fn a_revocation_list_that_is_exchanged_counts_within_seconds_and_on_connections_that_stand() {
    use std::io::Write;
    let scene = Scene::new();
    scene.write("crl.pem", &scene.soc.crl(&[99]));
    let mut agent = scene.start(&scene.remote("client-ca = \"soc-ca.pem\"\ncrl = \"crl.pem\""));
    let to = address(&agent).expect("it listens");
    let client = scene.with(&scene.soc.client(5));
    let mut standing = client.connect(to).expect("a connection");
    standing.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    scene.write("crl.pem", &scene.soc.crl(&[99, 5]));
    // The connection that stands is let go, and a new one does not come about.
    let (answered, _) = super::scene::read_all(&mut standing);
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    agent.wait_until("it is refused", |_| client.get(to, "/status", "").is_err());
    scene.write("crl.pem", "not a list");
    agent.wait_until("that is told", |agent| agent.has_condition("remote-not-taken"));
    assert!(client.get(to, "/status", "").is_err(), "the last good list stays");
    scene.write("crl.pem", &scene.soc.crl(&[99]));
    agent.wait_until("it is let in again", |_| client.get(to, "/status", "").is_ok());
    agent.wait_until("nothing is told any more", |agent| !agent.has_condition("remote-not-taken"));
}
