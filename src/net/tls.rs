//! TLS for everything that dials: the provider, the roots, our own certificate.

use std::path::PathBuf;

use crate::values::Secret;

/// What a TLS client needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// A CA file beside the system's roots.
    pub ca: Option<PathBuf>,
    /// Our certificate chain, for mTLS.
    pub cert: Option<PathBuf>,
    /// PEM of its key.
    pub key: Option<Secret>,
}
