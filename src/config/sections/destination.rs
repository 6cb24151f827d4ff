//! The keys of `[destinations.NAME]`: those of every type, and for each type the whole list of what it takes.
//!
//! Promise: a type takes just the keys of its list; a key that several types share is written once.

use super::super::keys::Fallback::{Nothing, Required, Told, Value};
use super::super::keys::{Key, Kind, Section};
use super::key;
use crate::values::ByteSize;

/// What every type has: read where the type is none that this build speaks.
pub static DESTINATION: Section = Section {
    path: "destinations.NAME",
    of_type: None,
    doc: "A receiver of the SOC. NAME is its identity: the place it has reached in the queue is kept under it.",
    keys: &[TYPE, START, FILTER_KEY, ENABLED],
};

/// The types that this build speaks.
pub static TYPES: &[(&str, &Section)] = &[("syslog", &SYSLOG)];

pub static SYSLOG: Section = Section {
    path: "destinations.NAME",
    of_type: Some("syslog"),
    doc: "RFC 5424 over TLS (RFC 5425), with read receipts.",
    keys: &[
        TYPE,
        ADDRESS,
        SERVER_NAME,
        CA,
        CERT,
        KEY,
        FORMAT,
        key("facility", Kind::Facility, Value(r#""local0""#), r#""local0""#, "The facility of every message."),
        key(
            "app-name",
            Kind::Word { max: 48 },
            Value(r#""conductor""#),
            r#""conductor""#,
            "The APP-NAME of every message (RFC 5424, 6.2.5).",
        ),
        key(
            "enterprise-number",
            Kind::Count { min: 1, max: u32::MAX as u64 },
            Value("32473"),
            "32473",
            "The private enterprise number in the structured data (RFC 5424, 7.2.2).",
        ),
        key(
            "window",
            Kind::Size { min: ByteSize(64 << 10), max: ByteSize::mib(64) },
            Value(r#""4MiB""#),
            r#""4MiB""#,
            "How much is sent between two receipts.",
        ),
        key(
            "max-message-size",
            Kind::Size { min: ByteSize(2 << 10), max: ByteSize::mib(16) },
            Value(r#""64KiB""#),
            r#""64KiB""#,
            "The longest message that the receiver takes (rsyslog: maxMessageSize, syslog-ng: log-msg-size); a longer \
             event is sent visibly short, its whole stays in the queue.",
        ),
        START,
        FILTER_KEY,
        ENABLED,
        INSECURE,
    ],
};

pub static FILTER: Section = Section {
    path: "destinations.NAME.filter",
    of_type: None,
    doc: "Which events a destination gets: those that every key here lets through.",
    keys: &[
        key("integrations", Kind::Names, Value("[]"), r#"["acme"]"#, "Only of these; an empty list: of all."),
        key("streams", Kind::Names, Value("[]"), r#"["threats"]"#, "Only of these; an empty list: of all."),
        key(
            "severity-at-least",
            Kind::Choice { now: &["unknown", "info", "low", "medium", "high", "critical"], later: &[], says: "" },
            Value(r#""unknown""#),
            r#""medium""#,
            "Only as grave as this, or graver.",
        ),
    ],
};

const TYPE: Key = key(
    "type",
    Kind::Choice {
        now: &["syslog"],
        later: &["relp", "http", "splunk-hec", "elastic", "jetstream"],
        says: "this build speaks syslog",
    },
    Required,
    r#""syslog""#,
    "The protocol: syslog is RFC 5424 over TLS (RFC 5425).",
);

const ADDRESS: Key = key(
    "address",
    Kind::HostPort,
    Required,
    r#""siem.acme.example:6514""#,
    "Where it listens; an IPv6 address stands in brackets.",
);

const SERVER_NAME: Key = key(
    "server-name",
    Kind::ServerName,
    Told("the host of `address`"),
    r#""siem.acme.example""#,
    "The name that its certificate must hold.",
);

const CA: Key =
    key("ca", Kind::File, Nothing, r#""/etc/conductor/soc-ca.pem""#, "A CA file (PEM), beside the system's roots.");

const CERT: Key = key(
    "cert",
    Kind::File,
    Nothing,
    r#""/etc/conductor/agent.pem""#,
    "Our certificate chain (PEM), for mTLS; comes with `key`.",
);

const KEY: Key = key(
    "key",
    Kind::Secret,
    Nothing,
    r#"{ file = "/etc/conductor/agent.key" }"#,
    "Where its private key (PEM) is; comes with `cert`.",
);

const FORMAT: Key = key(
    "format",
    Kind::Choice { now: &["json"], later: &["cef", "leef", "ocsf", "ecs"], says: "this build writes json" },
    Value(r#""json""#),
    r#""json""#,
    "What a message holds.",
);

const START: Key = key(
    "start",
    Kind::Choice { now: &["head", "oldest"], later: &[], says: "" },
    Value(r#""head""#),
    r#""oldest""#,
    "What a new destination begins with: only what comes from now on, or all that the queue still holds.",
);

const FILTER_KEY: Key =
    key("filter", Kind::Table(&FILTER), Nothing, r#"{ severity-at-least = "medium" }"#, "Which events it gets.");

const ENABLED: Key = key("enabled", Kind::Flag, Value("true"), "false", "Whether it is handed events.");

const INSECURE: Key = key(
    "insecure",
    Kind::Flag,
    Value("false"),
    "false",
    "Plain TCP or UDP; this build speaks TLS only and refuses true.",
);
