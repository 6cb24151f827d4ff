//! The settings files as they may be shown to somebody else.
//!
//! Promise: what stays was recognised as harmless by the kind of its key; whatever is no key of ours, or is not of its
//! kind, is left out, its name too. Comments go. It works on files that hold mistakes.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::fragments::Gathered;
use super::keys::{Kind, Section};
use super::sections::{DESTINATION, SECTIONS, TYPES};
use super::{Environment, agent};
use crate::values::Name;

const LEFT_OUT: &str = "(left out)";

/// Each file, and what may be shown of it.
pub fn redacted(main: &Path, env: Environment<'_>) -> Vec<(PathBuf, String)> {
    let mut gathered = Gathered::default();
    gathered.operators(main);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.state(&state_dir);
    gathered.fragments.into_iter().map(|fragment| (fragment.path, text(&fragment.text))).collect()
}

fn text(written: &str) -> String {
    match written.parse::<Table>() {
        Ok(table) => document(table).to_string(),
        Err(_) => "# left out: it is no TOML, so that nothing in it can be told apart\n".to_owned(),
    }
}

fn document(all: Table) -> Table {
    let mut shown = Table::new();
    let mut strange = 0;
    for (name, value) in all {
        let kept = match (name.as_str(), value) {
            ("integrations", Value::Table(named)) => {
                let section = SECTIONS.iter().find(|section| section.path == "integrations.NAME").copied();
                Some(each(named, |_| section))
            }
            ("destinations", Value::Table(named)) => Some(each(named, |one| Some(of_type(one)))),
            (single, Value::Table(keys)) => {
                let section = SECTIONS.iter().find(|section| section.path == single);
                section.map(|section| Value::Table(table(keys, section)))
            }
            (_, _) => None,
        };
        match kept {
            Some(value) => drop(shown.insert(name, value)),
            None => leave_out(&mut shown, &mut strange),
        }
    }
    shown
}

/// `[integrations.NAME]` or `[destinations.NAME]`.
fn each(named: Table, section: impl Fn(&Table) -> Option<&'static Section>) -> Value {
    let mut shown = Table::new();
    let mut strange = 0;
    for (name, value) in named {
        match (name.parse::<Name>(), value) {
            (Ok(_), Value::Table(keys)) => {
                let kept = section(&keys).map(|section| table(keys, section)).unwrap_or_default();
                shown.insert(name, Value::Table(kept));
            }
            (Ok(_) | Err(_), _) => leave_out(&mut shown, &mut strange),
        }
    }
    Value::Table(shown)
}

fn of_type(one: &Table) -> &'static Section {
    let word = one.get("type").and_then(Value::as_str);
    TYPES.iter().find(|(name, _)| Some(*name) == word).map_or(&DESTINATION, |(_, section)| section)
}

fn table(keys: Table, section: &Section) -> Table {
    let mut shown = Table::new();
    let mut strange = 0;
    for (name, value) in keys {
        match section.key(&name) {
            Some(key) => drop(shown.insert(name, kept(value, &key.kind))),
            None => leave_out(&mut shown, &mut strange),
        }
    }
    shown
}

fn leave_out(shown: &mut Table, strange: &mut u32) {
    *strange += 1;
    shown.insert(format!("unknown-{strange}"), left_out());
}

fn left_out() -> Value {
    Value::String(LEFT_OUT.into())
}

/// What may be shown of a value of this kind.
fn kept(value: Value, kind: &Kind) -> Value {
    let is_scalar = !matches!(value, Value::Table(_) | Value::Array(_));
    match kind {
        Kind::Flag | Kind::Count { .. } => {
            if matches!(value, Value::Boolean(_) | Value::Integer(_)) {
                value
            } else {
                left_out()
            }
        }
        Kind::Choice { now, later, .. } => match value.as_str() {
            Some(word) if now.contains(&word) || later.contains(&word) => value,
            Some(_) | None => left_out(),
        },
        Kind::Word { .. }
        | Kind::Line { .. }
        | Kind::Size { .. }
        | Kind::Duration { .. }
        | Kind::Date
        | Kind::Facility
        | Kind::Host
        | Kind::HostPort
        | Kind::ServerName
        | Kind::Listen
        | Kind::Bind
        | Kind::Address
        | Kind::Interface
        | Kind::File
        | Kind::Folder => {
            if is_scalar {
                value
            } else {
                left_out()
            }
        }
        Kind::Streams | Kind::Names | Kind::ServerNames | Kind::HostPorts | Kind::Ranges => match value {
            Value::Array(all) => Value::Array(all.into_iter().filter(|one| one.is_str()).collect()),
            Value::String(_) => value,
            _ => left_out(),
        },
        Kind::Intervals | Kind::PerStream => match value {
            Value::Table(all) => Value::Table(all.into_iter().filter(|(_, one)| one.is_str()).collect()),
            Value::String(_) => value,
            _ => left_out(),
        },
        Kind::Url | Kind::SecureUrl => place(&value),
        Kind::Proxy => place(&value),
        Kind::Secret => reference(value),
        Kind::Auth { .. } => match value {
            Value::Table(all) => Value::Table(all.into_iter().map(|(key, one)| login(key, one)).collect()),
            _ => left_out(),
        },
        // A header's text may be a token.
        Kind::Headers => match value {
            Value::Table(all) => Value::Table(all.into_iter().map(|(key, one)| (key, reference(one))).collect()),
            _ => left_out(),
        },
        Kind::Table(section) => match value {
            Value::Table(keys) => Value::Table(table(keys, section)),
            _ => left_out(),
        },
    }
}

/// Where a secret lies; never one that was written in its place.
fn reference(value: Value) -> Value {
    match value {
        Value::Table(all) => {
            let known = |key: &str| matches!(key, "file" | "credential" | "sealed");
            Value::Table(all.into_iter().filter(|(key, one)| known(key) && one.is_str()).collect())
        }
        _ => left_out(),
    }
}

fn login(key: String, value: Value) -> (String, Value) {
    let value = if key == "user" && value.is_str() { value } else { reference(value) };
    (key, value)
}

/// Scheme, host and port: a path, a question or a user may hold a token.
fn place(value: &Value) -> Value {
    let parts = value.as_str().and_then(|text| text.split_once("://"));
    let Some((scheme, rest)) = parts.filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        return left_out();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(_, host)| (LEFT_OUT, host));
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let path = if path.trim_matches('/').is_empty() { "" } else { "/(left out)" };
    Value::String(format!("{scheme}://{user}{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays_and_whatever_may_be_a_secret_goes() {
        let shown = text(
            "# CANARY in a comment\nCANARY = 1\n[agent]\nname = \"box\"\nCANARY-key = \"x\"\n[CANARYsection]\nx = 1\n\
             [egress]\nproxy = \"http://u:CANARY@proxy.example:3128\"\nprobe = \"https://soc.example/CANARY?CANARY\"\n\
             [integrations.acme]\nhost = \"api.abnormalplatform.com\"\napi-key = \"CANARY\"\nenabled = \"CANARY\"\n\
             [integrations.other]\napi-key = { file = \"/etc/key\", CANARY = \"CANARY\" }\n[integrations.\"CANARY Name\"]\nhost = \"x\"\n\
             [destinations.soc]\ntype = \"http\"\nurl = \"https://collector.example:8088/CANARY\"\n\
             auth = { user = \"u\", password = \"CANARY\" }\nheaders = { X-Token = \"CANARY\", X-Ref = { sealed = \"ref\" } }\n\
             filter = { streams = [\"threats\"], CANARY = true }\n[destinations.odd]\ntype = \"CANARY\"\naddress = \"CANARY\"\n",
        );
        assert!(!shown.contains("CANARY"), "{shown}");
        for kept in [
            "name = \"box\"",
            "http://(left out)@proxy.example:3128",
            "https://soc.example/(left out)",
            "host = \"api.abnormalplatform.com\"",
            "file = \"/etc/key\"",
            "https://collector.example:8088/(left out)",
            "user = \"u\"",
            "sealed = \"ref\"",
            "streams = [\"threats\"]",
        ] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_left_out_whole() {
        let shown = text("api-key = CANARY");
        assert!(shown.starts_with('#') && !shown.contains("CANARY"), "{shown}");
    }
}
