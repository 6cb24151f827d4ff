//! Tells under what the sealed secrets are sealed.
//!
//! Promise: what is told is the weakest of what stands: with a key file beside the credential, the key file.

use crate::secrets::SecretSources;
use crate::secrets::store::{Sealing, sealing};
use crate::status::{Board, SealedBy, Secrets};

use super::off_thread;

/// Looks, and writes it to the board.
pub async fn tell(board: &Board, sources: &SecretSources) {
    let sources = sources.clone();
    let secrets = told(off_thread(move || sealing(&sources)).await);
    board.secrets(secrets);
}

fn told(sealing: Sealing) -> Secrets {
    let secrets = |key, text: &str| Secrets { key, text: text.to_owned() };
    match sealing {
        Sealing::NotYet => Secrets::default(),
        Sealing::Credential => secrets(
            Some(SealedBy::Credential),
            "Sealed under the systemd credential conductor-key: a copy of the state folder opens nothing.",
        ),
        Sealing::File => secrets(
            Some(SealedBy::File),
            "Sealed under a key file in the state folder: whoever copies that folder can open them.",
        ),
        Sealing::Both => secrets(
            Some(SealedBy::File),
            "There is the systemd credential conductor-key, and a key file still lies in the state folder: move what it \
             sealed by `conductor secret reseal`.",
        ),
        Sealing::Unusable(fault) => Secrets { key: None, text: format!("The key can't be used: {}.", fault.chain()) },
    }
}
