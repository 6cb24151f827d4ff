//! What a key of the settings is: its name, what it takes, its default and its one sentence.
//!
//! Promise: the reader, the JSON Schema and the settings reference all speak from these values, so they can't disagree.

use std::time::Duration;

use crate::values::{ByteSize, format_duration};

/// No duration in the settings is longer: beyond it, subtracting from "now" would leave the calendar.
pub const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// One key of one section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Fallback,
    /// A value as one would write it, in TOML.
    pub example: &'static str,
    /// One sentence for the reference and the editor.
    pub doc: &'static str,
}

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// Its table is wrong without it.
    Required,
    /// Nothing holds, and that is fine.
    Nothing,
    /// This value, in TOML.
    Value(&'static str),
    /// Something found out at run time, told in words.
    Told(&'static str),
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Printable ASCII without blanks, up to so many characters.
    Word {
        max: usize,
    },
    /// A line for people, up to so many characters.
    Line {
        max: usize,
    },
    Flag,
    Count {
        min: u64,
        max: u64,
    },
    Size {
        min: ByteSize,
        max: ByteSize,
    },
    Duration {
        min: Duration,
    },
    Date,
    /// One of a closed list; `later` names those that another build will take, and `says` what this one does.
    Choice {
        now: &'static [&'static str],
        later: &'static [&'static str],
        says: &'static str,
    },
    /// A syslog facility's keyword.
    Facility,
    /// A list of streams to collect, or `"all"`.
    Streams,
    /// A table from stream to interval.
    Intervals,
    /// A list of integrations' or streams' names.
    Names,
    /// `host`, `host:port`, or the short name of a vendor's region.
    Host,
    /// `host:port`.
    HostPort,
    /// A list of `host:port`.
    #[cfg_attr(not(feature = "jetstream"), allow(dead_code, reason = "only a jetstream destination has such a list"))]
    HostPorts,
    /// The name in a certificate.
    ServerName,
    /// A list of those.
    ServerNames,
    /// An address and a port of loopback.
    Listen,
    /// An address and a port of this machine.
    Bind,
    /// An address of this machine.
    Address,
    /// A list of addresses and ranges.
    Ranges,
    /// A network interface.
    Interface,
    /// An http or https URL.
    Url,
    /// An https URL.
    SecureUrl,
    /// An http proxy, perhaps with a password.
    Proxy,
    File,
    Folder,
    /// Where a secret is.
    Secret,
    /// Who we say that we are: `token` names the secret that may stand alone, in place of user and password.
    Auth {
        token: &'static str,
    },
    /// A table of HTTP headers; a value may be a secret.
    Headers,
    /// A text, or a table from stream to text.
    PerStream,
    /// A table of its own.
    Table(&'static Section),
}

impl Kind {
    /// What a value must be, as it follows "must be".
    pub fn expected(&self) -> String {
        match self {
            Kind::Word { max } => format!("1 to {max} printable ASCII characters without blanks"),
            Kind::Line { max } => format!("one line of text of at most {max} characters"),
            Kind::Flag => "true or false".into(),
            Kind::Count { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Size { min: ByteSize(0), max } => format!("a size up to {max}"),
            Kind::Size { min, max } => format!("a size from {min} to {max}"),
            Kind::Duration { min } if min.is_zero() => format!("a duration up to {}", format_duration(LONGEST)),
            Kind::Duration { min } => {
                format!("a duration from {} to {}", format_duration(*min), format_duration(LONGEST))
            }
            Kind::Date => "a date".into(),
            Kind::Choice { now, .. } => one_of(now),
            Kind::Facility => "a syslog facility".into(),
            Kind::Streams => "a list of streams, or \"all\"".into(),
            Kind::Intervals => "a table of streams and their intervals".into(),
            Kind::Names => "a list of names".into(),
            Kind::Host => "a host name or an address, with a port where it is not 443, or a region's short name".into(),
            Kind::HostPort => "a host and a port".into(),
            Kind::HostPorts => "a list of hosts and ports".into(),
            Kind::ServerName => "a host name or an address, without a port".into(),
            Kind::ServerNames => "a list of host names and addresses, without ports".into(),
            Kind::Listen => "a loopback address and a port".into(),
            Kind::Bind => "an IP address and a port".into(),
            Kind::Address => "an IP address of this machine".into(),
            Kind::Ranges => "a list of IP addresses and ranges".into(),
            Kind::Interface => "the name of a network interface, of at most 15 characters".into(),
            Kind::Url => "an http or https URL without a password".into(),
            Kind::SecureUrl => "an https URL without a password".into(),
            Kind::Proxy => "an http:// URL of a proxy with its port".into(),
            Kind::File => "the path of a file".into(),
            Kind::Folder => "the path of a folder".into(),
            Kind::Secret => "a table that says where the secret is: file, credential or sealed".into(),
            Kind::Auth { token } => format!("a table of either {token}, or user and password"),
            Kind::Headers => "a table of header names and texts, or where a text that is a secret is".into(),
            Kind::PerStream => "a text, or a table of streams (and default) and their texts".into(),
            Kind::Table(section) => format!("a table of {}", listed(section.keys)),
        }
    }
}

/// `"a", "b" or "c"`.
fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    joined(&quoted, "or")
}

fn listed(keys: &[Key]) -> String {
    let names: Vec<String> = keys.iter().map(|key| key.name.to_owned()).collect();
    joined(&names, "and")
}

fn joined(parts: &[String], last: &str) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}

/// A table of the settings.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// As it stands in brackets: `agent`, `integrations.NAME`, `destinations.NAME.filter`.
    pub path: &'static str,
    /// The `type` whose keys these are, where a table's keys depend on it.
    pub of_type: Option<&'static str>,
    pub doc: &'static str,
    pub keys: &'static [Key],
}

impl Section {
    /// How it is called in a sentence: `[destinations.NAME] of type "relp"`.
    pub fn heading(&self) -> String {
        match self.of_type {
            Some(word) => format!("[{}] of type {word:?}", self.path),
            None => format!("[{}]", self.path),
        }
    }

    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
