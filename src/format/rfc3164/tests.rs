//! Goldens, and any event through syslog_loose, which also reads RFC 3164.

use proptest::prelude::*;

use super::*;
use crate::event::Stored;
use crate::format::rfc5424::facility;
use crate::format::rfc5424::tests::{any_stored, sample};

fn formatter() -> Rfc3164 {
    Rfc3164::new(facility("local0").expect("a keyword"), "acme-mel-1", "conductor")
}

fn message(made: &Rfc3164, stored: &Stored) -> (String, bool) {
    let mut out = Vec::new();
    let whole = made.message(&mut out, stored).expect("a Vec");
    (String::from_utf8(out).expect("UTF-8"), whole)
}

#[test]
fn the_message_is_the_documented_one_with_a_day_below_ten_behind_two_blanks() {
    let mut stored = sample();
    stored.event.occurred = "2026-11-09T09:08:07.5Z".parse().expect("a time");
    let (text, whole) = message(&formatter(), &stored);
    assert!(whole && text.starts_with("<131>Nov  9 09:08:07 acme-mel-1 conductor: {\"id\":\"acme/"), "{text}");
    let (text, _) = message(&formatter().replaying(), &stored);
    assert!(text.contains("\"replayed\":true"), "{text}");
}

#[test]
fn a_host_or_tag_with_a_colon_or_a_blank_ends_where_it_should() {
    let made = Rfc3164::new(facility("user").expect("a keyword"), "fe80::1 x", "my app[7]: ");
    let (text, _) = message(&made, &sample());
    assert!(text.starts_with("<11>Nov 20 09:08:07 fe80__1_x my_app_7___: {"), "{text}");
    let empty = Rfc3164::new(facility("user").expect("a keyword"), "", "");
    assert!(message(&empty, &sample()).0.starts_with("<11>Nov 20 09:08:07 - -: {"));
}

#[test]
fn a_line_end_between_the_tokens_of_the_vendors_json_becomes_a_blank() {
    let mut stored = sample();
    stored.event.raw = "{\n\t\"a\": \"b\"\r\n}".into();
    let (text, _) = message(&formatter(), &stored);
    assert!(text.ends_with("\"raw\":{ \t\"a\": \"b\"  }}"), "{text}");
    let mut formatted = Vec::new();
    formatter().format(&mut formatted, severity(stored.event.severity), &stored).expect("a Vec");
    assert_eq!(String::from_utf8(formatted).expect("UTF-8"), text);
}

proptest! {
    #[test]
    fn any_event_is_one_line_that_syslog_loose_reads_as_rfc_3164(stored in any_stored()) {
        let (text, _) = message(&formatter(), &stored);
        prop_assert!(!text.contains(['\n', '\r']), "{text:?}");
        // The message names no year, and 29 February is a day of leap years alone.
        let year = |_: syslog_loose::IncompleteDate| 2028;
        let parsed = syslog_loose::parse_message_with_year(&text, year, syslog_loose::Variant::RFC3164);
        prop_assert_eq!(parsed.protocol, syslog_loose::Protocol::RFC3164);
        prop_assert_eq!(parsed.hostname, Some("acme-mel-1"));
        prop_assert_eq!(parsed.appname, Some("conductor"));
        let back: serde_json::Value = serde_json::from_str(parsed.msg).expect("the envelope");
        prop_assert_eq!(back["id"].as_str(), Some(&*stored.event.id));
    }
}
