//! `conductor integration test` and `show`, the real binary against an API that is well and one that is not.
//!
//! Each run is searched for the key and the proxy's password: [`test`] does it for all.

mod agent;
mod site;
#[path = "bad_input/world.rs"]
mod world;

#[path = "secrets/marks.rs"]
#[allow(dead_code, reason = "the proxy uses its part")]
mod marks;
mod proxy;

#[path = "integration_verb/regions.rs"]
mod regions;
#[path = "integration_verb/show.rs"]
mod show;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use conductor_sim::api::{Api, ApiOptions, Behaviour, Endpoint, generate};
use conductor_sim::ca::{Authority, LOOPBACK};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use site::{PASSWORD, Said, Site, TOKEN};

fn test(site: &Site, settings: &str, more: &[&str]) -> Said {
    let said = site.run(settings, &[&["integration", "test", "acme"], more].concat());
    for secret in [TOKEN, PASSWORD] {
        assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{secret} was told");
    }
    said
}

/// The line that begins so, with the advice below it.
#[track_caller]
fn line(said: &Said, begins: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let all: Vec<&str> = said.stdout.lines().collect();
    let at = all.iter().position(|line| words(line).starts_with(begins));
    let at = at.unwrap_or_else(|| panic!("no line begins with {begins:?}:\n{}{}", said.stdout, said.stderr));
    let advice = all.get(at + 1).filter(|line| line.trim_start().starts_with("->"));
    format!("{}\n{}", all[at], advice.unwrap_or(&""))
}

#[track_caller]
fn expect(said: &Said, code: i32, begins: &str, words: &[&str]) {
    let found = line(said, begins);
    assert!(words.iter().all(|word| found.contains(word)), "{words:?} in {found}\n{}", said.stdout);
    assert_eq!(said.code, code, "{}{}", said.stdout, said.stderr);
}

#[test]
fn the_keys_end_is_told_by_the_vendor_where_it_tells() {
    let site = Site::new();
    let end = Timestamp::now() + 240.hours();
    site.api.set_token_expires(Some(end));
    let settings = site.good().replace("connector =", "api-key-expires = \"2099-01-31\"\nconnector =");
    let said = test(&site, &settings, &[]);
    let day = end.strftime("%Y-%m-%d").to_string();
    expect(&said, 0, "warning key-expiry", &[&day, "by the vendor"]);
}

#[test]
fn a_connection_where_all_is_well_is_told_step_by_step_and_nothing_is_kept() {
    let site = Site::new();
    let settings = site.good().replace("connector =", "api-key-expires = \"2099-01-31\"\nconnector =");
    let said = test(&site, &settings, &[]);
    expect(&said, 0, "ok names localhost", &["127.0.0.1"]);
    expect(&said, 0, "ok tcp", &["connected to 127.0.0.1:", "directly"]);
    expect(&said, 0, "ok tls", &["TLS 1.3", "by Test Site CA", "trusted by `ca` alone"]);
    expect(&said, 0, "ok clock", &["from the vendor's"]);
    expect(&said, 0, "ok key GET /v1/cases", &["answered (200)"]);
    expect(&said, 0, "ok stream threats", &["can be collected"]);
    expect(&said, 0, "ok key-expiry", &["2099-01-31"]);
    expect(&said, 0, "ok egress", &["127.0.0.1, observed by localhost", "among the allowlisted"]);
    assert!(said.stdout.ends_with("8 ok, 0 with a warning, 0 failed, 0 skipped\n"), "{}", said.stdout);
    assert!(!site.path("state").exists(), "a test makes no state folder");
    let asked: Vec<String> = site.api.requests().into_iter().filter(|one| one.authorized).map(|one| one.path).collect();
    assert_eq!(asked, ["/v1/cases", "/v1/threats", "/v1/soar/tokens"], "no more is asked with the key than needed");
}

#[test]
fn the_json_document_names_integration_and_host_and_has_every_line() {
    let site = Site::new();
    site.api.set(Behaviour::Unlicensed.on(Endpoint::Cases));
    let said = test(&site, &site.good(), &["--json"]);
    let document: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!((said.code, &document["ok"], &document["integration"]), (0, &true.into(), &"acme".into()));
    assert_eq!(document["host"], format!("localhost:{}", site.api.addr().port()));
    let checks = document["checks"].as_array().expect("a list");
    let ids: Vec<&str> = checks.iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, ["names", "tcp", "tls", "clock", "key", "stream", "key-expiry", "egress"]);
    let outcomes: Vec<&str> = checks.iter().filter_map(|one| one["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["ok", "ok", "ok", "ok", "warning", "ok", "skipped", "ok"]);
}

#[test]
fn through_a_proxy_the_tunnel_is_told_with_its_proxy_and_without_its_password() {
    let site = Site::new();
    let proxy = proxy::Proxy::start(&format!("Basic {}", marks::base64(format!("user:{PASSWORD}").as_bytes())), None);
    let egress = format!("proxy = \"http://user:{PASSWORD}@{}\"", proxy.address);
    let settings = site.agent(&egress) + &site.integration(&format!("localhost:{}", site.api.addr().port()));
    let said = test(&site, &settings, &[]);
    expect(&said, 0, "skipped names localhost", &["the proxy resolves it"]);
    let proxy_named = format!("through the proxy {} (CONNECT; named by `proxy` under [egress])", proxy.address);
    expect(&said, 0, "ok tcp", &[&proxy_named]);
    expect(&said, 0, "ok stream threats", &[]);
    assert!(!proxy.asked().is_empty(), "nothing went through the proxy");

    let wrong = settings.replace(&format!("user:{PASSWORD}@"), "user:wrong@");
    let said = test(&site, &wrong, &[]);
    expect(&said, 69, "failed tcp", &["407", "named by `proxy`"]);
    for begins in ["skipped tls", "skipped clock", "skipped key", "skipped stream threats"] {
        expect(&said, 69, begins, &["not tried: there is no connection"]);
    }
}

/// Opens a tunnel to `target` whatever is asked for: where the name that is asked for is none that DNS knows.
fn proxy_towards(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || -> io::Result<()> {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    client.read_exact(&mut byte)?;
                    head.extend(byte);
                }
                let mut server = TcpStream::connect(target)?;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
                thread::spawn(move || drop(io::copy(&mut from, &mut to)));
                io::copy(&mut server, &mut client)?;
                client.shutdown(Shutdown::Both)
            });
        }
    });
    address
}

#[test]
fn the_proxy_of_the_environment_is_used_and_told_as_such_and_the_box_needs_no_name_of_the_host() {
    let site = Site::new();
    let server = site.authority.server(&["api.vendor.example"]).expect("a certificate");
    let api = Api::start(ApiOptions::new(TOKEN, server)).expect("an API");
    let proxy = proxy_towards(api.addr());
    site.write("conductor.toml", &(site.agent("") + &site.integration("api.vendor.example")), 0o644);
    let mut command = site.command(&["integration", "test", "acme"]);
    let said = site::said(command.env("HTTPS_PROXY", format!("http://{proxy}")).output().expect("the binary runs"));
    expect(&said, 0, "skipped names api.vendor.example", &["the proxy resolves it"]);
    let words = ["api.vendor.example:443", &format!("proxy {proxy}"), "named by HTTPS_PROXY of the environment"];
    expect(&said, 0, "ok tcp", &words);
    expect(&said, 0, "ok stream threats", &[]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_with_its_issuer_and_gets_no_key() {
    let site = Site::new();
    for (name, advice) in [("Zscaler Root CA", "Zscaler opens TLS on the way"), ("Acme Root", "if that CA is yours")] {
        let other = Authority::new(name).expect("a CA");
        let api = Api::start(ApiOptions::new(TOKEN, other.server(&LOOPBACK).expect("a certificate"))).expect("an API");
        let settings = site.agent("") + &site.integration(&format!("localhost:{}", api.addr().port()));
        let said = test(&site, &settings, &[]);
        expect(&said, 69, "failed tls", &["does not trust", &format!("issued by {name}"), advice]);
        expect(&said, 69, "skipped key", &["not tried: TLS failed"]);
        assert_eq!(api.request_count(), 0, "nothing is sent to a stranger");
    }
}

#[test]
fn a_proxy_that_opens_tls_and_is_trusted_is_a_warning_with_its_name() {
    let site = Site::new();
    let inspector = Authority::new("Netskope Inspection CA").expect("a CA");
    let server = inspector.server(&LOOPBACK).expect("a certificate");
    let api = Api::start(ApiOptions::new(TOKEN, server)).expect("an API");
    site.write("tls/ca.pem", &inspector.ca_pem(), 0o644);
    let settings = site.agent("") + &site.integration(&format!("localhost:{}", api.addr().port()));
    let said = test(&site, &settings, &[]);
    expect(&said, 0, "warning tls", &["by Netskope Inspection CA", "Netskope opens TLS", "can read the key"]);
    expect(&said, 0, "ok stream threats", &[]);
}

#[test]
fn a_clock_five_minutes_away_is_a_warning_and_one_fifteen_minutes_away_fails() {
    let site = Site::new();
    site.api.set(Behaviour::ClockSkew { seconds: 300 });
    expect(&test(&site, &site.good(), &[]), 0, "warning clock", &["behind the vendor's", "timedatectl"]);
    site.api.set(Behaviour::ClockSkew { seconds: -900 });
    expect(&test(&site, &site.good(), &[]), 69, "failed clock", &["ahead of the vendor's", "wrong windows"]);
}

#[test]
fn a_403_on_all_is_explained_by_the_egress_ip_and_one_on_a_single_list_is_not() {
    let site = Site::new();
    site.api.set_egress(Some("198.51.100.77"));
    site.api.set(Behaviour::IpDeniedSilently);
    let said = test(&site, &site.good(), &[]);
    let words = ["IP Safelist", "egress IP 198.51.100.77", "not in the allowlist set here (127.0.0.1)"];
    expect(&said, 69, "failed key GET /v1/cases", &words);
    expect(&said, 69, "failed stream threats", &words);
    expect(&said, 69, "warning egress", &["198.51.100.77", "not among the allowlisted"]);

    site.api.clear();
    site.api.set(Behaviour::NotPermitted.on(Endpoint::List));
    let said = test(&site, &site.good(), &[]);
    expect(&said, 69, "ok key", &[]);
    expect(&said, 69, "failed stream threats", &["it is not the address", "permission for this list"]);
    assert!(!line(&said, "failed stream threats").contains("198.51.100.77"), "the address is not to blame");
}

#[test]
fn a_customer_without_the_licence_for_cases_is_a_warning_and_threats_are_tried_all_the_same() {
    let site = Site::new();
    site.api.set(Behaviour::Unlicensed.on(Endpoint::Cases));
    let said = test(&site, &site.good(), &[]);
    expect(&said, 0, "warning key GET /v1/cases", &["402", "not licensed for cases"]);
    expect(&said, 0, "ok stream threats", &[]);
}

#[test]
fn a_portal_that_answers_in_the_vendors_place_is_told_as_such() {
    let site = Site::new();
    site.api.set(Behaviour::Html);
    expect(&test(&site, &site.good(), &[]), 69, "failed key", &["not Abnormal's API", "a portal or a proxy answers"]);
}

#[test]
fn a_key_that_can_not_be_read_is_a_matter_of_permission_and_the_way_is_tested_all_the_same() {
    let site = Site::new();
    fs::remove_file(site.path("token")).expect("it was there");
    let said = test(&site, &site.good(), &[]);
    expect(&said, 77, "failed secrets integrations.acme.api-key", &["does not exist"]);
    expect(&said, 77, "ok tls", &[]);
    expect(&said, 77, "skipped stream threats", &["not tried: the key can't be read"]);
}

#[test]
fn an_integration_that_is_not_set_is_a_wrong_command_line() {
    let site = Site::new();
    let said = site.run(&site.good(), &["integration", "test", "globex"]);
    assert_eq!(said.code, 64, "{}", said.stderr);
    assert!(said.stderr.contains("no integration is called \"globex\""), "{}", said.stderr);
}

#[test]
fn examples_are_shown_as_the_events_that_they_would_become_and_nothing_is_queued() {
    let site = Site::new();
    let now = Timestamp::now();
    site.api.put(generate(7, 2, now - 3.hours(), now - 1.hours()));
    let said = test(&site, &site.good(), &["--mock-data"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let mut lines = said.stdout.lines();
    let first = lines.next().expect("a first line");
    assert!(first.contains("the vendor's examples") && first.contains("Nothing is queued"), "{first}");
    let messages: usize = site.api.threats().iter().map(|threat| threat.messages.len()).sum();
    assert!(said.stdout.contains(&format!("\nthreats: {messages} event(s)\n")), "{}", said.stdout);
    assert!(!site.path("state").exists(), "nothing is queued");

    let said = test(&site, &site.good(), &["--mock-data", "--json"]);
    let document: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    let events = document["streams"][0]["events"].as_array().expect("a list");
    assert_eq!(events.len(), messages, "{document:#}");
    let shown = events.iter().all(|event| {
        let id = event["id"].as_str().unwrap_or_default();
        id.starts_with("acme/threats/") && event["raw"]["threatId"].is_string() && event["severity"].is_string()
    });
    assert!(shown, "{document:#}");

    site.api.set_token("another");
    let said = test(&site, &site.good(), &["--mock-data"]);
    assert_eq!(said.code, 69, "{}", said.stdout);
    assert!(said.stdout.contains("401"), "{}", said.stdout);
}
