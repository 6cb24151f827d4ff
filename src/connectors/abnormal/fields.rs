//! Reading the vendor's fields: texts, ids, times and hashes, whatever shape they come in.
//!
//! Promise: pure, and total: no field's shape, missing or strange, can keep an item from becoming an event.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::values::hex;

/// An id longer than this is not one.
pub const ID: usize = 256;
/// A native id is at most this long; a longer one, or one with spaces, is replaced by its hash.
const NATIVE: usize = 128;
/// Characters of one field in a summary.
const FIELD: usize = 120;

/// A field as it stands in the answer: of any type, or missing.
pub type Raw<'a> = Option<&'a RawValue>;

/// An id or a page number that may be written as a string or as a number, kept as its text: digits never
/// pass through a float. `None` where it is neither, empty, or too long to be one.
pub fn scalar(raw: Raw<'_>) -> Option<String> {
    let raw = raw?.get();
    let text = match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok()?,
        b'-' | b'0'..=b'9' => raw.to_owned(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= ID).then_some(text)
}

/// A field's text: of a string its content, of `null` and of nothing the empty text, of anything else its JSON.
pub fn text(raw: Raw<'_>) -> String {
    let Some(raw) = raw.map(RawValue::get).filter(|raw| *raw != "null") else { return String::new() };
    // A lone surrogate has no content in UTF-8: its escape is shown as the vendor wrote it.
    serde_json::from_str(raw).unwrap_or_else(|_| raw.trim_matches('"').to_owned())
}

/// RFC 3339 with 0 to 9 digits and any offset, also with a space for the `T` (the audit log's way); without an
/// offset it is UTC.
pub fn time(raw: Raw<'_>) -> Option<Timestamp> {
    let text = text(raw);
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// A time as it counts for a version: the instant, however it is written; what is no time, as its JSON.
pub fn instant(raw: Raw<'_>) -> String {
    time(raw).map_or_else(|| json(raw).to_owned(), |at| at.to_string())
}

/// A field's JSON; of nothing, nothing.
pub fn json(raw: Raw<'_>) -> &str {
    raw.map_or("", RawValue::get)
}

/// An id as it may stand in an event id: one that is too long or holds spaces is replaced by its hash.
pub fn native(id: String) -> String {
    if id.len() > NATIVE || id.chars().any(|c| c.is_whitespace() || c.is_control()) { hash([id.as_str()]) } else { id }
}

/// The first 16 hex digits of a SHA-256 over parts that are kept apart.
pub fn hash<const N: usize>(parts: [&str; N]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::text(&hasher.finalize()[..8])
}

/// One line: the first text, then each other that there is after its words.
pub fn line<const N: usize>(first: &str, others: [(&str, String); N]) -> String {
    let mut line = one_line(first);
    for (words, text) in others {
        let text = one_line(&text);
        if !text.is_empty() {
            line.push_str(words);
            line.push_str(&text);
        }
    }
    line
}

/// The text in one line of bounded length: what would break a line or hide becomes a space.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let mut line: String = text.trim().chars().map(|c| if breaks(c) { ' ' } else { c }).take(FIELD).collect();
    if text.trim().chars().nth(FIELD).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    #[test]
    fn every_way_of_writing_a_time_is_read() {
        for written in [
            "2026-11-19T09:12:44.031Z",
            "2026-11-19 09:12:44.031000+00:00",
            "2026-11-19T09:12:44.031000000Z",
            "2026-11-19T01:12:44.031-08:00",
            "2026-11-19T09:12:44.031",
        ] {
            let read = time(Some(&raw(&format!("{written:?}"))));
            assert_eq!(read, "2026-11-19T09:12:44.031Z".parse().ok(), "{written}");
        }
        for none in ["\"\"", "null", "12", "{}", "\"yesterday\""] {
            assert_eq!(time(Some(&raw(none))), None, "{none}");
        }
    }

    #[test]
    fn an_id_keeps_every_digit_and_what_is_none_is_none() {
        assert_eq!(scalar(Some(&raw("-8123456789012345678"))).as_deref(), Some("-8123456789012345678"));
        assert_eq!(scalar(Some(&raw("\"90117\""))).as_deref(), Some("90117"));
        for none in ["null", "\"\"", "[1]", "{}", "true"] {
            assert_eq!(scalar(Some(&raw(none))), None, "{none}");
        }
    }

    #[test]
    fn two_lists_of_parts_that_read_alike_have_different_hashes() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
    }
}
