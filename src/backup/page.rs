//! What a backup may bring in over the network: no more than the pages themselves may write. Pure.
//!
//! Promise: an integration or a destination that comes in by a page is marked as such (its host is held at the door), names
//! no file as a secret, and gets no secret of this box that it did not have there; a certificate that is here is not exchanged;
//! what is as it was stays as it was.

use std::io;

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::config::{Place, SettingsFile, Table as Tables};
use crate::values::hex;

/// What is to be known of the box.
pub struct Here<'a> {
    /// Its files of settings.
    pub files: &'a [SettingsFile],
    /// Is a secret of this name sealed here?
    pub holds: &'a dyn Fn(&str) -> bool,
    /// Does the backup bring its text?
    pub brings: &'a dyn Fn(&str) -> bool,
}

/// The file of the state folder as it may be written; the error says what may not be.
pub fn as_page(file: &SettingsFile, here: &Here<'_>) -> Result<String, String> {
    if here.files.contains(file) {
        return Ok(file.text.clone());
    }
    let name = match &file.place {
        Place::State(name) | Place::Beside(name) => name.as_str(),
        Place::Main => "conductor.toml",
    };
    // Whatever it says, it takes out what its old text held.
    let old = here.files.iter().find(|old| old.place == file.place);
    if let Some(foreign) = old.and_then(|old| foreign(&old.text)) {
        return Err(format!("{name} holds {foreign} here, which is not set by the pages"));
    }
    // What is no TOML is told with its line by whoever reads all of it.
    let Ok(mut all) = file.text.parse::<Table>() else { return Ok(file.text.clone()) };
    let mut marked = false;
    for (section, value) in &mut all {
        if is_proxy(section, value) {
            continue;
        }
        let Some(table) = table_of(section) else {
            return Err(format!("{name} holds [{}], which is not set by the pages", section.escape_default()));
        };
        let Some(named) = value.as_table_mut() else { continue };
        for (one, keys) in named.iter_mut().filter_map(|(one, keys)| keys.as_table_mut().map(|keys| (one, keys))) {
            let before = present(here.files, table, one);
            if before.as_ref() == Some(keys) {
                continue;
            }
            // As on the pages: where its place changes, or what judges who answers there, a secret must be brought anew.
            let same_place = before.as_ref().is_some_and(|before| place_of(before) == place_of(keys));
            let had = before.filter(|_| same_place).map(|before| secrets(&before)).unwrap_or_default();
            for secret in secrets(keys).iter().filter(|secret| !had.contains(secret)) {
                let (kind, of) = secret;
                if kind != "sealed" {
                    return Err(format!("{} {one} names a secret by {kind}, which the pages may not", table.as_str()));
                }
                if (here.holds)(of) && !(here.brings)(of) {
                    return Err(format!(
                        "{} {one} would get the secret {of}, which it did not have there",
                        table.as_str()
                    ));
                }
            }
            let page = Value::String("page".to_owned());
            marked |= keys.insert("set-by".to_owned(), page.clone()) != Some(page);
        }
    }
    Ok(if marked { all.to_string() } else { file.text.clone() })
}

/// What a file holds that the pages do not set, for a sentence; `None`: nothing.
pub fn foreign(text: &str) -> Option<String> {
    let Ok(all) = text.parse::<Table>() else { return Some("what is no TOML".to_owned()) };
    let (section, _) = all.iter().find(|(section, value)| !is_proxy(section, value) && table_of(section).is_none())?;
    Some(format!("[{}]", section.escape_default()))
}

/// May a page seal this secret? Only one that a table of the restored files names, and nothing that is the operator's here.
pub fn may_seal(secret: &str, restored: &[SettingsFile], present: &[SettingsFile]) -> bool {
    let named = |files: &[SettingsFile], by_pages: bool| files.iter().any(|file| names(file, secret, by_pages));
    named(restored, true) && !named(present, false)
}

/// May a page write this certificate? What is trusted is part of where a secret goes, so as on the pages: a new one has a new
/// name, made of its text, and whoever names it brings its secrets anew.
pub fn certificate(name: &str, text: &str, here: &io::Result<Option<String>>) -> Result<(), String> {
    let print = hex::text(&Sha256::digest(text)[..6]);
    match here {
        Ok(Some(old)) if old == text => Ok(()),
        Ok(Some(_)) | Err(_) => Err(format!("certificates/{name} is another here, and a page exchanges none")),
        Ok(None) if name.ends_with(&format!("-{print}.pem")) => Ok(()),
        Ok(None) => {
            Err(format!("certificates/{name} does not have the name that the pages give a certificate of its text"))
        }
    }
}

/// The one key of a section that the pages set.
fn is_proxy(section: &str, value: &Value) -> bool {
    section == "egress" && value.as_table().is_some_and(|keys| keys.keys().all(|key| key == "proxy"))
}

fn table_of(section: &str) -> Option<Tables> {
    [Tables::Integration, Tables::Destination].into_iter().find(|table| table.key() == section)
}

/// Does this file name the secret, in a table of the pages or elsewhere?
fn names(file: &SettingsFile, secret: &str, by_pages: bool) -> bool {
    let of_state = match file.place {
        Place::State(_) => true,
        Place::Main | Place::Beside(_) => false,
    };
    let Ok(all) = file.text.parse::<Table>() else { return false };
    all.into_iter().any(|(section, value)| {
        let ours = of_state && table_of(&section).is_some();
        let found = secrets(&Table::from_iter([(section, value)]));
        ours == by_pages && found.iter().any(|(kind, of)| kind == "sealed" && of == secret)
    })
}

/// The keys of that name as they are here.
fn present(files: &[SettingsFile], table: Tables, name: &str) -> Option<Table> {
    files.iter().find_map(|file| {
        let all = file.text.parse::<Table>().ok()?;
        all.get(table.key())?.as_table()?.get(name)?.as_table().cloned()
    })
}

/// All of it but what has no part in where it leads.
fn place_of(keys: &Table) -> Table {
    const ELSE: [&str; 13] = [
        "enabled",
        "filter",
        "format",
        "intervals",
        "lag",
        "overlap",
        "polling-interval",
        "requests-per-minute",
        "set-by",
        "start",
        "streams",
        "title",
        "enrich",
    ];
    keys.iter()
        .filter(|(key, _)| !ELSE.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Every reference to a secret in it: its kind and its name, wherever it stands.
fn secrets(keys: &Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for value in keys.values() {
        let Some(inner) = value.as_table() else { continue };
        for kind in ["sealed", "file", "credential"] {
            if let Some(of) = inner.get(kind).and_then(Value::as_str) {
                found.push((kind.to_owned(), of.to_owned()));
            }
        }
        found.extend(secrets(inner));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> SettingsFile {
        SettingsFile { place: Place::State("x.toml".into()), text: text.into() }
    }

    #[test]
    fn what_comes_in_by_a_page_is_marked_and_gets_no_secret_of_anothers() {
        let old = state("[integrations.acme]\nhost = \"eu\"\napi-key = { sealed = \"acme\" }\n");
        let files = [old.clone()];
        let here = Here { files: &files, holds: &|name| name == "acme", brings: &|name| name == "brought" };
        assert_eq!(as_page(&old, &here).as_ref(), Ok(&old.text), "as it was, it stays as the operator made it");
        let marked = as_page(
            &state("[integrations.acme]\nhost = \"eu\"\npolling-interval = \"1h\"\napi-key = { sealed = \"acme\" }\n"),
            &here,
        );
        assert!(marked.expect("its own secret").contains("set-by = \"page\""));
        for fine in [
            "[destinations.soc]\nauth = { bearer = { sealed = \"brought\" } }\n",
            "[destinations.soc]\ntype = \"syslog\"\n",
        ] {
            assert!(as_page(&state(fine), &here).expect(fine).contains("set-by"));
        }
        for (bad, why) in [
            (
                "[integrations.acme]\nhost = \"evil.example\"\napi-key = { sealed = \"acme\" }\n",
                "would get the secret acme",
            ),
            ("[destinations.soc]\nauth = { bearer = { sealed = \"acme\" } }\n", "would get the secret acme"),
            ("[destinations.soc]\nheaders = { X = { file = \"/etc/shadow\" } }\n", "by file"),
            ("[integrations.other]\napi-key = { credential = \"key_acme\" }\n", "by credential"),
            ("[remote]\nlisten = \"0.0.0.0:1\"\n", "[remote]"),
            ("[egress]\nallowlisted = []\nproxy = \"http://proxy.example:1\"\n", "[egress]"),
        ] {
            let refused = as_page(&state(bad), &here).expect_err(bad);
            assert!(refused.contains(why), "{refused}");
        }
    }
}
