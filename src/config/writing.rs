//! What the command line and the pages change: one integration or destination, in a file of its own in the state folder
//! (`conductor.d/NAME.toml`).
//!
//! Promise: the outcome is read as the agent will read it before a byte is written; a file is the old one or the new one,
//! whole, after a crash too; what the operator's own files define is refused with the file named.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use toml::Value;

use super::fragments::{Fragment, Gathered, Origin};
use super::{Environment, Loaded, Mistakes, agent, read};
use crate::files::whole::{self, Lasting, Writers};
use crate::values::Name;
pub use proxy::change_proxy;

/// Said at the head of each file that is written.
const HEAD: &str = "# Written by conductor: its pages and commands change it.\n\n";

/// Which tables a name stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Integration,
    Destination,
}

impl Table {
    /// The table's name in the settings.
    pub fn key(self) -> &'static str {
        match self {
            Table::Integration => "integrations",
            Table::Destination => "destinations",
        }
    }

    /// For sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Table::Integration => "integration",
            Table::Destination => "destination",
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new one with these keys.
    Add(toml::Table),
    /// Other keys in the place of all that it has.
    Set(toml::Table),
    /// Its `enabled`.
    Enable(bool),
    Remove,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The file that holds it, or held it.
    pub file: PathBuf,
    pub state_dir: PathBuf,
    /// Of the settings as they are now, where they speak of that file.
    pub warnings: Vec<String>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Unchanged {
    /// There is one of that name, in this file.
    Taken(PathBuf),
    /// There is none.
    Absent,
    /// One of the operator's own files defines it.
    Operators(PathBuf),
    /// The settings would not hold.
    Wrong(Mistakes),
    /// The state folder can't be written.
    Disk { path: PathBuf, source: io::Error },
}

/// Makes one change; `main` and `env` as for [`super::load`].
///
/// # Errors
/// See [`Unchanged`]; nothing was changed then.
pub fn change(
    main: &Path,
    env: Environment<'_>,
    table: Table,
    name: &Name,
    change: Change,
) -> Result<Changed, Unchanged> {
    let Begun { mut gathered, state_dir, folder, held } = begin(main, env)?;
    let Planned { file, text } = plan(&mut gathered, &folder, table, name, change)?;
    let loaded = read(main, gathered, env).map_err(Unchanged::Wrong)?;
    match text {
        Some(text) => write(&state_dir, &held, &file, &text),
        None => fs::remove_file(inside(&held, &file)).and_then(|()| held.sync_all()),
    }
    .map_err(disk(&file))?;
    let spoken_of = file.display().to_string();
    let warnings = loaded.warnings.into_iter().filter(|warning| warning.contains(&spoken_of)).collect();
    Ok(Changed { file, state_dir, warnings })
}

/// What a change begins with.
struct Begun {
    gathered: Gathered,
    state_dir: PathBuf,
    folder: PathBuf,
    held: Flock<File>,
}

/// Reads what is there, with the folder held: two who change settings at once would each write what it had read before.
fn begin(main: &Path, env: Environment<'_>) -> Result<Begun, Unchanged> {
    let mut gathered = Gathered::default();
    gathered.operators(main);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    let folder = state_dir.join("conductor.d");
    make_folder(&state_dir, &folder).map_err(disk(&folder))?;
    let opened = open_folder(&folder).map_err(disk(&folder))?;
    let held = Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, error)| disk(&folder)(error.into()))?;
    gathered.state(&state_dir);
    Ok(Begun { gathered, state_dir, folder, held })
}

/// The settings as they would be after a change; nothing is written.
///
/// # Errors
/// See [`Unchanged`]: what [`change`] would say before it writes.
pub fn rehearse(
    main: &Path,
    env: Environment<'_>,
    table: Table,
    name: &Name,
    change: Change,
) -> Result<Loaded, Unchanged> {
    let mut gathered = Gathered::default();
    gathered.operators(main);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.state(&state_dir);
    plan(&mut gathered, &state_dir.join("conductor.d"), table, name, change)?;
    read(main, gathered, env).map_err(Unchanged::Wrong)
}

/// What is to be done to one file.
struct Planned {
    file: PathBuf,
    /// Its new text; `None`: it goes.
    text: Option<String>,
}

/// Makes the change in what was gathered.
fn plan(
    gathered: &mut Gathered,
    folder: &Path,
    table: Table,
    name: &Name,
    change: Change,
) -> Result<Planned, Unchanged> {
    let holder = gathered.fragments.iter().position(|fragment| holds(fragment, table, name));
    let origin = holder.and_then(|at| gathered.fragments.get(at)).map(|it| (it.origin, it.path.clone()));
    let file = match (&change, origin) {
        (Change::Add(_), Some((_, path))) => return Err(Unchanged::Taken(path)),
        (Change::Add(_), None) => folder.join(format!("{name}.toml")),
        (Change::Set(_) | Change::Enable(_) | Change::Remove, None) => return Err(Unchanged::Absent),
        (Change::Set(_) | Change::Enable(_) | Change::Remove, Some((Origin::Operator, path))) => {
            return Err(Unchanged::Operators(path));
        }
        (Change::Set(_) | Change::Enable(_) | Change::Remove, Some((Origin::State | Origin::Asked, path))) => path,
    };
    // An integration and a destination of one name share the file.
    let at = gathered.fragments.iter().position(|fragment| fragment.path == file);
    let old = at.and_then(|at| gathered.fragments.get(at)).map_or("", |fragment| &fragment.text);
    // What somebody asks for is held against what this version knows; what stood there already may be a later version's.
    let origin = match change {
        Change::Add(_) | Change::Set(_) => Origin::Asked,
        Change::Enable(_) | Change::Remove => Origin::State,
    };
    let text = changed(old, table, name, change);
    match (at, &text) {
        (Some(at), None) => drop(gathered.fragments.remove(at)),
        (Some(at), Some(text)) => {
            if let Some(fragment) = gathered.fragments.get_mut(at) {
                fragment.text.clone_from(text);
                fragment.origin = origin;
            }
        }
        (None, Some(text)) => {
            let folder = std::path::absolute(folder).map_err(disk(folder))?;
            let (path, text) = (file.clone(), text.clone());
            gathered.fragments.push(Fragment { path, folder, text, origin, world_readable: false });
        }
        (None, None) => {}
    }
    Ok(Planned { file, text })
}

fn disk(path: &Path) -> impl Fn(io::Error) -> Unchanged + use<> {
    let path = path.to_owned();
    move |source| Unchanged::Disk { path: path.clone(), source }
}

/// Does this file define it? A file that is no TOML defines nothing: reading it all tells its mistake.
fn holds(fragment: &Fragment, table: Table, name: &Name) -> bool {
    let found = fragment.text.parse::<toml::Table>().ok();
    found.is_some_and(|all| all.get(table.key()).is_some_and(|one| one.get(name.as_str()).is_some()))
}

/// The file's new text; `None`: nothing is left in it. Pure.
fn changed(old: &str, table: Table, name: &Name, change: Change) -> Option<String> {
    let mut all = old.parse::<toml::Table>().unwrap_or_default();
    let inner = all.entry(table.key()).or_insert_with(|| Value::Table(toml::Table::new()));
    if let Some(inner) = inner.as_table_mut() {
        match change {
            Change::Add(keys) | Change::Set(keys) => {
                inner.insert(name.to_string(), Value::Table(keys));
            }
            Change::Enable(enabled) => {
                if let Some(one) = inner.get_mut(name.as_str()).and_then(Value::as_table_mut) {
                    one.insert("enabled".into(), Value::Boolean(enabled));
                }
            }
            Change::Remove => {
                inner.remove(name.as_str());
            }
        }
        if inner.is_empty() {
            all.remove(table.key());
        }
    }
    (!all.is_empty()).then(|| format!("{HEAD}{all}"))
}

/// The folder, for the state folder's owner alone.
fn make_folder(state_dir: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let made_state = !state_dir.exists();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if made_state { Ok(()) } else { give(&open_folder(folder)?, state_dir) }
}

/// The folder itself and never a link: whoever may write into the state folder would choose where root writes.
fn open_folder(folder: &Path) -> io::Result<File> {
    let itself = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(itself.bits()).open(folder)
}

/// A file in the folder that is open, whatever its path leads to by now.
fn inside(folder: &File, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
}

/// Root writes for the user that the agent runs as.
fn give(file: &File, state_dir: &Path) -> io::Result<()> {
    let (owner, ours) = (fs::metadata(state_dir)?, file.metadata()?);
    if (owner.uid(), owner.gid()) == (ours.uid(), ours.gid()) {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// In its place, under our lock, and its owner's before a byte is in it.
fn write(state_dir: &Path, folder: &File, file: &Path, text: &str) -> io::Result<()> {
    whole::replace_by(&inside(folder, file), Writers::One, Lasting::Synced, |file| {
        give(file, state_dir)?;
        file.write_all(text.as_bytes())
    })
}

mod proxy;
#[cfg(test)]
mod tests;
