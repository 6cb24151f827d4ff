//! TLS for the simulators: PEM in, rustls' server configuration out.
//!
//! Promise: the provider is named here (ring), so no process-wide default is needed or set.

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::ca::Issued;

/// A server that shows `own`, speaks `versions` and, with a CA given, wants a client certificate of it.
pub(crate) fn server(
    own: &Issued,
    client_ca: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).map_err(wrong)?;
    let builder = match client_ca {
        Some(pem) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider());
            builder.with_client_cert_verifier(verifier.build().map_err(wrong)?)
        }
        None => builder.with_no_client_auth(),
    };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(own.cert_pem.as_bytes()).collect::<Result<_, _>>().map_err(wrong)?;
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).map_err(wrong)?;
    builder.with_single_cert(chain, key).map(Arc::new).map_err(wrong)
}

/// The roots of a PEM text.
pub(crate) fn roots(pem: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(root.map_err(wrong)?).map_err(wrong)?;
    }
    Ok(roots)
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn wrong(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("the certificate, key or CA can't be used: {error}"))
}

/// A client that trusts one CA: what the tests of both simulators dial with.
#[cfg(test)]
pub(crate) fn client(ca_pem: &str, own: Option<&Issued>) -> Arc<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("versions of the provider")
        .with_root_certificates(roots(ca_pem).expect("a CA"));
    let config = match own {
        Some(own) => {
            let chain = CertificateDer::pem_slice_iter(own.cert_pem.as_bytes()).map(|c| c.expect("PEM")).collect();
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("a client certificate")
        }
        None => builder.with_no_client_auth(),
    };
    Arc::new(config)
}
