//! A backup, put back: planned whole, then written.
//!
//! Promise: where the settings that would come of it do not hold, not a byte is written; where writing fails, what was
//! there is put back; what was there is kept beside, for whoever regrets it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{getegid, geteuid};

use super::document::{self, Document, FORMAT, Kept, Unread, What, Whose};
use super::gather::logins;
use super::page::{Here, as_page, certificate, foreign, may_seal};
use super::passphrase::Opened;
use super::target::Target;
use crate::config::{self, Environment, Loaded, Mistakes, Place, SettingsFile};
use crate::files::Folder;
use crate::secrets::store::{self, StoreError};
use crate::secrets::{Access, Readers, SecretSources};
use crate::values::{Name, Secret};

/// Where what stood there before is kept, below the state folder.
const BEFORE: (&str, &str) = ("backup", "before-restore.json");

/// How much is put back.
#[derive(Clone, Copy)]
pub enum Reach<'a> {
    Whole,
    /// What lies in the state folder, and of that what the pages may write.
    Pages {
        /// Is a secret of this name sealed here?
        holds: &'a dyn Fn(&str) -> bool,
    },
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Write(PathBuf),
    Remove(PathBuf),
    Seal(Name),
}

/// What is to be done, and nothing is done yet.
#[derive(Debug)]
pub struct Plan {
    /// The settings as they will be.
    pub loaded: Loaded,
    pub state_dir: PathBuf,
    /// Files of the backup that are out of reach and differ from what is there, and secrets that a page does not seal.
    pub unreached: Vec<String>,
    changes: Vec<Change>,
    secrets: Vec<(Name, Secret)>,
}

#[derive(Clone, Debug)]
struct Change {
    place: Target,
    /// `None`: the file goes.
    text: Option<String>,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// A secret: the file came sealed whole.
    Secret,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub steps: Vec<Step>,
    /// Where the settings that stood there are kept; `None`: they could not be read.
    pub before: Option<PathBuf>,
    /// Files with a secret that all could read, or that were not there, and that root alone may read now: who the agent's
    /// user is can't be told before the agent has run.
    pub closed: Vec<PathBuf>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    #[error("nothing was changed: {0}")]
    Unread(Unread),
    #[error("nothing was changed: the backup holds no conductor.toml")]
    NoMain,
    #[error("nothing was changed: {0}")]
    NotByPage(String),
    #[error("nothing was changed: the settings of the backup do not hold here:\n{0}")]
    Wrong(Mistakes),
    #[error("{path} can't be written: {source}; what was there is there again")]
    Disk { path: PathBuf, source: io::Error },
    #[error("a secret could not be sealed: {0}; what was there is there again")]
    Unsealed(StoreError),
    #[error("{first}; and then what was there could not be put back: {then}. What stood there is in {before}", before = before.display())]
    Half { first: String, then: String, before: PathBuf },
}

/// Plans it; `main` and `env` as for [`config::load`].
///
/// # Errors
/// See [`NotRestored`].
pub fn plan(
    main: &Path,
    env: Environment<'_>,
    document: &Document,
    opened: Opened,
    reach: Reach<'_>,
) -> Result<Plan, NotRestored> {
    document::check(&opened.files).map_err(NotRestored::Unread)?;
    // What was sealed whole goes before what stands in plain.
    let is_sealed = |file: &Kept| opened.files.iter().any(|sealed| (sealed.of, &sealed.name) == (file.of, &file.name));
    let plain = document.files.iter().filter(|file| !is_sealed(file));
    let all: Vec<&Kept> = plain.chain(&opened.files).collect();
    let secrets = opened.secrets.iter().map(|(name, text)| Ok((name.parse()?, text.clone())));
    let secrets = secrets.collect::<Result<Vec<(Name, Secret)>, String>>();
    let mut secrets = secrets.map_err(|_| NotRestored::Unread(Unread::Strange("a secret".to_owned())))?;
    let mut unsealed = Vec::new();

    let present = match (config::settings_files(main, env), reach) {
        (Ok(files), Reach::Whole | Reach::Pages { .. }) => files,
        (Err(_), Reach::Whole) => Vec::new(),
        // What a page may write is judged by what is here.
        (Err(mistakes), Reach::Pages { .. }) => {
            return Err(NotRestored::NotByPage(format!("the settings that are here can't be read ({mistakes})")));
        }
    };
    let reached = |file: &&&Kept| matches!(reach, Reach::Whole) || file.of == Whose::State;
    let settings = |file: &&Kept| match file.what() {
        Some(What::Settings(place)) => Some(SettingsFile { place, text: file.text() }),
        Some(What::Certificate(_) | What::StateCertificate(_)) | None => None,
    };
    let mut wanted: Vec<SettingsFile> = all.iter().filter(reached).filter_map(settings).collect();
    keep_logins(&mut wanted, &present, main, env);
    match reach {
        Reach::Whole if !wanted.iter().any(|file| file.place == Place::Main) => return Err(NotRestored::NoMain),
        Reach::Whole => {}
        Reach::Pages { holds } => {
            // An operator's secret is not exchanged, nor then given to what the backup brings.
            (secrets, unsealed) = secrets.into_iter().partition(|(name, _)| may_seal(name.as_str(), &wanted, &present));
            let brings = |name: &str| secrets.iter().any(|(brought, _)| brought.as_str() == name);
            let here = Here { files: &present, holds, brings: &brings };
            for file in &mut wanted {
                file.text = as_page(file, &here).map_err(NotRestored::NotByPage)?;
            }
            let stays = |old: &&SettingsFile| match old.place {
                Place::Main | Place::Beside(_) => true,
                Place::State(_) => foreign(&old.text).is_some() && !wanted.iter().any(|new| new.place == old.place),
            };
            let staying: Vec<SettingsFile> = present.iter().filter(stays).cloned().collect();
            wanted.extend(staying);
        }
    }
    let loaded = config::rehearse_files(main, env, &wanted).map_err(NotRestored::Wrong)?;
    let state_dir = loaded.settings.agent.state_dir.clone();

    // Certificates first: settings must not name what is not there yet.
    let mut changes = Vec::new();
    for file in all.iter().filter(reached) {
        let place = match file.what() {
            Some(What::Certificate(name)) => Target::Operators(main.parent().unwrap_or(Path::new("")).join(name)),
            Some(What::StateCertificate(name)) => {
                let place = Target::State("certificates", name.clone());
                match reach {
                    Reach::Whole => {}
                    Reach::Pages { .. } => {
                        certificate(&name, &file.text(), &place.read(&state_dir)).map_err(NotRestored::NotByPage)?
                    }
                }
                place
            }
            Some(What::Settings(_)) | None => continue,
        };
        changes.push(Change { place, text: Some(file.text()), holds: Holds::Nothing });
    }
    let placed = |place: &Place| match place {
        Place::State(name) => Target::State("conductor.d", name.clone()),
        Place::Main | Place::Beside(_) => Target::Operators(config::path_of(place, main, &state_dir)),
    };
    let came_sealed =
        |place: &Place| opened.files.iter().any(|file| file.what() == Some(What::Settings(place.clone())));
    changes.extend(wanted.iter().map(|file| {
        let holds = if came_sealed(&file.place) { Holds::Secret } else { Holds::Nothing };
        Change { place: placed(&file.place), text: Some(file.text.clone()), holds }
    }));
    let gone = present.iter().filter(|old| !wanted.iter().any(|new| new.place == old.place));
    changes.extend(gone.map(|old| Change { place: placed(&old.place), text: None, holds: Holds::Nothing }));
    changes.retain(|change| change.place.read(&state_dir).ok().flatten() != change.text);
    let unreached = all.iter().filter(|file| !reached(file)).filter(|file| match file.what() {
        Some(What::Settings(place)) => !present.iter().any(|old| old.place == place && old.text == file.text()),
        Some(What::Certificate(name)) => {
            let there = fs::read_to_string(main.parent().unwrap_or(Path::new("")).join(name));
            there.ok().as_ref() != Some(&file.text())
        }
        Some(What::StateCertificate(_)) | None => false,
    });
    let unsealed = unsealed.iter().map(|(name, _)| format!("the secret {name}"));
    let unreached = unreached.map(|file| file.name.clone()).chain(unsealed).collect();
    Ok(Plan { loaded, state_dir, unreached, changes, secrets })
}

/// A file that differs from the one here by the logins of its proxies alone stays as it is: they were cut out of the backup.
fn keep_logins(wanted: &mut [SettingsFile], present: &[SettingsFile], main: &Path, env: Environment<'_>) {
    let logins = config::load(main, env).map(|loaded| logins(&loaded.settings)).unwrap_or_default();
    for file in wanted {
        let Some(old) = present.iter().find(|old| old.place == file.place) else { continue };
        if logins.iter().fold(old.text.clone(), |text, login| text.replace(login.reveal(), "")) == file.text {
            file.text.clone_from(&old.text);
        }
    }
}

impl Plan {
    /// What will be done, in order.
    pub fn steps(&self) -> Vec<Step> {
        let secrets = self.secrets.iter().map(|(name, _)| Step::Seal(name.clone()));
        let files = self.changes.iter().map(|change| {
            let path = change.place.path(&self.state_dir);
            if change.text.is_some() { Step::Write(path) } else { Step::Remove(path) }
        });
        secrets.chain(files).collect()
    }
}

/// Does what was planned; `sources` is where secrets are sealed. `main` and `env` as for [`config::load`].
///
/// # Errors
/// See [`NotRestored`].
pub fn restore(
    plan: &Plan,
    main: &Path,
    env: Environment<'_>,
    sources: &SecretSources,
    now: Timestamp,
) -> Result<Restored, NotRestored> {
    let sources = SecretSources { state_dir: plan.state_dir.clone(), ..sources.clone() };
    let steps = plan.steps();
    if steps.is_empty() {
        return Ok(Restored { steps, before: None, closed: Vec::new() });
    }
    let kept = plan.state_dir.join(BEFORE.0).join(BEFORE.1);
    let before = keep_before(plan, main, env, now)
        .map_err(|source| NotRestored::Disk { path: kept.clone(), source })?
        .then_some(kept.clone());
    let mut undo = Undo { secrets: Vec::new(), changes: Vec::new() };
    let done = write_all(plan, &sources, &mut undo);
    let first = match done {
        Ok(closed) => return Ok(Restored { steps, before, closed }),
        Err(first) => first,
    };
    match undo.run(&plan.state_dir, &sources) {
        Ok(()) => Err(first),
        Err(then) => Err(NotRestored::Half { first: first.to_string(), then, before: kept }),
    }
}

/// Which files it has closed, see [`Restored`].
fn write_all(plan: &Plan, sources: &SecretSources, undo: &mut Undo) -> Result<Vec<PathBuf>, NotRestored> {
    // The user that the agent runs as owns its state folder; one that is not there yet will be ours.
    let state = Access::of(&plan.state_dir);
    let state = state.map_err(|source| NotRestored::Disk { path: plan.state_dir.clone(), source })?;
    let state = state.map_or((geteuid().as_raw(), getegid().as_raw()), |state| (state.uid, state.gid));
    let mut closed = Vec::new();
    for (name, text) in &plan.secrets {
        let old = store::open(name, sources).ok().map(|text| Secret::new(text.as_str()));
        store::seal(name, text.reveal(), sources).map_err(NotRestored::Unsealed)?;
        undo.secrets.push((name.clone(), old));
    }
    for change in &plan.changes {
        let at = |source| NotRestored::Disk { path: change.place.path(&plan.state_dir), source };
        let old = change.place.read(&plan.state_dir).map_err(at)?;
        let access = Access::of(&change.place.path(&plan.state_dir)).map_err(at)?;
        let readers = match change.holds {
            Holds::Nothing => Readers::All,
            Holds::Secret => Readers::Agent { gid: state.1 },
        };
        // Before: an error may come after the new file is in its place.
        undo.changes.push((change.place.clone(), old.zip(access)));
        change.place.write(&plan.state_dir, change.text.as_deref(), readers).map_err(at)?;
        let by_all = access.is_none_or(Access::is_for_all);
        if let (Target::Operators(path), Holds::Secret, true, 0) = (&change.place, change.holds, by_all, state.0) {
            closed.push(path.clone());
        }
    }
    Ok(closed)
}

/// What stood there, the newest last.
struct Undo {
    secrets: Vec<(Name, Option<Secret>)>,
    /// `None`: it was not there.
    changes: Vec<(Target, Option<(String, Access)>)>,
}

impl Undo {
    fn run(&self, state_dir: &Path, sources: &SecretSources) -> Result<(), String> {
        for (place, old) in self.changes.iter().rev() {
            let put_back = match old {
                Some((text, access)) => place.write(state_dir, Some(text), Readers::Before(*access)),
                None => place.write(state_dir, None, Readers::Owner),
            };
            put_back.map_err(|error| format!("{}: {error}", place.path(state_dir).display()))?;
        }
        for (name, old) in self.secrets.iter().rev() {
            let put_back = match old {
                Some(text) => store::seal(name, text.reveal(), sources).map(drop),
                None => store::remove(name, sources).map(drop),
            };
            put_back.map_err(|error| format!("the secret {name}: {error}"))?;
        }
        Ok(())
    }
}

/// As a backup of its own, whole: it stays in the state folder, for its owner alone. `false`: nothing could be read.
fn keep_before(plan: &Plan, main: &Path, env: Environment<'_>, now: Timestamp) -> io::Result<bool> {
    let Ok(present) = config::settings_files(main, env) else { return Ok(false) };
    let kept = present.iter().map(|file| match &file.place {
        Place::Main => Kept::of_text(Whose::Settings, "conductor.toml", &file.text),
        Place::Beside(name) => Kept::of_text(Whose::Settings, format!("conductor.d/{name}"), &file.text),
        Place::State(name) => Kept::of_text(Whose::State, format!("conductor.d/{name}"), &file.text),
    });
    let document = Document {
        format: FORMAT,
        agent: plan.loaded.settings.agent.name.clone(),
        version: crate::VERSION.to_owned(),
        made: now,
        files: kept.collect(),
        left_out: Vec::new(),
        sealed: None,
    };
    let folder = Folder::make(&plan.state_dir, BEFORE.0)?;
    let lock = folder.lock()?;
    folder.write(&lock, BEFORE.1, &document.to_json()?)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
