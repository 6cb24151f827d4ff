//! Certificates and secrets of one destination renewed while it runs, and what is told of their ends.
//!
//! Promise: a set that can't be used (half-written, garbage, a key of another certificate) takes the place of none: the
//! one in use stays, and a condition says why.

use jiff::Timestamp;
use tokio::sync::watch;

use super::expiry::{self, Step};
use super::key::reload;
use super::papers::{self, Papers};
use super::receiver::{self, Said};
use super::{Facilities, Forwarding};
use crate::destinations::Destination;
use crate::status::{Board, CertificateEnd, Code, Whose};

/// Of one running destination.
pub struct Renewal {
    as_set: Forwarding,
    papers: Papers,
    reloaded: watch::Receiver<u64>,
    due: bool,
    /// What was read last could not be used.
    refused: bool,
    /// Of the set in use.
    ends: Vec<CertificateEnd>,
    /// The last step that the log was told.
    step: Option<Step>,
}

impl Renewal {
    /// The set that `papers` read just now is in use.
    pub fn new(as_set: Forwarding, papers: Papers, reloaded: watch::Receiver<u64>) -> Renewal {
        let ends = papers::ends(&as_set.destination);
        Renewal { as_set, papers, reloaded, due: false, refused: false, ends, step: None }
    }

    /// Is it time to look at the files?
    pub fn is_due(&self) -> bool {
        self.due
    }

    /// Returns when it is: one of them changed, or a reload asks. Dropped at any time, it has missed nothing.
    pub async fn due(&mut self) {
        if !self.due {
            tokio::select! {
                () = self.papers.changed() => {}
                () = reload(&mut self.reloaded) => {}
            }
            self.due = true;
        }
    }

    /// Makes a destination of the files as they are now; `None`: they are as they were, or can't be used.
    pub async fn attempt(&mut self, facilities: &Facilities) -> Option<Box<dyn Destination>> {
        self.due = false;
        let name = &self.as_set.destination.name;
        if !self.refused && !self.papers.differ().await {
            return None;
        }
        self.papers.reading().await;
        match receiver::build(&self.as_set, facilities, Said::Once) {
            Ok(made) => {
                self.ends = papers::ends(&self.as_set.destination);
                self.refused = false;
                facilities.board.clear(Code::CertificateNotTaken, name.as_str());
                tracing::info!(destination = %name, "changed certificates or secrets are in use from the next connection on");
                Some(made)
            }
            Err(fault) => {
                self.refused = true;
                let text = format!("changed files are not taken, those read before stay in use: {}", fault.chain());
                if facilities.board.raise(Code::CertificateNotTaken, name.as_str(), &text, Timestamp::now()) {
                    tracing::warn!(destination = %name, "{text}");
                }
                None
            }
        }
    }

    /// Writes to the board when the certificates end, and to the log where a step was taken.
    pub fn tell(&mut self, board: &Board, peer: Option<Timestamp>, now: Timestamp) {
        let name = &self.as_set.destination.name;
        match (peer, self.ends.iter_mut().find(|end| end.whose == Whose::Peer)) {
            // Without a connection the last word stands.
            (None, _) => {}
            (Some(expires), Some(known)) => known.expires = expires,
            (Some(expires), None) => self.ends.push(CertificateEnd { whose: Whose::Peer, expires }),
        }
        board.destination(name, |record| {
            if record.certificates != self.ends {
                record.certificates.clone_from(&self.ends);
            }
        });
        let said = expiry::certificates(name.as_str(), &self.ends, now);
        let step = said.as_ref().map(|(step, _)| *step);
        match said {
            Some((step, text)) => {
                board.raise_as(Code::CertificateExpiring, step.severity(), name.as_str(), &text, now);
                if self.step != Some(step) {
                    tracing::warn!(destination = %name, "{text}");
                }
            }
            None => {
                board.clear(Code::CertificateExpiring, name.as_str());
            }
        }
        self.step = step;
    }
}
