//! The validated settings: what the rest of the house works with.
//!
//! Promise: a value of these types needs no further check, and two equal ones behave alike
//! (the engine restarts only what differs).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::appliance::update::Window;
use crate::connectors::abnormal;
pub use crate::connectors::abnormal::region::Region;
pub use crate::destinations::link::{Door, Link, TlsVersion, Transport};
use crate::destinations::{elastic, http, jetstream, relp, splunk_hec, syslog};
use crate::event::Severity;
pub use crate::format::Shape;
pub use crate::values::SecretRef;
use crate::values::{ByteSize, IpRange, Name, Secret};

/// Everything the operator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub agent: Agent,
    pub queue: Queue,
    pub egress: Egress,
    pub local: Local,
    pub update: Update,
    /// `None`: nothing listens beyond loopback.
    pub remote: Option<Remote>,
    pub integrations: BTreeMap<Name, Integration>,
    pub destinations: BTreeMap<Name, Destination>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// How the box is called on /status and in the HOSTNAME of syslog messages.
    pub name: String,
    pub state_dir: PathBuf,
    /// How often a heartbeat goes to every destination; zero: never.
    pub heartbeat: Duration,
    /// Whether entries of the audit log become events.
    pub forward_audit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Of disk, measured; polling pauses past it.
    pub max_size: ByteSize,
    pub when_full: WhenFull,
    /// How long events stay after all took them.
    pub keep: Duration,
    /// How much of them stays; 0: nothing.
    pub keep_size: ByteSize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Polling pauses; the vendor keeps the history.
    Pause,
    /// The oldest events go, counted and shown.
    DropOldest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// What the vendor's IP Safelist holds.
    pub allowlisted: Vec<IpRange>,
    /// A URL whose answer holds our address as seen from outside.
    pub probe: Option<String>,
    /// A CA file for the probe, beside the system's roots.
    pub probe_ca: Option<PathBuf>,
    pub source_address: Option<IpAddr>,
    pub interface: Option<String>,
    /// `http://[user:password@]host:port`; may hold a password.
    pub proxy: Option<Secret>,
    /// Which addresses that proxy may have: of a page's, none of this machine.
    pub proxy_door: Door,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Loopback only.
    pub listen: SocketAddr,
}

/// Where newer versions of an appliance are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Of an index, by HTTPS; `None`: nothing is looked for.
    pub url: Option<String>,
    /// A CA file beside the system's roots.
    pub ca: Option<PathBuf>,
    /// When an update may begin; `None`: at any time.
    pub window: Option<Window>,
    pub interval: Duration,
}

/// The HTTPS listener for the SOC's health checks and the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Without effect where systemd hands over a socket.
    pub listen: SocketAddr,
    /// Our certificate's chain; `None`: one of our own making.
    pub cert: Option<PathBuf>,
    /// Its key; there exactly where `cert` is.
    pub key: Option<SecretRef>,
    pub tls_min_version: TlsVersion,
    /// Who issues the certificates of those that may see the health.
    pub client_ca: Option<PathBuf>,
    pub crl: Option<PathBuf>,
    pub health_token: Option<SecretRef>,
    /// Under which we may be asked, beside our own and those of the certificate.
    pub names: Vec<String>,
    /// Whether the pages are served here.
    pub admin: bool,
    /// Whether what the pages write may name other hosts than the vendor's.
    pub allow_other_hosts: bool,
}

impl Remote {
    /// Every secret that it refers to, under the key that does.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let key = self.key.iter().map(|key| ("key", key));
        key.chain(self.health_token.iter().map(|token| ("health-token", token))).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    pub name: Name,
    pub enabled: bool,
    pub api_key: SecretRef,
    /// `2027-01-31`, as the operator knows it.
    pub api_key_expires: Option<jiff::civil::Date>,
    /// How the vendor calls the key, where it has several.
    pub api_key_name: Option<String>,
    /// An older key is told; zero: never.
    pub api_key_max_age: Duration,
    /// Shared by the streams of this integration.
    pub requests_per_minute: u32,
    /// A CA file beside the system's roots.
    pub ca: Option<PathBuf>,
    /// Who named the host: where it may lead.
    pub door: Door,
    pub connector: Connector,
}

/// One variant for each vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connector {
    Abnormal(abnormal::Settings),
}

impl Connector {
    /// The word in the settings.
    pub fn as_str(&self) -> &'static str {
        match self {
            Connector::Abnormal(_) => "abnormal-security",
        }
    }

    /// The regions of its vendor.
    pub fn regions(&self) -> Vec<Region> {
        match self {
            Connector::Abnormal(_) => abnormal::region::regions(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub name: Name,
    pub enabled: bool,
    pub start: Start,
    pub filter: Filter,
    /// The schema of what it is handed.
    pub format: Shape,
    /// The way to it.
    pub link: Link,
    /// The private key of `link.cert`, for mTLS.
    pub key: Option<SecretRef>,
    pub protocol: Protocol,
}

impl Destination {
    /// Every secret that it refers to, under the key that does.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let key = self.key.iter().map(|key| ("key", key));
        let own = match &self.protocol {
            Protocol::Syslog(_) | Protocol::Relp(_) => Vec::new(),
            Protocol::Http(http) => http.secrets(),
            Protocol::SplunkHec(hec) => hec.common.auth.secrets("token"),
            Protocol::Elastic(elastic) => elastic.common.auth.secrets("auth"),
            Protocol::JetStream(settings) => settings.login.secrets(),
        };
        key.chain(own).collect()
    }

    /// Every file of certificates that it refers to.
    pub fn certificates(&self) -> Vec<&Path> {
        [&self.link.ca, &self.link.cert, &self.link.crl].into_iter().flatten().map(PathBuf::as_path).collect()
    }
}

/// One variant for each protocol, with what is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    Syslog(syslog::Settings),
    Relp(relp::Settings),
    Http(http::Settings),
    SplunkHec(splunk_hec::Settings),
    Elastic(elastic::Settings),
    JetStream(jetstream::Settings),
}

impl Protocol {
    /// The word in the settings.
    pub fn as_str(&self) -> &'static str {
        match self {
            Protocol::Syslog(_) => "syslog",
            Protocol::Relp(_) => "relp",
            Protocol::Http(_) => "http",
            Protocol::SplunkHec(_) => "splunk-hec",
            Protocol::Elastic(_) => "elastic",
            Protocol::JetStream(_) => "jetstream",
        }
    }
}

/// What a new destination begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Only what comes from now on.
    Head,
    /// All that the queue still holds.
    Oldest,
}

/// Which events a destination gets; empty lists mean all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub integrations: Vec<String>,
    pub streams: Vec<String>,
    pub severity_at_least: Severity,
}
