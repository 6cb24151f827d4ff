//! The keys of `[destinations.NAME]` with `type = "jetstream"`.
//!
//! Promise: as of every type: just these keys, and those that several types share are written once, beside this file.

use super::super::keys::Fallback::{Nothing, Required, Told, Value};
use super::super::keys::{Kind, Section};
use super::destination::{
    CA, CERT, CRL, ENABLED, FILTER_KEY, FORMAT, INSECURE, KEY, OCSF_CLASS, SEVERITY_NUMBERS, START, TLS_MIN_VERSION,
    TYPE,
};
use super::{SET_BY, key};

pub static JETSTREAM: Section = Section {
    path: "destinations.NAME",
    of_type: Some("jetstream"),
    doc: "A stream of NATS JetStream: kept by several servers, each event once.",
    keys: &[
        TYPE,
        key("address", Kind::HostPort, Required, r#""nats-1.acme.example:4222""#, "A server of the cluster."),
        key(
            "servers",
            Kind::HostPorts,
            Value("[]"),
            r#"["nats-2.acme.example:4222", "nats-3.acme.example:4222"]"#,
            "The other servers of the cluster: tried in turn when the one in use is away.",
        ),
        key(
            "transport",
            Kind::Choice { now: &["tls", "tcp"], later: &[], says: "" },
            Value(r#""tls""#),
            r#""tls""#,
            "What carries it; tcp is plain: to loopback, elsewhere only with `insecure = true`.",
        ),
        CA,
        CERT,
        KEY,
        CRL,
        TLS_MIN_VERSION,
        key(
            "credentials",
            Kind::Secret,
            Nothing,
            r#"{ file = "/etc/conductor/agent.creds" }"#,
            "Where the text of a .creds file is (a JWT and its seed), as nsc makes it.",
        ),
        key("user", Kind::Word { max: 255 }, Nothing, r#""conductor""#, "A user's name; comes with `password`."),
        key(
            "password",
            Kind::Secret,
            Nothing,
            r#"{ file = "/etc/conductor/nats.password" }"#,
            "Where the user's password is.",
        ),
        key("token", Kind::Secret, Nothing, r#"{ file = "/etc/conductor/nats.token" }"#, "Where a token is."),
        key(
            "stream",
            Kind::Word { max: 255 },
            Value(r#""CONDUCTOR""#),
            r#""CONDUCTOR""#,
            "The stream that keeps the events. One agent to a stream is fastest (see the operators' guide).",
        ),
        key(
            "subject",
            Kind::Word { max: 255 },
            Value(r#""conductor.{integration}.{stream}""#),
            r#""soc.email.{integration}.{kind}.{severity}""#,
            "The subject of an event; {integration}, {stream}, {kind} and {severity} are replaced, each as one token.",
        ),
        key(
            "replicas",
            Kind::Count { min: 1, max: 5 },
            Told("3 in a cluster, 1 on a server that is alone"),
            "3",
            "How many servers keep each event: what a new stream is made with, and the least that one there must have.",
        ),
        key("create", Kind::Flag, Value("true"), "false", "Whether the stream is made where it is not there."),
        key(
            "window",
            Kind::Count { min: 1, max: 4096 },
            Value("256"),
            "256",
            "How many events are on their way without an acknowledgement.",
        ),
        FORMAT,
        OCSF_CLASS,
        SEVERITY_NUMBERS,
        START,
        FILTER_KEY,
        ENABLED,
        SET_BY,
        INSECURE,
    ],
};
