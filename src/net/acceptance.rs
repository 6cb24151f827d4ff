//! TLS for who listens: our certificate, and the client certificates that are known.
//!
//! Promise: a client certificate of another issuer, expired or revoked ends the handshake; one that is not shown at all
//! does not, for what may be asked without it is decided by whoever serves.

use std::path::Path;
use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};

use super::revocation;
use super::tls::{TlsVersion, certificates, private_key, provider, read_pem};
use crate::fault::{Fault, FaultKind};
use crate::values::Secret;

/// What a TLS server needs to know.
#[derive(Debug)]
pub struct ServerOptions<'o> {
    /// Where our chain is from, for errors.
    pub cert: &'o Path,
    /// It itself, in PEM.
    pub chain: &'o [u8],
    /// PEM of its key.
    pub key: &'o Secret,
    /// Who issues the client certificates that are known.
    pub client_ca: Option<&'o Path>,
    /// Revocation lists of that CA: one that no list speaks of is refused as well.
    pub crl: Option<&'o Path>,
    pub min_version: TlsVersion,
}

/// A configuration for HTTP/1.1, and our own certificate. No session is resumed: a certificate that was revoked or has
/// ended since would come in again without being looked at.
///
/// # Errors
/// `Misconfigured` or `Keyless` names the file that can't be used and why.
pub fn server_config(options: &ServerOptions<'_>) -> Result<(ServerConfig, CertificateDer<'static>), Fault> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(options.min_version.and_above())
        .map_err(|e| Fault::new(FaultKind::Misconfigured, "this build's TLS provider is incomplete").caused_by(e))?;
    let builder = match options.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider())
                .allow_unauthenticated()
                .only_check_end_entity_revocation();
            if let Some(file) = options.crl {
                verifier = verifier.with_crls(revocation::lists(file)?);
            }
            let verifier = verifier.build().map_err(|e| {
                let text = format!("{} (`client-ca`) and its `crl` can't be used", ca.display());
                Fault::new(FaultKind::Misconfigured, text).caused_by(e)
            })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(options.cert, "cert", options.chain)?;
    let own = chain.first().cloned().unwrap_or_else(|| CertificateDer::from(Vec::new()));
    let key = private_key(options.cert, options.key)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|e| {
        let text = format!(
            "the certificate {} and its key can't be used together: check that they are a pair",
            options.cert.display()
        );
        Fault::new(FaultKind::Keyless, text).caused_by(e)
    })?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, own))
}

/// Does the certificate hold this name or address?
pub fn holds(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(name) = ServerName::try_from(host) else { return false };
    ParsedCertificate::try_from(certificate)
        .is_ok_and(|certificate| rustls::client::verify_server_name(&certificate, &name).is_ok())
}

fn roots(file: &Path) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file, "client-ca", &read_pem(file, "client-ca")?)? {
        store.add(certificate).map_err(|e| {
            let text = format!("{} (`client-ca`) holds a certificate that can't serve as a root", file.display());
            Fault::new(FaultKind::Misconfigured, text).caused_by(e)
        })?;
    }
    Ok(store)
}
