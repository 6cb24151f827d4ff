//! DNS: does this box know the name of every host that it must reach. The look itself is `diagnosis::names`.
//!
//! Promise: a name that the proxy resolves is not held against this box.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::Uri;

use super::{integrations, peers, proxy};
use crate::config::Settings;
use crate::diagnosis::finding::{Finding, Trouble};
use crate::diagnosis::names;

pub async fn look(settings: &Settings) -> Vec<Finding> {
    let hosts = hosts(settings);
    if hosts.is_empty() {
        return vec![Finding::ok(names::ID, "", "no host is set by name")];
    }
    let mut lookups = Vec::new();
    for (host, by_proxy) in hosts {
        lookups.push(tokio::spawn(async move { names::look(&host, by_proxy).await }));
    }
    let mut findings = Vec::new();
    for lookup in lookups {
        match lookup.await {
            Ok(finding) => findings.push(finding),
            Err(ended) => findings.push(Finding::failed(names::ID, "", Trouble::Bug, ended.to_string(), "report this")),
        }
    }
    findings
}

/// Every host that is set by name, and whether only a proxy will look it up.
fn hosts(settings: &Settings) -> BTreeMap<String, bool> {
    let mut hosts = BTreeMap::new();
    let mut add = |host: &str, by_proxy: bool| {
        let bare = host.trim_matches(['[', ']']);
        if bare.parse::<IpAddr>().is_err() && !bare.is_empty() {
            // Who needs it resolved here decides.
            hosts.entry(bare.to_ascii_lowercase()).and_modify(|only| *only &= by_proxy).or_insert(by_proxy);
        }
    };
    for integration in settings.integrations.values().filter(|one| one.enabled) {
        let url = format!("https://{}/", integrations::host(integration));
        let by_proxy = proxy::of(integration, settings).is_ok_and(|proxy| proxy.is_some());
        add(url.parse::<Uri>().ok().as_ref().and_then(Uri::host).unwrap_or_default(), by_proxy);
    }
    for destination in settings.destinations.values().filter(|one| one.enabled) {
        add(peers::address(destination).map_or("", |(host, _)| host), false);
    }
    if let Some(url) = &settings.egress.probe {
        let by_proxy = proxy::towards(url, settings).is_ok_and(|proxy| proxy.is_some());
        add(url.parse::<Uri>().ok().as_ref().and_then(Uri::host).unwrap_or_default(), by_proxy);
    }
    for proxy in proxy::all(settings).unwrap_or_default() {
        add(&proxy.host, false);
    }
    hosts
}
