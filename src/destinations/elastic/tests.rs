//! How an event becomes a document.

use super::*;
use crate::destinations::http::settings::PerStream;

fn written(index: PerStream, change: impl FnOnce(&mut Stored)) -> (serde_json::Value, serde_json::Value) {
    let mut stored = crate::format::rfc5424::tests::sample();
    stored.event.stream = "abuse-campaigns".into();
    change(&mut stored);
    let mut text = Vec::new();
    Bulk { body: Body::default(), index }.write(&mut text, &stored).expect("a Vec");
    let text = String::from_utf8(text).expect("UTF-8");
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!((lines.len(), lines[2]), (3, ""), "an action, a document, and no other line end: {text}");
    let line = |at: usize| serde_json::from_str(lines[at]).expect("JSON");
    (line(0), line(1))
}

#[test]
fn an_event_is_created_in_its_data_stream_under_its_own_id_with_its_own_time() {
    let index = PerStream::all("logs-abnormal.{stream}-default");
    let (action, document) = written(index, |stored| stored.event.raw = "{\n\"a\": 1}".into());
    assert_eq!(action["create"]["_index"], "logs-abnormal.abuse_campaigns-default");
    assert_eq!(action["create"]["_id"], document["id"]);
    assert_eq!(document["@timestamp"], document["occurred"]);
    assert_eq!(document["raw"]["a"], 1);
}

#[test]
fn a_stream_is_named_in_the_settings_as_it_is_everywhere() {
    let index = PerStream { default: None, streams: vec![("abuse-campaigns".into(), "mine".into())] };
    assert_eq!(written(index, |_| {}).0["create"]["_index"], "mine");
}

#[test]
fn an_id_that_is_too_long_becomes_its_hash_and_no_two_become_one() {
    let id = |end: &str| document_id(&format!("{}{end}", "x".repeat(LONGEST_ID)));
    assert_eq!(document_id(&"x".repeat(LONGEST_ID)).len(), LONGEST_ID);
    assert!(id("a").len() == 64 && id("a") != id("b"));
}

#[test]
fn a_bulk_goes_below_the_path_of_the_url() {
    for path in ["/", "/_bulk", "/_bulk/"] {
        assert!(bulk_path(path).starts_with("/_bulk?filter_path=errors,"), "{path}");
    }
    assert!(bulk_path("/es/?pipeline=mail").starts_with("/es/_bulk?pipeline=mail&filter_path="));
}

#[test]
fn a_text_that_is_no_object_becomes_the_message_of_one() {
    // A document that begins with its time, as ECS has it, is left as it is; so is every member of an object.
    let mut text = Vec::new();
    add_time(&mut text, b"CEF:0|a \"b\"", "2026-11-21T05:00:00Z".parse().expect("a time")).expect("a Vec");
    let document: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(
        (&document["message"], &document["@timestamp"]),
        (&"CEF:0|a \"b\"".into(), &"2026-11-21T05:00:00Z".into())
    );
    for (written, expected) in [
        (r#"{"@timestamp":"x","a":1}"#, r#"{"@timestamp":"x","a":1}"#),
        ("{}", r#"{"@timestamp":"1970-01-01T00:00:00Z"}"#),
        (r#"{"a":1}"#, r#"{"@timestamp":"1970-01-01T00:00:00Z","a":1}"#),
    ] {
        let mut text = Vec::new();
        add_time(&mut text, written.as_bytes(), jiff::Timestamp::UNIX_EPOCH).expect("a Vec");
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
