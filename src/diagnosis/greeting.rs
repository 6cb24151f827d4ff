//! TLS with a vendor's API: the version, whose certificate it is, and whether somebody on the way reads along.
//!
//! Promise: no byte of ours is sent inside the connection. Of a certificate that is not trusted only the issuer is
//! learnt: that handshake is refused by us whatever it shows.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;

use super::LIMIT;
use super::finding::Finding;
use super::way::Way;
use crate::fault::FaultKind;
use crate::net::certificate::{self, Certificate};
use crate::net::tls::{self, TlsOptions};

const ID: &str = "tls";

/// How products that open TLS on the way call themselves in the certificates that they make (in lower case), and how
/// people call them.
const INSPECTORS: [(&str, &str); 25] = [
    ("zscaler", "Zscaler"),
    ("netskope", "Netskope"),
    ("goskope", "Netskope"),
    ("palo alto", "Palo Alto Networks"),
    ("paloalto", "Palo Alto Networks"),
    ("prisma access", "Palo Alto Networks"),
    ("blue coat", "Blue Coat"),
    ("bluecoat", "Blue Coat"),
    ("proxysg", "Blue Coat"),
    ("fortinet", "Fortinet"),
    ("fortigate", "Fortinet"),
    ("cisco umbrella", "Cisco Umbrella"),
    ("opendns", "Cisco Umbrella"),
    ("cisco secure access", "Cisco Umbrella"),
    ("forcepoint", "Forcepoint"),
    ("websense", "Forcepoint"),
    ("skyhigh", "Skyhigh"),
    ("mcafee web gateway", "Skyhigh"),
    ("check point", "Check Point"),
    ("sophos", "Sophos"),
    ("cato networks", "Cato Networks"),
    ("menlo security", "Menlo Security"),
    ("iboss", "iboss"),
    ("cloudflare managed", "Cloudflare Gateway"),
    ("mitmproxy", "mitmproxy"),
];

/// What a handshake showed.
#[derive(Clone, Debug)]
pub struct Greeting {
    version: Option<ProtocolVersion>,
    /// The peer's own first; those that can be read.
    pub certificates: Vec<Certificate>,
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.version {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        })?;
        match self.certificates.first() {
            Some(own) => write!(f, ", its certificate is by {}, valid until {}", own.issuer, own.not_after),
            None => Ok(()),
        }
    }
}

/// What the handshake of this connection showed.
pub fn of(stream: &TlsStream<TcpStream>) -> Greeting {
    let (_, connection) = stream.get_ref();
    let chain = connection.peer_certificates().unwrap_or_default();
    Greeting {
        version: connection.protocol_version(),
        certificates: chain.iter().filter_map(certificate::read).collect(),
    }
}

/// Who trusts the peer's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedBy {
    /// The system's roots.
    System,
    /// The integration's `ca` alone.
    Ca,
}

/// The line about TLS over this connection; `vendors_own`: the host is one of the vendor's, and so is no stand of ours.
pub async fn look(way: &Way, stream: TcpStream, ca: Option<PathBuf>, vendors_own: bool) -> Finding {
    let set = ca.is_some();
    let config = match tls::client_config(&TlsOptions { ca, ..TlsOptions::default() }) {
        Ok(config) => Arc::new(config),
        Err(fault) => return Finding::fault(ID, "", &fault, "correct `ca`, or install ca-certificates"),
    };
    match tls::handshake(config, &way.host, stream, LIMIT).await {
        Ok(stream) => {
            let greeting = of(&stream);
            let trusted = if set { trusted_by(way).await } else { TrustedBy::System };
            judge(&greeting, trusted, vendors_own)
        }
        Err(fault) if fault.kind == FaultKind::Refused => {
            let shown = shown(way).await;
            let Some(own) = shown.first() else {
                return Finding::fault(ID, "", &fault, "check `host` and `ca`, and who answers there");
            };
            let text = format!("{}; it is issued by {}", fault.chain(), own.issuer);
            let advice = match inspector(&shown) {
                Some(product) => format!(
                    "{product} opens TLS on the way: name the PEM file of its root in `ca`, or have {} exempted there",
                    way.host
                ),
                None => {
                    "if that CA is yours, or of a proxy that opens TLS, name its PEM file in `ca`; else check `host`"
                        .to_owned()
                }
            };
            Finding::failed(ID, "", super::finding::Trouble::Peer, text, advice)
        }
        Err(fault) => Finding::fault(ID, "", &fault, "check `host` and its port, and what stands on the way to it"),
    }
}

/// Would the system's roots alone do?
async fn trusted_by(way: &Way) -> TrustedBy {
    let Ok(config) = tls::client_config(&TlsOptions::default()) else { return TrustedBy::Ca };
    let Ok(stream) = way.dial().await else { return TrustedBy::System };
    match tls::handshake(Arc::new(config), &way.host, stream, LIMIT).await {
        Err(fault) if fault.kind == FaultKind::Refused => TrustedBy::Ca,
        // A cut says nothing about trust: what is not known is not held against the way.
        Ok(_) | Err(_) => TrustedBy::System,
    }
}

fn judge(greeting: &Greeting, trusted: TrustedBy, vendors_own: bool) -> Finding {
    let exempt = "Conductor works through it, and whoever runs it can read the key: have the vendor's host exempted";
    if let Some(product) = inspector(&greeting.certificates) {
        return Finding::warning(ID, "", format!("{greeting}: {product} opens TLS on the way"), exempt);
    }
    match (trusted, vendors_own) {
        (TrustedBy::Ca, true) => {
            let text = format!("{greeting}: no public CA, trusted by `ca` alone: something on the way opens TLS");
            Finding::warning(ID, "", text, exempt)
        }
        (TrustedBy::Ca, false) => Finding::ok(ID, "", format!("{greeting}; trusted by `ca` alone")),
        (TrustedBy::System, _) => Finding::ok(ID, "", format!("{greeting}; trusted by the system's roots")),
    }
}

/// Whose product issued one of these.
fn inspector(certificates: &[Certificate]) -> Option<&'static str> {
    let names = certificates.iter().flat_map(|one| &one.issuer_names).map(|name| name.to_lowercase());
    let names: Vec<String> = names.collect();
    let known = INSPECTORS.iter().find(|(part, _)| names.iter().any(|name| name.contains(part)));
    known.map(|(_, product)| *product)
}

/// The certificates that the peer shows, trusted or not; empty where it shows none.
async fn shown(way: &Way) -> Vec<Certificate> {
    let (told, mut seen) = mpsc::unbounded_channel();
    let builder = ClientConfig::builder_with_provider(tls::provider()).with_protocol_versions(rustls::ALL_VERSIONS);
    let Ok(builder) = builder else { return Vec::new() };
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Onlooker(told))).with_no_client_auth();
    let Ok(stream) = way.dial().await else { return Vec::new() };
    // It fails: the onlooker refuses everybody.
    let _ = tls::handshake(Arc::new(config), &way.host, stream, LIMIT).await;
    seen.try_recv().unwrap_or_default()
}

/// Writes down what a server shows, and refuses it.
#[derive(Debug)]
struct Onlooker(mpsc::UnboundedSender<Vec<Certificate>>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let _ = self.0.send(chain.filter_map(certificate::read).collect());
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::finding::Outcome;

    fn greeting(names: &[&str]) -> Greeting {
        let own = Certificate {
            issuer: names[0].to_owned(),
            issuer_names: names.iter().map(|name| (*name).to_owned()).collect(),
            not_after: "2027-01-01T00:00:00Z".parse().expect("a timestamp"),
        };
        Greeting { version: Some(ProtocolVersion::TLSv1_3), certificates: vec![own] }
    }

    #[test]
    fn a_product_that_opens_tls_is_a_warning_by_its_name_or_by_the_ca_that_it_needs() {
        let table = [
            (
                &["Zscaler Intermediate Root CA (zscaler.net)", "Zscaler Inc."][..],
                TrustedBy::System,
                true,
                Some("Zscaler"),
            ),
            (&["ca.acme.goskope.com", "acme"], TrustedBy::Ca, true, Some("Netskope")),
            (&["FG100E", "Fortinet"], TrustedBy::Ca, false, Some("Fortinet")),
            (&["Cisco Umbrella Secondary SubCA", "Cisco"], TrustedBy::System, true, Some("Cisco Umbrella")),
            (&["Acme Web Proxy", "Acme"], TrustedBy::Ca, true, Some("something on the way")),
            (&["Acme Lab CA", "Acme"], TrustedBy::Ca, false, None),
            (&["Amazon RSA 2048 M02", "Amazon"], TrustedBy::System, true, None),
            (&["Cloudflare Inc ECC CA-3", "Cloudflare, Inc."], TrustedBy::System, true, None),
        ];
        for (names, trusted, vendors_own, told) in table {
            let finding = judge(&greeting(names), trusted, vendors_own);
            assert!(finding.text.contains(names[0]), "the issuer is named: {finding:?}");
            match told {
                Some(word) => {
                    assert_eq!(finding.outcome, Outcome::Warning, "{finding:?}");
                    assert!(finding.text.contains(word), "{finding:?}");
                }
                None => assert_eq!(finding.outcome, Outcome::Ok, "{finding:?}"),
            }
        }
    }
}
