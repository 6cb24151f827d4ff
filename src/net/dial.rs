//! A TCP connection by name: happy eyeballs, source address or interface, CONNECT through a proxy.

use std::net::IpAddr;

use crate::values::Secret;

/// The way out that the operator chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    pub source_address: Option<IpAddr>,
    pub interface: Option<String>,
    /// `http://[user:password@]host:port`; `None`: the environment's, then none.
    pub proxy: Option<Secret>,
}
