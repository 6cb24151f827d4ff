//! Bytes as hexadecimal digits, two for each.
//!
//! Promise: a table and a shift: no formatting machinery, since an import writes an id so for each line.

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// All of them, in lower case.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push(&mut text, bytes);
    text
}

/// The same, behind what is there.
pub fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        digits(*byte, LOWER).into_iter().for_each(|digit| text.push(digit));
    }
}

/// One, in upper case: as URLs and fingerprints are written.
pub fn upper(byte: u8) -> [char; 2] {
    digits(byte, UPPER)
}

fn digits(byte: u8, of: &[u8; 16]) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from(of[usize::from(digit)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_as_the_formatter_writes_it() {
        for byte in 0..=u8::MAX {
            assert_eq!(text(&[byte]), format!("{byte:02x}"));
            assert_eq!(upper(byte).iter().collect::<String>(), format!("{byte:02X}"));
        }
        let mut line = "id/".to_owned();
        push(&mut line, &[0, 0x0a, 0xf0]);
        assert_eq!((line.as_str(), text(&[]).as_str()), ("id/000af0", ""));
    }
}
