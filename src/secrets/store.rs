//! The sealed store: secrets that came in at run time, by a command or a page, encrypted in the state folder.
//!
//! ```text
//! STATE/secrets/NAME.sealed     one secret
//! STATE/secrets/key             the key of all, where no systemd credential is: made at first need
//! ```
//!
//! Write-only: what was sealed comes out of this room as a [`Secret`](crate::values::Secret) to be used, and nothing
//! shows it. Promise: a secret that can't be opened is a fault that says what to do; one that is sealed is on the disk
//! before this returns; and where the agent's key is a credential, no command makes a key file instead.

use std::io;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::keys::{self, CREDENTIAL, Keys, MARK};
use super::sealing::{self, KeyKind, Nonce, OVERHEAD, SealingKey, Unopened};
use super::{LARGEST, SecretSources};
use crate::fault::{Fault, FaultKind};
use crate::files::{Folder, Lock};
use crate::values::Name;

/// Below the state folder.
const FOLDER: &str = "secrets";
const END: &str = ".sealed";

/// Why the store could not be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No key to seal under, or one that can't be used.
    #[error("{}", .0.chain())]
    Keyless(Fault),
    #[error("{path}: {source}")]
    Disk { path: PathBuf, source: io::Error },
}

/// One sealed secret, looked at.
#[derive(Debug)]
pub struct Entry {
    pub name: Name,
    /// Does it open, and under what kind of key was it sealed?
    pub opens: Result<KeyKind, Fault>,
}

/// What a reseal did.
#[derive(Debug)]
pub struct Resealed {
    /// What all are sealed under now.
    pub kind: KeyKind,
    pub done: usize,
    /// Did not open, and are as they were. Old keys stay while there is one.
    pub left: Vec<(Name, Fault)>,
}

/// Where the secret of that name lies.
pub fn path(name: &str, sources: &SecretSources) -> PathBuf {
    sources.state_dir.join(FOLDER).join(format!("{name}{END}"))
}

/// The text that was sealed under this name.
///
/// # Errors
/// [`FaultKind::Keyless`], with what to do.
pub fn open(name: &Name, sources: &SecretSources) -> Result<Zeroizing<String>, Fault> {
    match opened(name, sources) {
        // A reseal may have ended between our looks at the secret and at its key: what is there now fits together.
        Err(_) => opened(name, sources),
        done @ Ok(_) => done,
    }
}

fn opened(name: &Name, sources: &SecretSources) -> Result<Zeroizing<String>, Fault> {
    let unreadable = |error: io::Error| {
        let text = format!("the sealed secret {name} can't be read from {}", path(name.as_str(), sources).display());
        Fault::new(FaultKind::Keyless, text).caused_by(error)
    };
    let folder = Folder::find(&sources.state_dir, FOLDER).map_err(unreadable)?;
    let sealed = folder.as_ref().map(|folder| read(folder, name)).transpose().map_err(unreadable)?.flatten();
    let Some(sealed) = sealed else {
        let text = format!("the sealed secret {name} is not in the store: set it by `conductor secret set {name}`");
        return Err(Fault::new(FaultKind::Keyless, text));
    };
    let keys = Keys::read(sources, folder.as_ref())?.into_all();
    unseal(name, &sealed, &keys)
}

/// Seals a text under this name, in the place of what stood there.
///
/// # Errors
/// See [`StoreError`]; what stood there is then as it was.
pub fn seal(name: &Name, text: &str, sources: &SecretSources) -> Result<KeyKind, StoreError> {
    let at = |source| StoreError::Disk { path: path(name.as_str(), sources), source };
    let folder = Folder::make(&sources.state_dir, FOLDER).map_err(at)?;
    let lock = folder.lock().map_err(at)?;
    let keys = Keys::read(sources, Some(&folder)).map_err(StoreError::Keyless)?;
    keep_to_the_credential(&keys, &folder).map_err(StoreError::Keyless)?;
    let keys = match keys.current() {
        Some(_) => keys,
        None => keys.with_file(keys::make_file(&folder, &lock).map_err(at)?),
    };
    if keys.has_credential() {
        mark(&folder, &lock).map_err(at)?;
    }
    let Some(key) = keys.current() else { return Err(at(io::Error::other("no key was made"))) };
    write(&folder, &lock, name, text, key).map_err(at)?;
    Ok(key.kind)
}

/// Takes a secret out. Was it there?
///
/// # Errors
/// Of the file system.
pub fn remove(name: &Name, sources: &SecretSources) -> Result<bool, StoreError> {
    let at = |source| StoreError::Disk { path: path(name.as_str(), sources), source };
    let Some(folder) = Folder::find(&sources.state_dir, FOLDER).map_err(at)? else { return Ok(false) };
    let lock = folder.lock().map_err(at)?;
    folder.remove(&lock, &format!("{name}{END}")).map_err(at)
}

/// All that is sealed, by name; each is opened and wiped again.
///
/// # Errors
/// Of the file system.
pub fn list(sources: &SecretSources) -> Result<Vec<Entry>, StoreError> {
    let at = |source| StoreError::Disk { path: sources.state_dir.join(FOLDER), source };
    let Some(folder) = Folder::find(&sources.state_dir, FOLDER).map_err(at)? else { return Ok(Vec::new()) };
    let names = names(&folder).map_err(at)?;
    Ok(names.into_iter().map(|name| Entry { opens: look(&name, &folder, sources), name }).collect())
}

/// Seals everything anew under the key that seals now. Without a credential that is a new key file. Keys that nothing
/// is sealed under any more go from the folder, the key file too once a credential has taken over.
///
/// It may end at any moment: what opens by the old key or the new one opens all the while, and the next one goes on.
///
/// # Errors
/// See [`StoreError`].
pub fn reseal(sources: &SecretSources) -> Result<Resealed, StoreError> {
    let at = |source| StoreError::Disk { path: sources.state_dir.join(FOLDER), source };
    let folder = Folder::make(&sources.state_dir, FOLDER).map_err(at)?;
    let lock = folder.lock().map_err(at)?;
    let keys = Keys::read(sources, Some(&folder)).map_err(StoreError::Keyless)?;
    keep_to_the_credential(&keys, &folder).map_err(StoreError::Keyless)?;
    let keys = if keys.has_credential() { keys } else { renew(keys, &folder, &lock).map_err(at)? };
    let Some(kind) = keys.current().map(|key| key.kind) else { return Err(at(io::Error::other("no key was made"))) };
    let all = keys.into_all();
    let mut resealed = Resealed { kind, done: 0, left: Vec::new() };
    for name in names(&folder).map_err(at)? {
        let Some(sealed) = read(&folder, &name).map_err(at)? else { continue };
        match (unseal(&name, &sealed, &all), all.first()) {
            (Ok(text), Some(current)) => {
                write(&folder, &lock, &name, &text, current).map_err(at)?;
                resealed.done += 1;
            }
            (Ok(_), None) => {}
            (Err(fault), _) => resealed.left.push((name, fault)),
        }
    }
    if resealed.left.is_empty() {
        folder.remove(&lock, keys::FILE_OLD).map_err(at)?;
        if kind == KeyKind::Credential {
            folder.remove(&lock, keys::FILE).map_err(at)?;
            mark(&folder, &lock).map_err(at)?;
        }
    }
    Ok(resealed)
}

/// How secrets are sealed here.
#[derive(Debug)]
pub enum Sealing {
    /// No key yet: nothing was sealed.
    NotYet,
    Credential,
    /// Or what would be: a key file lies in the folder.
    File,
    /// A credential seals, and a key file still lies beside what it sealed before.
    Both,
    /// The key can't be used.
    Unusable(Fault),
}

/// How secrets are sealed here; with a credential at hand, commands that have none are told so from now on.
pub fn sealing(sources: &SecretSources) -> Sealing {
    let unusable = |error: io::Error| {
        let text = format!("the folder {} can't be used", sources.state_dir.join(FOLDER).display());
        Sealing::Unusable(Fault::new(FaultKind::Keyless, text).caused_by(error))
    };
    let folder = match Folder::find(&sources.state_dir, FOLDER) {
        Ok(folder) => folder,
        Err(error) => return unusable(error),
    };
    let keys = match Keys::read(sources, folder.as_ref()) {
        Ok(keys) => keys,
        Err(fault) => return Sealing::Unusable(fault),
    };
    match (keys.has_credential(), keys.file().is_some()) {
        (false, false) => Sealing::NotYet,
        (false, true) => Sealing::File,
        (true, has_file) => {
            if !folder.is_some_and(|folder| folder.holds(MARK)) {
                let marked = Folder::make(&sources.state_dir, FOLDER)
                    .and_then(|folder| folder.lock().and_then(|lock| mark(&folder, &lock)));
                if let Err(error) = marked {
                    return unusable(error);
                }
            }
            if has_file { Sealing::Both } else { Sealing::Credential }
        }
    }
}

/// A command that runs without the agent's credential would seal under a key file, and the folder alone would open it.
fn keep_to_the_credential(keys: &Keys, folder: &Folder) -> Result<(), Fault> {
    if keys.has_credential() || !folder.holds(MARK) {
        return Ok(());
    }
    let text = format!(
        "secrets are sealed here under the systemd credential {CREDENTIAL}, which this command has not: run it as `sudo \
         CREDENTIALS_DIRECTORY=/run/credentials/conductor.service conductor ...` while the service runs; if the \
         credential is gone for good, remove {} and set each secret again",
        folder.path().display()
    );
    Err(Fault::new(FaultKind::Keyless, text))
}

/// A new key file, with the old one beside it. A reseal that was cut off after that is only gone on with.
fn renew(keys: Keys, folder: &Folder, lock: &Lock) -> io::Result<Keys> {
    let Some(file) = keys.file() else { return Ok(keys.with_file(keys::make_file(folder, lock)?)) };
    let under_way = folder.holds(keys::FILE_OLD) && !keys.old_is(file);
    if under_way {
        return Ok(keys);
    }
    folder.write(lock, keys::FILE_OLD, file.bytes())?;
    Ok(keys.with_file(keys::make_file(folder, lock)?))
}

fn mark(folder: &Folder, lock: &Lock) -> io::Result<()> {
    if folder.holds(MARK) { Ok(()) } else { folder.write(lock, MARK, b"") }
}

fn look(name: &Name, folder: &Folder, sources: &SecretSources) -> Result<KeyKind, Fault> {
    open(name, sources)?;
    let sealed = read(folder, name).ok().flatten();
    let kind = sealed.and_then(|sealed| sealing::kind(&sealed));
    kind.ok_or_else(|| Fault::new(FaultKind::Keyless, format!("the sealed secret {name} has just gone")))
}

fn names(folder: &Folder) -> io::Result<Vec<Name>> {
    Ok(folder.ending(END)?.into_iter().filter_map(|name| name.parse().ok()).collect())
}

fn read(folder: &Folder, name: &Name) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    folder.read(&format!("{name}{END}"), LARGEST + OVERHEAD)
}

fn write(folder: &Folder, lock: &Lock, name: &Name, text: &str, key: &SealingKey) -> io::Result<()> {
    let mut nonce: Nonce = [0; 24];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let sealed =
        sealing::seal(name, text, key, nonce).ok_or_else(|| io::Error::other("it is too long to be sealed"))?;
    folder.write(lock, &format!("{name}{END}"), &sealed)
}

/// Opens what was read, and says what to do where it does not.
fn unseal(name: &Name, sealed: &[u8], keys: &[SealingKey]) -> Result<Zeroizing<String>, Fault> {
    let again = format!("set it again by `conductor secret set {name}`");
    let keyless =
        |rest: String| Fault::new(FaultKind::Keyless, format!("the sealed secret {name} does not open: {rest}"));
    let has = |kind| keys.iter().any(|key| key.kind == kind);
    let bytes = sealing::open(name, sealed, keys).map_err(|why| {
        keyless(match why {
            Unopened::Foreign => format!("its file was cut off or is no sealed secret; {again}"),
            Unopened::Changed => format!("its file was changed, damaged, or put under another name; {again}"),
            Unopened::Later(version) => {
                format!("a later version of conductor sealed it (format {version}): install that version, or {again}")
            }
            Unopened::OtherKey(KeyKind::Credential) if !has(KeyKind::Credential) => format!(
                "its key is the systemd credential {CREDENTIAL}, which this process has not: the unit needs \
                 LoadCredentialEncrypted={CREDENTIAL}:..., a command CREDENTIALS_DIRECTORY=/run/credentials/conductor.service; \
                 if it is gone for good, {again}"
            ),
            Unopened::OtherKey(KeyKind::Credential) => format!(
                "it was sealed under another {CREDENTIAL}: give the unit the old one as {CREDENTIAL}-old and run `conductor \
                 secret reseal`, or {again}"
            ),
            Unopened::OtherKey(KeyKind::File) => {
                format!("the key file that it was sealed under is gone: put it back from a backup, or {again}")
            }
        })
    })?;
    // What was sealed was text, and it is what was sealed.
    let text = std::str::from_utf8(&bytes).map_err(|error| keyless(again.clone()).caused_by(error))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests;
