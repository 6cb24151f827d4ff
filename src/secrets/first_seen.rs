//! Since when a key is in use here: for vendors that do not tell when it was made.
//!
//! Promise: of the key a salted hash is kept and nothing else; another key begins anew.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::whole::{self, Lasting};
use crate::values::{Name, Secret, hex};

/// What is kept for one integration.
#[derive(Serialize, Deserialize)]
struct Seen {
    /// Hex, of 16 random bytes.
    salt: String,
    /// SHA-256 of salt and key, in hex.
    hash: String,
    since: Timestamp,
}

/// When this key of this integration was first seen by the agent of this state folder: `now`, if it was not seen before.
///
/// # Errors
/// Of the disk. A file that does not read as one of ours is begun anew.
pub fn first_seen(state_dir: &Path, name: &Name, key: &Secret, now: Timestamp) -> io::Result<Timestamp> {
    let folder = state_dir.join("keys-seen");
    let path = folder.join(format!("{name}.json"));
    let known: Option<Seen> = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(known) = known
        && known.hash == hash(&known.salt, key)
        // A clock that was wrong then is no reason to wait for it now.
        && known.since <= now
    {
        return Ok(known.since);
    }
    let mut salt = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    let salt = hex::text(&salt);
    let seen = Seen { hash: hash(&salt, key), salt, since: now };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    // A power cut may take it: then the key is first seen anew.
    whole::replace(&path, &serde_json::to_vec(&seen)?, 0o600, Lasting::Unsynced)?;
    Ok(now)
}

fn hash(salt: &str, key: &Secret) -> String {
    let mut digest = Sha256::new();
    digest.update(salt.as_bytes());
    digest.update(key.reveal().as_bytes());
    hex::text(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_first_day_over_restarts_and_another_one_begins_anew_without_being_written_down() {
        let room = tempfile::tempdir().expect("a folder");
        let name: Name = "acme".parse().expect("a name");
        let at = |day: &str| format!("2026-{day}T00:00:00Z").parse::<Timestamp>().expect("a time");
        let (old, new) = (Secret::new("CANARY-old"), Secret::new("CANARY-new"));
        let seen = |key, day| first_seen(room.path(), &name, key, at(day)).expect("kept");
        assert_eq!(seen(&old, "01-01"), at("01-01"));
        assert_eq!(seen(&old, "03-01"), at("01-01"));
        assert_eq!(seen(&new, "03-01"), at("03-01"));
        assert_eq!(seen(&new, "02-01"), at("02-01"), "a clock that went back");
        let kept = fs::read_to_string(room.path().join("keys-seen/acme.json")).expect("read");
        assert!(!kept.contains("CANARY"), "{kept}");
        fs::write(room.path().join("keys-seen/acme.json"), "nonsense").expect("written");
        assert_eq!(seen(&new, "04-01"), at("04-01"));
    }
}
