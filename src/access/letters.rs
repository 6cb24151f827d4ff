//! Codes that a person reads from a console and types: claim codes and recovery codes.
//!
//! Of 32 letters and digits that are not taken for each other (Crockford's base 32), 5 bits each, in groups of four. Promise:
//! a code is drawn from the kernel's randomness, and of one that is kept only the SHA-256 is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::denied::Broken;
use crate::values::Secret;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 4;

/// 60 bits, for 15 minutes and five tries.
pub const CLAIM: usize = 3;
/// 80 bits, for years: whoever reads its hash finds no way back.
pub const RECOVERY: usize = 4;

/// Random bytes of the kernel.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Broken> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| Broken::Random(error.to_string()))?;
    Ok(bytes)
}

/// 256 random bits as 43 letters of base64url.
pub fn token() -> Result<Secret, Broken> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(*random::<32>()?)))
}

/// A new code of so many groups.
pub fn draw(groups: usize) -> Result<Secret, Broken> {
    let bytes = random::<32>()?;
    let mut code = Zeroizing::new(String::new());
    for (i, byte) in bytes.iter().take(groups * GROUP).enumerate() {
        if i > 0 && i % GROUP == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32: each letter is as likely as the others.
        code.extend(LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
    }
    Ok(Secret::new(code.as_str()))
}

/// What somebody typed, as it was drawn; `None` where it can't be a code of so many groups.
pub fn read(given: &str, groups: usize) -> Option<Secret> {
    let mut code = Zeroizing::new(String::new());
    let mut count = 0;
    for c in given.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let letter = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if count == groups * GROUP || !LETTERS.contains(&u8::try_from(letter).ok()?) {
            return None;
        }
        if count > 0 && count % GROUP == 0 {
            code.push('-');
        }
        code.push(letter);
        count += 1;
    }
    (count == groups * GROUP).then(|| Secret::new(code.as_str()))
}

/// What is kept of a code or a cookie: what is random needs no salt.
pub fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

/// The same, as text.
pub fn hash_text(code: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(code))
}

/// Is this the code whose hash was kept? In constant time.
pub fn is(code: &Secret, kept: &str) -> bool {
    hash_text(code.reveal()).as_bytes().ct_eq(kept.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed_and_nothing_else_is_one() {
        let code = draw(CLAIM).expect("drawn");
        assert_eq!(code.reveal().len(), 14);
        assert_eq!(read(code.reveal(), CLAIM), Some(code.clone()));
        let typed = format!(" {} ", code.reveal().replace('-', "").to_lowercase().replace('0', "o").replace('1', "l"));
        assert_eq!(read(&typed, CLAIM), Some(code.clone()));
        for bad in ["", "ABCD-EFGH", "ABCD-EFGH-JKMU", "ABCD-EFGH-JKM!", "ABCD-EFGH-JKMN-P", "ABCD-EFGH-JKMÑ"] {
            assert_eq!(read(bad, CLAIM), None, "{bad}");
        }
        assert_eq!(read(code.reveal(), RECOVERY), None);
    }

    #[test]
    fn codes_differ_and_use_every_letter() {
        let mut codes: Vec<_> = (0..200).map(|_| draw(RECOVERY).expect("drawn").reveal().to_owned()).collect();
        let all = codes.concat();
        assert!(LETTERS.iter().all(|letter| all.contains(char::from(*letter))));
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 200);
    }

    #[test]
    fn a_kept_hash_knows_its_code_alone() {
        let code = draw(RECOVERY).expect("drawn");
        let kept = hash_text(code.reveal());
        assert!(is(&code, &kept) && !kept.contains(code.reveal()));
        assert!(!is(&draw(RECOVERY).expect("drawn"), &kept) && !is(&code, ""));
    }
}
