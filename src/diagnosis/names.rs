//! DNS: does this box know a host by its name.
//!
//! Promise: a name that only a proxy resolves is not held against this box.

use std::net::IpAddr;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::finding::{Finding, Trouble};
use super::{LIMIT, late};

pub const ID: &str = "names";
const ADVICE: &str = "check its spelling, and this box's DNS servers (resolvectl query NAME)";

/// Looks a name up; `by_proxy`: nobody but a proxy will.
pub async fn look(host: &str, by_proxy: bool) -> Finding {
    if host.parse::<IpAddr>().is_ok() {
        return Finding::ok(ID, host, "is an address, no name to resolve");
    }
    if by_proxy {
        return Finding::skipped(ID, host, "the proxy resolves it", "nothing, as long as the lines after it are well");
    }
    match timeout(LIMIT, lookup_host((host, 0))).await {
        Ok(Ok(found)) => told(host, found.map(|address| address.ip()).collect()),
        Ok(Err(error)) => Finding::failed(ID, host, Trouble::Peer, format!("DNS does not resolve it: {error}"), ADVICE),
        Err(_) => late(ID, host),
    }
}

fn told(host: &str, mut addresses: Vec<IpAddr>) -> Finding {
    addresses.dedup();
    if addresses.is_empty() {
        return Finding::failed(ID, host, Trouble::Peer, "DNS knows the name, but no address of it", ADVICE);
    }
    let shown = addresses.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Finding::ok(ID, host, shown)
}
