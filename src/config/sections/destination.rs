//! The keys of `[destinations.NAME]`: those of every type, and for each type the whole list of what it takes.
//!
//! Promise: a type takes just the keys of its list; a key that several types share is written once.

use std::time::Duration;

use super::super::keys::Fallback::{Nothing, Required, Told, Value};
use super::super::keys::{Key, Kind, Section};
use super::{SET_BY, key};
use crate::values::ByteSize;

/// What every type has: read where the type is none that this build speaks.
pub static DESTINATION: Section = Section {
    path: "destinations.NAME",
    of_type: None,
    doc: "A receiver of the SOC. NAME is its identity: the place it has reached in the queue is kept under it.",
    keys: &[TYPE, START, FILTER_KEY, ENABLED, SET_BY],
};

/// The types that this build speaks.
pub static TYPES: &[(&str, &Section)] = &[
    ("syslog", &SYSLOG),
    ("relp", &RELP),
    ("http", &super::http::HTTP),
    ("splunk-hec", &super::http::SPLUNK_HEC),
    ("elastic", &super::http::ELASTIC),
    #[cfg(feature = "jetstream")]
    ("jetstream", &super::jetstream::JETSTREAM),
];

pub static SYSLOG: Section = Section {
    path: "destinations.NAME",
    of_type: Some("syslog"),
    doc: "RFC 5424 over TLS (RFC 5425), with read receipts; or over plain TCP or UDP, with what those can tell.",
    keys: &[
        TYPE,
        ADDRESS,
        key(
            "transport",
            Kind::Choice { now: &["tls", "tcp", "udp"], later: &[], says: "" },
            Value(r#""tls""#),
            r#""tls""#,
            "What carries it: tcp and udp can be read and changed on the way, and confirm less; to loopback they may go \
             by themselves, elsewhere with `insecure = true`.",
        ),
        key(
            "framing",
            Kind::Choice { now: &["octet-counted", "lf"], later: &[], says: "" },
            Value(r#""octet-counted""#),
            r#""lf""#,
            "How messages are told apart on TLS and TCP: by a count before each (RFC 5425, RFC 6587), or by a line feed \
             behind each; with lf a line end inside a message becomes `#012`.",
        ),
        SERVER_NAME,
        CA,
        CERT,
        KEY,
        CRL,
        TLS_MIN_VERSION,
        PROXY,
        MAX_CONNECTION_AGE,
        FORMAT,
        OCSF_CLASS,
        SEVERITY_NUMBERS,
        key(
            "standard",
            Kind::Choice { now: &["rfc5424", "rfc3164"], later: &[], says: "" },
            Value(r#""rfc5424""#),
            r#""rfc3164""#,
            "How a message is built: RFC 5424, or RFC 3164 for receivers that know no other (time in UTC).",
        ),
        FACILITY,
        APP_NAME,
        ENTERPRISE_NUMBER,
        key(
            "window",
            Kind::Size { min: ByteSize(64 << 10), max: ByteSize::mib(64) },
            Value(r#""4MiB""#),
            r#""4MiB""#,
            "How much is sent between two receipts.",
        ),
        MAX_MESSAGE_SIZE,
        START,
        FILTER_KEY,
        ENABLED,
        SET_BY,
        INSECURE,
    ],
};

pub static RELP: Section = Section {
    path: "destinations.NAME",
    of_type: Some("relp"),
    doc: "RFC 5424 by RELP, rsyslog's own protocol, over TLS: the receiver acknowledges each message.",
    keys: &[
        TYPE,
        ADDRESS,
        key(
            "transport",
            Kind::Choice { now: &["tls", "tcp"], later: &[], says: "" },
            Value(r#""tls""#),
            r#""tls""#,
            "What carries it: tcp can be read and changed on the way; to loopback it may go by itself, elsewhere with \
             `insecure = true`.",
        ),
        SERVER_NAME,
        CA,
        CERT,
        KEY,
        CRL,
        TLS_MIN_VERSION,
        PROXY,
        MAX_CONNECTION_AGE,
        FORMAT,
        OCSF_CLASS,
        SEVERITY_NUMBERS,
        FACILITY,
        APP_NAME,
        ENTERPRISE_NUMBER,
        key(
            "window",
            Kind::Count { min: 2, max: 10_000 },
            Value("128"),
            "128",
            "How many messages may be unacknowledged at a time: so many may come twice after a cut.",
        ),
        MAX_MESSAGE_SIZE,
        START,
        FILTER_KEY,
        ENABLED,
        SET_BY,
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

pub static SEVERITIES: Section = Section {
    path: "destinations.NAME.severities",
    of_type: None,
    doc: "The number of each of our severities in the schema: cef 0 to 10, leef 1 to 10, ocsf 0 to 6, ecs 0 to 100.",
    keys: &[
        number("unknown", "Nobody has judged it: cef 5, leef 5, ocsf 0, ecs none."),
        number("info", "cef 1, leef 1, ocsf 1, ecs 1."),
        number("low", "cef 3, leef 3, ocsf 2, ecs 21."),
        number("medium", "cef 5, leef 5, ocsf 3, ecs 47."),
        number("high", "cef 8, leef 8, ocsf 4, ecs 73."),
        number("critical", "cef 10, leef 10, ocsf 5, ecs 99."),
    ],
};

const fn number(name: &'static str, doc: &'static str) -> Key {
    key(name, Kind::Count { min: 0, max: 100 }, Told("by the format"), "3", doc)
}

pub(super) const TYPE: Key = key(
    "type",
    Kind::Choice {
        now: &[
            "syslog",
            "relp",
            "http",
            "splunk-hec",
            "elastic",
            #[cfg(feature = "jetstream")]
            "jetstream",
        ],
        later: &[
            #[cfg(not(feature = "jetstream"))]
            "jetstream",
        ],
        says: "it is in builds with the feature of that name, as the packages are",
    },
    Required,
    r#""syslog""#,
    "The protocol: syslog is RFC 5424 over TLS (RFC 5425), TCP or UDP; relp the same with an acknowledgement of each message; \
     http is JSON to a collector; jetstream is NATS JetStream.",
);

const ADDRESS: Key = key(
    "address",
    Kind::HostPort,
    Required,
    r#""siem.acme.example:6514""#,
    "Where it listens; an IPv6 address stands in brackets.",
);

pub(super) const SERVER_NAME: Key = key(
    "server-name",
    Kind::ServerName,
    Told("the host of `address`"),
    r#""siem.acme.example""#,
    "The name that its certificate must hold, and that it is asked for (SNI).",
);

pub(super) const CA: Key =
    key("ca", Kind::File, Nothing, r#""/etc/conductor/soc-ca.pem""#, "A CA file (PEM), beside the system's roots.");

pub(super) const CERT: Key = key(
    "cert",
    Kind::File,
    Nothing,
    r#""/etc/conductor/agent.pem""#,
    "Our certificate chain (PEM), for mTLS; comes with `key`.",
);

pub(super) const KEY: Key = key(
    "key",
    Kind::Secret,
    Nothing,
    r#"{ file = "/etc/conductor/agent.key" }"#,
    "Where its private key (PEM) is; comes with `cert`.",
);

pub(super) const FORMAT: Key = key(
    "format",
    Kind::Choice { now: &["json", "cef", "leef", "ocsf", "ecs"], later: &[], says: "" },
    Value(r#""json""#),
    r#""ocsf""#,
    "The schema of a message, told field by field in docs/formats.md.",
);

pub(super) const OCSF_CLASS: Key = key(
    "ocsf-class",
    Kind::Choice { now: &["detection-finding", "email-activity"], later: &[], says: "" },
    Value(r#""detection-finding""#),
    r#""email-activity""#,
    "With `format = \"ocsf\"`: the class of a threat's messages (2004 or 4009).",
);

pub(super) const SEVERITY_NUMBERS: Key = key(
    "severities",
    Kind::Table(&SEVERITIES),
    Nothing,
    "{ unknown = 3 }",
    "Other numbers for our severities, in the scale of `format`; `json` says the word.",
);

const FACILITY: Key =
    key("facility", Kind::Facility, Value(r#""local0""#), r#""local0""#, "The facility of every message.");

const APP_NAME: Key = key(
    "app-name",
    Kind::Word { max: 48 },
    Value(r#""conductor""#),
    r#""conductor""#,
    "The APP-NAME of every message (RFC 5424, 6.2.5).",
);

const ENTERPRISE_NUMBER: Key = key(
    "enterprise-number",
    Kind::Count { min: 1, max: u32::MAX as u64 },
    Value("32473"),
    "32473",
    "The private enterprise number in the structured data (RFC 5424, 7.2.2).",
);

const MAX_MESSAGE_SIZE: Key = key(
    "max-message-size",
    Kind::Size { min: ByteSize(2 << 10), max: ByteSize::mib(16) },
    Told(r#"`"64KiB"`, over UDP `"8KiB"`"#),
    r#""64KiB""#,
    "The longest message that the receiver takes (rsyslog: maxMessageSize, syslog-ng: log-msg-size); a longer event is \
     sent visibly short, its whole stays in the queue.",
);

pub(super) const START: Key = key(
    "start",
    Kind::Choice { now: &["head", "oldest"], later: &[], says: "" },
    Value(r#""head""#),
    r#""oldest""#,
    "What a new destination begins with: only what comes from now on, or all that the queue still holds.",
);

pub(super) const FILTER_KEY: Key =
    key("filter", Kind::Table(&FILTER), Nothing, r#"{ severity-at-least = "medium" }"#, "Which events it gets.");

pub(super) const ENABLED: Key = key("enabled", Kind::Flag, Value("true"), "false", "Whether it is handed events.");

pub(super) const CRL: Key = key(
    "crl",
    Kind::File,
    Nothing,
    r#""/etc/conductor/soc-crl.pem""#,
    "Revocation lists (PEM) of the CAs that issue the receiver's certificate: a revoked one is refused, and so is one \
     whose issuer has no list here.",
);

pub(super) const TLS_MIN_VERSION: Key = key(
    "tls-min-version",
    Kind::Choice { now: &["1.2", "1.3"], later: &[], says: "" },
    Value(r#""1.2""#),
    r#""1.3""#,
    "The lowest TLS version that is spoken.",
);

pub(super) const PROXY: Key = key(
    "proxy",
    Kind::Proxy,
    Nothing,
    r#""http://proxy.example:3128""#,
    "An HTTP proxy to reach it by (CONNECT); [egress] and the environment have no say here.",
);

pub(super) const MAX_CONNECTION_AGE: Key = key(
    "max-connection-age",
    Kind::Duration { min: Duration::ZERO },
    Value(r#""24h""#),
    r#""1h""#,
    "A connection this old is ended in order and made anew, to the address that DNS then gives; \"0s\": never.",
);

pub(super) const INSECURE: Key = key(
    "insecure",
    Kind::Flag,
    Value("false"),
    "true",
    "Allows events to leave this machine unencrypted (plain TCP, UDP, http://); stands as the condition destination-insecure.",
);
