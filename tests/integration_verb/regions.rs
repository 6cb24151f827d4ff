//! A key of another region: told without the option, found with it. The regions' hosts are simulators, handed to the
//! library: the binary knows the vendor's own alone.

use std::path::Path;

use conductor::config::{self, Region};
use conductor::diagnosis::connection::{self, Subject};
use conductor::diagnosis::finding::{Finding, Outcome};
use conductor::secrets::SecretSources;
use conductor_sim::api::{Api, ApiOptions, Behaviour};
use conductor_sim::ca::LOOPBACK;
use jiff::Timestamp;

use super::{expect, test};
use crate::site::{Site, TOKEN};

/// The lines of a test of a site whose API is `us`, with `eu` and `fedramp` beside it.
fn lines(site: &Site, eu: &Api, fedramp: &Api, try_other_regions: bool) -> Vec<Finding> {
    let path = site.write("conductor.toml", &site.good(), 0o644);
    let loaded = config::load(Path::new(&path), &|_| None).expect("good settings");
    let settings = loaded.settings;
    let integration = settings.integrations.values().next().expect("acme");
    let region = |name: &str, api: &Api| Region { name: name.into(), host: format!("localhost:{}", api.addr().port()) };
    let subject = Subject {
        integration,
        egress: &settings.egress,
        secrets: &SecretSources { credentials_dir: None, state_dir: site.path("state") },
        key: None,
        regions: &[region("us", &site.api), region("eu", eu), region("fedramp", fedramp)],
        try_other_regions,
    };
    let mut lines = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(connection::test(&subject, Timestamp::now, &mut |line| lines.push(line)));
    lines
}

fn api(site: &Site, token: &str) -> Api {
    Api::start(ApiOptions::new(token, site.authority.server(&LOOPBACK).expect("a certificate"))).expect("an API")
}

fn one<'l>(lines: &'l [Finding], id: &str, subject: &str) -> &'l Finding {
    let found = lines.iter().find(|line| line.id == id && line.subject == subject);
    found.unwrap_or_else(|| panic!("no line {id} {subject} in {lines:#?}"))
}

#[test]
fn a_key_of_another_region_is_found_there_and_is_shown_to_nobody_unasked() {
    let site = Site::new();
    site.api.set_token("the key of somebody else");
    let (eu, fedramp) = (api(&site, TOKEN), api(&site, "another"));

    let told = lines(&site, &eu, &fedramp, false);
    let refused = one(&told, "key", "GET /v1/cases");
    assert_eq!(refused.outcome, Outcome::Failed);
    assert!(refused.text.contains("401") && refused.advice.contains("--other-regions"), "{refused:?}");
    assert!(one(&told, "stream", "threats").text.contains("not tried"), "{told:#?}");
    assert!(told.iter().all(|line| line.id != "region"), "{told:#?}");
    assert_eq!((eu.request_count(), fedramp.request_count()), (0, 0), "the key was shown unasked");

    let found = lines(&site, &eu, &fedramp, true);
    let accepts = one(&found, "region", "eu");
    assert!(accepts.text.contains("takes this key") && accepts.advice.contains("host = \"eu\""), "{accepts:?}");
    let refuses = one(&found, "region", "fedramp");
    assert!(refuses.outcome == Outcome::Failed && refuses.text.contains("401"), "{refuses:?}");
    assert!(found.iter().all(|line| (line.id, line.subject.as_str()) != ("region", "us")), "it was asked already");
}

#[test]
fn a_403_of_another_region_is_no_yes_and_a_402_is_one() {
    let site = Site::new();
    site.api.set_token("the key of somebody else");
    let (eu, fedramp) = (api(&site, TOKEN), api(&site, TOKEN));
    eu.set(Behaviour::IpDenied);
    fedramp.set(Behaviour::Unlicensed);
    let told = lines(&site, &eu, &fedramp, true);
    assert!(one(&told, "region", "eu").text.contains("not known"), "{told:#?}");
    assert!(one(&told, "region", "fedramp").text.contains("takes this key"), "{told:#?}");
}

#[test]
fn a_key_that_works_is_shown_to_no_other_region_even_when_asked() {
    let site = Site::new();
    let (eu, fedramp) = (api(&site, TOKEN), api(&site, TOKEN));
    let told = lines(&site, &eu, &fedramp, true);
    assert_eq!(one(&told, "key", "GET /v1/cases").outcome, Outcome::Ok);
    assert_eq!((eu.request_count(), fedramp.request_count()), (0, 0));
    // One of the vendor's own hosts behind a private CA: something on the way opens TLS.
    let tls = one(&told, "tls", "");
    assert!(tls.outcome == Outcome::Warning && tls.text.contains("something on the way opens TLS"), "{tls:?}");
}

#[test]
fn a_host_that_is_none_of_the_vendors_offers_no_other_region() {
    let site = Site::new();
    site.api.set_token("another");
    let said = test(&site, &site.good(), &["--other-regions"]);
    expect(&said, 69, "failed key", &["401", "none of the vendor's own, so no other is tried"]);
    assert!(!said.stdout.contains("region us"), "{}", said.stdout);
}
