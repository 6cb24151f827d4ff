//! Text of others as it is put before a person: a mail's subject, a vendor's JSON. Pure; the templates escape it after.
//!
//! Promise: what steers the direction of writing, hides, or breaks a line is shown as what it is; a vendor's JSON is set out
//! in lines with every number, letter and escape as it came.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::IgnoredAny;

/// Letters that nobody sees and that change what is seen (Unicode TR36, TR39), and controls.
fn steers(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
        || c.is_control()
}

/// The text with such letters written out, as JSON writes them: `\u202e`.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| put(&mut out, c));
    Cow::Owned(out)
}

fn put(out: &mut String, c: char) {
    if steers(c) {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
    } else {
        out.push(c);
    }
}

/// `2026-11-20 18:05`, UTC.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `2026-11-20 18:05:59`, UTC.
pub(super) fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// JSON set out in lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetOut {
    pub text: String,
    /// It goes on; this is its beginning.
    pub cut: bool,
}

/// What nests deeper is not set in further.
const DEEPEST: usize = 32;

/// Sets JSON out in lines, up to so many bytes of the result. What is no JSON is shown as it
/// stands. Nothing is parsed into numbers.
pub(super) fn set_out(raw: &str, most: usize) -> SetOut {
    let well_formed = serde_json::from_str::<IgnoredAny>(raw).is_ok();
    let mut out = String::with_capacity(raw.len().min(most) + 256);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut letters = raw.chars().peekable();
    while let Some(c) = letters.next() {
        if out.len() >= most {
            return SetOut { text: out, cut: true };
        }
        if !well_formed {
            if c == '\n' {
                out.push(c)
            } else {
                put(&mut out, c)
            }
            continue;
        }
        if in_string {
            put(&mut out, c);
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(c);
                while letters.next_if(|next| matches!(next, ' ' | '\t' | '\n' | '\r')).is_some() {}
                match letters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push(c);
            }
            other => out.push(other),
        }
    }
    SetOut { text: out, cut: false }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    (0..depth.min(DEEPEST)).for_each(|_| out.push_str("  "));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: usize = usize::MAX >> 1;

    #[test]
    fn what_turns_the_direction_of_writing_is_seen_as_what_it_is() {
        assert_eq!(visible("invoice\u{202e}fdp.exe"), "invoice\\u202efdp.exe");
        assert_eq!(visible("a\u{200b}b\u{e0041}c\nd\u{1b}[31m"), "a\\u200bb\\udb40\\udc41c\\u000ad\\u001b[31m");
        assert!(matches!(visible("Größe 🙂 <b>"), Cow::Borrowed(_)), "markup is the template's matter");
    }

    #[test]
    fn numbers_and_escapes_stand_as_they_came() {
        let raw = "{ \"id\":4551618356913732076, \"x\" : 1.0e400 ,\"s\":\"a\\u0041\\\"}{,:\", \"e\":[ ],\"o\":{\n},\"l\":[1,-0.50]}";
        let lines = "{\n  \"id\": 4551618356913732076,\n  \"x\": 1.0e400,\n  \"s\": \"a\\u0041\\\"}{,:\",\n  \"e\": [],\n  \"o\": {},\n  \"l\": [\n    1,\n    -0.50\n  ]\n}";
        assert_eq!(set_out(raw, ALL), SetOut { text: lines.into(), cut: false });
    }

    #[test]
    fn a_long_one_is_cut_a_deep_one_too_and_one_that_is_no_json_is_shown_as_it_stands() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
        let set = set_out(&long, 1000);
        assert!(set.cut && set.text.len() <= 1010, "{}", set.text.len());
        assert_eq!(set_out("{broken\n\u{202e}", ALL).text, "{broken\n\\u202e");
        let deep = "[".repeat(100_000);
        assert_eq!(set_out(&deep, 500), SetOut { text: "[".repeat(500), cut: true });
        let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let set = set_out(&nested, 10_000);
        assert!(set.cut && set.text.len() < 10_200, "{}", set.text.len());
    }

    proptest! {
        #[test]
        fn without_its_blanks_it_is_the_same_json(text in "[a-z\"\\\\{}\\[\\]:, \u{202e}\u{0}é]{0,40}", number in any::<i64>()) {
            let raw = serde_json::json!({"k": [text, {"n": number}, [], {}]}).to_string();
            let set = set_out(&raw, ALL).text;
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            prop_assert_eq!(read(&set), read(&raw));
        }
    }
}
