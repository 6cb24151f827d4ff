//! The way to a vendor: directly or through a proxy, and whether it can be gone.
//!
//! Promise: a proxy is named by host and port alone; its password is neither told nor sent but to the proxy itself.

use http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding;
use super::{LIMIT, late};
use crate::config::{Egress, Integration};
use crate::engine::way_out;
use crate::fault::{Fault, FaultKind};
use crate::net::dial::{Path, dial};
use crate::net::proxy::{Environment, Proxy};

const PROXY: &str = "proxy";
const TCP: &str = "tcp";

/// The way to one host, as the agent would go it.
pub struct Way {
    /// Without brackets.
    pub host: String,
    pub port: u16,
    pub proxy: Option<Proxy>,
    /// As the dialling room wants it: the proxy is the one that was chosen, whoever named it.
    path: Path,
    /// Who named the proxy.
    by: &'static str,
}

/// The proxy that a URL is asked through.
pub fn towards(url: &str, egress: &Egress) -> Result<Option<Proxy>, Fault> {
    let Ok(uri) = url.parse::<Uri>() else { return Ok(None) };
    way_out::path(egress).proxy_for(&uri, &Environment::read())
}

impl Way {
    /// The way to `host` or `host:port` of an integration, over HTTPS.
    ///
    /// # Errors
    /// `Misconfigured`: a host or a proxy that can't be one.
    pub fn to(host: &str, integration: &Integration, egress: &Egress) -> Result<Way, Fault> {
        let wrong = || Fault::new(FaultKind::Misconfigured, "`host` is not a host");
        let uri: Uri = format!("https://{host}/").parse().map_err(|_| wrong())?;
        let bare = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let environment = Environment::read();
        let mut path = way_out::path_of(integration, egress);
        let proxy = path.proxy_for(&uri, &environment)?;
        let by = if path.proxy.is_some() { "`proxy` under [egress]" } else { "HTTPS_PROXY of the environment" };
        path.proxy = path.proxy.or(environment.https).filter(|_| proxy.is_some());
        Ok(Way { host: bare, port: uri.port_u16().unwrap_or(443), proxy, path, by })
    }

    /// Dials.
    ///
    /// # Errors
    /// As [`dial`].
    pub async fn dial(&self) -> Result<TcpStream, Fault> {
        dial(&self.host, self.port, &self.path, LIMIT).await
    }

    /// The line about TCP or the proxy's tunnel, and the connection for the next step.
    pub async fn look(&self) -> (Finding, Option<TcpStream>) {
        let place = format!("{}:{}", self.host, self.port);
        match (self.dial().await, &self.proxy) {
            (Ok(stream), None) => {
                let peer = stream.peer_addr().map_or_else(|_| place.clone(), |peer| peer.to_string());
                (Finding::ok(TCP, "", format!("connected to {peer}, directly: no proxy is set")), Some(stream))
            }
            (Ok(stream), Some(proxy)) => {
                let text = format!("connected to {place} through the proxy {proxy} (CONNECT; named by {})", self.by);
                (Finding::ok(TCP, "", text), Some(stream))
            }
            (Err(fault), None) => {
                let advice = format!("allow this box TCP to {place} in the firewall, or set `proxy` under [egress]");
                (Finding::fault(TCP, "", &fault, advice), None)
            }
            (Err(fault), Some(proxy)) => {
                let advice = format!(
                    "check the proxy {proxy} (named by {}), and that it allows CONNECT to {place} for this box",
                    self.by
                );
                (Finding::fault(TCP, "", &fault, advice), None)
            }
        }
    }
}

/// Does a proxy listen?
pub async fn reach(proxy: &Proxy, egress: &Egress) -> Finding {
    let name = proxy.to_string();
    let way = Path { proxy: None, ..way_out::path(egress) };
    match timeout(LIMIT, dial(&proxy.host, proxy.port, &way, LIMIT)).await {
        Ok(Ok(_)) => Finding::ok(PROXY, &name, "answers the dial; whether it lets us through, the integrations tell"),
        Ok(Err(fault)) => {
            Finding::fault(PROXY, &name, &fault, "check host and port of the proxy, and the firewall towards it")
        }
        Err(_) => late(PROXY, &name),
    }
}
