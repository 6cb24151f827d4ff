//! Any event in any schema: it comes back by a parser that is not ours, or by a strict one that stands in the tests.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::Severity;
use crate::format::cef::tests::parse as parse_cef;
use crate::format::leef::tests::parse as parse_leef;
use crate::format::rfc5424::tests::{any_stored, sample};

pub(crate) const WORDS: [&str; 5] = ["json", "cef", "leef", "ocsf", "ecs"];

pub(crate) fn shape(word: &str) -> Shape {
    Shape::from_word(word).expect("a word of the settings")
}

/// Every schema, and OCSF in both of its classes.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = WORDS.map(shape).to_vec();
    let mut activity = shape("ocsf");
    assert!(activity.set_class("email-activity") && !shape("ecs").set_class("email-activity"));
    shapes.push(activity);
    shapes
}

const KINDS: [&str; 9] = [
    "threat",
    "threat-attachments",
    "threat-links",
    "case",
    "campaign",
    "not-analyzed",
    "vendor-case",
    "audit",
    "heartbeat",
];

/// Names of the vendor's fields; any of them may hold anything.
const FIELDS: [&str; 44] = [
    "threatId",
    "abxMessageIdStr",
    "abxMessageId",
    "internetMessageId",
    "subject",
    "fromAddress",
    "fromName",
    "senderDomain",
    "returnPath",
    "senderIpAddress",
    "recipientAddress",
    "toAddresses",
    "ccEmails",
    "replyToEmails",
    "receivedTime",
    "sentTime",
    "isRead",
    "urls",
    "attachmentNames",
    "attackType",
    "attackStrategy",
    "attackVector",
    "source",
    "summaryInsights",
    "remediationStatus",
    "remediationTimestamp",
    "abxPortalUrl",
    "tenantId",
    "campaignId",
    "judgementStatus",
    "reporter",
    "recipient",
    "not_analyzed_reason",
    "vendorDomain",
    "timeline",
    "action",
    "sourceIp",
    "status",
    "user",
    "attachments",
    "links",
    "list",
    "detail",
    "analysis",
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "[a-z.]{1,9}@[a-z]{1,9}\\.[a-z]{2,3}",
        Just("a|b\\|c=d\\=e\nf\r\ng\th\0i\u{7f}".to_owned()),
        Just("key=value externalId=forged".to_owned()),
        Just("\tkey=value\teventId=forged".to_owned()),
        Just("\u{2028}\u{85}\u{1F4A3}\u{feff}".to_owned()),
        Just("\"}],\"x\":[{\"".to_owned()),
        Just("203.0.113.24".to_owned()),
        Just("2026-11-19T08:13:58.120000001Z".to_owned()),
        "x{1000,3000}",
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => any_text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(&FIELDS[..]), inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// A sane value for the fields of several kinds: half of the events begin with these, so that every place is reached.
const SANE: &str = r#"{"threatId": "5b0e7c1e", "abxMessageIdStr": "-8", "internetMessageId": "<k9@mx.quay.example>",
    "subject": "Rechnung", "fromAddress": "billing@quay.example", "fromName": "Quay", "senderDomain": "quay.example",
    "returnPath": "bounce@quay.example", "senderIpAddress": "2001:db8::7", "recipientAddress": "ana@harbor.example",
    "toAddresses": ["ana@harbor.example", "ops@harbor.example"], "receivedTime": "2026-11-19T08:14:02Z",
    "urls": ["https://pay.example.test/x?a=1"], "attachmentNames": ["inv.pdf"], "attackType": "Malware",
    "summaryInsights": ["Unusual Sender"], "remediationStatus": "Post Remediated", "judgementStatus": "Malicious",
    "user": {"email": "soc@harbor.example"}, "sourceIp": "198.51.100.9", "status": "SUCCESS",
    "links": [{"linkUrl": "https://pay.example.test/x"}], "attachments": [{"attachmentName": "inv.pdf"}],
    "detail": {"caseId": 90117, "affectedEmployee": "ivo@harbor.example", "confidence": "HIGH", "threatIds": ["5b0e"]},
    "analysis": {"eventTimeline": [{"ip_address": "203.0.113.24"}]}}"#;

/// Any event of any kind, with anything in the vendor's fields.
pub(crate) fn any_rich() -> impl Strategy<Value = Stored> {
    let fields = proptest::collection::vec((proptest::sample::select(&FIELDS[..]), any_json()), 0..20);
    let kind = prop_oneof![8 => proptest::sample::select(&KINDS[..]).prop_map(str::to_owned), 1 => any_text()];
    (any_stored(), kind, any::<bool>(), fields).prop_map(|(mut stored, kind, sane, fields)| {
        let mut raw: Value = serde_json::from_str(if sane { SANE } else { "{}" }).expect("JSON");
        // Of a sane event a few fields are strange.
        for (name, value) in fields.into_iter().take(if sane { 3 } else { 20 }) {
            raw[name] = value;
        }
        stored.event.kind = kind.into();
        stored.event.raw = raw.to_string().into();
        stored
    })
}

pub(crate) fn text(shape: Shape, replayed: bool, stored: &Stored) -> String {
    let mut out = Vec::new();
    Body { shape, replayed }.write(&mut out, stored).expect("a Vec");
    String::from_utf8(out).expect("UTF-8")
}

/// What a text says of itself: the event's id, and whether it says that it is of a replay or short.
#[derive(Debug, PartialEq)]
struct Said {
    id: Option<String>,
    replayed: bool,
    truncated: bool,
}

/// Reads a text by its schema's parser. `None`: it is not well formed.
fn said(shape: Shape, text: &str) -> Option<Said> {
    let object = || serde_json::from_str::<Value>(text).ok();
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let has = |list: &Value, word: &str| list.as_array().is_some_and(|list| list.contains(&json!(word)));
    Some(match shape {
        Shape::Json => {
            let object = object()?;
            Said {
                id: string(&object["id"]),
                replayed: object["replayed"] == true,
                truncated: object["raw"]["conductor_truncated"] == true,
            }
        }
        Shape::Ocsf { .. } => {
            let object = object()?;
            Said {
                id: string(&object["metadata"]["uid"]).or(Some(String::new())),
                replayed: object["unmapped"]["conductor"]["replayed"] == true,
                truncated: object["metadata"]["is_truncated"] == true,
            }
        }
        Shape::Ecs(_) => {
            let object = object()?;
            Said {
                id: string(&object["event"]["id"]).or(Some(String::new())),
                replayed: has(&object["tags"], "replayed"),
                truncated: has(&object["tags"], "truncated"),
            }
        }
        Shape::Cef(_) => {
            let (_, values) = parse_cef(text)?;
            let marks = values.get("flexString2").map(String::as_str).unwrap_or_default();
            Said {
                id: Some(values.get("externalId").cloned().unwrap_or_default()),
                replayed: marks.contains("replayed"),
                truncated: marks.contains("truncated"),
            }
        }
        Shape::Leef(_) => {
            let (_, values) = parse_leef(text)?;
            Said {
                id: Some(values.get("eventId").cloned().unwrap_or_default()),
                replayed: values.contains_key("replayed"),
                truncated: values.contains_key("truncated"),
            }
        }
    })
}

/// The id as a schema without escapes shows it.
fn shown(shape: Shape, id: &str) -> String {
    match shape {
        Shape::Json | Shape::Ocsf { .. } | Shape::Ecs(_) => id.to_owned(),
        Shape::Leef(_) => id.chars().map(pairs::picture).collect(),
        Shape::Cef(_) => id.chars().map(|c| if matches!(c, '\n' | '\r') { c } else { pairs::picture(c) }).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_event_in_any_schema_is_one_line_that_parses_and_keeps_its_id(stored in any_rich(), replayed in any::<bool>()) {
        for shape in shapes() {
            let text = text(shape, replayed, &stored);
            prop_assert!(!text.contains(['\n', '\r']), "{shape:?}: {text:?}");
            let id = Some(shown(shape, &stored.event.id));
            prop_assert_eq!(said(shape, &text), Some(Said { id, replayed, truncated: false }), "{:?}: {}", shape, text);
        }
    }

    #[test]
    fn any_event_too_long_for_its_receiver_stays_well_formed_and_says_that_it_is_short(
        stored in any_rich(),
        most in 1500usize..6000,
        replayed in any::<bool>(),
    ) {
        for shape in shapes() {
            let whole = text(shape, replayed, &stored);
            let mut out = Vec::new();
            let is_whole = Body { shape, replayed }.write_within(&mut out, &stored, most).expect("a Vec");
            let text = String::from_utf8(out).expect("UTF-8");
            prop_assert!(text.len() <= most, "{} of {most}: {shape:?}: {text}", text.len());
            prop_assert_eq!(is_whole, whole.len() <= most);
            let told = said(shape, &text);
            prop_assert_eq!(told.as_ref().map(|told| told.truncated), Some(!is_whole), "{:?}: {}", shape, text);
            prop_assert_eq!(told.map(|told| told.replayed), Some(replayed));
            if is_whole {
                prop_assert_eq!(text, whole);
            }
        }
    }

    #[test]
    fn any_event_in_any_schema_travels_in_a_frame_of_either_standard(stored in any_rich(), most in 2048usize..9000) {
        let facility = rfc5424::facility("local0").expect("a keyword");
        for shape in shapes() {
            let mut frames = Vec::new();
            rfc5424::Rfc5424::new(facility, "box", "conductor", 32473).shaped(shape).at_most(most)
                .frame(&mut frames, &stored).expect("a Vec");
            rfc3164::Rfc3164::new(facility, "box", "conductor").shaped(shape).at_most(most)
                .frame(&mut frames, &stored).expect("a Vec");
            let mut rest = std::str::from_utf8(&frames).expect("UTF-8");
            for marker in ["] ", " conductor: "] {
                let (count, after) = rest.split_once(' ').expect("a count");
                let (message, after) = after.split_at(count.parse().expect("a number"));
                rest = after;
                prop_assert!(message.len() <= most, "{} of {most}", message.len());
                let msg = match marker {
                    "] " => rfc5424::tests::parse(message).map(|parsed| parsed.msg),
                    _ => message.split_once(marker).map(|(_, msg)| msg),
                };
                prop_assert!(msg.is_some_and(|msg| said(shape, msg).is_some()), "{shape:?}: {message}");
            }
            prop_assert!(rest.is_empty());
        }
    }
}

#[test]
fn a_schema_of_lines_begins_with_its_name_and_one_of_objects_with_the_byte_order_mark_where_it_is_not_ascii() {
    let mut stored = sample();
    // Nothing but ASCII in it, until JSON's escape is unfolded.
    stored.event.raw = r#"{"subject":"pr\u00fcfen"}"#.into();
    let facility = rfc5424::facility("local0").expect("a keyword");
    for (word, begins) in [("cef", "CEF:0|"), ("leef", "LEEF:2.0|"), ("ocsf", "\u{feff}{"), ("ecs", "\u{feff}{")] {
        let mut out = Vec::new();
        let made = rfc5424::Rfc5424::new(facility, "box", "conductor", 1).shaped(shape(word));
        assert!(made.message(&mut out, &stored).expect("a Vec"));
        let message = String::from_utf8(out).expect("UTF-8");
        let (_, msg) = message.split_once("] ").expect("structured data");
        assert!(msg.starts_with(begins), "{word}: {msg}");
        assert!(msg.contains("prüfen"), "{word}: {msg}");
    }
}

#[test]
fn the_operators_numbers_are_written_where_the_schema_has_its_severity() {
    let mut stored = sample();
    stored.event.severity = Severity::Unknown;
    let ours = |word: &str| {
        let mut shape = shape(word);
        let (table, _) = shape.severities().expect("it counts");
        *table = table.with(Severity::Unknown, 4);
        text(shape, false, &stored)
    };
    assert!(ours("cef").contains("|Threat|4|"), "{}", ours("cef"));
    assert!(ours("leef").contains("\tsev=4\t"));
    assert!(ours("ocsf").contains(r#""severity":"High","severity_id":4,"#), "{}", ours("ocsf"));
    assert!(ours("ecs").contains(r#""severity":4"#));
    assert!(!text(shape("ecs"), false, &stored).contains(r#""severity":null"#));
    assert!(Shape::Json.severities().is_none());
}
