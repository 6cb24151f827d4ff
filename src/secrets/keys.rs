//! The keys that secrets are sealed under: which are at hand, and which one seals.
//!
//! | key | where | seals |
//! |---|---|---|
//! | `conductor-key` | a systemd credential | wherever it is there |
//! | `conductor-key-old` | a systemd credential | nothing: opens what was sealed before a rotation |
//! | `key` | a file beside the sealed secrets | where there is no credential |
//! | `key-old` | a file beside them, while a reseal is under way | nothing |
//!
//! Promise: a credential that is there and can't be used is a fault; the key file never takes its place unasked.

use std::fs::File;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::SecretSources;
use super::sealing::{KeyKind, SealingKey};
use crate::fault::{Fault, FaultKind};
use crate::files::{Folder, Lock, fill};

/// The credential that seals.
pub const CREDENTIAL: &str = "conductor-key";
const CREDENTIAL_OLD: &str = "conductor-key-old";
/// The key file, in the store's folder.
pub const FILE: &str = "key";
/// The one before it.
pub const FILE_OLD: &str = "key-old";
/// Stands where the agent has the credential, for commands that have not: they must make no key file.
pub const MARK: &str = "by-credential";

/// Longer than any form of a key.
const LONGEST: usize = 256;

/// What is at hand.
pub struct Keys {
    credential: Option<SealingKey>,
    file: Option<SealingKey>,
    /// The others, in no order.
    old: Vec<SealingKey>,
}

impl Keys {
    /// Reads them all.
    ///
    /// # Errors
    /// [`FaultKind::Keyless`] where one is there and can't be used.
    pub fn read(sources: &SecretSources, folder: Option<&Folder>) -> Result<Keys, Fault> {
        let credential = |name| {
            let held = sources.credentials_dir.as_deref().map(|folder| from_credential(folder, name));
            held.transpose().map(Option::flatten)
        };
        let file = |name| folder.map(|folder| from_file(folder, name)).transpose().map(Option::flatten);
        let (now, before) = (credential(CREDENTIAL)?, credential(CREDENTIAL_OLD)?);
        let old = [before, file(FILE_OLD)?].into_iter().flatten().collect();
        Ok(Keys { credential: now, file: file(FILE)?, old })
    }

    /// The one that seals.
    pub fn current(&self) -> Option<&SealingKey> {
        self.credential.as_ref().or(self.file.as_ref())
    }

    /// The key file's, whether or not it seals.
    pub fn file(&self) -> Option<&SealingKey> {
        self.file.as_ref()
    }

    /// From now on this one is the key file's.
    pub fn with_file(self, key: SealingKey) -> Keys {
        let old = self.old.into_iter().chain(self.file).collect();
        Keys { credential: self.credential, file: Some(key), old }
    }

    /// Is there the credential that seals?
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// Is an old key this very one?
    pub fn old_is(&self, key: &SealingKey) -> bool {
        self.old.iter().any(|old| old.is(key))
    }

    /// All of them, to open by; the one that seals comes first.
    pub fn into_all(self) -> Vec<SealingKey> {
        self.credential.into_iter().chain(self.file).chain(self.old).collect()
    }
}

/// A new key, kept in the key file before anything is sealed under it.
///
/// # Errors
/// Of the file system, or of a kernel that gives no randomness.
pub fn make_file(folder: &Folder, lock: &Lock) -> io::Result<SealingKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
    folder.write(lock, FILE, bytes.as_slice())?;
    Ok(SealingKey::new(KeyKind::File, bytes))
}

fn from_credential(folder: &Path, name: &str) -> Result<Option<SealingKey>, Fault> {
    let path = folder.join(name);
    let mut bytes = Zeroizing::new(vec![0; LONGEST + 1]);
    let length = match File::open(&path).and_then(|mut file| fill(&mut file, &mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let text = format!("the systemd credential {name}, under which secrets are sealed, can't be read");
            return Err(Fault::new(FaultKind::Keyless, text).caused_by(error));
        }
        Ok(length) => length,
    };
    let key = parse(bytes.get(..length).unwrap_or_default()).ok_or_else(|| {
        let text = format!(
            "the systemd credential {name} is no key to seal secrets under: it must hold 32 random bytes, raw or in \
             base64, as `head -c 32 /dev/urandom` makes them"
        );
        Fault::new(FaultKind::Keyless, text)
    })?;
    Ok(Some(SealingKey::new(KeyKind::Credential, key)))
}

fn from_file(folder: &Folder, name: &str) -> Result<Option<SealingKey>, Fault> {
    let place = folder.path().join(name);
    let bytes = folder.read(name, LONGEST).map_err(|error| {
        let text = format!("the key file {}, under which secrets are sealed, can't be read", place.display());
        Fault::new(FaultKind::Keyless, text).caused_by(error)
    })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let key = parse(&bytes).ok_or_else(|| {
        let text = format!(
            "the key file {} was damaged: put it back from a backup, or remove it and set each sealed secret again",
            place.display()
        );
        Fault::new(FaultKind::Keyless, text)
    })?;
    Ok(Some(SealingKey::new(KeyKind::File, key)))
}

/// 32 bytes, raw or in base64 with blanks around it. One byte 32 times over is no key that anybody made by chance.
fn parse(held: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut decoded = Zeroizing::new([0; LONGEST]);
    let raw = if held.len() == 32 {
        held
    } else {
        let length = STANDARD.decode_slice(held.trim_ascii(), decoded.as_mut_slice()).ok()?;
        decoded.get(..length)?
    };
    let mut key = Zeroizing::new([0; 32]);
    if raw.len() != key.len() || raw.iter().all(|byte| Some(byte) == raw.first()) {
        return None;
    }
    key.copy_from_slice(raw);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_random_bytes_raw_or_in_base64_and_nothing_else() {
        let bytes: Vec<u8> = (1..=32).collect();
        let coded = STANDARD.encode(&bytes);
        for held in [bytes.clone(), coded.clone().into_bytes(), format!(" {coded}\r\n").into_bytes()] {
            assert_eq!(parse(&held).expect("a key").as_slice(), bytes);
        }
        let long = STANDARD.encode([7; 180]);
        for held in [
            &b""[..],
            &[0; 32],
            &bytes[..31],
            &[&bytes[..], b"\n"].concat(),
            &coded.as_bytes()[..40],
            b"?",
            long.as_bytes(),
        ] {
            assert!(parse(held).is_none(), "{held:?}");
        }
    }
}
