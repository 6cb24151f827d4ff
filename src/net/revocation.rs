//! Certificates that were taken back: revocation lists (RFC 5280 section 5) from a file.
//!
//! Promise: where lists are set, a peer is trusted only if the list of its own issuer is there and does not name it.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;

use super::tls::{provider, read_pem};
use crate::fault::{Fault, FaultKind};

/// The usual verifier (name, chain, dates), and the lists of `file` on top. A list past its day still counts: what it
/// revokes stays revoked, and a feed must not stop because nobody renewed it.
///
/// # Errors
/// `Misconfigured` names the file and what is wrong with it.
pub(super) fn verifier(roots: RootCertStore, file: &Path) -> Result<Arc<WebPkiServerVerifier>, Fault> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .with_crls(lists(file)?)
        // The peer's own certificate: private CAs seldom publish a list for each one between.
        .only_check_end_entity_revocation()
        .build()
        .map_err(|e| {
            let text = format!("{} (`crl`) holds a revocation list that can't be used", file.display());
            Fault::new(FaultKind::Misconfigured, text).caused_by(e)
        })
}

/// The lists of a file, of which there is one at least.
///
/// # Errors
/// `Misconfigured` names the file and what is wrong with it.
pub(super) fn lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Fault> {
    let place = format!("{} (`crl`)", file.display());
    let wrong = |text: String| Fault::new(FaultKind::Misconfigured, text);
    let mut lists = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(&read_pem(file, "crl")?) {
        // What the parser quotes is not kept: somebody may have put a key into this file.
        lists.push(list.map_err(|_| wrong(format!("{place} is not well-formed PEM")))?);
    }
    if lists.is_empty() {
        return Err(wrong(format!("{place} holds no PEM revocation list (\"-----BEGIN X509 CRL-----\")")));
    }
    Ok(lists)
}
