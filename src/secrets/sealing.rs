//! What a sealed secret looks like: XChaCha20-Poly1305 over the text, bound to its name, its key and this format. Pure.
//!
//! ```text
//! "CNDSEAL"  version  kind of key  which key  nonce     text, encrypted  tag
//! 7 bytes    1        1            8          24        as the text      16
//! ```
//!
//! All before the nonce, and the name, are the cipher's associated data. Promise: what opens is what was sealed under
//! that name; with one bit changed anywhere, under another name or with another key nothing opens.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::values::Name;

const MAGIC: &[u8; 7] = b"CNDSEAL";
const VERSION: u8 = 1;
/// Magic, version, kind and id of the key.
const HEAD: usize = 17;
const NONCE: usize = 24;
/// How much longer than the text a sealed one is: head, nonce and the tag of 16.
pub const OVERHEAD: usize = HEAD + NONCE + 16;

/// Random bytes that must never serve twice under one key: 24 of them may be drawn at random.
pub type Nonce = [u8; NONCE];

/// Where a sealing key is kept, and so what the state folder is worth to who copies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A systemd credential: not in the state folder.
    Credential,
    /// A file beside what it seals: who has the folder has all.
    File,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            KeyKind::Credential => b'c',
            KeyKind::File => b'f',
        }
    }

    fn of(byte: u8) -> Option<KeyKind> {
        match byte {
            b'c' => Some(KeyKind::Credential),
            b'f' => Some(KeyKind::File),
            _ => None,
        }
    }
}

/// A key of 256 bits. Wiped when dropped; it has no text form.
pub struct SealingKey {
    pub kind: KeyKind,
    bytes: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    pub fn new(kind: KeyKind, bytes: Zeroizing<[u8; 32]>) -> SealingKey {
        SealingKey { kind, bytes }
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Tells keys apart, and nothing about a key that is random.
    fn id(&self) -> [u8; 8] {
        let mut digest = Sha256::new();
        digest.update(b"conductor sealing key 1");
        digest.update(self.bytes.as_slice());
        let mut id = [0; 8];
        id.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        id
    }

    /// The same key, wherever each is kept.
    pub fn is(&self, other: &SealingKey) -> bool {
        self.id() == other.id()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(<&Key>::from(&*self.bytes))
    }
}

/// Why a sealed secret does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// Too short, or it does not begin as ours do.
    Foreign,
    /// A later version wrote it.
    Later(u8),
    /// None of the keys at hand; the one that it wants was of this kind.
    OtherKey(KeyKind),
    /// The key is the right one and what it seals is not as it was, or stands under another name.
    Changed,
}

/// The sealed form; `None` for a text that is longer than the cipher takes (256 GiB).
pub fn seal(name: &Name, text: &str, key: &SealingKey, nonce: Nonce) -> Option<Vec<u8>> {
    let mut sealed = Vec::with_capacity(text.len() + OVERHEAD);
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(&[VERSION, key.kind.byte()]);
    sealed.extend_from_slice(&key.id());
    let aad = associated(&sealed, name);
    sealed.extend_from_slice(&nonce);
    let payload = Payload { msg: text.as_bytes(), aad: &aad };
    sealed.extend(key.cipher().encrypt(&XNonce::from(nonce), payload).ok()?);
    Some(sealed)
}

/// The text, by whichever of the keys it was sealed under.
///
/// # Errors
/// See [`Unopened`].
pub fn open(name: &Name, sealed: &[u8], keys: &[SealingKey]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let (head, rest) = sealed.split_first_chunk::<HEAD>().ok_or(Unopened::Foreign)?;
    let (magic, about) = head.split_first_chunk::<7>().ok_or(Unopened::Foreign)?;
    let [version, kind, id @ ..] = about else { return Err(Unopened::Foreign) };
    if magic != MAGIC {
        return Err(Unopened::Foreign);
    }
    if *version != VERSION {
        return Err(Unopened::Later(*version));
    }
    let kind = KeyKind::of(*kind).ok_or(Unopened::Changed)?;
    let key = keys.iter().find(|key| key.id() == id).ok_or(Unopened::OtherKey(kind))?;
    let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(Unopened::Changed)?;
    let payload = Payload { msg: body, aad: &associated(head, name) };
    key.cipher().decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| Unopened::Changed)
}

/// Under what kind of key it says it was sealed; only what opened is known to say so truly.
pub fn kind(sealed: &[u8]) -> Option<KeyKind> {
    sealed.get(MAGIC.len() + 1).and_then(|byte| KeyKind::of(*byte))
}

/// The head has one length, so head and name are told apart without a mark between them.
fn associated(head: &[u8], name: &Name) -> Vec<u8> {
    [head, name.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "CANARY-sealed-5e1f9c";

    fn key(byte: u8) -> SealingKey {
        SealingKey::new(KeyKind::Credential, Zeroizing::new([byte; 32]))
    }

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn opened(name: &str, sealed: &[u8], keys: &[SealingKey]) -> Result<String, Unopened> {
        open(&self::name(name), sealed, keys).map(|text| String::from_utf8(text.to_vec()).expect("text"))
    }

    #[test]
    fn a_secret_opens_under_its_name_and_its_key_and_is_not_in_what_was_sealed() {
        let sealed = seal(&name("acme"), TEXT, &key(1), [7; 24]).expect("sealed");
        assert_eq!(opened("acme", &sealed, &[key(2), key(1)]).as_deref(), Ok(TEXT));
        assert_eq!(sealed.len(), TEXT.len() + OVERHEAD);
        assert!(!sealed.windows(4).any(|four| TEXT.as_bytes().windows(4).any(|mark| mark == four)));
        // One key, wherever it is kept now.
        let moved = SealingKey::new(KeyKind::File, Zeroizing::new([1; 32]));
        assert_eq!(opened("acme", &sealed, &[moved]).as_deref(), Ok(TEXT));
    }

    #[test]
    fn a_sealed_file_that_is_put_under_another_name_or_met_with_another_key_does_not_open() {
        let sealed = seal(&name("acme"), TEXT, &key(1), [7; 24]).expect("sealed");
        assert_eq!(opened("globex", &sealed, &[key(1)]), Err(Unopened::Changed));
        assert_eq!(opened("acme", &sealed, &[key(2)]), Err(Unopened::OtherKey(KeyKind::Credential)));
        assert_eq!(opened("acme", &sealed, &[]), Err(Unopened::OtherKey(KeyKind::Credential)));
    }

    #[test]
    fn any_flipped_bit_and_any_cut_and_anything_added_refuses() {
        let sealed = seal(&name("acme"), TEXT, &key(1), [7; 24]).expect("sealed");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(opened("acme", &changed, &[key(1)]).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(opened("acme", &sealed[..length], &[key(1)]).is_err(), "cut at {length}");
        }
        assert_eq!(opened("acme", &[&sealed[..], b"\0"].concat(), &[key(1)]), Err(Unopened::Changed));
        let mut later = sealed;
        later[7] = 2;
        assert_eq!(opened("acme", &later, &[key(1)]), Err(Unopened::Later(2)));
    }
}
