//! RFC 5424 over TLS (RFC 5425).

use std::path::PathBuf;

use crate::values::Secret;

/// What the operator set for one syslog destination. Validated by `config`; secrets resolved by the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host:port`.
    pub address: String,
    /// The name in the peer's certificate; default: the host of `address`.
    pub server_name: Option<String>,
    /// A CA file beside the system's roots.
    pub ca: Option<PathBuf>,
    /// Our certificate chain, for mTLS.
    pub cert: Option<PathBuf>,
    /// RFC 5424 facility keyword, such as `local0`.
    pub facility: String,
    pub app_name: String,
    /// The private enterprise number in the SD-ID.
    pub enterprise_number: u32,
    /// Bytes of one window, between two receipts.
    pub window: u64,
}

/// What else the destination needs: resolved by the engine.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// PEM of our private key, for mTLS.
    pub key: Option<Secret>,
}
