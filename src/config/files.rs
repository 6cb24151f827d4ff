//! Files and secrets that the settings name.
//!
//! Promise: a file that is not there, or that others may read, is a warning and never a mistake: it may come later,
//! and only what needs it waits for it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use toml::de::DeValue;

use super::document::{Findings, Place};
use super::grammar::{Read, Wrong, said};
use super::reader::{TableReader, text};
use crate::values::{Name, SecretRef};

/// The files named so far, looked at when all settings are read.
#[derive(Debug, Default)]
pub struct Files(Vec<NamedFile>);

#[derive(Debug)]
struct NamedFile {
    path: PathBuf,
    place: Place,
    key: String,
    secret: bool,
}

impl Files {
    /// A key that names a file; a relative path begins at the file of settings that names it.
    pub fn path(&mut self, reader: &mut TableReader<'_, '_, '_>, name: &str) -> Option<PathBuf> {
        let written = reader.text(name, file_name)?;
        Some(self.note(reader, name, &written, false))
    }

    /// A key that says where a secret is.
    pub fn secret(&mut self, reader: &mut TableReader<'_, '_, '_>, name: &str) -> Option<SecretRef> {
        let found = reader.take(name, |value, _| reference(name, value))?;
        Some(self.placed(reader, name, found))
    }

    /// A secret that stands inside of that key's value: its file is looked at like others.
    pub fn placed(&mut self, reader: &TableReader<'_, '_, '_>, name: &str, found: SecretRef) -> SecretRef {
        match found {
            SecretRef::File(path) => SecretRef::File(self.note(reader, name, &path.to_string_lossy(), true)),
            other @ (SecretRef::Credential(_) | SecretRef::Sealed(_)) => other,
        }
    }

    fn note(&mut self, reader: &TableReader<'_, '_, '_>, name: &str, written: &str, secret: bool) -> PathBuf {
        let place = reader.place(name);
        let folder = reader.findings.fragments.get(place.fragment).map(|fragment| fragment.folder.clone());
        let path = folder.unwrap_or_default().join(written);
        self.0.push(NamedFile { path: path.clone(), place, key: name.to_owned(), secret });
        path
    }

    /// Looks at each file once and warns of what its user will stumble over.
    pub fn look(&self, findings: &mut Findings<'_>) {
        for file in &self.0 {
            let (path, key) = (file.path.display(), &file.key);
            let warning = match fs::metadata(&file.path) {
                Ok(found) if !found.is_file() => Some(format!("{key}: {path} is not a regular file")),
                Ok(found) if file.secret && found.mode() & 0o007 != 0 => {
                    Some(format!("{key}: anyone on this machine may read or change {path} (chmod 600 {path})"))
                }
                Ok(_) => None,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Some(format!("{key}: there is no file {path}"))
                }
                Err(error) => Some(format!("{key}: {path} can't be looked at: {error}")),
            };
            if let Some(warning) = warning {
                findings.warn(file.place, warning);
            }
        }
    }
}

/// Where a secret is, as the value of the key `name` says it; a relative path is not yet placed.
pub fn reference(name: &str, value: &DeValue<'_>) -> Read<SecretRef> {
    if value.is_str() {
        return said(
            "must say where the secret is; a secret itself never stands in the settings",
            format!("put it in a file of its own and write {name} = {{ file = \"/path\" }}"),
        );
    }
    let table = value.as_table().ok_or(Wrong::Form)?;
    let mut entries = table.iter();
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
        return said("must hold exactly one of file, credential and sealed", "");
    };
    match kind.get_ref().as_ref() {
        "file" => text(value.get_ref()).and_then(file_name).map(|path| SecretRef::File(path.into())),
        "credential" => credential(text(value.get_ref())?).map(SecretRef::Credential),
        "sealed" => match text(value.get_ref())?.parse::<Name>() {
            Ok(entry) => Ok(SecretRef::Sealed(entry.to_string())),
            Err(_) => said("names no entry that the sealed store can hold", "names are of a-z, 0-9, - and _"),
        },
        // What stands here in place of a known word may be the secret.
        _ => said("must hold exactly one of file, credential and sealed", ""),
    }
}

fn file_name(text: &str) -> Read<String> {
    if text.is_empty() || text.contains('\0') { Err(Wrong::Form) } else { Ok(text.to_owned()) }
}

/// systemd's rule: a credential's name is a file name (systemd.exec(5), LoadCredential=).
fn credential(name: &str) -> Read<String> {
    if name.is_empty() || name.len() > 255 || matches!(name, "." | "..") || name.contains(['/', '\0']) {
        return said("names no credential", "a credential's name is a file name, without /");
    }
    Ok(name.to_owned())
}
