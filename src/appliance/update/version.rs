//! Which of two versions is the newer one, as the system judges it (`sort -V`, dpkg). Pure.
//!
//! Promise: it only spares a download: the floor below which no version is taken is the system's.

use std::cmp::Ordering;

/// Is `offered` newer than `running`?
pub fn is_newer(offered: &str, running: &str) -> bool {
    compare(offered, running) == Ordering::Greater
}

/// deb-version(7): stretches of digits by their number, all else by its letters; `~` comes before the end itself.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !(a.is_empty() && b.is_empty()) {
        let (a_letters, a_rest) = stretch(a, |byte| !byte.is_ascii_digit());
        let (b_letters, b_rest) = stretch(b, |byte| !byte.is_ascii_digit());
        let longest = a_letters.len().max(b_letters.len());
        let weights = |letters: &[u8]| (0..longest).map(|at| weight(letters.get(at).copied())).collect::<Vec<_>>();
        let letters = weights(a_letters).cmp(&weights(b_letters));
        if letters.is_ne() {
            return letters;
        }
        let (a_digits, a_after) = stretch(a_rest, |byte| byte.is_ascii_digit());
        let (b_digits, b_after) = stretch(b_rest, |byte| byte.is_ascii_digit());
        let number = |digits: &[u8]| {
            let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
            digits.get(start..).unwrap_or_default().to_vec()
        };
        let (a_number, b_number) = (number(a_digits), number(b_digits));
        let numbers = a_number.len().cmp(&b_number.len()).then_with(|| a_number.cmp(&b_number));
        if numbers.is_ne() {
            return numbers;
        }
        (a, b) = (a_after, b_after);
    }
    Ordering::Equal
}

fn stretch(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len()))
}

fn weight(letter: Option<u8>) -> i32 {
    match letter {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(sign) => i32::from(sign) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_packages_order_them() {
        let rising = ["0.9", "1.0.0~rc1", "1.0.0", "1.0.0+dirty", "1.0.1", "1.0.9", "1.0.10", "1.1", "2", "10.0"];
        for (at, one) in rising.iter().enumerate() {
            for (other_at, other) in rising.iter().enumerate() {
                assert_eq!(compare(one, other), at.cmp(&other_at), "{one} {other}");
            }
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
        assert!(is_newer("1.1.0", "1.0.9") && !is_newer("1.1.0", "1.1.0") && !is_newer("", "1"));
        assert!(is_newer("99999999999999999999999999999999999999991", "99999999999999999999999999999999999999990"));
    }
}
