//! The names under which the remote listener may be asked.
//!
//! Promise: a page from elsewhere that points its own name at this box (DNS rebinding) is told nothing: what is admitted
//! are the address that was connected to, this host's name, the names of the settings and those of the certificate.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;

use crate::net::acceptance;
use crate::web::guard::host_of;

/// Those of one set of papers.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// In lower case.
    own: Vec<String>,
    certificate: CertificateDer<'static>,
}

impl Names {
    /// `own` are the names of the settings and of this host.
    pub(super) fn new(own: Vec<String>, certificate: CertificateDer<'static>) -> Names {
        Names { own, certificate }
    }

    /// Is this `host[:port]` one of ours, on a connection that came to `local`?
    pub(super) fn admit(&self, authority: &str, local: Option<IpAddr>) -> bool {
        let Some(host) = host_of(authority) else { return false };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host == "localhost" || self.own.contains(&host) {
            return true;
        }
        let address = host.parse::<IpAddr>().ok();
        let connected = address.is_some() && address == local.map(|local| local.to_canonical());
        connected || acceptance::holds(&self.certificate, &host)
    }
}

/// This host's own name, in lower case; empty where it has none that can be used.
pub(super) fn host_name() -> String {
    let found = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    found.map(|name| name.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn only_our_own_names_are_admitted() {
        let held = vec!["Box.acme.example".to_owned(), "198.51.100.7".to_owned()];
        let params = CertificateParams::new(held).expect("names");
        let certificate = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        let names = Names::new(vec!["box".to_owned(), "forwarded.example".to_owned()], certificate.der().clone());
        let local = Some(IpAddr::from([192, 0, 2, 7]));
        for ours in [
            "box",
            "BOX:8443",
            "box.",
            "forwarded.example",
            "box.acme.example:443",
            "198.51.100.7:8443",
            "192.0.2.7:8443",
            "localhost:1",
        ] {
            assert!(names.admit(ours, local), "{ours}");
        }
        for foreign in ["evil.example", "192.0.2.8", "box.evil.example", "", "box@evil.example", "x.box.acme.example"] {
            assert!(!names.admit(foreign, local), "{foreign}");
        }
    }
}
