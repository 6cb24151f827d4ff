//! Secrets under a passphrase: argon2id makes a key of it, XChaCha20-Poly1305 seals under that. Pure, but for the time it takes.
//!
//! | | | why |
//! |---|---|---|
//! | memory | 64 MiB | a backup may be tried for years on machines of somebody else; a command has that much for a moment |
//! | passes | 3 | |
//! | lanes | 1 | |
//!
//! Promise: what opens is what was sealed, beside the very files that stood beside it: with one bit changed anywhere in the
//! document nothing opens.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::document::{Document, Kept};
use crate::values::Secret;

/// Letters of a passphrase, at the least.
pub const SHORTEST: usize = 12;
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// A document that was changed must not ask for more work than a box has.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 10;
const KDF: &str = "argon2id";
const CIPHER: &str = "xchacha20-poly1305";

/// In whose memory the key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// A command's: it has that much for a moment.
    OfCommand,
    /// The agent's, whose unit bounds it: no more than a backup of our own takes.
    OfAgent,
}

impl Memory {
    fn most_kib(self) -> u32 {
        match self {
            Memory::OfCommand => MOST_MEMORY_KIB,
            Memory::OfAgent => MEMORY_KIB,
        }
    }
}

/// As it stands in the document; the bytes in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sealed {
    kdf: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    cipher: String,
    nonce: String,
    text: String,
}

/// What is sealed.
#[derive(Default)]
pub struct Opened {
    /// Name and text of secrets of the sealed store.
    pub secrets: Vec<(String, Secret)>,
    /// Files that hold a secret themselves (a proxy's password), whole; the document has them without it.
    pub files: Vec<Kept>,
}

/// As it is written under the seal.
#[derive(Serialize, Deserialize)]
struct Written {
    secrets: Vec<(String, Plain)>,
    files: Vec<Kept>,
}

/// Wiped when dropped.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Plain(Secret);

impl From<String> for Plain {
    fn from(text: String) -> Plain {
        Plain(Secret::new(text))
    }
}

impl Serialize for Plain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.reveal())
    }
}

/// Why it does not open, or was not sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    #[error("the secrets in the backup do not open: the passphrase is another, or the file was changed")]
    Closed,
    #[error("the secrets in the backup are sealed in a way that this version does not know")]
    Unknown,
    #[error(
        "the secrets in the backup ask for more memory than the agent gives: `conductor restore` on the box opens them"
    )]
    TooLarge,
    #[error("the passphrase is too short: {SHORTEST} letters or more; a few words will do")]
    TooShort,
    #[error("the system has no random bytes, or no memory for the key: {0}")]
    Broken(String),
}

/// Seals what is to be sealed beside this document's other parts.
///
/// # Errors
/// See [`Unopened`].
pub fn seal(document: &Document, opened: &Opened, passphrase: &Secret) -> Result<Sealed, Unopened> {
    if passphrase.reveal().chars().count() < SHORTEST {
        return Err(Unopened::TooShort);
    }
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    getrandom::fill(&mut salt).and_then(|()| getrandom::fill(&mut nonce)).map_err(broken)?;
    let secrets = opened.secrets.iter();
    let secrets = secrets.map(|(name, text)| (name.clone(), Plain(text.clone()))).collect();
    let written = Written { secrets, files: opened.files.clone() };
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(size(opened)));
    serde_json::to_writer(&mut *plain, &written).map_err(broken)?;
    let key = key(passphrase, &salt, MEMORY_KIB, PASSES)?;
    let aad = associated(document, &salt, MEMORY_KIB, PASSES);
    let payload = Payload { msg: plain.as_slice(), aad: &aad };
    let cipher = XChaCha20Poly1305::new(<&Key>::from(&*key));
    let text = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| broken("it is too long"))?;
    Ok(Sealed {
        kdf: KDF.to_owned(),
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        salt: STANDARD.encode(salt),
        cipher: CIPHER.to_owned(),
        nonce: STANDARD.encode(nonce),
        text: STANDARD.encode(text),
    })
}

/// Opens what is sealed in this document; nothing is in it: nothing is opened.
///
/// # Errors
/// See [`Unopened`].
pub fn open(document: &Document, passphrase: &Secret, memory: Memory) -> Result<Opened, Unopened> {
    let Some(sealed) = &document.sealed else { return Ok(Opened::default()) };
    let known = sealed.kdf == KDF && sealed.cipher == CIPHER;
    if !known || sealed.memory_kib > MOST_MEMORY_KIB || !(1..=MOST_PASSES).contains(&sealed.passes) {
        return Err(Unopened::Unknown);
    }
    if sealed.memory_kib > memory.most_kib() {
        return Err(Unopened::TooLarge);
    }
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| Unopened::Closed);
    let salt: [u8; 16] = decoded(&sealed.salt)?.try_into().map_err(|_| Unopened::Closed)?;
    let nonce: [u8; 24] = decoded(&sealed.nonce)?.try_into().map_err(|_| Unopened::Closed)?;
    let text = decoded(&sealed.text)?;
    let key = key(passphrase, &salt, sealed.memory_kib, sealed.passes)?;
    let aad = associated(document, &salt, sealed.memory_kib, sealed.passes);
    let cipher = XChaCha20Poly1305::new(<&Key>::from(&*key));
    let opened = cipher.decrypt(&XNonce::from(nonce), Payload { msg: &text, aad: &aad });
    let plain = Zeroizing::new(opened.map_err(|_| Unopened::Closed)?);
    let written: Written = serde_json::from_slice(&plain).map_err(|_| Unopened::Unknown)?;
    let secrets = written.secrets.into_iter().map(|(name, text)| (name, text.0)).collect();
    Ok(Opened { secrets, files: written.files })
}

fn key(passphrase: &Secret, salt: &[u8; 16], memory_kib: u32, passes: u32) -> Result<Zeroizing<[u8; 32]>, Unopened> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(broken)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = Zeroizing::new([0; 32]);
    argon2.hash_password_into(passphrase.reveal().as_bytes(), salt, key.as_mut_slice()).map_err(broken)?;
    Ok(key)
}

/// All that must not be changed beside what is sealed.
fn associated(document: &Document, salt: &[u8; 16], memory_kib: u32, passes: u32) -> Vec<u8> {
    let mut aad = b"conductor backup 1".to_vec();
    aad.extend_from_slice(&memory_kib.to_be_bytes());
    aad.extend_from_slice(&passes.to_be_bytes());
    aad.extend_from_slice(salt);
    aad.extend_from_slice(&document.digest());
    aad
}

/// More than it takes as JSON: a character takes six bytes at the most.
fn size(opened: &Opened) -> usize {
    let secrets: usize = opened.secrets.iter().map(|(name, text)| name.len() + text.reveal().len()).sum();
    let files: usize = opened.files.iter().flat_map(|file| &file.lines).map(|line| line.len() + 8).sum();
    6 * (secrets + files) + 64 * (opened.secrets.len() + opened.files.len()) + 256
}

fn broken(error: impl ToString) -> Unopened {
    Unopened::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::document::{FORMAT, Whose};
    use super::*;

    fn document() -> Document {
        let made = "2026-11-21T12:00:00Z".parse().expect("a time");
        let files = vec![Kept::of_text(Whose::State, "conductor.d/soc.toml", "address = \"soc.example:6514\"\n")];
        let (agent, version) = ("box".into(), "1.0.0".into());
        Document { format: FORMAT, agent, version, made, files, left_out: Vec::new(), sealed: None }
    }

    #[test]
    fn what_was_sealed_opens_by_its_passphrase_beside_its_own_document_alone() {
        let passphrase = Secret::new("correct horse battery");
        let mut document = document();
        let opened = Opened { secrets: vec![("acme".into(), Secret::new("CANARY-key"))], files: Vec::new() };
        document.sealed = Some(seal(&document, &opened, &passphrase).expect("sealed"));
        let json = String::from_utf8(document.to_json().expect("JSON")).expect("text");
        assert!(!json.contains("CANARY"));
        let read = Document::read(json.as_bytes()).expect("a backup");
        let back = open(&read, &passphrase, Memory::OfAgent).expect("opened");
        assert_eq!(back.secrets[0].1.reveal(), "CANARY-key");
        assert_eq!(open(&read, &Secret::new("correct horse batterx"), Memory::OfAgent).err(), Some(Unopened::Closed));
        let mut elsewhere = read.clone();
        elsewhere.files[0].lines[0] = "address = \"evil.example:6514\"".into();
        assert_eq!(
            open(&elsewhere, &passphrase, Memory::OfAgent).err(),
            Some(Unopened::Closed),
            "the secret would go elsewhere"
        );
        for (field, value) in [("salt", "AAAA"), ("nonce", "AAAA"), ("text", "AAAA"), ("kdf", "md5")] {
            let mut changed: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            changed["sealed"][field] = value.into();
            let changed = Document::read(changed.to_string().as_bytes()).expect("a backup");
            assert!(open(&changed, &passphrase, Memory::OfAgent).is_err(), "{field}");
        }
        let mut greedy: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        greedy["sealed"]["memory-kib"] = (64_u32 << 20).into();
        let greedy = Document::read(greedy.to_string().as_bytes()).expect("a backup");
        assert_eq!(open(&greedy, &passphrase, Memory::OfCommand).err(), Some(Unopened::Unknown), "64 GiB");
    }

    #[test]
    fn a_backup_on_the_page_took_four_times_the_memory_of_our_own() {
        let passphrase = Secret::new("correct horse battery");
        let mut document = document();
        document.sealed = Some(seal(&document, &Opened::default(), &passphrase).expect("sealed"));
        assert!(open(&document, &passphrase, Memory::OfAgent).is_ok(), "our own");
        if let Some(sealed) = &mut document.sealed {
            sealed.memory_kib = MEMORY_KIB + 1;
        }
        assert_eq!(open(&document, &passphrase, Memory::OfAgent).err(), Some(Unopened::TooLarge));
        assert_eq!(open(&document, &passphrase, Memory::OfCommand).err(), Some(Unopened::Closed), "a command looks");
    }

    #[test]
    fn a_short_passphrase_seals_nothing() {
        let sealed = seal(&document(), &Opened::default(), &Secret::new("elevenlette"));
        assert_eq!(sealed.err(), Some(Unopened::TooShort));
    }
}
