//! Secrets by reference: a file, a systemd credential, or an entry of our sealed store ([`store`]).
//!
//! Promise: a secret leaves this room as a [`Secret`] or not at all; a fault names the file and what to do, never what
//! the file holds.

mod first_seen;
mod keys;
mod replace;
mod sealing;
pub mod store;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::fault::{Fault, FaultKind};
use crate::files::{self, fill};
use crate::values::{Name, Secret, SecretRef};

pub use crate::files::Stamp;
pub use first_seen::first_seen;
pub use replace::{Access, Readers, put, replace};
pub use sealing::KeyKind;

/// Keys and tokens are a few KiB; what is larger is something else.
pub const LARGEST: usize = 64 << 10;

/// Where references lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSources {
    /// `$CREDENTIALS_DIRECTORY`, which systemd sets where a unit has credentials (systemd.exec(5)).
    pub credentials_dir: Option<PathBuf>,
    /// The state folder, which holds the sealed store.
    pub state_dir: PathBuf,
}

/// An API key as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub secret: Secret,
    /// More stood after it than the one line end that editors write: worth a word in the log.
    pub trimmed: bool,
}

/// An API key: one word of printable ASCII. Blanks and line ends after it are not part of it.
///
/// # Errors
/// [`FaultKind::Keyless`] where it can't be read, or is no such word.
pub fn resolve_token(secret: &SecretRef, sources: &SecretSources) -> Result<Secret, Fault> {
    read_token(secret, sources).map(|token| token.secret)
}

/// The same, with what was cut off.
///
/// # Errors
/// As [`resolve_token`].
pub fn read_token(secret: &SecretRef, sources: &SecretSources) -> Result<Token, Fault> {
    let held = held(secret, sources)?;
    token(&held.text).map_err(|rest| keyless(&held.place, rest))
}

/// What a text must be to be a key; the error is the end of a sentence about where the text comes from.
///
/// # Errors
/// Where it is empty, or no word of printable ASCII.
pub fn token(held: &str) -> Result<Token, &'static str> {
    let token = held.trim_end();
    let trimmed = !matches!(held.get(token.len()..), Some("" | "\n" | "\r\n"));
    if token.is_empty() {
        return Err("is empty: write the key into it");
    }
    if token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(
            "holds a blank, a second line or a control character: it must hold the key alone, without \"Bearer\"",
        );
    }
    if !token.is_ascii() {
        return Err("holds a character that no key has: copy the key again, and save it as plain text");
    }
    Ok(Token { secret: Secret::new(token), trimmed })
}

/// A text of several lines, such as a private key in PEM. It comes as it is.
///
/// # Errors
/// [`FaultKind::Keyless`] where it can't be read, is blank, or holds control characters other than line ends and tabs.
pub fn resolve_text(secret: &SecretRef, sources: &SecretSources) -> Result<Secret, Fault> {
    let held = held(secret, sources)?;
    text(&held.text).map_err(|rest| keyless(&held.place, rest))
}

/// A password or the text of a credentials file: as it is held, but for the line end that an editor puts behind it.
///
/// # Errors
/// `Keyless`, where it can't be read, is blank, or holds control characters other than line ends and tabs.
pub fn resolve_phrase(secret: &SecretRef, sources: &SecretSources) -> Result<Secret, Fault> {
    let held = held(secret, sources)?;
    phrase(&held.text).map_err(|rest| keyless(&held.place, rest))
}

fn phrase(held: &str) -> Result<Secret, &'static str> {
    let cut = held.strip_suffix('\n').unwrap_or(held);
    let cut = cut.strip_suffix('\r').unwrap_or(cut);
    if cut.trim().is_empty() {
        return Err("is empty: write the password or the credentials into it");
    }
    if cut.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("holds control characters: it must be text");
    }
    Ok(Secret::new(cut))
}

/// What a text must be to be a secret of several lines; the error is the end of a sentence, as for [`token`].
///
/// # Errors
/// Where it is blank, or holds control characters other than line ends and tabs.
pub fn text(held: &str) -> Result<Secret, &'static str> {
    if held.trim().is_empty() {
        return Err("is empty: write the key into it, in PEM");
    }
    if held.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("holds control characters: the key must be text, in PEM");
    }
    Ok(Secret::new(held))
}

/// The stamp of the file behind a secret; `None` where there is none.
pub fn stamp(secret: &SecretRef, sources: &SecretSources) -> Option<Stamp> {
    files::stamp(&path_of(secret, sources).ok()?)
}

/// What a reference leads to, and what that is called.
struct Held {
    place: String,
    text: Zeroizing<String>,
}

fn held(secret: &SecretRef, sources: &SecretSources) -> Result<Held, Fault> {
    match secret {
        SecretRef::File(_) | SecretRef::Credential(_) => {
            let path = path_of(secret, sources)?;
            Ok(Held { text: read(&path)?, place: file(&path) })
        }
        SecretRef::Sealed(name) => {
            Ok(Held { text: store::open(&entry(name)?, sources)?, place: format!("the sealed secret {name}") })
        }
    }
}

/// A name is also a file's: nothing leads out of the store.
fn entry(name: &str) -> Result<Name, Fault> {
    name.parse().map_err(|_| {
        let text = "a sealed secret's name is of a-z, 0-9, - and _: correct it in the settings";
        Fault::new(FaultKind::Keyless, text)
    })
}

fn path_of(secret: &SecretRef, sources: &SecretSources) -> Result<PathBuf, Fault> {
    match secret {
        SecretRef::File(path) => Ok(path.clone()),
        SecretRef::Credential(name) => {
            if name.is_empty() || matches!(name.as_str(), "." | "..") || name.contains(['/', '\0']) {
                let text = "a credential's name must be a file name without /: correct it in the settings";
                return Err(Fault::new(FaultKind::Keyless, text));
            }
            let folder = sources.credentials_dir.as_ref().ok_or_else(|| {
                let text = format!(
                    "the credential {name} can't be read because $CREDENTIALS_DIRECTORY is not set: \
                     run the agent by systemd, with LoadCredential={name}:/path in its unit"
                );
                Fault::new(FaultKind::Keyless, text)
            })?;
            Ok(folder.join(name))
        }
        SecretRef::Sealed(name) => Ok(store::path(entry(name)?.as_str(), sources)),
    }
}

/// The whole file, as text. All memory that held it is wiped.
fn read(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let keyless = |rest| keyless(&file(path), rest);
    // Opening a pipe would wait for its writer: look before.
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if !metadata.is_file() {
        return Err(keyless("is not a regular file: name the file that holds the secret"));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; LARGEST + 1]);
    let filled = File::open(path).and_then(|mut file| fill(&mut file, &mut bytes));
    let length = filled.map_err(|error| unreadable(path, error))?;
    if length > LARGEST {
        return Err(keyless("is larger than 64 KiB: is it the file that holds the secret?"));
    }
    let held = bytes.get(..length).unwrap_or_default();
    // The error of from_utf8 holds no content.
    let text = std::str::from_utf8(held)
        .map_err(|error| keyless("is not text: save the secret as plain text, in UTF-8").caused_by(error))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn file(path: &Path) -> String {
    format!("the secret file {}", path.display())
}

fn keyless(place: &str, rest: &str) -> Fault {
    Fault::new(FaultKind::Keyless, format!("{place} {rest}"))
}

fn unreadable(path: &Path, error: io::Error) -> Fault {
    let rest = match error.kind() {
        io::ErrorKind::NotFound => "does not exist: write the secret into it, or correct the path in the settings",
        io::ErrorKind::PermissionDenied => {
            "may not be read by the agent: let its user read it (chown, chmod 400) and enter the folders above it"
        }
        _ => "can't be read",
    };
    keyless(&file(path), rest).caused_by(error)
}

#[cfg(test)]
mod tests;
