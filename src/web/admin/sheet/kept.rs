//! A secret whose field was left empty stays as it is, unless the place changes that it is sent to.
//!
//! Promise: whoever has a page and not the secret can't send it to a host of their choice: where the place, or what judges
//! who answers there, is another than before, each secret of it must be typed anew.

use toml::{Table, Value};

use super::{Sheet, Wrong, offered, text_of, usual};
use crate::config::{Key, Kind, Section, regions};

/// What says where it goes beside hosts and URLs, and who is believed to be there.
const PLACE: [&str; 4] = ["ca", "server-name", "transport", "insecure"];
/// Proved by a signature and never sent.
const NEVER_SENT: &str = "key";

const AGAIN: &str = "Type it again: it was for the place that stood here before.";
const IN_HEADERS: &str = "Its `headers` hold a secret that would go there, too: change this in the settings file, or begin a new destination.";

/// Complaints about secrets that would follow to another place; `before` is what is written now.
pub(super) fn astray(section: &Section, before: &Table, sheet: &Sheet) -> Vec<Wrong> {
    let told = |keys: &Table, key: &Key| keys.get(key.name).map_or_else(|| usual(key), text_of);
    let moved = offered(section).find(|key| {
        let now = told(&sheet.keys, key);
        is_place(key) && told(before, key) != now && !(matches!(key.kind, Kind::Host) && is_vendors(&now))
    });
    let Some(moved) = moved else { return Vec::new() };
    let mut wrong = Vec::new();
    for key in section.keys {
        let Some(value) = sheet.keys.get(key.name).filter(|value| before.get(key.name) == Some(value)) else {
            // What is not as it was: parts of `auth` are looked at one by one.
            wrong.extend(parts_that_stayed(key, before, sheet));
            continue;
        };
        match key.kind {
            Kind::Secret if key.name != NEVER_SENT && stayed(value, sheet) => {
                wrong.push((key.name.to_owned(), AGAIN.to_owned()));
            }
            Kind::Auth { .. } => wrong.extend(parts_that_stayed(key, before, sheet)),
            _ if key.name == "headers" && value.as_table().is_some_and(|all| all.values().any(is_reference)) => {
                wrong.push((moved.name.to_owned(), IN_HEADERS.to_owned()));
            }
            _ => {}
        }
    }
    wrong
}

fn parts_that_stayed(key: &Key, before: &Table, sheet: &Sheet) -> Vec<Wrong> {
    let of = |keys: &Table| keys.get(key.name).and_then(Value::as_table).cloned().unwrap_or_default();
    if !matches!(key.kind, Kind::Auth { .. }) {
        return Vec::new();
    }
    let before = of(before);
    let same =
        of(&sheet.keys).into_iter().filter(|(part, value)| before.get(part) == Some(value) && stayed(value, sheet));
    same.map(|(part, _)| (format!("{}.{part}", key.name), AGAIN.to_owned())).collect()
}

/// It was not typed anew: what was goes into the store under the same name.
fn stayed(value: &Value, sheet: &Sheet) -> bool {
    let sealed = value.get("sealed").and_then(Value::as_str);
    is_reference(value) && !sheet.secrets.iter().any(|(name, _)| sealed == Some(name.as_str()))
}

/// From one region of the vendor's to another, the key is sent to the vendor still.
fn is_vendors(host: &str) -> bool {
    regions().iter().any(|region| region.answers_at(host) || region.name == host.to_lowercase())
}

fn is_place(key: &Key) -> bool {
    matches!(key.kind, Kind::Host | Kind::HostPort | Kind::HostPorts | Kind::Url | Kind::SecureUrl)
        || PLACE.contains(&key.name)
}

/// `{ file = ".." }`, `{ credential = ".." }`, `{ sealed = ".." }`.
fn is_reference(value: &Value) -> bool {
    value.as_table().is_some_and(|keys| ["file", "credential", "sealed"].iter().any(|form| keys.contains_key(*form)))
}
