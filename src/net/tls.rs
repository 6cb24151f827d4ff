//! TLS for everything that dials: the provider, the roots, our own certificate, and what went wrong in words.
//!
//! Promise: a peer's name and chain are always verified, and no error of this file holds key material.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::revocation;
use crate::fault::{Fault, FaultKind};
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
    /// Revocation lists (PEM): a peer whose certificate is revoked is refused, and one that no list speaks of.
    pub crl: Option<PathBuf>,
    pub min_version: TlsVersion,
}

/// The lowest version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    #[default]
    V12,
    V13,
}

impl TlsVersion {
    /// It and those above it.
    pub(super) fn and_above(self) -> &'static [&'static rustls::SupportedProtocolVersion] {
        static V12: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
        static V13: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
        match self {
            TlsVersion::V12 => &V12,
            TlsVersion::V13 => &V13,
        }
    }
}

/// The TLS provider that this build was made with. Never the process default: two providers in the
/// dependency graph would make that one panic.
pub fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    compile_error!("one of the features `ring` and `aws-lc-rs` is needed");
}

/// A client configuration over the system's roots (read anew at each call, `SSL_CERT_FILE`
/// and `SSL_CERT_DIR` honoured) and the CA file of `options`.
///
/// # Errors
/// `Misconfigured` names the file that can't be used and why; `Keyless` where our private key can't be.
pub fn client_config(options: &TlsOptions) -> Result<ClientConfig, Fault> {
    let ca = options.ca.as_deref().map(|file| read_pem(file, "ca")).transpose()?;
    build(system_roots(), ca.as_deref(), options)
}

/// The system's roots, as they are now.
pub(super) fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    // A root of the system that does not parse is the distribution's business; the others serve.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

/// As [`client_config`], over roots and the content of the CA file that are read already.
pub(super) fn build(system: RootCertStore, ca: Option<&[u8]>, options: &TlsOptions) -> Result<ClientConfig, Fault> {
    let ca = options.ca.as_deref().zip(ca);
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(options.min_version.and_above())
        .map_err(|e| Fault::new(FaultKind::Misconfigured, "this build's TLS provider is incomplete").caused_by(e))?;
    let roots = roots(system, ca)?;
    let builder = match options.crl.as_deref() {
        None => builder.with_root_certificates(roots),
        Some(file) => builder.with_webpki_verifier(revocation::verifier(roots, file)?),
    };
    let (cert, key) = match (&options.cert, &options.key) {
        (None, None) => return Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => (cert, key),
        (Some(cert), None) => {
            let text = format!("the certificate {} has no key beside it: set `key` too", cert.display());
            return Err(Fault::new(FaultKind::Keyless, text));
        }
        (None, Some(_)) => {
            let text = "a private key is set, but no certificate: set `cert` to its PEM file too";
            return Err(Fault::new(FaultKind::Misconfigured, text));
        }
    };
    let chain = certificates(cert, "cert", &read_pem(cert, "cert")?)?;
    let key = private_key(cert, key)?;
    builder.with_client_auth_cert(chain, key).map_err(|e| {
        let text = format!(
            "the certificate {} and its key can't be used together: check that they are a pair",
            cert.display()
        );
        Fault::new(FaultKind::Keyless, text).caused_by(e)
    })
}

/// The private key of the certificate in `cert`.
pub(super) fn private_key(cert: &Path, key: &Secret) -> Result<PrivateKeyDer<'static>, Fault> {
    // The parser's own error may quote a line of the key: it is not kept as a cause.
    PrivateKeyDer::from_pem_slice(key.reveal().as_bytes()).map_err(|_| {
        let text =
            format!("the key of {} is not an unencrypted PEM private key (PKCS#8, PKCS#1 or SEC1)", cert.display());
        Fault::new(FaultKind::Keyless, text)
    })
}

fn roots(mut store: RootCertStore, ca: Option<(&Path, &[u8])>) -> Result<RootCertStore, Fault> {
    if let Some((file, pem)) = ca {
        for certificate in certificates(file, "ca", pem)? {
            store.add(certificate).map_err(|e| {
                let text = format!("{} (`ca`) holds a certificate that can't serve as a root", file.display());
                Fault::new(FaultKind::Misconfigured, text).caused_by(e)
            })?;
        }
    }
    if store.is_empty() {
        let text = "no CA is known: the system's root certificates are missing (install ca-certificates) and no `ca` file is set";
        return Err(Fault::new(FaultKind::Misconfigured, text));
    }
    Ok(store)
}

/// The content of a PEM file; `setting` names it in errors.
pub(super) fn read_pem(file: &Path, setting: &str) -> Result<Vec<u8>, Fault> {
    std::fs::read(file).map_err(|e| {
        let text = format!("{} (`{setting}`) can't be read: check the path and its permissions", file.display());
        Fault::new(FaultKind::Misconfigured, text).caused_by(e)
    })
}

pub(super) fn certificates(file: &Path, setting: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let place = format!("{} (`{setting}`)", file.display());
    let wrong = |text: String| Fault::new(FaultKind::Misconfigured, text);
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // Somebody may have put a key into this file: what the parser quotes is not kept.
        found.push(certificate.map_err(|_| wrong(format!("{place} is not well-formed PEM")))?);
    }
    if found.is_empty() {
        return Err(wrong(format!("{place} holds no PEM certificate (\"-----BEGIN CERTIFICATE-----\")")));
    }
    Ok(found)
}

/// Speaks TLS over `stream` with the peer called `name`, within `limit`.
///
/// # Errors
/// `Refused` for a certificate, `Unavailable` for a handshake that was cut or took too long, `Misconfigured`
/// for a name that no certificate can hold.
pub async fn handshake(
    config: Arc<ClientConfig>,
    name: &str,
    stream: TcpStream,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, Fault> {
    let server = ServerName::try_from(name.to_owned()).map_err(|e| {
        let text = format!("{name:?} is neither a DNS name nor an IP address, so no certificate can be checked for it");
        Fault::new(FaultKind::Misconfigured, text).caused_by(e)
    })?;
    match tokio::time::timeout(limit, TlsConnector::from(config).connect(server, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(fault_of(&error, name).unwrap_or_else(|| {
            let text = format!("{name} cut the connection during the TLS handshake: does it speak TLS on this port?");
            Fault::new(FaultKind::Unavailable, text).caused_by(error)
        })),
        Err(_) => {
            let text = format!("{name} did not finish the TLS handshake in time");
            Err(Fault::new(FaultKind::Unavailable, text))
        }
    }
}

/// The fault for the TLS error that hides in `error` or its causes; `None` where there is none.
pub fn fault_of(error: &(dyn Error + 'static), host: &str) -> Option<Fault> {
    let tls = find(error)?;
    Some(Fault::new(kind(tls), describe(tls, host)).caused_by(tls.clone()))
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // `io::Error::source` leaves its own payload out.
        if let Some(payload) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return find(payload);
        }
        cause = inner.source();
    }
    None
}

/// A certificate refused, theirs by us or ours by them, is `Refused`; all else is `Unavailable`.
pub fn kind(error: &rustls::Error) -> FaultKind {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => FaultKind::Refused,
        rustls::Error::AlertReceived(alert) if is_about_our_certificate(*alert) => FaultKind::Refused,
        _ => FaultKind::Unavailable,
    }
}

/// Alerts by which a server says that it wants another client certificate (RFC 8446 6.2).
pub fn is_about_our_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::CertificateRequired
    )
}

/// A TLS error as a sentence that says what to do. `host` is the peer as the operator knows it.
pub fn describe(error: &rustls::Error, host: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(reason) => describe_certificate(reason, host),
        rustls::Error::NoCertificatesPresented => format!("{host} showed no certificate"),
        rustls::Error::AlertReceived(alert) if is_about_our_certificate(*alert) => format!(
            "{host} refused our client certificate ({alert:?}): check `cert` and `key`, and that it trusts their issuer"
        ),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => {
            format!("{host} and this agent have no TLS version or cipher in common: it must speak TLS 1.2 or 1.3")
        }
        rustls::Error::AlertReceived(alert) => format!("{host} ended the TLS handshake ({alert:?})"),
        rustls::Error::InvalidMessage(_) => format!("{host} does not speak TLS on this port: check host and port"),
        _ => format!("TLS with {host} failed"),
    }
}

fn describe_certificate(reason: &CertificateError, host: &str) -> String {
    match reason {
        CertificateError::UnknownIssuer => format!(
            "the certificate of {host} comes from an issuer that this box does not trust: if that CA is yours, or a \
             TLS-inspecting proxy's, name its PEM file in the setting `ca`"
        ),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the certificate of {host} expired on {}; this box's clock says {}: renew the certificate, or correct the clock",
            instant(*not_after),
            instant(*time)
        ),
        CertificateError::Expired => {
            format!("the certificate of {host} has expired: renew it, or correct this box's clock")
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the certificate of {host} is valid from {} on, but this box's clock says {}: correct the clock",
            instant(*not_before),
            instant(*time)
        ),
        CertificateError::NotValidYet => {
            format!("the certificate of {host} is not valid yet: check this box's clock")
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "the certificate of {host} is not valid for that name{}: check the address, or who answers there",
            names(presented)
        ),
        CertificateError::NotValidForName => {
            format!("the certificate of {host} is not valid for that name: check the address, or who answers there")
        }
        CertificateError::BadSignature => format!(
            "the certificate of {host} is not signed by the CA of that name that this box trusts: if that CA was renewed, \
             name its new PEM file in the setting `ca`"
        ),
        CertificateError::Revoked => format!("the certificate of {host} was revoked by its issuer"),
        CertificateError::UnknownRevocationStatus => format!(
            "whether the certificate of {host} was revoked is not known: the file of `crl` holds no list of its issuer"
        ),
        // webpki's own error, which rustls wraps without a variant of its own.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => format!(
            "{host} shows a CA's certificate as its own: give it one that this CA has signed, without the CA flag"
        ),
        _ => format!("the certificate of {host} can't be verified"),
    }
}

fn instant(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "a time out of range".to_owned(), |t| t.to_string())
}

/// The names that a stranger's certificate holds: few and short, for they are his words in our log.
fn names(presented: &[String]) -> String {
    let shown: Vec<String> =
        presented.iter().take(3).map(|name| name.chars().filter(|c| !c.is_control()).take(80).collect()).collect();
    if shown.is_empty() { String::new() } else { format!(" (it names {})", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_without_a_ca_is_said_and_not_dialled_with() {
        let fault = roots(RootCertStore::empty(), None).expect_err("nobody could be verified");
        assert_eq!(fault.kind, FaultKind::Misconfigured);
        assert!(fault.context.contains("ca-certificates"), "{fault}");
    }

    #[test]
    fn every_certificate_error_is_refused_and_a_cut_is_not() {
        let refused = [
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
            rustls::Error::InvalidCertificate(CertificateError::Expired),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
            rustls::Error::AlertReceived(AlertDescription::UnknownCA),
        ];
        for error in refused {
            assert_eq!(kind(&error), FaultKind::Refused, "{error}");
        }
        for error in [
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion),
            rustls::Error::AlertReceived(AlertDescription::InternalError),
            rustls::Error::HandshakeNotComplete,
        ] {
            assert_eq!(kind(&error), FaultKind::Unavailable, "{error}");
        }
    }

    #[test]
    fn a_strangers_names_are_told_briefly_and_without_control_characters() {
        let many: Vec<String> = (0..100).map(|n| format!("evil\n{n}{}", "x".repeat(500))).collect();
        let text = names(&many);
        assert!(text.len() < 300 && !text.contains('\n'), "{text:?}");
    }
}
