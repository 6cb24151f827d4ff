//! The way to a receiver, whatever is spoken there: its address, TLS, and our certificate.
//!
//! Promise: what is dialled is what the operator named, and under TLS its name and chain are always verified.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UdpSocket};

use crate::fault::{Fault, FaultKind};
use crate::net::dial::{self, Path};
use crate::net::tls::{self, TlsOptions};
use crate::values::Secret;

pub use crate::net::door::Door;
pub use crate::net::tls::TlsVersion;

/// What the operator set about the way. Validated by `config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// `host:port`; an IPv6 address stands in brackets.
    pub address: String,
    pub transport: Transport,
    /// The name in the peer's certificate, and its SNI; default: the host of `address`.
    pub server_name: Option<String>,
    /// A CA file beside the system's roots.
    pub ca: Option<PathBuf>,
    /// Our certificate chain, for mTLS; its key is a secret of its own.
    pub cert: Option<PathBuf>,
    /// Revocation lists that the peer's certificate is held against.
    pub crl: Option<PathBuf>,
    pub tls_min_version: TlsVersion,
    /// `http://[user:password@]host:port`: an HTTP proxy that is asked for a tunnel.
    pub proxy: Option<Secret>,
    /// Plain TCP or UDP is wanted beyond loopback.
    pub insecure: bool,
    /// An older connection is ended in order and made anew; `None`: never.
    pub max_connection_age: Option<Duration>,
    /// Who named it all: where it may lead.
    pub door: Door,
}

/// What carries the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    #[default]
    Tls,
    /// Plain TCP.
    Tcp,
    /// Plain datagrams.
    Udp,
}

/// A link made ready: all that needs no connection is done.
#[derive(Clone, Debug)]
pub struct Dialler {
    address: String,
    host: String,
    port: u16,
    path: Path,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Only loopback may be at the other end.
    loopback_only: bool,
    max_connection_age: Option<Duration>,
}

impl Link {
    /// Do events leave this machine readable by everyone on the way? A proxy's tunnel leaves it, wherever it ends.
    pub fn is_open(&self) -> bool {
        let plain = match self.transport {
            Transport::Tls => false,
            Transport::Tcp | Transport::Udp => true,
        };
        plain && (self.proxy.is_some() || !self.host_and_port().is_some_and(|(host, _)| is_loopback(host)))
    }

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
            Transport::Tcp | Transport::Udp => None,
            Transport::Tls => {
                let name = self.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']).to_owned();
                let server_name = ServerName::try_from(name.clone()).map_err(|e| {
                    wrong(format!("{name:?} can't be the name in a certificate: set `server-name`")).caused_by(e)
                })?;
                let options = TlsOptions {
                    ca: self.ca.clone(),
                    cert: self.cert.clone(),
                    key,
                    crl: self.crl.clone(),
                    min_version: self.tls_min_version,
                };
                Some((Arc::new(tls::client_config(&options)?), server_name))
            }
        };
        let loopback_only = tls.is_none() && !self.insecure;
        let host = host.trim_matches(['[', ']']).to_owned();
        let max_connection_age = self.max_connection_age;
        Ok(Dialler { host, port, path: self.path(), tls, address, loopback_only, max_connection_age })
    }

    /// The way out: destinations are inside, so [egress] has no say, only the proxy of their own, which who named the
    /// destination named too.
    pub fn path(&self) -> Path {
        Path { proxy: self.proxy.clone(), door: self.door, proxy_door: self.door, ..Path::default() }
    }
}

/// An address of loopback, or the name that means it (RFC 6761 6.3); what a resolver makes of other names may change.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    address || host.eq_ignore_ascii_case("localhost")
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

    /// Is a connection of this age to be made anew?
    pub fn is_outlived(&self, age: Duration) -> bool {
        self.max_connection_age.is_some_and(|most| age >= most)
    }

    /// A TCP connection to the peer; TLS is not begun. A peer that dies while it is quiet is noticed within half a
    /// minute; while something is under way, whoever waits for it has to look ([`tcp_info::Owed`]).
    ///
    /// # Errors
    /// As of [`dial::dial`]; `Refused` where a plain connection would leave this machine unwanted.
    ///
    /// [`tcp_info::Owed`]: crate::net::tcp_info::Owed
    pub async fn dial(&self, limit: Duration) -> Result<TcpStream, Fault> {
        let stream = dial::dial(&self.host, self.port, &self.path, limit).await?;
        let failed = |e| Fault::new(FaultKind::Unavailable, format!("{} went at once", self.address)).caused_by(e);
        self.admit(stream.peer_addr().map_err(failed)?)?;
        SockRef::from(&stream).set_tcp_keepalive(&keepalive()).map_err(failed)?;
        Ok(stream)
    }

    /// May a client of its own dial this server (`host:port`)? See [`dial::judge`].
    ///
    /// # Errors
    /// As of [`dial::judge`].
    pub async fn judge(&self, server: &str, limit: Duration) -> Result<(), Fault> {
        let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
        dial::judge(host.trim_matches(['[', ']']), port.parse().unwrap_or_default(), self.path.door, limit).await
    }

    /// A socket for datagrams to the peer.
    ///
    /// # Errors
    /// `Unavailable`: the name is not resolved, or there is no way; `Refused` as of [`Dialler::dial`].
    pub async fn datagrams(&self, limit: Duration) -> Result<UdpSocket, Fault> {
        let socket = dial::datagrams(&self.host, self.port, self.path.door, limit).await?;
        let failed =
            |e| Fault::new(FaultKind::Unavailable, format!("there is no way to {}", self.address)).caused_by(e);
        self.admit(socket.peer_addr().map_err(failed)?)?;
        Ok(socket)
    }

    fn admit(&self, peer: SocketAddr) -> Result<(), Fault> {
        if !self.loopback_only || peer.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let text = format!(
            "{} leads to {peer}, which is not on this machine, and plain events may not leave it: use TLS, or write \
             insecure = true",
            self.address
        );
        Err(Fault::new(FaultKind::Refused, text))
    }
}

/// Asked after 15 s of silence, then each 5 s; unanswered three times, the peer is gone.
fn keepalive() -> TcpKeepalive {
    let seconds = Duration::from_secs;
    TcpKeepalive::new().with_time(seconds(15)).with_interval(seconds(5)).with_retries(3)
}
