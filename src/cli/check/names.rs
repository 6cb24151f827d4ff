//! DNS: does this box know the name of every host that it must reach.
//!
//! Promise: a name that the proxy resolves is not held against this box.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::Uri;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::finding::Finding;
use super::{LIMIT, integrations, late, peers, proxy};
use crate::cli::Exit;
use crate::config::Settings;

const ID: &str = "names";

pub async fn look(settings: &Settings) -> Vec<Finding> {
    let hosts = hosts(settings);
    if hosts.is_empty() {
        return vec![Finding::ok(ID, "", "no host is set by name")];
    }
    let mut lookups = Vec::new();
    for (host, by_proxy) in hosts {
        lookups.push(tokio::spawn(async move {
            if by_proxy {
                let advice = "nothing, as long as the integrations' lines are well";
                return Finding::skipped(ID, &host, "the proxy resolves it", advice);
            }
            match timeout(LIMIT, lookup_host((host.as_str(), 0))).await {
                Ok(Ok(found)) => told(&host, found.map(|address| address.ip()).collect()),
                Ok(Err(error)) => {
                    let text = format!("DNS does not resolve it: {error}");
                    Finding::failed(ID, &host, Exit::Unavailable, text, ADVICE)
                }
                Err(_) => late(ID, &host),
            }
        }));
    }
    let mut findings = Vec::new();
    for lookup in lookups {
        match lookup.await {
            Ok(finding) => findings.push(finding),
            Err(ended) => findings.push(Finding::failed(ID, "", Exit::Software, ended.to_string(), "report this")),
        }
    }
    findings
}

const ADVICE: &str = "check its spelling, and this box's DNS servers (resolvectl query NAME)";

fn told(host: &str, mut addresses: Vec<IpAddr>) -> Finding {
    addresses.dedup();
    if addresses.is_empty() {
        return Finding::failed(ID, host, Exit::Unavailable, "DNS knows the name, but no address of it", ADVICE);
    }
    let shown = addresses.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Finding::ok(ID, host, shown)
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
