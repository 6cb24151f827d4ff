//! Every object against the published schema: required fields, types, enumerations, constraints, and no field that the
//! schema does not have.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::event::{Severity, Stored};
use crate::format::rfc5424::tests::sample;
use crate::format::tests::{any_rich, shape, text};
use crate::format::{Body, Shape};

const SCHEMA: &str = include_str!("schema-1.6.0.txt");

/// The schema's name of the object in a member.
const OBJECTS: [(&str, &str); 15] = [
    ("metadata", "metadata"),
    ("product", "product"),
    ("finding_info", "finding_info"),
    ("observables", "observable"),
    ("evidences", "evidences"),
    ("email", "email"),
    ("url", "url"),
    ("urls", "url"),
    ("file", "file"),
    ("files", "file"),
    ("user", "user"),
    ("src_endpoint", "network_endpoint"),
    ("related_events", "related_event"),
    // Of the source's own making.
    ("unmapped", ""),
    ("data", ""),
];

/// What the schema says of one attribute: requirement, type, enumeration.
type Rule = (&'static str, &'static str, Vec<i64>);

fn rules(of: &str) -> (BTreeMap<&'static str, Rule>, Option<Vec<&'static str>>) {
    let (mut rules, mut one_of) = (BTreeMap::new(), None);
    for line in SCHEMA.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&'static str> = line.split(' ').collect();
        if words[0] == of && words[1] == "at_least_one" {
            one_of = Some(words[2..].to_vec());
        } else if words[0] == of {
            let values = words.get(4).map_or(Vec::new(), |all| all.split(',').map(|n| n.parse().expect("n")).collect());
            rules.insert(words[1], (words[2], words[3], values));
        }
    }
    assert!(!rules.is_empty(), "the schema has no {of}");
    (rules, one_of)
}

/// Everything that breaks the schema.
fn wrongs(of: &str, object: &Value, wrongs: &mut Vec<String>) {
    let (rules, one_of) = rules(of);
    let Some(members) = object.as_object() else { return wrongs.push(format!("{of} is no object: {object}")) };
    for (name, (requirement, _, _)) in &rules {
        if *requirement == "required" && !members.contains_key(*name) {
            wrongs.push(format!("{of} lacks {name}"));
        }
    }
    if one_of.is_some_and(|names| !names.iter().any(|name| members.contains_key(*name))) {
        wrongs.push(format!("{of} has none of those of which it needs one"));
    }
    for (name, value) in members {
        let Some((_, kind, values)) = rules.get(name.as_str()) else {
            wrongs.push(format!("{of} has no {name}"));
            continue;
        };
        let entries = match (kind.strip_suffix("[]"), value) {
            (Some(_), Value::Array(entries)) => entries.as_slice(),
            (Some(_), _) => return wrongs.push(format!("{of}.{name} is no list")),
            (None, _) => std::slice::from_ref(value),
        };
        for entry in entries {
            let fits = match kind.trim_end_matches("[]") {
                "text" => entry.is_string(),
                "integer" => entry.as_i64().is_some_and(|n| values.is_empty() || values.contains(&n)),
                "flag" => entry.is_boolean(),
                "object" => entry.is_object(),
                other => panic!("{of}.{name}: the test knows no type {other}"),
            };
            if !fits {
                wrongs.push(format!("{of}.{name} can't be {entry}"));
            }
            if *kind == "object" || *kind == "object[]" {
                match OBJECTS.iter().find(|(member, _)| member == name) {
                    Some((_, "")) => {}
                    Some((_, object)) => self::wrongs(object, entry, wrongs),
                    None => wrongs.push(format!("{of}.{name}: the test does not know its object")),
                }
            }
        }
    }
}

/// What is wrong with an event's object, by the class that it says it is of.
fn verdict(text: &str) -> Vec<String> {
    let object: Value = serde_json::from_str(text).expect("JSON");
    let class = match object["class_uid"].as_i64() {
        Some(0) => "base_event",
        Some(2004) => "detection_finding",
        Some(4009) => "email_activity",
        other => return vec![format!("class {other:?}")],
    };
    let mut found = Vec::new();
    wrongs(class, &object, &mut found);
    let number = |name: &str| object[name].as_i64().unwrap_or(-1);
    if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
        found.push("type_uid is not of its class and activity".to_owned());
    }
    if object["metadata"]["version"] != "1.6.0" {
        found.push("another version".to_owned());
    }
    found
}

fn of_threats(word: &str) -> Shape {
    let mut shape = shape("ocsf");
    assert!(shape.set_class(word));
    shape
}

fn event(kind: &str, raw: Value) -> Stored {
    let mut stored = sample();
    stored.event.kind = kind.to_owned().into();
    stored.event.raw = raw.to_string().into();
    stored
}

fn object(shape: Shape, stored: &Stored) -> Value {
    let text = text(shape, false, stored);
    assert_eq!(verdict(&text), Vec::<String>::new(), "{text}");
    serde_json::from_str(&text).expect("JSON")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_event_whole_or_short_keeps_to_the_published_schema(stored in any_rich(), most in 1500usize..6000) {
        for class in ["detection-finding", "email-activity"] {
            let shape = of_threats(class);
            let whole = text(shape, true, &stored);
            prop_assert_eq!(verdict(&whole), Vec::<String>::new(), "{}", whole);
            let mut short = Vec::new();
            Body { shape, replayed: false }.write_within(&mut short, &stored, most).expect("a Vec");
            let short = String::from_utf8(short).expect("UTF-8");
            prop_assert_eq!(verdict(&short), Vec::<String>::new(), "{}", short);
        }
    }
}

#[test]
fn the_check_against_the_schema_finds_what_is_missing_unknown_or_out_of_its_enumeration() {
    let good = object(shape("ocsf"), &event("threat", json!({"fromAddress": "a@b.example"})));
    let broken = |change: fn(&mut Value)| {
        let mut object = good.clone();
        change(&mut object);
        verdict(&object.to_string()).join("; ")
    };
    assert_eq!(broken(|_| {}), "");
    for (change, told) in [
        ((|o| o["severity_id"] = json!(7)) as fn(&mut Value), "detection_finding.severity_id can't be 7"),
        (|o| o["time"] = json!("2026"), "detection_finding.time can't be \"2026\""),
        (|o| o["finding_info"] = json!({"title": "x"}), "finding_info lacks uid"),
        (|o| o["evidences"][0]["email"] = json!({"subject": "x"}), "email has none of those of which it needs one"),
        (|o| o["sender"] = json!("x"), "detection_finding has no sender"),
        (|o| o["type_uid"] = json!(200_402), "type_uid is not of its class and activity"),
    ] {
        assert_eq!(broken(change), told);
    }
}

#[test]
fn what_is_no_finding_is_never_counted_as_one() {
    for kind in ["audit", "heartbeat", "gap", "import", "not-analyzed"] {
        assert_eq!(object(shape("ocsf"), &event(kind, json!({})))["class_uid"], 0, "{kind}");
    }
    for kind in ["threat", "threat-links", "case", "campaign", "vendor-case"] {
        assert_eq!(object(of_threats("detection-finding"), &event(kind, json!({})))["class_uid"], 2004, "{kind}");
    }
}

#[test]
fn a_threats_message_is_an_email_activity_where_that_is_wanted_and_it_has_an_address() {
    let shape = of_threats("email-activity");
    let mail = json!({"fromAddress": "a@b.example", "attackType": "Malware", "returnPath": "r@b.example"});
    let told = object(shape, &event("threat", mail.clone()));
    assert_eq!((&told["class_uid"], &told["email"]["from"]), (&json!(4009), &json!("a@b.example")));
    assert_eq!(
        (&told["from"], &told["unmapped"]["abnormal"]["attack_type"]),
        (&json!("r@b.example"), &json!("Malware"))
    );
    // The schema has no mail without an address: this one stays a finding.
    assert_eq!(object(shape, &event("threat", json!({"subject": "x"})))["class_uid"], 2004);
    assert_eq!(object(shape, &event("campaign", mail))["class_uid"], 2004);
}

#[test]
fn a_case_that_the_customer_closed_is_a_close_of_the_same_finding() {
    let case = |status: &str| {
        object(shape("ocsf"), &event("case", json!({"detail": {"caseId": 90117, "case_status": status}})))
    };
    let (open, closed) = (case("Action Required"), case("Acknowledged (Attack resolved)"));
    assert_eq!((&open["type_uid"], &open["status"]), (&json!(200_401), &json!("New")));
    assert_eq!((&closed["type_uid"], &closed["status_id"]), (&json!(200_403), &json!(4)));
    assert_eq!(open["finding_info"]["uid"], "acme/threats/t-1");
    assert_eq!(open["finding_info"], closed["finding_info"]);
}

#[test]
fn an_event_cut_short_says_how_long_its_raw_data_was_and_keeps_its_fields() {
    let mut stored = event("threat", json!({"fromAddress": "a@b.example", "subject": "s", "z": "\"".repeat(9000)}));
    stored.event.severity = Severity::Critical;
    let mut out = Vec::new();
    let whole = Body { shape: shape("ocsf"), replayed: false }.write_within(&mut out, &stored, 4096).expect("a Vec");
    assert!(!whole && out.len() > 3500, "{}", out.len());
    let told: Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(
        (&told["metadata"]["is_truncated"], &told["raw_data_size"]),
        (&json!(true), &json!(stored.event.raw.len()))
    );
    assert_eq!((&told["severity"], &told["evidences"][0]["email"]["subject"]), (&json!("Critical"), &json!("s")));
    assert!(stored.event.raw.starts_with(told["raw_data"].as_str().expect("a text")));
}
