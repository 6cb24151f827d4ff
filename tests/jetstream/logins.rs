//! Who may come in: a certificate, a password, a .creds file; and what is told to those who may not.

use conductor::destinations::Destination;
use conductor::destinations::jetstream::{JetStream, Login};
use conductor::destinations::link::{Link, Transport};
use conductor::fault::FaultKind;
use conductor::format::Shape;
use conductor::values::Secret;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::scene::{Scene, client_key, events, made, settings, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_missing_certificate_are_refused_with_what_to_set() {
    let scene = Scene::new(1);
    let wrong = Login { user: Some(("conductor".into(), Secret::new("CANARY-1"))), ..user() };
    let mut stranger = made(&scene.trust, &scene.nats, &settings(&scene.nats), wrong);
    let fault = stranger.deliver(&events(1, 1)).await.fault.expect("refused");
    assert_eq!(fault.kind, FaultKind::Refused, "{}", fault.chain());
    assert!(fault.context.contains("refused our login") && !fault.chain().contains("CANARY"), "{}", fault.chain());

    let link = Link {
        address: scene.nats.addresses()[0].clone(),
        transport: Transport::Tls,
        server_name: None,
        ca: Some(scene.trust.paths.ca.clone()),
        cert: None,
        ..Link::default()
    };
    let mut bare = JetStream::new(&link, None, user(), &settings(&scene.nats), Shape::Json, "box").expect("valid");
    let fault = bare.deliver(&events(1, 1)).await.fault.expect("refused");
    assert_eq!(fault.kind, FaultKind::Refused, "{}", fault.chain());
    assert!(fault.context.contains("certificate"), "{}", fault.chain());

    let other = crate::world::Trust::new();
    let link = Link { ca: Some(other.paths.ca.clone()), cert: Some(scene.trust.paths.client_cert.clone()), ..link };
    let key = Some(client_key(&scene.trust));
    let mut misled = JetStream::new(&link, key, user(), &settings(&scene.nats), Shape::Json, "box").expect("valid");
    let fault = misled.deliver(&events(1, 1)).await.fault.expect("refused");
    assert_eq!(fault.kind, FaultKind::Refused, "{}", fault.chain());
    assert!(fault.context.contains("trust"), "{}", fault.chain());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creds_file_lets_us_in_where_the_servers_know_keys_only() {
    let (operator, account, own) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let most = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
        "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1});
    let operator_jwt = jwt(&operator, &operator.public_key(), "SOC", json!({"type": "operator", "version": 2}));
    let nats = json!({"type": "account", "version": 2, "limits": most});
    let account_jwt = jwt(&operator, &account.public_key(), "ACCOUNT", nats);
    // A server with JetStream wants an account for itself.
    let system = KeyPair::new_account();
    let nats = json!({"type": "account", "version": 2, "limits": {"subs": -1, "data": -1, "payload": -1, "conn": -1}});
    let system_jwt = jwt(&operator, &system.public_key(), "SYS", nats);
    let nats = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}});
    let user_jwt = jwt(&account, &own.public_key(), "conductor", nats);
    let resolver = format!(
        "operator: {operator_jwt}\nsystem_account: {0}\nresolver: MEMORY\n\
         resolver_preload: {{ {0}: {system_jwt}\n{1}: {account_jwt} }}\n",
        system.public_key(),
        account.public_key()
    );
    let keys_only = |text: String| {
        let (before, _) = text.split_once("# All that the agent needs").expect("the accounts");
        format!("{before}{resolver}")
    };
    let mut scene = Scene::edited(1, |settings| settings, keys_only);
    let fault = scene.destination.deliver(&events(1, 1)).await.fault.expect("a password counts for nothing");
    assert_eq!(fault.kind, FaultKind::Refused, "{}", fault.chain());

    let seed = own.seed().expect("its seed");
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    let login = Login { credentials: Some(Secret::new(creds)), user: None, token: None };
    scene.destination = made(&scene.trust, &scene.nats, &settings(&scene.nats), login);
    scene.faults.clear();
    scene.hand_over(&events(1, 40), 40).await;
    assert!(scene.faults.is_empty(), "{:?}", scene.told());
}

/// A token of NATS: claims signed by a key of theirs.
fn jwt(issuer: &KeyPair, subject: &str, name: &str, nats: Value) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let head = part(&json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let claims = json!({"jti": "x", "iat": 1, "iss": issuer.public_key(), "name": name, "sub": subject, "nats": nats});
    let signed = format!("{head}.{}", part(&claims));
    let signature = issuer.sign(signed.as_bytes()).expect("signed");
    format!("{signed}.{}", base64url(&signature))
}

/// RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        let signs = (0..=three.len()).map(|n| char::from(SIGNS[(bits >> (18 - 6 * n) & 63) as usize]));
        text.extend(signs);
    }
    text
}
