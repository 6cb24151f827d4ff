//! How a page changes an integration or a destination: rehearsed, written as the command line writes it, read again by
//! the running agent, and recorded.
//!
//! Promise: nothing is written that the agent would refuse, and nothing of the operator's own files. A secret is sealed
//! before the settings name it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table as Keys, Value};

use super::sheet::{Sheet, Wrong};
use super::visit::Visit;
use super::{Desk, acts};
use crate::config::{self, Change, Loaded, Mistakes, Section, Settings, Table, Unchanged, Written};
use crate::files::whole::{self, Lasting};
use crate::secrets::store;
use crate::values::Name;

/// How long a page waits for the agent to take new settings: it answers within its listener's ten seconds.
const PATIENCE: Duration = Duration::from_secs(6);

/// A change that is written.
pub(super) enum Applied {
    /// And in force.
    InForce,
    /// The agent is still at it: it waits for tasks to end in order.
    UnderWay,
    /// The agent did not take it, and why.
    NotTaken(String),
}

/// Nothing was changed.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// What is wrong with single fields.
    pub fields: Vec<Wrong>,
    /// And with the whole.
    pub whole: Vec<String>,
}

impl Refused {
    fn because(sentence: impl Into<String>) -> Refused {
        Refused { fields: Vec::new(), whole: vec![sentence.into()] }
    }
}

/// What a change is recorded as, and what it changes.
#[derive(Clone)]
pub(super) struct Wanted {
    pub act: &'static str,
    pub table: Table,
    pub name: Name,
    pub change: Change,
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The settings as they are written now, and each integration and destination with its file.
pub(super) async fn look(desk: &Desk) -> (Result<Loaded, Mistakes>, Vec<Written>) {
    let main = desk.settings.clone();
    let looked =
        tokio::task::spawn_blocking(move || (config::load(&main, &environment), config::written(&main, &environment)));
    match looked.await {
        Ok(found) => found,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The one of that table and name.
pub(super) fn find<'w>(written: &'w [Written], table: Table, name: &str) -> Option<&'w Written> {
    written.iter().find(|one| one.table == table && one.name == name)
}

/// The settings as they would be.
///
/// # Errors
/// Why they would not hold; `section` says which fields there are to put that to.
pub(super) async fn rehearse(desk: &Desk, wanted: &Wanted, section: &'static Section) -> Result<Settings, Refused> {
    let (main, wanted) = (desk.settings.clone(), wanted.clone());
    let rehearsed = tokio::task::spawn_blocking(move || {
        let done = config::rehearse(&main, &environment, wanted.table, &wanted.name, wanted.change.clone());
        done.map(|loaded| loaded.settings).map_err(|why| refused(&why, &wanted, section))
    });
    rehearsed.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Does it: the sheet's certificates and secrets first, then the settings, then the reload.
///
/// # Errors
/// Why nothing was changed.
pub(super) async fn apply(
    desk: &Desk,
    visit: &Visit,
    wanted: Wanted,
    sheet: Option<Sheet>,
    section: &'static Section,
) -> Result<Applied, Refused> {
    let (act, about) = (wanted.act, format!("{} {}", wanted.table.as_str(), wanted.name));
    let name = wanted.name.to_string();
    let (main, sources) = (desk.settings.clone(), desk.secrets.clone());
    let sealed = sheet.as_ref().map_or(0, |sheet| sheet.secrets.len());
    let written = tokio::task::spawn_blocking(move || {
        let env = &environment;
        config::rehearse(&main, env, wanted.table, &wanted.name, wanted.change.clone())
            .map_err(|why| refused(&why, &wanted, section))?;
        let before = config::written(&main, env);
        let before = find(&before, wanted.table, wanted.name.as_str()).map(|one| one.keys.clone()).unwrap_or_default();
        for (path, text) in sheet.iter().flat_map(|sheet| &sheet.files) {
            write_certificate(path, text).map_err(|error| {
                Refused::because(format!("{} can't be written: {error}; nothing was changed", path.display()))
            })?;
        }
        for (name, secret) in sheet.iter().flat_map(|sheet| &sheet.secrets) {
            store::seal(name, secret.reveal(), &sources)
                .map_err(|error| Refused::because(format!("The secret could not be sealed: {error}")))?;
        }
        let after = match &wanted.change {
            Change::Add(keys) | Change::Set(keys) => keys.clone(),
            Change::Enable(_) => before.clone(),
            Change::Remove => Keys::new(),
        };
        config::change(&main, env, wanted.table, &wanted.name, wanted.change.clone())
            .map_err(|why| refused(&why, &wanted, section))?;
        clear_away(&before, &after, &wanted.name, &sources);
        Ok(())
    });
    let written = written.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    if sealed > 0 && written.is_ok() {
        acts::note(desk, visit, "secret set", format!("of {about}"), true).await;
    }
    acts::note(desk, visit, act, name, written.is_ok()).await;
    written?;
    Ok(reload(desk).await)
}

/// Has the running agent read what is written.
pub(super) async fn reload(desk: &Desk) -> Applied {
    match tokio::time::timeout(PATIENCE, desk.reload.ring()).await {
        Ok(Ok(())) => Applied::InForce,
        Ok(Err(why)) => Applied::NotTaken(why),
        Err(_) => Applied::UnderWay,
    }
}

/// What is wrong, beside the fields where it is about one.
fn refused(why: &Unchanged, wanted: &Wanted, section: &Section) -> Refused {
    let (kind, name) = (wanted.table.as_str(), &wanted.name);
    match why {
        Unchanged::Taken(path) => Refused {
            fields: vec![("name".into(), format!("There is one of this name, in {}.", path.display()))],
            whole: Vec::new(),
        },
        Unchanged::Absent => Refused::because(format!("There is no {kind} {name} any more.")),
        Unchanged::Operators(path) => {
            let path = path.display();
            Refused::because(format!(
                "The {kind} {name} is defined in {path}, which is the operator's: change it there."
            ))
        }
        Unchanged::Wrong(mistakes) => sorted(mistakes, wanted, section),
        Unchanged::Disk { path, source } => {
            Refused::because(format!("{} can't be written: {source}. Nothing was changed.", path.display()))
        }
    }
}

/// A mistake of ours begins with its key, or ends in the one that is needed; of other tables it is told as a whole.
fn sorted(mistakes: &Mistakes, wanted: &Wanted, section: &Section) -> Refused {
    let title = format!("[{}.{}", wanted.table.key(), wanted.name);
    let ours = format!("{}.toml", wanted.name);
    let mut told = Refused::default();
    for mistake in mistakes.iter() {
        let here = mistake.file.file_name().is_some_and(|file| file.to_string_lossy() == *ours);
        let first = mistake.text.split(' ').next().unwrap_or("");
        let last = mistake.text.rsplit(' ').next().unwrap_or("");
        let name = if mistake.text.starts_with(&title) { last } else { first };
        let inner = config::FILTER.key(name).map(|key| format!("filter.{}", key.name));
        let field = section.key(name).map(|key| key.name.to_owned()).or(inner).filter(|_| here);
        match field {
            Some(field) => told.fields.push((field, sentence(&mistake.text, &mistake.hint))),
            None => told.whole.push(mistake.to_string()),
        }
    }
    told
}

fn sentence(text: &str, hint: &str) -> String {
    if hint.is_empty() { format!("{text}.") } else { format!("{text}: {hint}.") }
}

/// On the disk when this returns: settings that name a file which a power cut took would keep the agent from starting.
fn write_certificate(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        folder.parent().map_or(Ok(()), |above| fs::File::open(above)?.sync_all())?;
    }
    whole::replace(path, text.as_bytes(), 0o600, Lasting::Synced)
}

/// A certificate's file that goes with this.
pub(super) struct Lent(PathBuf);

impl Lent {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a certificate for a test alone.
pub(super) async fn lend(desk: &Desk, text: String) -> std::io::Result<Lent> {
    let path = certificates(desk).join(format!(".test-{:016x}.pem", fastrand::u64(..)));
    let written = tokio::task::spawn_blocking(move || write_certificate(&path, &text).map(|()| Lent(path)));
    written.await.map_err(std::io::Error::from)?
}

/// Where what is pasted lies.
pub(super) fn certificates(desk: &Desk) -> PathBuf {
    desk.secrets.state_dir.join("certificates")
}

/// Secrets of ours that nothing names any more go. One that can't be taken out is told in the log: it opens nothing
/// that is in use.
fn clear_away(before: &Keys, after: &Keys, of: &Name, sources: &crate::secrets::SecretSources) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    sealed(before, &mut old);
    sealed(after, &mut new);
    let ours = |name: &str| name.split_once('_').is_some_and(|(_, whose)| whose == of.as_str());
    for name in old.into_iter().filter(|name| ours(name) && !new.contains(name)) {
        if let Some(Err(error)) = name.parse().ok().map(|name| store::remove(&name, sources)) {
            tracing::warn!(%error, "a sealed secret that nothing uses any more could not be taken out");
        }
    }
}

/// The names of sealed secrets that a table refers to.
fn sealed(keys: &Keys, found: &mut Vec<String>) {
    for (key, value) in keys {
        match value {
            Value::String(name) if key == "sealed" => found.push(name.clone()),
            Value::Table(inner) => sealed(inner, found),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => {}
        }
    }
}
