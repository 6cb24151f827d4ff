//! The keys of destinations that are spoken to by HTTP: a collector, Splunk, Elastic.
//!
//! Promise: what the three share stands once.

use std::time::Duration;

use super::super::keys::Fallback::{Nothing, Required, Told, Value};
use super::super::keys::{Key, Kind, Section};
use super::destination::{
    CA, CERT, CRL, ENABLED, FILTER_KEY, FORMAT, INSECURE, KEY, MAX_CONNECTION_AGE, OCSF_CLASS, PROXY, SERVER_NAME,
    SEVERITY_NUMBERS, START, TLS_MIN_VERSION, TYPE,
};
use super::{SET_BY, key};
use crate::values::ByteSize;

pub static HTTP: Section = Section {
    path: "destinations.NAME",
    of_type: Some("http"),
    doc: "JSON to an HTTP collector, in batches; a 2xx takes a batch.",
    keys: &[
        TYPE,
        key("url", Kind::Url, Required, r#""https://collector.acme.example/events""#, "Where batches are sent."),
        SERVER_NAME,
        CA,
        CERT,
        KEY,
        CRL,
        TLS_MIN_VERSION,
        PROXY,
        MAX_CONNECTION_AGE,
        key(
            "auth",
            Kind::Auth { token: "bearer" },
            Nothing,
            r#"{ bearer = { file = "/etc/conductor/collector.token" } }"#,
            "Who we say that we are: a bearer token, or `user` and `password`; secrets by reference.",
        ),
        key(
            "headers",
            Kind::Headers,
            Nothing,
            r#"{ x-tenant = "acme", x-key = { file = "/etc/conductor/x.key" } }"#,
            "More headers; a text that is a secret stands by reference.",
        ),
        key(
            "method",
            Kind::Choice { now: &["POST", "PUT", "PATCH"], later: &[], says: "" },
            Value(r#""POST""#),
            r#""PUT""#,
            "The method of every request.",
        ),
        key(
            "body",
            Kind::Choice { now: &["lines", "array"], later: &[], says: "" },
            Value(r#""lines""#),
            r#""array""#,
            "How a batch looks: one event to a line (application/x-ndjson), or one JSON array (application/json).",
        ),
        key("compression", COMPRESSIONS, Value(r#""none""#), r#""gzip""#, COMPRESSION_DOC),
        FORMAT,
        OCSF_CLASS,
        SEVERITY_NUMBERS,
        BATCH_EVENTS,
        BATCH_SIZE,
        BATCH_AGE,
        TIMEOUT,
        START,
        FILTER_KEY,
        ENABLED,
        SET_BY,
        INSECURE,
    ],
};

pub static SPLUNK_HEC: Section = Section {
    path: "destinations.NAME",
    of_type: Some("splunk-hec"),
    doc: "Splunk's HTTP Event Collector, with indexer acknowledgement.",
    keys: &[
        TYPE,
        key(
            "url",
            Kind::Url,
            Required,
            r#""https://splunk.acme.example:8088""#,
            "Where the collector listens; /services/collector/event is added.",
        ),
        SERVER_NAME,
        CA,
        CERT,
        KEY,
        CRL,
        TLS_MIN_VERSION,
        PROXY,
        MAX_CONNECTION_AGE,
        key(
            "token",
            Kind::Secret,
            Required,
            r#"{ file = "/etc/conductor/hec.token" }"#,
            "Where the HEC token is; never the token itself.",
        ),
        key(
            "ack",
            Kind::Flag,
            Value("true"),
            "false",
            "Wait until Splunk says that each batch is indexed (the token needs indexer acknowledgement); false: its 200 counts.",
        ),
        key(
            "ack-timeout",
            Kind::Duration { min: Duration::from_secs(10) },
            Value(r#""2m""#),
            r#""5m""#,
            "A batch that is not indexed within this is sent again: a server that started anew has forgotten it.",
        ),
        key(
            "channel",
            Kind::Word { max: 36 },
            Told("made up, another one after each fault"),
            r#""3f1a7c52-6d0e-4b8b-9a55-0c2d1e4f6a7b""#,
            "The request channel, a GUID; no other client may use it.",
        ),
        key(
            "index",
            Kind::PerStream,
            Told("the token's own"),
            r#"{ threats = "mail", default = "abnormal" }"#,
            "The index: one for all, or by stream; `{stream}` and `{integration}` stand for the event's.",
        ),
        key(
            "sourcetype",
            Kind::PerStream,
            Value(r#""conductor:{stream}""#),
            r#""abnormal:{stream}""#,
            "The source type, likewise.",
        ),
        key("source", Kind::PerStream, Value(r#""conductor""#), r#""{integration}""#, "The source, likewise."),
        key("host", Kind::PerStream, Told("the agent's name"), r#""acme-mel-1""#, "The host, likewise."),
        key("compression", HEC_COMPRESSIONS, Value(r#""gzip""#), r#""none""#, COMPRESSION_DOC),
        FORMAT,
        OCSF_CLASS,
        SEVERITY_NUMBERS,
        BATCH_EVENTS,
        BATCH_SIZE,
        BATCH_AGE,
        TIMEOUT,
        START,
        FILTER_KEY,
        ENABLED,
        SET_BY,
        INSECURE,
    ],
};

pub static ELASTIC: Section = Section {
    path: "destinations.NAME",
    of_type: Some("elastic"),
    doc: "Elasticsearch or OpenSearch: `_bulk` into data streams, the event's id as the document's `_id`.",
    keys: &[
        TYPE,
        key(
            "url",
            Kind::Url,
            Required,
            r#""https://elastic.acme.example:9200""#,
            "Where the cluster listens; /_bulk is added. A query such as ?pipeline=NAME stays.",
        ),
        SERVER_NAME,
        CA,
        CERT,
        KEY,
        CRL,
        TLS_MIN_VERSION,
        PROXY,
        MAX_CONNECTION_AGE,
        key(
            "auth",
            Kind::Auth { token: "api-key" },
            Nothing,
            r#"{ api-key = { file = "/etc/conductor/elastic.key" } }"#,
            "Who we say that we are: an API key in its encoded form, or `user` and `password`; secrets by reference.",
        ),
        key(
            "index",
            Kind::PerStream,
            Value(r#""logs-abnormal.{stream}-default""#),
            r#"{ threats = "logs-mail.threats-soc", default = "logs-abnormal.{stream}-default" }"#,
            "The data stream: one for all, or by stream; `{stream}` (with _ for -) and `{integration}` stand for the event's.",
        ),
        key("compression", HEC_COMPRESSIONS, Value(r#""gzip""#), r#""none""#, COMPRESSION_DOC),
        FORMAT,
        OCSF_CLASS,
        SEVERITY_NUMBERS,
        BATCH_EVENTS,
        BATCH_SIZE,
        BATCH_AGE,
        TIMEOUT,
        START,
        FILTER_KEY,
        ENABLED,
        SET_BY,
        INSECURE,
    ],
};

const COMPRESSIONS: Kind = Kind::Choice { now: &["none", "gzip", "zstd"], later: &[], says: "" };
/// What Splunk and Elasticsearch read.
const HEC_COMPRESSIONS: Kind = Kind::Choice { now: &["none", "gzip"], later: &[], says: "" };
const COMPRESSION_DOC: &str = "How a batch is compressed.";

const BATCH_EVENTS: Key =
    key("batch-events", Kind::Count { min: 1, max: 1024 }, Value("500"), "1000", "The most events of one request.");

const BATCH_SIZE: Key = key(
    "batch-size",
    Kind::Size { min: ByteSize(1 << 10), max: ByteSize::mib(16) },
    Value(r#""1MiB""#),
    r#""512KiB""#,
    "The most bytes of one request before compression; an event that is larger goes by itself.",
);

const BATCH_AGE: Key = key(
    "batch-age",
    Kind::Duration { min: Duration::ZERO },
    Value(r#""1s""#),
    r#""5s""#,
    "How long an event may wait for others, while others come; after 200 ms without any, what waits is sent.",
);

const TIMEOUT: Key = key(
    "timeout",
    Kind::Duration { min: Duration::from_secs(1) },
    Value(r#""30s""#),
    r#""20s""#,
    "How long an answer may take, at most 60s; then the batch is sent again.",
);
