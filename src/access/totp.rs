//! The six digits of an authenticator app (RFC 6238: SHA-1, 30 s). Pure.
//!
//! SHA-1 is what every app takes; as an HMAC it is sound. Promise: a code counts in its own half minute, the one before and
//! the one after, and once.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// As RFC 4226 recommends: the length of the hash.
pub const KEY: usize = 20;
const STEP: i64 = 30;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step of a code that counts now: one after `used`, the last that did.
pub fn step_of(key: &[u8], given: &str, used: i64, now: Timestamp) -> Option<i64> {
    let given: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let step = now.as_second().div_euclid(STEP);
    // Used while the clock ran ahead: no code that counts now was.
    let used = if used > step + 1 { i64::MIN } else { used };
    // All three are computed, whichever it is.
    let counting = [step - 1, step, step + 1].map(|step| {
        let right: bool = code(key, step).as_bytes().ct_eq(given.as_bytes()).into();
        (right && step > used).then_some(step)
    });
    counting.into_iter().flatten().next()
}

/// Does it look like one, rather than like a recovery code?
pub fn is_code(given: &str) -> bool {
    let mut letters = given.chars().filter(|c| !c.is_whitespace());
    letters.by_ref().take(6).filter(char::is_ascii_digit).count() == 6 && letters.next().is_none()
}

/// The key as apps take it when it is typed.
pub fn base32(key: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(key.len() * 8 / 5 + 1));
    for five in key.chunks(5) {
        let bits = five.iter().chain([0; 5].iter()).take(5).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for i in 0..(five.len() * 8).div_ceil(5) {
            let at = usize::try_from(bits >> (35 - 5 * i) & 31).unwrap_or_default();
            text.extend(BASE32.get(at).map(|letter| char::from(*letter)));
        }
    }
    text
}

/// The code of a step.
pub fn code(key: &[u8], step: i64) -> Zeroizing<String> {
    Zeroizing::new(format!("{:06}", number(key, step) % 1_000_000))
}

/// RFC 4226, section 5.3: 31 bits of the hash, from where its last four bits say.
fn number(key: &[u8], step: i64) -> u32 {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return 0 };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = hash.last().map_or(0, |last| usize::from(last & 15));
    let four = hash.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok()).unwrap_or_default();
    u32::from_be_bytes(four) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn the_vectors_of_rfc_6238_come_out() {
        for (second, eight) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(number(KEY, second / 30) % 100_000_000, eight, "at {second}");
            let six = format!("{:06}", eight % 1_000_000);
            assert_eq!(step_of(KEY, &six, 0, at(second)), Some(second / 30), "at {second}");
        }
    }

    #[test]
    fn a_code_counts_a_step_early_and_late_and_once() {
        let (now, step) = (at(3_000_015), 100_000);
        for (off, counts) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let given = code(KEY, step + off);
            assert_eq!(step_of(KEY, &given, 0, now), counts.then_some(step + off), "{off}");
        }
        let given = code(KEY, step);
        assert_eq!(step_of(KEY, &given, step, now), None, "used");
        assert_eq!(step_of(KEY, &code(KEY, step - 1), step, now), None, "older than one that was used");
        assert_eq!(
            step_of(KEY, &format!("{} {}", &given[..3], &given[3..]), step - 1, now),
            Some(step),
            "with a blank"
        );
        assert_eq!(step_of(KEY, &given, step + 2, now), Some(step), "the clock was ahead");
        for wrong in ["", "000000", "12345", "1234567", "ABCDEF"] {
            assert_eq!(step_of(KEY, wrong, 0, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_told_as_rfc_4648_writes_it_and_a_code_is_told_from_a_recovery_code() {
        for (plain, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(*base32(plain.as_bytes()), text);
        }
        assert!(is_code("123456") && is_code("123 456 "));
        assert!(!is_code("12345") && !is_code("1234567") && !is_code("1234-5678-9ABC-DEFG") && !is_code("12345A"));
    }
}
