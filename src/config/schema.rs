//! The JSON Schema (2020-12) of the settings, so that editors complete and check them.
//!
//! Promise: made from the table of keys that the reader uses; what it refuses, the reader refuses too.

use serde_json::{Map, Value, json};

use super::keys::{Fallback, Key, Kind, Section};
use super::sections::{AGENT, EGRESS, INTEGRATION, LOCAL, QUEUE, REMOTE, TYPES, UPDATE};
use crate::connectors::abnormal::STREAMS;
use crate::connectors::abnormal::region::REGIONS;

const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";
const DURATION: &str = "^\\s*[0-9]+\\s*(ms|s|m|min|h|d)\\s*$";

/// The whole schema.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Conductor settings",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "agent": section(&AGENT),
            "queue": section(&QUEUE),
            "egress": section(&EGRESS),
            "local": section(&LOCAL),
            "remote": section(&REMOTE),
            "update": section(&UPDATE),
            "integrations": named(section(&INTEGRATION)),
            "destinations": named(json!({ "oneOf": TYPES.iter().map(|(_, of)| section(of)).collect::<Vec<Value>>() })),
        },
    })
}

fn named(of: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": of })
}

fn section(section: &Section) -> Value {
    let mut properties: Map<String, Value> =
        section.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    if let (Some(word), Some(of_type)) = (section.of_type, properties.get_mut("type")) {
        of_type["enum"] = json!([word]);
    }
    let required: Vec<&str> =
        section.keys.iter().filter(|key| matches!(key.default, Fallback::Required)).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": section.doc,
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn property(key: &Key) -> Value {
    let mut property = form(&key.kind);
    if let Some(map) = property.as_object_mut() {
        map.insert("description".into(), json!(key.doc));
        match key.default {
            Fallback::Value(literal) => {
                if let Some(value) = from_toml(literal) {
                    map.insert("default".into(), value);
                }
            }
            Fallback::Required | Fallback::Nothing | Fallback::Told(_) => {}
        }
    }
    property
}

fn form(kind: &Kind) -> Value {
    match kind {
        Kind::Word { max } => json!({ "type": "string", "pattern": "^[!-~]+$", "maxLength": max }),
        Kind::Line { max } => json!({ "type": "string", "maxLength": max }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Size { .. } => json!({ "type": ["string", "integer"] }),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": DURATION }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Choice { now, .. } => json!({ "type": "string", "enum": now }),
        Kind::Streams => {
            let words: Vec<&str> = STREAMS.iter().copied().chain(["all"]).collect();
            json!({ "oneOf": [{ "const": "all" }, { "type": "array", "minItems": 1, "items": { "enum": words } }] })
        }
        Kind::Intervals => json!({
            "type": "object",
            "propertyNames": { "enum": STREAMS },
            "additionalProperties": { "type": "string", "pattern": DURATION },
        }),
        Kind::Names => json!({ "type": "array", "items": { "type": "string", "pattern": NAME } }),
        Kind::Ranges | Kind::HostPorts | Kind::ServerNames => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Url => json!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^@/]+([/?].*)?$" }),
        Kind::SecureUrl => json!({ "type": "string", "pattern": "^https://[^@/]+([/?].*)?$" }),
        Kind::Proxy => json!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp]://" }),
        Kind::Secret => secret(),
        Kind::Auth { token } => json!({ "oneOf": [
            { "type": "object", "additionalProperties": false, "required": [token], "properties": { *token: secret() } },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["user", "password"],
                "properties": { "user": { "type": "string", "minLength": 1 }, "password": secret() },
            },
        ] }),
        Kind::Headers => json!({
            "type": "object",
            "additionalProperties": { "oneOf": [{ "type": "string" }, secret()] },
        }),
        Kind::PerStream => json!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            { "type": "object", "additionalProperties": { "type": "string", "minLength": 1 } },
        ] }),
        Kind::Table(inner) => section(inner),
        // The short names first, so that an editor offers them.
        Kind::Host => {
            json!({ "anyOf": [{ "enum": REGIONS.map(|(name, _)| name) }, { "type": "string", "minLength": 1 }] })
        }
        Kind::Facility
        | Kind::HostPort
        | Kind::ServerName
        | Kind::Listen
        | Kind::Bind
        | Kind::Address
        | Kind::Interface
        | Kind::File
        | Kind::Folder => json!({ "type": "string", "minLength": 1 }),
    }
}

fn secret() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "file": { "type": "string", "minLength": 1 },
            "credential": { "type": "string", "pattern": "^[^/]+$" },
            "sealed": { "type": "string", "pattern": NAME },
        },
    })
}

/// A TOML literal as JSON.
fn from_toml(literal: &str) -> Option<Value> {
    let mut table: Map<String, Value> = toml::from_str(&format!("value = {literal}")).ok()?;
    table.remove("value")
}
