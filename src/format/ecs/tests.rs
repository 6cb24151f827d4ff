//! Documents against the closed lists and the types of ECS 8.17.0 (github.com/elastic/ecs, tag v8.17.0,
//! generated/ecs/ecs_flat.yml).

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::event::Stored;
use crate::format::rfc5424::tests::sample;
use crate::format::tests::{any_rich, shape, text};

const KINDS: [&str; 8] = ["alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"];

/// `event.category`, and the `event.type` that each expects.
const CATEGORIES: [(&str, &[&str]); 3] =
    [("email", &["info"]), ("malware", &["info"]), ("intrusion_detection", &["allowed", "denied", "info"])];

/// Every field of the schema's own that is written, and its type; a list of one type takes one value, too.
const FIELDS: [(&str, &str); 51] = [
    ("@timestamp", "date"),
    ("agent.type", "keyword"),
    ("agent.version", "keyword"),
    ("ecs.version", "keyword"),
    ("email.attachments.file.name", "keyword"),
    ("email.cc.address", "keyword"),
    ("email.delivery_timestamp", "date"),
    ("email.from.address", "keyword"),
    ("email.local_id", "keyword"),
    ("email.message_id", "keyword"),
    ("email.origination_timestamp", "date"),
    ("email.reply_to.address", "keyword"),
    ("email.subject", "keyword"),
    ("email.to.address", "keyword"),
    ("event.action", "keyword"),
    ("event.category", "keyword"),
    ("event.code", "keyword"),
    ("event.created", "date"),
    ("event.dataset", "keyword"),
    ("event.id", "keyword"),
    ("event.kind", "keyword"),
    ("event.module", "keyword"),
    ("event.original", "keyword"),
    ("event.outcome", "keyword"),
    ("event.provider", "keyword"),
    ("event.reason", "keyword"),
    ("event.reference", "keyword"),
    ("event.sequence", "long"),
    ("event.severity", "long"),
    ("event.start", "date"),
    ("event.type", "keyword"),
    ("message", "keyword"),
    ("observer.product", "keyword"),
    ("observer.type", "keyword"),
    ("observer.vendor", "keyword"),
    ("organization.id", "keyword"),
    ("organization.name", "keyword"),
    ("related.hosts", "keyword"),
    ("related.ip", "ip"),
    ("related.user", "keyword"),
    ("rule.category", "keyword"),
    ("rule.description", "keyword"),
    ("rule.name", "keyword"),
    ("source.domain", "keyword"),
    ("source.ip", "ip"),
    ("tags", "keyword"),
    ("url.original", "keyword"),
    ("user.email", "keyword"),
    ("user.full_name", "keyword"),
    // Ours and the vendor's: below names that the schema leaves to others.
    ("abnormal", "own"),
    ("conductor", "own"),
];

/// Every field of a document that the schema does not have, or not so.
fn wrongs(path: &str, value: &Value, found: &mut Vec<String>) {
    let kind = FIELDS.iter().find(|(name, _)| *name == path).map(|(_, kind)| *kind);
    match (kind, value) {
        (Some("own"), Value::Object(_)) => {}
        (_, Value::Array(entries)) => entries.iter().for_each(|entry| wrongs(path, entry, found)),
        (None, Value::Object(members)) => {
            for (name, member) in members {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                wrongs(&below, member, found);
            }
        }
        (Some("keyword"), Value::String(text)) if !text.is_empty() => {}
        (Some("long"), Value::Number(_)) => {}
        (Some("date"), Value::String(text)) if text.parse::<jiff::Timestamp>().is_ok() => {}
        (Some("ip"), Value::String(text)) if text.parse::<std::net::IpAddr>().is_ok() => {}
        (_, other) => found.push(format!("{path}: {other}")),
    }
}

fn document(stored: &Stored) -> Value {
    serde_json::from_str(&text(shape("ecs"), false, stored)).expect("JSON")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_event_has_the_schemas_fields_with_the_schemas_types_and_words(stored in any_rich()) {
        let document = document(&stored);
        let mut found = Vec::new();
        wrongs("", &document, &mut found);
        prop_assert_eq!(found, Vec::<String>::new());
        let event = &document["event"];
        prop_assert!(event["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind)));
        for category in event["category"].as_array().into_iter().flatten() {
            let expected = CATEGORIES.iter().find(|(name, _)| *category == *name).map(|(_, types)| *types);
            prop_assert!(expected.is_some_and(|types| types.contains(&event["type"][0].as_str().unwrap_or_default())));
        }
        let outcome = event["outcome"].as_str().unwrap_or("unknown");
        prop_assert!(["success", "failure", "unknown"].contains(&outcome));
    }
}

#[test]
fn a_bad_mail_is_an_alert_and_what_somebody_did_in_the_portal_is_not() {
    let of = |kind: &str, raw: Value| {
        let mut stored = sample();
        stored.event.kind = kind.to_owned().into();
        stored.event.raw = raw.to_string().into();
        document(&stored)
    };
    let threat = of("threat", json!({"attackType": "Malware", "senderIpAddress": "203.0.113.24"}));
    assert_eq!(
        (&threat["event"]["kind"], &threat["event"]["category"]),
        (&json!("alert"), &json!(["email", "malware"]))
    );
    assert_eq!((&threat["source"]["ip"], &threat["related"]["ip"]), (&json!("203.0.113.24"), &json!(["203.0.113.24"])));
    let safe = of("campaign", json!({"judgementStatus": "Safe"}));
    let bad = of("campaign", json!({"judgementStatus": "Malicious"}));
    assert_eq!((&safe["event"]["kind"], &bad["event"]["kind"]), (&json!("event"), &json!("alert")));
    let audit = of("audit", json!({"status": "FAILURE", "user": {"email": "soc@harbor.example"}}));
    assert_eq!((&audit["event"]["kind"], &audit["event"]["outcome"]), (&json!("event"), &json!("failure")));
    assert_eq!(audit["user"], json!({"email": "soc@harbor.example"}));
    let case = of("case", json!({"detail": {"affectedEmployee": "Ivo Berg"}}));
    assert_eq!(case["user"], json!({"full_name": "Ivo Berg"}));
}
