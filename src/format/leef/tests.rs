//! A strict parser of LEEF 2.0, written from IBM's "LEEF event components", and what it shows.

use std::collections::BTreeMap;

use crate::format::rfc5424::tests::sample;
use crate::format::tests::{shape, text};

/// Vendor, product, version and event id, and the attributes. `None`: not LEEF 2.0 with tabs.
pub(crate) fn parse(line: &str) -> Option<([String; 4], BTreeMap<String, String>)> {
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return None;
    }
    let mut fields = line.strip_prefix("LEEF:2.0|")?.splitn(6, '|');
    let header = [(); 4].map(|()| fields.next().unwrap_or_default().to_owned());
    (fields.next()? == "x09" && header.iter().all(|field| !field.is_empty())).then_some(())?;
    let mut values = BTreeMap::new();
    for pair in fields.next()?.split('\t') {
        let (key, value) = pair.split_once('=')?;
        let is_word = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_word || value.is_empty() || values.insert(key.to_owned(), value.to_owned()).is_some() {
            return None;
        }
    }
    Some((header, values))
}

#[test]
fn what_would_part_the_line_is_shown_by_its_picture() {
    let mut stored = sample();
    stored.event.kind = "a|b\tc".into();
    stored.event.summary = "one\ttwo\r\nthree eventId=forged".into();
    let (header, values) = parse(&text(shape("leef"), false, &stored)).expect("well formed");
    assert_eq!(header, ["Conductor", "Conductor", crate::VERSION, "a_b␉c"]);
    assert_eq!(values["msg"], "one␉two␍␊three eventId=forged");
    assert_eq!(values["eventId"], "acme/threats/t-1/9f2c");
    stored.event.kind = "".into();
    assert_eq!(parse(&text(shape("leef"), false, &stored)).expect("well formed").0[3], "event");
}

#[test]
fn the_time_is_written_as_the_format_beside_it_says() {
    let (_, values) = parse(&text(shape("leef"), false, &sample())).expect("well formed");
    assert_eq!(values["devTime"], "2026-11-20T09:08:07.500+0000");
    assert_eq!(values["devTimeFormat"], "yyyy-MM-dd'T'HH:mm:ss.SSSZ");
    let mut early = sample();
    early.event.occurred = "-000001-01-01T00:00:00Z".parse().expect("a time");
    let (_, values) = parse(&text(shape("leef"), false, &early)).expect("well formed");
    assert!(!values.contains_key("devTime") && !values.contains_key("devTimeFormat"));
}
