//! The way to a receiver, whatever is spoken there: its address, TLS, and our certificate.
//!
//! Promise: what is dialled is what the operator named, and under TLS its name and chain are always verified.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use crate::fault::{Fault, FaultKind};
use crate::net::dial::{self, Path};
use crate::net::tls::{self, TlsOptions};
use crate::values::Secret;

/// What the operator set about the way. Validated by `config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// `host:port`; an IPv6 address stands in brackets.
    pub address: String,
    pub transport: Transport,
    /// The name in the peer's certificate; default: the host of `address`.
    pub server_name: Option<String>,
    /// A CA file beside the system's roots.
    pub ca: Option<PathBuf>,
    /// Our certificate chain, for mTLS; its key is a secret of its own.
    pub cert: Option<PathBuf>,
}

/// What carries the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tls,
    /// Plain TCP.
    Tcp,
}

/// A link made ready: all that needs no connection is done.
#[derive(Clone, Debug)]
pub struct Dialler {
    address: String,
    host: String,
    port: u16,
    path: Path,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Link {
    /// Host and port, the host as it is written.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.rsplit_once(':')?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        (!host.is_empty() && (bracketed || !host.contains(':'))).then_some(())?;
        Some((host, port.parse().ok()?))
    }

    /// Reads the certificates; `key` is the PEM of our private key, for mTLS.
    ///
    /// # Errors
    /// `Misconfigured` for an address or name that can't be used; what [`tls::client_config`] says of files.
    pub fn dialler(&self, key: Option<Secret>) -> Result<Dialler, Fault> {
        let wrong = |sentence: String| Fault::new(FaultKind::Misconfigured, sentence);
        let address = self.address.clone();
        let (host, port) = self
            .host_and_port()
            .ok_or_else(|| wrong(format!("address {address:?} must be host:port, such as siem.example:6514")))?;
        let tls = match self.transport {
            Transport::Tcp => None,
            Transport::Tls => {
                let name = self.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']).to_owned();
                let server_name = ServerName::try_from(name.clone()).map_err(|e| {
                    wrong(format!("{name:?} can't be the name in a certificate: set `server-name`")).caused_by(e)
                })?;
                let options = TlsOptions { ca: self.ca.clone(), cert: self.cert.clone(), key };
                Some((Arc::new(tls::client_config(&options)?), server_name))
            }
        };
        // Destinations are inside: no proxy, no source address.
        let path = Path::default();
        Ok(Dialler { host: host.trim_matches(['[', ']']).to_owned(), port, path, tls, address })
    }
}

impl Dialler {
    /// The peer's name in sentences: `host:port` as the operator wrote it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host alone, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What a TLS client needs; `None` where the transport is plain.
    pub fn tls(&self) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        self.tls.clone()
    }

    /// A TCP connection to the peer; TLS is not begun.
    ///
    /// # Errors
    /// As of [`dial::dial`].
    pub async fn dial(&self, limit: Duration) -> Result<TcpStream, Fault> {
        dial::dial(&self.host, self.port, &self.path, limit).await
    }
}
