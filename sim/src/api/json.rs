//! JSON, written byte by byte.
//!
//! Promise: nothing passes through a number type or a map, so what the real API sends (64-bit ids, nine digits of a
//! second, both spellings of what is not ASCII) goes out exactly so.

use std::fmt::Write;

/// An object of names and JSON values, in this order.
pub(super) fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, json)| format!("{}:{json}", quoted(name, false))).collect();
    format!("{{{}}}", fields.join(","))
}

/// A JSON string (RFC 8259 section 7). With `escaped`, all that is not ASCII becomes `\u` escapes, beyond the
/// basic plane in pairs of surrogates.
pub fn quoted(text: &str, escaped: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            plain if (' '..='\u{7e}').contains(&plain) || (!escaped && plain > '\u{9f}') => out.push(plain),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing into a String can't fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

/// A JSON string, what is not ASCII as it is.
pub(super) fn plain(text: &str) -> String {
    quoted(text, false)
}

/// A JSON array of values that are JSON already.
pub(super) fn array(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

/// A JSON array of strings.
pub(super) fn texts(items: &[String]) -> String {
    array(items.iter().map(|item| plain(item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_reads_back_as_itself_in_both_spellings() {
        let text = "a\n]\"\\\u{1F4A3}\0\u{85}\u{7f}\u{fc}\u{2028}<13>1 ";
        for escaped in [false, true] {
            let json = quoted(text, escaped);
            assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
            assert_eq!(json.contains("\\ud83d\\udca3"), escaped, "{json}");
            assert!(json.contains("\\u0000") && !json.contains('\n'));
        }
    }
}
