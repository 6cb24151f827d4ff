//! Every key that the settings know, with its default: the one table.
//!
//! Promise: a key that is not here is refused, and a default that is not here does not exist.

use std::time::Duration;

use super::keys::Fallback::{Nothing, Required, Told, Value};
use super::keys::{Key, Kind, Section};
use crate::values::ByteSize;

pub use destination::{DESTINATION, FILTER, SEVERITIES, TYPES};
pub use remote::REMOTE;

mod destination;
mod http;
#[cfg(feature = "jetstream")]
mod jetstream;
mod remote;

/// Integrations that exist without being configured: our own events, and imported lines.
pub const OWN_INTEGRATIONS: &[&str] = &["conductor", "import"];

const SECOND: Duration = Duration::from_secs(1);
const MOST: ByteSize = ByteSize(1 << 50);

/// Sections that stand once, then those of integrations, then those of each type of destination.
pub static SECTIONS: &[&Section] = &[
    &AGENT,
    &QUEUE,
    &EGRESS,
    &LOCAL,
    &REMOTE,
    &UPDATE,
    &INTEGRATION,
    &destination::SYSLOG,
    &destination::RELP,
    &http::HTTP,
    &http::SPLUNK_HEC,
    &http::ELASTIC,
    #[cfg(feature = "jetstream")]
    &jetstream::JETSTREAM,
];

pub static AGENT: Section = Section {
    path: "agent",
    of_type: None,
    doc: "The agent itself.",
    keys: &[
        key(
            "name",
            Kind::Word { max: 255 },
            Told("the host name"),
            r#""acme-mel-1""#,
            "How this box is called on the status page and in the HOSTNAME of syslog messages.",
        ),
        key(
            "state-dir",
            Kind::Folder,
            Told("`$STATE_DIRECTORY`, else `/var/lib/conductor`"),
            r#""/var/lib/conductor""#,
            "Where the queue and what the commands write are kept; can't be set by a file inside it.",
        ),
        key(
            "heartbeat",
            Kind::Duration { min: Duration::ZERO },
            Value(r#""5m""#),
            r#""5m""#,
            "How often a heartbeat goes to every destination; \"0s\": never.",
        ),
        key(
            "forward-audit",
            Kind::Flag,
            Value("true"),
            "false",
            "Whether entries of the audit log are handed to the destinations, as events of the integration conductor: what was \
             cut off at the log's end is seen by that alone.",
        ),
    ],
};

pub static QUEUE: Section = Section {
    path: "queue",
    of_type: None,
    doc: "The durable queue on disk.",
    keys: &[
        key(
            "max-size",
            Kind::Size { min: ByteSize::mib(16), max: MOST },
            Value(r#""4GiB""#),
            r#""4GiB""#,
            "How much of the disk the queue may take, measured.",
        ),
        key(
            "when-full",
            Kind::Choice { now: &["pause", "drop-oldest"], later: &[], says: "" },
            Value(r#""pause""#),
            r#""pause""#,
            "At that size: stop polling until there is room, or drop the oldest events, counted and shown.",
        ),
        key(
            "keep",
            Kind::Duration { min: Duration::ZERO },
            Value(r#""24h""#),
            r#""24h""#,
            "How long events stay for search and replay after every destination took them.",
        ),
        key(
            "keep-size",
            Kind::Size { min: ByteSize(0), max: MOST },
            Value(r#""256MiB""#),
            r#""256MiB""#,
            "How much of them stays at the most; \"0\": nothing is kept.",
        ),
    ],
};

pub static EGRESS: Section = Section {
    path: "egress",
    of_type: None,
    doc: "The way out, and the address that the vendor sees.",
    keys: &[
        key(
            "allowlisted",
            Kind::Ranges,
            Value("[]"),
            r#"["203.0.113.10", "198.51.100.0/28"]"#,
            "What the vendor's IP Safelist holds; compared with the address observed.",
        ),
        key(
            "probe",
            Kind::Url,
            Nothing,
            r#""https://soc.example/ip""#,
            "A URL whose answer holds our address as seen from outside.",
        ),
        key(
            "probe-ca",
            Kind::File,
            Nothing,
            r#""/etc/conductor/soc-ca.pem""#,
            "A CA file (PEM) for the probe, beside the system's roots.",
        ),
        key("source-address", Kind::Address, Nothing, r#""192.0.2.7""#, "Leave from this address only."),
        key("interface", Kind::Interface, Nothing, r#""wan0""#, "Leave through this interface only."),
        key(
            "proxy",
            Kind::Proxy,
            Told("`HTTPS_PROXY` and `NO_PROXY` of the environment"),
            r#""http://proxy.example:3128""#,
            "The proxy towards the vendor, as `http://[user:password@]host:port`; the one key that may hold a password.",
        ),
    ],
};

pub static LOCAL: Section = Section {
    path: "local",
    of_type: None,
    doc: "The status listener: plain HTTP, without a login, on loopback only.",
    keys: &[key(
        "listen",
        Kind::Listen,
        Value(r#""127.0.0.1:9614""#),
        r#""127.0.0.1:9614""#,
        "Where it listens; port 0 lets the system choose.",
    )],
};

pub static UPDATE: Section = Section {
    path: "update",
    of_type: None,
    doc: "Where an appliance looks for newer versions. Other machines get them as packages, and ask nobody.",
    keys: &[
        key(
            "url",
            Kind::SecureUrl,
            Nothing,
            r#""https://updates.acme.example/conductor/stable.json""#,
            "An index by HTTPS, in JSON: version, url, sha256 and size of a bundle. Without it nothing is looked for.",
        ),
        key(
            "ca",
            Kind::File,
            Nothing,
            r#""/etc/conductor/acme-ca.pem""#,
            "A CA file (PEM), beside the system's roots.",
        ),
        key(
            "window",
            Kind::Line { max: 60 },
            Told("at any time"),
            r#""Sun 02:00-04:00""#,
            "When an update may begin, in UTC: \"02:00-04:00\", \"Sun 02:00-04:00\", \"Mon-Fri 22:00-02:00\", \"Sat,Sun 01:00-05:00\".",
        ),
        key(
            "interval",
            Kind::Duration { min: Duration::from_secs(60) },
            Value(r#""6h""#),
            r#""6h""#,
            "How often the index is asked for.",
        ),
    ],
};

pub static INTEGRATION: Section = Section {
    path: "integrations.NAME",
    of_type: None,
    doc: "A vendor's API to collect from. NAME is its identity in every event id and can't be changed later.",
    keys: &[
        key(
            "connector",
            Kind::Choice { now: &["abnormal-security"], later: &[], says: "this build speaks to Abnormal Security" },
            Value(r#""abnormal-security""#),
            r#""abnormal-security""#,
            "The code that speaks the vendor's API.",
        ),
        key(
            "title",
            Kind::Line { max: 100 },
            Nothing,
            r#""Acme, Melbourne""#,
            "A name for people: its heading on the pages.",
        ),
        key(
            "host",
            Kind::Host,
            Value(r#""api.abnormalplatform.com""#),
            r#""eu.rest.abnormalsecurity.com""#,
            "The API's host, or its region's short name: `us` (`api.abnormalplatform.com`), `eu` (`eu.rest.abnormalsecurity.com`), `fedramp` (`rest.abnormalsecurity.us`); HTTPS always.",
        ),
        key("ca", Kind::File, Nothing, r#""/etc/conductor/api-ca.pem""#, "A CA file (PEM), beside the system's roots."),
        key(
            "api-key",
            Kind::Secret,
            Required,
            r#"{ file = "/etc/conductor/acme.key" }"#,
            "Where the API key is; never the key itself.",
        ),
        key(
            "api-key-expires",
            Kind::Date,
            Nothing,
            r#""2027-01-31""#,
            "When the key expires, so that it is told in time.",
        ),
        key(
            "api-key-name",
            Kind::Line { max: 255 },
            Nothing,
            r#""conductor""#,
            "How the vendor's portal calls the key, so that its expiry is found where the customer has several keys.",
        ),
        key(
            "api-key-max-age",
            Kind::Duration { min: Duration::ZERO },
            Value(r#""90d""#),
            r#""90d""#,
            "An older key is told as a reminder to rotate it; \"0d\": never.",
        ),
        key(
            "polling-interval",
            Kind::Duration { min: SECOND },
            Value(r#""10m""#),
            r#""10m""#,
            "How often each stream is asked; below 1m a warning.",
        ),
        key("intervals", Kind::Intervals, Nothing, r#"{ abuse-campaigns = "1h" }"#, "Intervals of single streams."),
        key("enabled", Kind::Flag, Value("true"), "false", "Whether it is collected."),
        SET_BY,
        key(
            "start",
            Kind::Duration { min: Duration::ZERO },
            Value(r#""24h""#),
            r#""24h""#,
            "How far back a new integration begins.",
        ),
        key(
            "lag",
            Kind::Duration { min: Duration::ZERO },
            Value(r#""2m""#),
            r#""2m""#,
            "A window ends this long before now, for items that appear late.",
        ),
        key(
            "overlap",
            Kind::Duration { min: Duration::ZERO },
            Value(r#""15m""#),
            r#""15m""#,
            "And begins again this far back; what was seen is not fetched twice.",
        ),
        key(
            "streams",
            Kind::Streams,
            Value(r#"["threats", "cases", "abuse-campaigns"]"#),
            r#""all""#,
            "What is collected: threats, cases, abuse-campaigns, not-analyzed, vendor-cases, audit-logs; \"all\": all of them.",
        ),
        key(
            "enrich",
            Kind::Flag,
            Value("false"),
            "true",
            "Also collect the attachments and links of each threat, as events of their own: two more requests a threat.",
        ),
        key(
            "requests-per-minute",
            Kind::Count { min: 1, max: 100_000 },
            Value("240"),
            "240",
            "Shared by the streams of one integration; the vendor allows 300 per customer.",
        ),
    ],
};

/// Of integrations and destinations.
const SET_BY: Key = key(
    "set-by",
    Kind::Choice { now: &["page"], later: &[], says: "" },
    Nothing,
    r#""page""#,
    "Written by the pages: its host may then be no part of this machine (its interfaces' addresses neither), its link or a \
     cloud's metadata service, at every connection; an integration's must be one of the vendor's. `allow-other-hosts` under \
     [remote] lifts it.",
);

const fn key(
    name: &'static str,
    kind: Kind,
    default: super::keys::Fallback,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, kind, default, example, doc }
}
