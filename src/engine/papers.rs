//! The files behind a destination's trust and identity (CA, revocation lists, certificate, key, token), watched while it
//! runs.
//!
//! Promise: a change is seen within seconds without a signal; what is told of a certificate is told of the set in use.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::sync::watch;

use super::key::Places;
use super::off_thread;
use crate::config::Destination;
use crate::net::certificate;
use crate::secrets::{Stamp, stamp};
use crate::status::{CertificateEnd, Whose};
use crate::values::SecretRef;

/// The places of one destination's files.
pub struct Papers {
    places: Arc<Places>,
    watched: Vec<SecretRef>,
    /// Of the files as they were when they were last read; `None`: they never were.
    read: Option<Vec<Option<Stamp>>>,
    news: watch::Receiver<u64>,
    /// A place that nobody holds is forgotten.
    _held: Vec<watch::Receiver<Option<Stamp>>>,
}

impl Papers {
    /// Nothing is read yet.
    pub fn new(destination: &Destination, places: Arc<Places>) -> Papers {
        let secrets = destination.secrets().into_iter().map(|(_, secret)| secret.clone());
        let files = destination.certificates().into_iter().map(|file| SecretRef::File(file.to_owned()));
        let watched: Vec<SecretRef> = secrets.chain(files).collect();
        let news = places.news();
        let held = watched.iter().map(|place| places.watch(place)).collect();
        Papers { places, watched, read: None, news, _held: held }
    }

    /// To be called before they are read: what is written meanwhile is seen by the next look.
    pub async fn reading(&mut self) {
        self.read = Some(self.stamps().await);
    }

    /// Is any of them another file than the one that was read?
    pub async fn differ(&self) -> bool {
        self.read.as_ref() != Some(&self.stamps().await)
    }

    /// Returns once one of them is another file than the one that was read. Dropped at any time, it has missed nothing
    /// that a later look does not see.
    pub async fn changed(&mut self) {
        loop {
            if self.watched.is_empty() || self.news.changed().await.is_err() {
                return std::future::pending().await;
            }
            if self.differ().await {
                return;
            }
        }
    }

    async fn stamps(&self) -> Vec<Option<Stamp>> {
        let (watched, sources) = (self.watched.clone(), self.places.sources().clone());
        off_thread(move || watched.iter().map(|place| stamp(place, &sources)).collect()).await
    }
}

/// When the certificates of a destination's files end: of ours the first of its chain, of the CA's the first to end.
pub fn ends(destination: &Destination) -> Vec<CertificateEnd> {
    let link = &destination.link;
    let ours = link.cert.as_deref().and_then(|file| all(file).into_iter().next());
    let ca = link.ca.as_deref().and_then(|file| all(file).into_iter().min());
    let end = |whose| move |expires| CertificateEnd { whose, expires };
    ours.map(end(Whose::Ours)).into_iter().chain(ca.map(end(Whose::Ca))).collect()
}

fn all(file: &Path) -> Vec<jiff::Timestamp> {
    // What can't be read here could not be taken into use either, and that is told.
    let pem = std::fs::read(file).unwrap_or_default();
    let found = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    found.filter_map(|der| certificate::read(&der)).map(|read| read.not_after).collect()
}
