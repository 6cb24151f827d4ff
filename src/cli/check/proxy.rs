//! The proxy, where one is set: does it listen.
//!
//! Promise: it is named by host and port alone; its password is neither sent here nor told.

use super::integrations;
use crate::config::{Integration, Settings};
use crate::diagnosis::finding::Finding;
use crate::diagnosis::way;
use crate::fault::Fault;
use crate::net::proxy::Proxy;

const ID: &str = "proxy";

/// The proxy that a URL is asked through.
pub fn towards(url: &str, settings: &Settings) -> Result<Option<Proxy>, Fault> {
    way::towards(url, &settings.egress)
}

/// The proxy of an integration's API.
pub fn of(integration: &Integration, settings: &Settings) -> Result<Option<Proxy>, Fault> {
    towards(&format!("https://{}/", integrations::host(integration)), settings)
}

/// All proxies that are in use, each once.
pub fn all(settings: &Settings) -> Result<Vec<Proxy>, Fault> {
    let mut proxies: Vec<Proxy> = Vec::new();
    let integrations = settings.integrations.values().filter(|one| one.enabled).map(|one| of(one, settings));
    let probe = settings.egress.probe.iter().map(|url| towards(url, settings));
    for proxy in integrations.chain(probe) {
        if let Some(proxy) = proxy?.filter(|proxy| !proxies.contains(proxy)) {
            proxies.push(proxy);
        }
    }
    Ok(proxies)
}

pub async fn look(settings: &Settings) -> Vec<Finding> {
    let proxies = match all(settings) {
        Ok(proxies) => proxies,
        Err(fault) => return vec![Finding::fault(ID, "", &fault, "correct `proxy` under [egress], or the variable")],
    };
    if proxies.is_empty() {
        return vec![Finding::ok(ID, "", "none is set: we go directly")];
    }
    let mut findings = Vec::new();
    for proxy in proxies {
        findings.push(way::reach(&proxy, &settings.egress).await);
    }
    findings
}
