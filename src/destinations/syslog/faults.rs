//! What can go wrong with a syslog receiver, as sentences that say what to do.
//!
//! Promise: trouble with certificates is `Refused` and names the setting (`ca`, `cert`, `key`, `server-name`);
//! everything else is `Unavailable` and is tried again.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::fault::{Fault, FaultKind};
use crate::net::tls;

/// The connection broke.
pub(super) fn cut(address: &str, cause: io::Error) -> Fault {
    unavailable(format!("the connection to {address} broke; what it did not confirm is sent again")).caused_by(cause)
}

/// A datagram did not go out, or one before it was sent back.
pub(super) fn unsent(address: &str, cause: io::Error) -> Fault {
    let sentence = if cause.kind() == io::ErrorKind::ConnectionRefused {
        format!("nothing listens at {address} (UDP): its machine sent a refusal back; what was not taken is sent again")
    } else {
        format!("no datagram can be sent to {address}")
    };
    unavailable(sentence).caused_by(cause)
}

/// The peer ended the connection by itself.
pub(super) fn ended(address: &str) -> Fault {
    unavailable(format!("{address} closed the connection; what it did not confirm is sent again"))
}

/// The peer closed before its TCP had taken everything.
pub(super) fn ended_early(address: &str) -> Fault {
    unavailable(format!("{address} closed the connection before it had taken everything; the rest is sent again"))
}

/// No end of the handshake within the limit.
pub(super) fn mute(address: &str, limit: Duration) -> Fault {
    unavailable(format!(
        "{address} accepted the connection but did not finish the TLS handshake within {limit:?}: is the receiver \
         running, and is this its TLS port?"
    ))
}

/// The peer's TCP left unanswered what it had to answer.
pub(super) fn dead(address: &str, limit: Duration) -> Fault {
    unavailable(format!(
        "nothing has come from {address} for {limit:?}, not even from its TCP: the machine or the way to it is down; what \
         it did not confirm is sent again"
    ))
}

/// Nothing moved for `limit`.
pub(super) fn stalled(address: &str, limit: Duration) -> Fault {
    unavailable(format!(
        "receiver stalled: {address} has taken and confirmed nothing for {limit:?}; look at its disk and its load"
    ))
}

/// Things move, but too slowly for one call.
pub(super) fn slow(address: &str) -> Fault {
    unavailable(format!("{address} reads too slowly to confirm a window in time: make `window` smaller"))
}

/// The orderly close stayed unanswered.
pub(super) fn unclosed(address: &str, limit: Duration) -> Fault {
    unavailable(format!("{address} did not answer the orderly end of the connection within {limit:?}"))
}

/// The socket's state can't be read.
pub(super) fn unknowable(address: &str, cause: io::Error) -> Fault {
    unavailable(format!("the state of the connection to {address} can't be read")).caused_by(cause)
}

/// What rustls says, sorted by whose certificate is meant.
pub(super) fn tls(address: &str, error: TlsError) -> Fault {
    let sentence = match &error {
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the certificate of {address} is for another name: set `server-name` to a name that it holds, or have it \
             reissued"
        ),
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => format!("the certificate of {address} is not valid now: check this machine's clock, then the certificate"),
        TlsError::InvalidCertificate(CertificateError::Revoked) => {
            format!(
                "the certificate of {address} was revoked by its issuer, as the file of `crl` says: have it reissued"
            )
        }
        TlsError::InvalidCertificate(CertificateError::UnknownRevocationStatus) => format!(
            "whether the certificate of {address} was revoked is not known: put the revocation list of its issuer into \
             the file of `crl`"
        ),
        TlsError::InvalidCertRevocationList(_) => format!(
            "a revocation list of the file of `crl` can't be used for the certificate of {address}: fetch it anew from the \
             CA that issued the certificate"
        ),
        TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented => {
            format!("the certificate of {address} is not trusted: set `ca` to the file with the CA that issued it")
        }
        TlsError::AlertReceived(alert) if about_our_certificate(*alert) => format!(
            "{address} refused the connection ({alert:?}): set `cert` and `key` to a certificate that it accepts"
        ),
        TlsError::AlertReceived(AlertDescription::ProtocolVersion) | TlsError::PeerIncompatible(_) => {
            return unavailable(format!(
                "{address} speaks no TLS version or cipher that is wanted here: see `tls-min-version`, and what it offers"
            ))
            .caused_by(error);
        }
        TlsError::InvalidMessage(_) => {
            return unavailable(format!("{address} does not speak TLS: is this its TLS port?")).caused_by(error);
        }
        _ => return unavailable(format!("the TLS connection to {address} failed")).caused_by(error),
    };
    Fault::new(FaultKind::Refused, sentence).caused_by(error)
}

/// A bare handshake failure is how many servers say that they want another client certificate.
fn about_our_certificate(alert: AlertDescription) -> bool {
    alert == AlertDescription::HandshakeFailure || tls::is_about_our_certificate(alert)
}

fn unavailable(sentence: String) -> Fault {
    Fault::new(FaultKind::Unavailable, sentence)
}
