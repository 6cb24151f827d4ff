//! Under what the sealed secrets are sealed, as we tell it.
//!
//! Promise: nothing here is a key or a secret, and `credential` is said only where the state folder alone opens nothing.

use serde::{Deserialize, Serialize};

/// Where the key is that opens the sealed secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealedBy {
    /// With systemd, outside of the state folder.
    Credential,
    /// In the state folder, beside what it opens.
    File,
}

impl SealedBy {
    /// The word in JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            SealedBy::Credential => "credential",
            SealedBy::File => "file",
        }
    }
}

/// The sealed secrets of this agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// `null`: nothing is sealed, or the key can't be used; the text says which.
    pub key: Option<SealedBy>,
    /// The same in a sentence.
    pub text: String,
}

impl Default for Secrets {
    fn default() -> Secrets {
        Secrets { key: None, text: "Nothing is sealed.".into() }
    }
}
