//! The keys of `[remote]`.
//!
//! Promise: as for all sections, a key that is not here is refused.

use super::key;
use crate::config::keys::Fallback::{Nothing, Told, Value};
use crate::config::keys::{Kind, Section};

pub static REMOTE: Section = Section {
    path: "remote",
    of_type: None,
    doc: "The HTTPS listener for the SOC's health checks and the pages. Without this section nothing listens beyond loopback.",
    keys: &[
        key(
            "listen",
            Kind::Bind,
            Value(r#""0.0.0.0:8443""#),
            r#""192.0.2.7:8443""#,
            "Where it listens; a socket that systemd hands over is used in its place.",
        ),
        key(
            "cert",
            Kind::File,
            Told("a self-signed certificate, made at the first start"),
            r#""/etc/conductor/box.pem""#,
            "Our certificate and those between it and its CA (PEM); `key` must stand beside it.",
        ),
        key("key", Kind::Secret, Nothing, r#"{ credential = "box-key" }"#, "Where the private key of `cert` is (PEM)."),
        key(
            "tls-min-version",
            Kind::Choice { now: &["1.2", "1.3"], later: &[], says: "" },
            Value(r#""1.3""#),
            r#""1.2""#,
            "The lowest TLS version that is spoken.",
        ),
        key(
            "client-ca",
            Kind::File,
            Nothing,
            r#""/etc/conductor/soc-ca.pem""#,
            "A CA (PEM): whoever shows a client certificate of it may see the health, the status and the metrics.",
        ),
        key(
            "crl",
            Kind::File,
            Nothing,
            r#""/etc/conductor/soc-crl.pem""#,
            "Revocation lists of that CA (PEM): a client certificate that they name is refused, and one that none speaks of.",
        ),
        key(
            "health-token",
            Kind::Secret,
            Nothing,
            r#"{ file = "/etc/conductor/health-token" }"#,
            "Where a token of at least 16 characters is: whoever sends it (`Authorization: Bearer`) may see the same.",
        ),
        key(
            "names",
            Kind::ServerNames,
            Value("[]"),
            r#"["conductor.acme.example"]"#,
            "More names and addresses under which this box is asked, as behind a forwarded port.",
        ),
        key("admin", Kind::Flag, Value("false"), "true", "Whether the pages are served here, under /admin."),
        key(
            "allow-other-hosts",
            Kind::Flag,
            Value("false"),
            "true",
            "Whether what the pages write may name other hosts than the vendor's. Not to be set by a file in the state folder.",
        ),
    ],
};
