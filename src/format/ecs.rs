//! Elastic Common Schema 8.17: an event as one JSON document.
//!
//! Promise: every field of the schema's own names has the schema's type and, where it has a closed list, one of its
//! words; what the schema has no place for stands below `abnormal` and `conductor`, the vendor's JSON in
//! `event.original`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::object::{self, text, texts};
use super::particulars::{Matter, Origin, Particulars, is_mail_address};
use super::severity::Severities;
use super::shortening::Extent;
use super::time::{Digits, write_rfc3339};
use crate::event::Stored;

/// The version of the schema that is written.
pub const VERSION: &str = "8.17.0";

/// Writes the document, without a line end.
///
/// # Errors
/// Those of the writer; a `Vec` has none.
pub fn write<W: Write>(
    w: &mut W,
    stored: &Stored,
    severities: &Severities,
    replayed: bool,
    extent: Extent,
) -> io::Result<()> {
    let event = &stored.event;
    let told = extent.particulars(event);
    let tags = [(replayed, "replayed"), (!extent.is_whole(), "truncated")];
    let user = told.user.as_deref().and_then(|user| extent.field(user));
    let as_address = user.as_deref().filter(|user| is_mail_address(user));
    let document = json!({
        "@timestamp": time(Some(event.occurred)),
        "ecs": { "version": VERSION },
        "message": *event.summary,
        "tags": tags.into_iter().filter(|(is, _)| *is).map(|(_, tag)| tag).collect::<Vec<_>>(),
        "event": {
            "id": *event.id,
            "kind": if told.is_alert() { "alert" } else { "event" },
            "category": category(&told),
            "type": ["info"],
            "module": "conductor",
            "dataset": format!("conductor.{}", event.stream),
            "provider": told.origin.vendor(),
            "code": *event.kind,
            "severity": severities.number(event.severity),
            "sequence": i64::try_from(stored.seq.0).ok(),
            "created": time(Some(event.observed)),
            "start": time(told.first_seen),
            "action": text(&told.action, extent),
            "outcome": outcome(&told),
            "reason": text(&told.reason, extent),
            "reference": text(&told.portal, extent),
            "original": extent.raw(&event.raw),
        },
        "email": mail(&told, extent),
        "rule": {
            "name": text(&told.attack_type, extent),
            "category": text(&told.category, extent),
            "description": joined(&texts(&told.insights, extent)),
        },
        "observer": observer(told.origin),
        "agent": { "type": "conductor", "version": crate::VERSION },
        "organization": { "id": text(&told.tenant_id, extent), "name": text(&told.tenant, extent) },
        "source": { "ip": told.addresses.first(), "domain": text(&told.sender_domain, extent) },
        "user": { "email": as_address, "full_name": if as_address.is_none() { user.as_deref() } else { None } },
        "related": {
            "ip": told.addresses.iter().take(extent.entries()).collect::<Vec<_>>(),
            "user": related(told.mail_addresses(), extent),
            "hosts": [text(&told.sender_domain, extent), text(&told.vendor_domain, extent)],
        },
        "url": { "original": told.urls.first().and_then(|url| extent.field(url)) },
        "abnormal": {
            "id": text(&told.subject_id, extent),
            "attack_strategy": text(&told.attack_strategy, extent),
            "attack_vector": text(&told.attack_vector, extent),
            "attacked_party": text(&told.attacked_party, extent),
            "impersonated_party": text(&told.impersonated_party, extent),
            "judgement": text(&told.judgement, extent),
            "confidence": text(&told.confidence, extent),
            "status": text(&told.status, extent),
            "remediation_status": text(&told.remediation, extent),
            "remediation_time": time(told.remediated),
            "reporter": text(&told.reporter, extent),
            "recipient": text(&told.recipient, extent),
            "return_path": text(&told.return_path, extent),
            "is_read": told.is_read,
            "threats": texts(&told.threats, extent),
            "urls": texts(&told.urls, extent),
        },
        "conductor": { "integration": *event.integration, "stream": *event.stream, "severity": event.severity.as_str() },
    });
    object::write(w, document)
}

/// The allowed words that fit; an event that none fits has none, as the schema wants it.
fn category(told: &Particulars<'_>) -> &'static [&'static str] {
    let is_malware = told.attack_type.as_deref().is_some_and(|word| word.to_ascii_lowercase().contains("malware"));
    match told.matter {
        Matter::Threat if is_malware => &["email", "malware"],
        Matter::Threat | Matter::ThreatParts | Matter::Campaign | Matter::NotAnalyzed | Matter::VendorCase => {
            &["email"]
        }
        Matter::Case => &["intrusion_detection"],
        Matter::Audit | Matter::Other => &[],
    }
}

fn outcome(told: &Particulars<'_>) -> Option<&'static str> {
    match told.outcome.as_deref()?.to_ascii_lowercase().as_str() {
        "success" => Some("success"),
        "failure" => Some("failure"),
        _ => Some("unknown"),
    }
}

fn mail(told: &Particulars<'_>, extent: Extent) -> Value {
    if !told.is_mail() {
        return Value::Null;
    }
    let mut to = texts(&told.to, extent);
    if told.to.is_empty() {
        to = json!([text(&told.recipient, extent)]);
    }
    let files = told.attachments.iter().take(extent.entries()).filter_map(|name| extent.field(name));
    json!({
        "local_id": text(&told.message_id, extent),
        "message_id": text(&told.internet_message_id, extent),
        "subject": text(&told.subject, extent),
        "from": { "address": [text(&told.from, extent)] },
        "to": { "address": to },
        "cc": { "address": texts(&told.cc, extent) },
        "reply_to": { "address": texts(&told.reply_to, extent) },
        "delivery_timestamp": time(told.received),
        "origination_timestamp": time(told.sent),
        "attachments": files.map(|name| json!({ "file": { "name": name } })).collect::<Vec<_>>(),
    })
}

/// Who saw it: the vendor's service, not the agent that carries it.
fn observer(origin: Origin) -> Value {
    match origin {
        Origin::Abnormal => json!({ "vendor": origin.vendor(), "product": origin.vendor(), "type": "email-security" }),
        Origin::Conductor => Value::Null,
    }
}

fn related(addresses: Vec<&str>, extent: Extent) -> Vec<Value> {
    let kept = addresses.into_iter().take(extent.entries());
    kept.filter_map(|address| extent.field(address)).map(Value::from).collect()
}

fn joined(texts: &Value) -> String {
    let parts: Vec<&str> = texts.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    parts.join("; ")
}

/// RFC 3339; a year beyond four digits, which Elasticsearch takes for none, is left out.
fn time(at: Option<jiff::Timestamp>) -> Option<String> {
    let mut text = Vec::new();
    // A Vec takes everything.
    matches!(write_rfc3339(&mut text, at?, Digits::Needed), Ok(true))
        .then(|| String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests;
