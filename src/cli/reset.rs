//! `conductor reset --factory`: the box as it was before its first start.
//!
//! On an appliance the system does it, as its console's key R does; elsewhere this verb wipes the state folder itself, with
//! the agent stopped. What is removed is removed as files are: a disk may keep it until it is written over.
//!
//! Promise: nothing is wiped while an agent runs, nor before its name was typed; and nothing that is not the agent's own.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::recording::{self, Doing};
use super::{Exit, Failure, agent_socket, is_forbidden, settings};
use crate::appliance::update::{self, VERSION_FILE};
use crate::config::{self, Settings};
use crate::queue;
use crate::values::SecretRef;

/// All that the agent and its verbs write into the state folder; what opens the rest goes first.
const OURS: [&str; 17] = [
    "secrets",
    "access",
    "tls",
    "keys-seen",
    "conductor.d",
    "certificates",
    "backup",
    "update",
    "reset",
    "network",
    "audit",
    "storage.json",
    "local-address",
    ".local-address.new",
    // As it was called by earlier versions.
    "local-address.new",
    "control.sock",
    // Its lock is held until all else is gone.
    "queue",
];

#[derive(Debug, Args)]
pub struct Arguments {
    /// Wipe queue, keys, sealed secrets, users, claim, audit log and what the pages and commands have set.
    #[arg(long, required = true)]
    factory: bool,
    /// Also empty conductor.toml, and remove conductor.d/*.toml beside it and the secret files there that it names.
    #[arg(long)]
    settings: bool,
    /// Do not ask for the box's name.
    #[arg(long)]
    yes: bool,
}

impl Arguments {
    /// For the audit log: the first entry of the new one, where it was wiped.
    pub fn doing(&self) -> Doing {
        let with = if self.settings { "the settings of the operator too" } else { "" };
        Some(("factory reset", with.to_owned()))
    }
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let state_dir = config::whereabouts(config, &env).1;
    let settings = settings::load(config).ok().map(|loaded| loaded.settings);
    let name = settings.as_ref().map_or_else(host_name, |settings| settings.agent.name.clone());
    let appliance = update::appliance(Path::new(VERSION_FILE)).is_some();
    let held = if appliance { None } else { stopped(&state_dir)? };
    if !arguments.yes {
        confirmed(&name, &state_dir)?;
    }
    let mut out = io::stdout().lock();
    if appliance {
        update::ask_reset(&state_dir, &recording::who())
            .map_err(|error| unremovable(&state_dir.join("reset"), &error))?;
        writeln!(
            out,
            "the system was asked for it: it wipes keys, queue, settings and users, and restarts; the version stays"
        )?;
        return Ok(0);
    }
    let left = wipe(&state_dir)?;
    drop(held);
    writeln!(out, "{} is wiped: queue, keys, secrets, users, claim and audit log", state_dir.display())?;
    for path in left {
        writeln!(out, "left, since it is none of ours: {}", path.display())?;
    }
    if arguments.settings {
        for path in wipe_settings(config, settings.as_ref())? {
            writeln!(out, "wiped: {}", path.display())?;
        }
    } else {
        writeln!(out, "{} and what lies beside it are as they were; --settings wipes them too", config.display())?;
    }
    writeln!(out, "revoke the API keys where they were made: this box held them")?;
    Ok(0)
}

/// The queue's lock, so that no agent starts meanwhile; `None`: no agent has ever run here.
fn stopped(state_dir: &Path) -> Result<Option<queue::Held>, Failure> {
    let runs = || {
        let text = "nothing was wiped: the agent runs; stop it first (systemctl stop conductor), then say it again";
        Failure::new(Exit::Unavailable, text)
    };
    if agent_socket::is_running(state_dir) {
        return Err(runs());
    }
    let dir = state_dir.join("queue");
    if !dir.is_dir() {
        return Ok(None);
    }
    match queue::hold(&dir) {
        Ok(held) => Ok(Some(held)),
        Err(queue::QueueError::Locked { .. }) => Err(runs()),
        Err(error) => Err(error.into()),
    }
}

fn confirmed(name: &str, state_dir: &Path) -> Result<(), Failure> {
    // On stderr: stdout may be a file.
    eprintln!("This wipes all that {} holds: what waits in the queue is lost, and the users are.", state_dir.display());
    eprint!("To go on, type the name of this box ({name}): ");
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    if typed.trim() == name {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, "that is not its name; nothing was wiped"))
}

/// Removes what is ours; what is not is left, and told.
fn wipe(state_dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    for name in OURS {
        let path = state_dir.join(name);
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.map_err(|error| unremovable(&path, &error))?,
        };
        // A link is removed, and never what it leads to.
        let removed = if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| unremovable(&path, &error))?;
    }
    let left = match fs::read_dir(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unremovable(state_dir, &error))?,
    };
    let left = left.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    fs::File::open(state_dir).and_then(|folder| folder.sync_all()).map_err(|error| unremovable(state_dir, &error))?;
    Ok(left)
}

/// The operator's own: emptied or removed, but nothing outside of the main file's folder.
fn wipe_settings(config: &Path, settings: Option<&Settings>) -> Result<Vec<PathBuf>, Failure> {
    let folder = std::path::absolute(config)?.parent().unwrap_or(Path::new("/")).to_owned();
    let env = |name: &str| std::env::var(name).ok();
    let mut done = Vec::new();
    let secrets = settings.into_iter().flat_map(secret_files).filter(|path| lies_in(path, &folder));
    let files = config::settings_files(config, &env).unwrap_or_default();
    let beside = files.iter().filter(|file| matches!(file.place, config::Place::Beside(_)));
    let beside = beside.map(|file| config::path_of(&file.place, config, Path::new("")));
    for path in secrets.chain(beside) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unremovable(&path, &error)),
            Ok(()) => done.push(path),
        }
    }
    let text = "# Emptied by `conductor reset --factory --settings`: docs/settings.md tells what may stand here.\n";
    fs::write(config, text).map_err(|error| unremovable(config, &error))?;
    done.push(config.to_owned());
    Ok(done)
}

/// Does it really lie there? A file of the state folder, which is the agent's to write, may name `/etc/conductor/../shadow`.
fn lies_in(path: &Path, folder: &Path) -> bool {
    let real = path.file_name().and(path.parent()).and_then(|parent| parent.canonicalize().ok());
    real.zip(folder.canonicalize().ok()).is_some_and(|(parent, folder)| parent.starts_with(folder))
}

fn secret_files(settings: &Settings) -> Vec<PathBuf> {
    let files = settings.secrets().into_iter().filter_map(|one| match one.secret {
        SecretRef::File(path) => Some(path.clone()),
        SecretRef::Credential(_) | SecretRef::Sealed(_) => None,
    });
    files.collect()
}

fn unremovable(path: &Path, error: &io::Error) -> Failure {
    let exit = if is_forbidden(error) { Exit::Permission } else { Exit::Disk };
    let text = format!(
        "{} can't be wiped: {error}; say it as root. What was wiped before it is gone: say it again",
        path.display()
    );
    Failure::new(exit, text)
}

fn host_name() -> String {
    let found = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    found.unwrap_or_else(|| "conductor".to_owned())
}
