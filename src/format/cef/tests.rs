//! A strict parser of CEF, written from ArcSight's "Implementing ArcSight Common Event Format", and what it shows.

use std::collections::BTreeMap;

use crate::format::rfc5424::tests::sample;
use crate::format::tests::{shape, text};

/// The seven fields of the header behind `CEF:`, and the extension. `None`: it breaks a rule of escaping.
pub(crate) fn parse(line: &str) -> Option<([String; 7], BTreeMap<String, String>)> {
    if line.chars().any(char::is_control) {
        return None;
    }
    let mut rest = line.strip_prefix("CEF:")?;
    let mut header = [const { String::new() }; 7];
    for field in &mut header {
        let mut characters = rest.char_indices();
        rest = loop {
            match characters.next()? {
                (at, '|') => break &rest[at + 1..],
                (_, '\\') => field.push(characters.next().filter(|(_, c)| matches!(c, '|' | '\\'))?.1),
                (_, c) => field.push(c),
            }
        };
    }
    Some((header, extension(rest)?))
}

/// A key is a word of letters and digits before an `=` that no backslash escapes; its value ends where the next key
/// begins.
fn extension(text: &str) -> Option<BTreeMap<String, String>> {
    let (mut values, mut key, mut value, mut is_key) = (BTreeMap::new(), String::new(), String::new(), true);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '=' if is_key => is_key = false,
            '=' => {
                let (before, next) = value.rsplit_once(' ')?;
                let next = next.to_owned();
                let before = before.to_owned();
                if values.insert(std::mem::replace(&mut key, next), before).is_some() {
                    return None;
                }
                value.clear();
            }
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                c @ ('=' | '\\') => value.push(c),
                _ => return None,
            },
            c if is_key => key.push(c),
            c => value.push(c),
        }
    }
    let is_word = |key: &String| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
    (values.insert(key, value).is_none() && values.keys().all(is_word)).then_some(values)
}

#[test]
fn bars_and_backslashes_of_the_header_and_equal_signs_of_values_stand_behind_a_backslash() {
    let mut stored = sample();
    stored.event.kind = "a|b\\c".into();
    stored.event.summary = "x=1|y\\z\nsecond\tline externalId=forged".into();
    let line = text(shape("cef"), false, &stored);
    assert!(line.contains(r"|a\|b\\c|a\|b\\c|8|"), "{line}");
    assert!(line.contains(r" msg=x\=1|y\\z\nsecond␉line externalId\=forged "), "{line}");
    let (header, values) = parse(&line).expect("well formed");
    assert_eq!(header[4], "a|b\\c");
    assert_eq!(values["msg"], "x=1|y\\z\nsecond␉line externalId=forged");
    assert_eq!(values["externalId"], "acme/threats/t-1/9f2c");
}

#[test]
fn the_strict_parser_refuses_what_is_not_escaped() {
    assert!(parse("CEF:0|a|b|c|d|e|5|msg=fine").is_some());
    for bad in
        ["CEF:0|a|b|c|d|e", "CEF:0|a|b|c|d|e\\x|5|msg=a", "CEF:0|a|b|c|d|e|5|msg=a\\b", "CEF:0|a|b|c|d|e|5|msg=a\nb"]
    {
        assert!(parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_value_is_no_longer_than_its_key_allows_and_says_that_it_is_cut() {
    let mut stored = sample();
    stored.event.summary = "s".repeat(5000).into();
    stored.event.kind = "heartbeat".into();
    stored.event.raw = format!("{{\"a\":\"{}\"}}", "r".repeat(9000)).into();
    let (_, values) = parse(&text(shape("cef"), false, &stored)).expect("well formed");
    assert_eq!((values["msg"].len(), values["cs6"].len()), (1023, 4000));
    assert!(values["msg"].ends_with("...") && values["cs6"].ends_with("..."));
}
