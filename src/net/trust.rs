//! TLS configurations shared by those who trust the same: the roots are parsed once, and sessions are resumed by all.
//!
//! Promise: who shares a configuration trusts exactly the same certificates, read from the files when it was made.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use super::tls::{self, TlsOptions};
use crate::fault::Fault;

/// Shared by clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    system: Option<RootCertStore>,
    /// By the content of the CA file; `None`: the system's roots alone. They end with the last who uses them.
    configs: Vec<(Option<[u8; 32]>, Weak<ClientConfig>)>,
}

impl Trust {
    /// A configuration for these options: one that is in use already where it would be the same. What asks for more
    /// than a CA (a certificate of ours, revocation lists, another version) is not shared.
    ///
    /// # Errors
    /// As [`tls::client_config`].
    pub(super) fn config(&self, options: &TlsOptions) -> Result<Arc<ClientConfig>, Fault> {
        let ca = options.ca.as_deref().map(|file| tls::read_pem(file, "ca")).transpose()?;
        let content = ca.as_deref().map(|pem| Sha256::digest(pem).into());
        let shared = *options == TlsOptions { ca: options.ca.clone(), ..TlsOptions::default() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.configs.retain(|(_, config)| config.strong_count() > 0);
        let found = known.configs.iter().find(|(of, _)| shared && *of == content);
        if let Some(config) = found.and_then(|(_, config)| config.upgrade()) {
            return Ok(config);
        }
        let system = known.system.get_or_insert_with(tls::system_roots).clone();
        if system.is_empty() {
            // Whoever installs ca-certificates now must not have to restart us.
            known.system = None;
        }
        let config = Arc::new(tls::build(system, ca.as_deref(), options)?);
        if shared {
            known.configs.push((content, Arc::downgrade(&config)));
        }
        Ok(config)
    }

    /// The system's roots are read anew for whoever asks next; configurations in use stay as they are.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tests::Ca;

    #[test]
    fn who_trusts_the_same_shares_and_a_ca_file_with_another_content_is_another() {
        let (ca, other, trust) = (Ca::new("ours"), Ca::new("other"), Trust::default());
        let one = trust.config(&ca.trust()).expect("a configuration");
        let copy = TlsOptions { ca: Some(ca.keep("copy.pem", &ca.pem())), ..TlsOptions::default() };
        assert!(Arc::ptr_eq(&one, &trust.config(&copy).expect("a configuration")), "the content is the same");
        std::fs::write(ca.file(), other.pem()).expect("written");
        let renewed = trust.config(&ca.trust()).expect("a configuration");
        assert!(!Arc::ptr_eq(&one, &renewed), "a renewed file counts for the next client");
        trust.forget();
        assert!(!Arc::ptr_eq(&one, &trust.config(&copy).expect("a configuration")));
    }

    #[test]
    fn a_certificate_of_our_own_or_a_stricter_rule_is_shared_with_nobody() {
        let (ca, trust) = (Ca::new("ours"), Trust::default());
        let plain = trust.config(&ca.trust()).expect("a configuration");
        let (certificate, key) = ca.issue("agent", false);
        let own = TlsOptions {
            cert: Some(ca.keep("agent.pem", &certificate.pem())),
            key: Some(crate::values::Secret::new(key.serialize_pem())),
            ..ca.trust()
        };
        let (first, second) = (trust.config(&own).expect("a pair"), trust.config(&own).expect("a pair"));
        assert!(!Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &plain));
        let strict = TlsOptions { min_version: tls::TlsVersion::V13, ..ca.trust() };
        assert!(!Arc::ptr_eq(&plain, &trust.config(&strict).expect("a configuration")));
        assert!(Arc::ptr_eq(&plain, &trust.config(&ca.trust()).expect("a configuration")));
    }
}
