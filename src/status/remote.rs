//! The remote listener, as we tell it.
//!
//! Promise: the fingerprint is that of the certificate which is shown to whoever connects from now on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whose making our certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certified {
    /// Ours: who connects compares the fingerprint.
    SelfSigned,
    /// The operator's, from `cert`.
    Operator,
}

impl Certified {
    /// The word in JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Certified::SelfSigned => "self-signed",
            Certified::Operator => "operator",
        }
    }
}

/// The remote listener while it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Address and port.
    pub listen: String,
    pub certificate: Certified,
    /// SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    pub fingerprint_sha256: String,
    /// When the certificate ends; `null`: it can't be read out of it.
    pub expires: Option<Timestamp>,
    /// Who may see the health: `certificate`, `token`; empty: nobody.
    pub health: Vec<String>,
    /// Whether the pages are served there.
    pub admin: bool,
    /// The same in a sentence.
    pub text: String,
}
