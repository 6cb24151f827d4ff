//! The files behind the remote listener (certificate, key, CA, revocation lists, token), read into one set.
//!
//! Promise: a set is whole or is not; a change of any file is seen by its stamp, without reading it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use super::door::Token;
use super::names::{Names, host_name};
use super::own;
use crate::config::Remote;
use crate::fault::{Fault, FaultKind};
use crate::net::acceptance::{ServerOptions, server_config};
use crate::net::certificate;
use crate::secrets::{self, SecretSources, Stamp, stamp};
use crate::status::{Certified, remote};
use crate::values::{Secret, SecretRef, hex};

/// A shorter token could be guessed in time.
const SHORTEST_TOKEN: usize = 16;

/// What is in use: the next connection shows it, the next request is judged by it.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) token: Option<Token>,
    pub(super) names: Names,
    pub(super) certified: Certified,
    pub(super) expires: Option<Timestamp>,
    pub(super) admin: bool,
    fingerprint: String,
    client_ca: bool,
}

/// What the files were when they were read.
pub(super) type Stamps = Vec<Option<Stamp>>;

/// The stamps of all files that these settings name, and of the certificate of our own making.
pub(super) fn stamps(settings: &Remote, sources: &SecretSources, state_dir: &Path) -> Stamps {
    let secrets = settings.secrets().into_iter().map(|(_, secret)| secret.clone());
    let own = settings.cert.is_none().then(|| own::file(state_dir));
    let files = [settings.cert.clone(), settings.client_ca.clone(), settings.crl.clone(), own].into_iter().flatten();
    secrets.chain(files.map(SecretRef::File)).map(|place| stamp(&place, sources)).collect()
}

/// Reads all of them. A certificate of our own is made where there is none.
///
/// # Errors
/// `Misconfigured` or `Keyless`, with a sentence that names the file.
pub(super) fn read(settings: &Remote, sources: &SecretSources, state_dir: &Path, now: Timestamp) -> Result<Set, Fault> {
    let token = settings.health_token.as_ref().map(|place| health_token(place, sources)).transpose()?;
    let shown = shown(settings, sources, state_dir, now)?;
    let options = ServerOptions {
        cert: &shown.file,
        chain: shown.chain.reveal().as_bytes(),
        key: &shown.key,
        client_ca: settings.client_ca.as_deref(),
        crl: settings.crl.as_deref(),
        min_version: settings.tls_min_version,
    };
    let (tls, certificate) = server_config(&options)?;
    let mut names = settings.names.clone();
    names.push(host_name());
    Ok(Set {
        tls: Arc::new(tls),
        token,
        certified: shown.certified,
        expires: certificate::read(&certificate).map(|read| read.not_after),
        admin: settings.admin,
        fingerprint: fingerprint(&certificate),
        client_ca: settings.client_ca.is_some(),
        names: Names::new(names, certificate),
    })
}

/// Can the files of these settings be used? For `conductor check`: nothing is made, nothing listens.
///
/// # Errors
/// As for the listener itself.
pub fn try_out(settings: &Remote, sources: &SecretSources, state_dir: &Path, now: Timestamp) -> Result<(), Fault> {
    if let Some(place) = &settings.health_token {
        health_token(place, sources)?;
    }
    if settings.cert.is_none() && !own::file(state_dir).exists() {
        return Ok(());
    }
    read(settings, sources, state_dir, now).map(drop)
}

impl Set {
    /// As the status tells it, listening on `listen`.
    pub(super) fn told(&self, listen: String) -> remote::Remote {
        let mut health = Vec::new();
        health.extend(self.client_ca.then(|| "certificate".to_owned()));
        health.extend(self.token.is_some().then(|| "token".to_owned()));
        let who = match (self.client_ca, self.token.is_some()) {
            (true, true) => "Health is told by client certificate or token",
            (true, false) => "Health is told by client certificate",
            (false, true) => "Health is told by token",
            (false, false) => "Health is told to nobody",
        };
        let pages = if self.admin { "the pages are served" } else { "the pages are not served" };
        remote::Remote {
            listen,
            certificate: self.certified,
            fingerprint_sha256: self.fingerprint.clone(),
            expires: self.expires,
            health,
            admin: self.admin,
            text: format!("{who}; {pages}."),
        }
    }
}

/// The certificate to show, and its key.
struct Shown {
    file: PathBuf,
    chain: Secret,
    key: Secret,
    certified: Certified,
}

fn shown(settings: &Remote, sources: &SecretSources, state_dir: &Path, now: Timestamp) -> Result<Shown, Fault> {
    let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else {
        let (both, made) = own::ensure(state_dir, &settings.names, now)?;
        if made {
            tracing::info!("a self-signed certificate was made for the remote listener: its fingerprint is new");
        }
        let (file, certified) = (own::file(state_dir), Certified::SelfSigned);
        return Ok(Shown { file, key: both.clone(), chain: both, certified });
    };
    let chain = std::fs::read_to_string(cert).map_err(|e| {
        let text = format!("{} (`cert`) can't be read: check the path and its permissions", cert.display());
        Fault::new(FaultKind::Misconfigured, text).caused_by(e)
    })?;
    let key = secrets::resolve_text(key, sources)?;
    // Somebody may have put the key into this file as well: it is held as a secret.
    Ok(Shown { file: cert.clone(), chain: Secret::new(chain), key, certified: Certified::Operator })
}

fn health_token(place: &SecretRef, sources: &SecretSources) -> Result<Token, Fault> {
    let token = secrets::resolve_token(place, sources)?;
    if token.reveal().len() < SHORTEST_TOKEN {
        let text = format!(
            "the health-token of [remote] is shorter than {SHORTEST_TOKEN} characters: make a longer one \
             (head -c 24 /dev/urandom | base64)"
        );
        return Err(Fault::new(FaultKind::Keyless, text));
    }
    Ok(Token::of(token.reveal()))
}

/// As `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let pairs: Vec<String> =
        Sha256::digest(certificate).iter().map(|byte| hex::upper(*byte).iter().collect()).collect();
    pairs.join(":")
}
