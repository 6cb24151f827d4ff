//! `conductor check`, the real binary against sites that are well and sites that are not.
//!
//! Each run is searched for the token and the proxy's password: [`check`] does it for all.

mod site;

#[path = "check/own_box.rs"]
mod own_box;

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use conductor_sim::api::{Api, ApiOptions, Behaviour};
use conductor_sim::ca::{Authority, LOOPBACK};
use conductor_sim::soc::{Soc, SocOptions};
use serde_json::Value;
use site::{PASSWORD, Said, Site, TOKEN, said};

fn check(site: &Site, settings: &str, more: &[&str]) -> Said {
    silent(site.run(settings, &[&["check"], more].concat()))
}

/// No run may tell a secret.
fn silent(said: Said) -> Said {
    for secret in [TOKEN, PASSWORD, "PRIVATE KEY"] {
        assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{secret} was told");
    }
    said
}

/// The line of a finding and the advice below it.
fn lines(said: &Said, begins: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let all: Vec<&str> = said.stdout.lines().collect();
    let at = all.iter().position(|line| words(line).starts_with(begins));
    let at = at.unwrap_or_else(|| panic!("no line begins with {begins:?}:\n{}{}", said.stdout, said.stderr));
    let advice = all.get(at + 1).filter(|line| line.trim_start().starts_with("->"));
    format!("{}\n{}", all[at], advice.unwrap_or(&""))
}

fn expect(said: &Said, code: i32, begins: &str, words: &[&str]) {
    let found = lines(said, begins);
    assert!(words.iter().all(|word| found.contains(word)), "{words:?} in {found}");
    assert!(begins.starts_with("ok") || found.contains("-> "), "no advice: {found}");
    assert_eq!(said.code, code, "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_site_where_all_is_well_says_so_and_sends_nothing() {
    let site = Site::new();
    let said = check(&site, &site.good(), &[]);
    expect(&said, 0, "ok integration acme", &["answered, clock skew"]);
    expect(&said, 0, "ok destination soc", &["TLS 1.3", "by Test Site CA", "valid until"]);
    expect(&said, 0, "ok egress", &["127.0.0.1, observed by localhost", "among the allowlisted"]);
    for line in ["ok settings", "ok secrets integrations.acme.api-key", "ok secrets destinations.soc.key"] {
        lines(&said, line);
    }
    for line in ["ok disk state", "ok disk space", "ok disk agent", "ok clock", "ok names localhost", "ok proxy"] {
        lines(&said, line);
    }
    assert!(said.stdout.ends_with(" 0 with a warning, 0 failed, 0 skipped\n"), "{}", said.stdout);
    assert_eq!(said.stderr, "");
    assert!(site.soc.wait_for_ends(1, std::time::Duration::from_secs(10)), "the connection ends");
    assert_eq!((site.soc.connections(), site.soc.count(), site.soc.framing_errors()), (1, 0, vec![]));
    assert!(!site.path("state").exists(), "a check makes no state folder");
}

#[test]
fn the_json_document_has_every_finding_with_all_its_fields() {
    let site = Site::new();
    site.api.set(Behaviour::ServerError);
    let said = check(&site, &site.good(), &["--json"]);
    let document: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!((said.code, &document["ok"]), (69, &Value::Bool(false)));
    let checks = document["checks"].as_array().expect("a list");
    assert!(checks.len() > 8, "{document:#}");
    for check in checks {
        let mut fields: Vec<&String> = check.as_object().expect("an object").keys().collect();
        fields.sort();
        assert_eq!(fields, ["advice", "id", "outcome", "subject", "text"]);
        let outcome = check["outcome"].as_str().expect("a word");
        assert!(["ok", "warning", "failed", "skipped"].contains(&outcome), "{outcome}");
        assert_eq!(check["advice"].as_str().expect("text").is_empty(), outcome == "ok", "{check}");
    }
    let failed: Vec<&Value> = checks.iter().filter(|check| check["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{document:#}");
    assert_eq!((&failed[0]["id"], &failed[0]["subject"]), (&"integration".into(), &"acme".into()));
}

#[test]
fn the_schema_is_printed_without_any_settings() {
    let site = Site::new();
    let said = said(site.command(&["check", "--print-schema"]).output().expect("runs"));
    let schema: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!((said.code, schema["title"].as_str()), (0, Some("Conductor settings")));
}

#[test]
fn a_wrong_token_is_a_401_with_what_to_do() {
    let site = Site::new();
    site.api.set_token("another");
    expect(&check(&site, &site.good(), &[]), 69, "failed integration acme", &["401", "-> check the API key"]);
}

#[test]
fn a_403_is_explained_by_the_egress_ip_and_the_allowlist() {
    let site = Site::new();
    site.api.set_egress(Some("198.51.100.77"));
    site.api.set(Behaviour::IpDeniedSilently);
    let said = check(&site, &site.good(), &[]);
    expect(
        &said,
        69,
        "failed integration acme",
        &["403", "egress IP 198.51.100.77", "not in the allowlist set here (127.0.0.1)"],
    );
    expect(&said, 69, "warning egress", &["198.51.100.77", "not among the allowlisted"]);
}

#[test]
fn a_certificate_for_another_name_is_told_with_the_names_that_it_has() {
    let site = Site::new();
    let elsewhere = site.authority.server(&["elsewhere.example"]).expect("a certificate");
    let api = Api::start(ApiOptions::new(TOKEN, elsewhere)).expect("an API");
    let settings = site.agent("") + &site.integration(&format!("localhost:{}", api.addr().port()));
    let words = ["not valid for that name", "elsewhere.example", "[integrations.acme]"];
    expect(&check(&site, &settings, &[]), 69, "failed integration acme", &words);
    assert_eq!(api.request_count(), 0, "the token goes to no stranger");
}

#[test]
fn a_ca_that_is_not_theirs_is_told_for_the_api_and_for_the_soc() {
    let site = Site::new();
    let other = Authority::new("Another CA").expect("a CA");
    site.write("tls/ca.pem", &other.ca_pem(), 0o644);
    let said = check(&site, &site.good(), &[]);
    // rustls tells an unknown issuer from a known one whose signature does not fit; the names differ here.
    expect(&said, 69, "failed integration acme", &["issuer that this box does not trust", "`ca`"]);
    expect(&said, 69, "failed destination soc", &["issuer that this box does not trust", "`ca`"]);
}

#[test]
fn html_in_place_of_the_api_is_told_as_such() {
    let site = Site::new();
    site.api.set(Behaviour::Html);
    let words = ["not Abnormal's API", "a portal or a proxy answers"];
    expect(&check(&site, &site.good(), &[]), 69, "failed integration acme", &words);
}

#[test]
fn a_closed_port_is_told_for_the_api_and_for_the_soc() {
    let site = Site::new();
    site.api.refuse();
    site.soc.refuse();
    let said = check(&site, &site.good(), &[]);
    expect(&said, 69, "failed integration acme", &["refused", "nothing listens there"]);
    expect(&said, 69, "failed destination soc", &["refused", "nothing listens there"]);
    expect(&said, 69, "warning egress", &["not observed"]);
    expect(&said, 69, "skipped clock", &["no vendor's API has told the time"]);
}

#[test]
fn an_api_that_takes_the_question_and_never_answers_is_waited_for_so_long_and_no_longer() {
    let site = Site::new();
    site.api.set(Behaviour::Hung);
    let said = check(&site, &site.good(), &[]);
    expect(&said, 69, "failed integration acme", &["no answer within 15 s"]);
    expect(&said, 69, "skipped clock", &["no vendor's API has told the time"]);
    expect(&said, 69, "ok destination soc", &[]);
}

#[test]
fn a_vendors_clock_five_minutes_away_is_a_warning() {
    let site = Site::new();
    site.api.set(Behaviour::ClockSkew { seconds: 300 });
    expect(&check(&site, &site.good(), &[]), 0, "warning clock", &["behind the vendor's", "timedatectl"]);
}

#[test]
fn a_receiver_that_refuses_our_certificate_is_told_in_both_versions_of_tls() {
    let site = Site::new();
    let other = Authority::new("Another CA").expect("a CA");
    for tls12 in [false, true] {
        let server = site.authority.server(&LOOPBACK).expect("a certificate");
        let options = SocOptions { client_ca: Some(other.ca_pem()), tls12, ..SocOptions::new(server) };
        let soc = Soc::start(options).expect("a SOC");
        let with = site.agent("") + &site.destination(&format!("localhost:{}", soc.addr().port()));
        let said = check(&site, &with, &[]);
        expect(&said, 69, "failed destination soc", &["refused our client certificate", "`cert` and `key`"]);
        let without = with.replace("cert = \"tls/client.pem\"\nkey = { file = \"tls/client.key\" }\n", "");
        let said = check(&site, &without, &[]);
        expect(&said, 69, "failed destination soc", &["refused our client certificate"]);
    }
}

#[test]
fn a_receiver_that_never_answers_our_close_is_well_all_the_same() {
    let site = Site::new();
    site.soc.answer_close(false);
    expect(&check(&site, &site.good(), &[]), 0, "ok destination soc", &["TLS 1.3"]);
}

#[test]
fn all_mistakes_of_the_settings_are_told_with_their_places_and_nothing_else_is_tried() {
    let site = Site::new();
    let settings = site.good().replace("64MiB", "lots").replace("type = ", "tipe = ");
    let said = check(&site, &settings, &[]);
    assert_eq!(said.code, 78, "{}", said.stdout);
    let failed = said.stdout.lines().filter(|line| line.starts_with("failed  settings")).collect::<Vec<_>>();
    let place = |line: &str| format!("{}:{line}:", site.path("conductor.toml").display());
    assert!(failed.iter().any(|line| line.contains(&place("5"))), "{failed:#?}");
    assert!(failed.iter().any(|line| line.contains("tipe") || line.contains("`type`")), "{failed:#?}");
    assert_eq!(site.api.request_count(), 0);
    expect(&said, 78, "skipped integration", &["the settings can't be used"]);

    let said = silent(said_of_absent(&site));
    expect(&said, 78, "failed settings", &["conductor.toml"]);
}

fn said_of_absent(site: &Site) -> Said {
    fs::remove_file(site.path("conductor.toml")).expect("it was there");
    said(site.command(&["check"]).output().expect("the binary runs"))
}

#[test]
fn offline_nobody_is_dialled() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("an option");
    let there = format!("localhost:{}", listener.local_addr().expect("bound").port());
    let egress = format!("probe = \"https://{there}/ip\"\nproxy = \"http://u:{PASSWORD}@{there}\"");
    let settings = site.agent(&egress) + &site.integration(&there) + &site.destination(&there);
    let said = check(&site, &settings, &["--offline"]);
    for id in ["clock", "names", "proxy", "egress", "integration", "destination"] {
        expect(&said, 0, &format!("skipped {id}"), &["needs the network", "--offline"]);
    }
    lines(&said, "ok secrets integrations.acme.api-key");
    lines(&said, "ok disk state");
    let dialled = listener.accept().map(|_| ()).map_err(|e| e.kind());
    assert_eq!(dialled, Err(ErrorKind::WouldBlock), "somebody was dialled");

    // The same settings online do dial: the listener would have seen it. It never answers, so the port closes first.
    drop(listener);
    let said = check(&site, &settings, &[]);
    expect(&said, 69, &format!("failed proxy {there}"), &["can't be reached", "host and port of the proxy"]);
    expect(&said, 69, "failed integration acme", &["the proxy"]);
}

#[test]
fn a_second_integration_with_the_same_key_host_and_streams_is_a_warning() {
    let site = Site::new();
    let again = site.integration("localhost:1").replace("integrations.acme", "integrations.zeta");
    let both = site.agent("") + &site.integration("localhost:1") + &again;
    let said = check(&site, &both, &["--offline"]);
    let words = ["the key of integrations.acme", "threats would come twice", "take one of the two out"];
    expect(&said, 0, "warning secrets integrations.zeta.api-key", &words);
    for well in [
        both.replace("[integrations.zeta]", "[integrations.zeta]\nenabled = false"),
        site.agent("") + &site.integration("localhost:1") + &again.replace("\"threats\"", "\"cases\""),
        site.agent("") + &site.integration("localhost:1") + &again.replace("localhost:1", "localhost:2"),
    ] {
        let said = check(&site, &well, &["--offline"]);
        assert!(!said.stdout.contains("would come twice"), "{}", said.stdout);
    }
}
