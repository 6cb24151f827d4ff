//! `conductor backup` and `conductor restore`: settings in one file, and back.
//!
//! Promise: a passphrase comes from stdin, an unseen prompt or a file, never from the command line; a restore that is
//! refused has changed nothing.

use std::fs;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::asked::asked;
use super::recording::Doing;
use super::{Exit, Failure, change, is_forbidden, settings};
use crate::backup::{
    self, Document, Gathered, Memory, NotGathered, NotRestored, Opened, Reach, Sources, Step, Unopened, Wanted,
};
use crate::config;
use crate::files::whole;
use crate::values::Secret;

/// Bytes of a passphrase file that are read.
const LONGEST: u64 = 4096;

#[derive(Debug, Args)]
pub struct Backup {
    /// The file; default: conductor-backup-NAME-TIME.json here. It takes no other file's place.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The sealed secrets too, sealed under a passphrase of at least 12 letters, which is asked for.
    #[arg(long)]
    with_secrets: bool,
    /// The passphrase is the first line of this file, and not asked for.
    #[arg(long, value_name = "FILE", requires = "with_secrets")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// As `conductor backup` wrote it.
    file: PathBuf,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Leave the secrets in it alone, and put back the settings.
    #[arg(long)]
    without_secrets: bool,
    /// The passphrase is the first line of this file, and not asked for.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Backup {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        let with = if self.with_secrets { "with secrets, sealed under a passphrase" } else { "without secrets" };
        Some(("settings backup", with.to_owned()))
    }
}

impl Restore {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        let with = if self.without_secrets { "without secrets" } else { "" };
        (!self.dry_run).then(|| ("settings restore", with.to_owned()))
    }
}

pub fn backup(config: &Path, arguments: &Backup) -> Result<u8, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let state_dir = config::whereabouts(config, &env).1;
    let sources = settings::secret_sources(&state_dir);
    let wanted = if arguments.with_secrets {
        Wanted::WithSecrets(new_passphrase(arguments.passphrase_file.as_deref())?)
    } else {
        Wanted::Settings
    };
    let now = Timestamp::now();
    let sources = Sources { config, env: &env, secrets: &sources };
    let Gathered { document, unsearched } = backup::gather(&sources, &wanted, now)?;
    let bytes = document.to_json().map_err(|error| Failure::new(Exit::Software, error.to_string()))?;
    let name = format!("{}.json", backup::name(&document.agent, now));
    let file = arguments.out.clone().unwrap_or_else(|| PathBuf::from(name));
    whole::make(&file, &bytes).map_err(|error| {
        let exit = if is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
        Failure::new(exit, format!("{} can't be written: {error}; name another with --out", file.display()))
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is written; `conductor restore` puts it back, here or on another box", file.display())?;
    for left in &document.left_out {
        writeln!(out, "not in it: {left}")?;
    }
    for one in &unsearched {
        eprintln!("conductor: not searched for in the backup: {one}; see that no file in it holds that secret");
    }
    Ok(0)
}

pub fn restore(config: &Path, arguments: &Restore) -> Result<u8, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let document = read(&arguments.file)?;
    let opened = match &document.sealed {
        Some(_) if !arguments.without_secrets => {
            let passphrase = passphrase(arguments.passphrase_file.as_deref(), "restore")?;
            backup::open(&document, &passphrase, Memory::OfCommand)?
        }
        Some(_) | None => Opened::default(),
    };
    let plan = backup::plan(config, &env, &document, opened, Reach::Whole)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "a backup of {}, made {:.0} by version {}", document.agent, document.made, document.version)?;
    let steps = if arguments.dry_run {
        plan.steps()
    } else {
        let sources = settings::secret_sources(&plan.state_dir);
        let restored = backup::restore(&plan, config, &env, &sources, Timestamp::now())?;
        if let Some(before) = restored.before {
            writeln!(out, "what stood there before is in {}: `conductor restore` takes it too", before.display())?;
        }
        for path in &restored.closed {
            let (path, state) = (path.display(), plan.state_dir.display());
            eprintln!(
                "conductor: {path} holds a secret, and root alone may read it now: if the agent runs as another user, start \
                 it once, then say chgrp --reference={state} {path} and start it again"
            );
        }
        restored.steps
    };
    let (write, remove, seal) = if arguments.dry_run {
        ("would write", "would remove", "would seal")
    } else {
        ("written", "removed", "sealed")
    };
    for step in &steps {
        match step {
            Step::Write(path) => writeln!(out, "{write}: {}", path.display())?,
            Step::Remove(path) => writeln!(out, "{remove}: {}", path.display())?,
            Step::Seal(name) => writeln!(out, "{seal}: the secret {name}")?,
        }
    }
    if steps.is_empty() {
        writeln!(out, "all of it is as it is here: nothing is to be done")?;
    }
    for left in &document.left_out {
        writeln!(out, "not in it, see to it yourself: {left}")?;
    }
    for warning in &plan.loaded.warnings {
        eprintln!("conductor: {warning}");
    }
    if arguments.dry_run || steps.is_empty() {
        return Ok(0);
    }
    drop(out);
    change::tell_agent(&plan.state_dir)?;
    Ok(0)
}

fn read(path: &Path) -> Result<Document, Failure> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(backup::LARGEST as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let exit = if is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
        Failure::new(exit, format!("{} can't be read: {error}", path.display()))
    })?;
    Document::read(&bytes).map_err(|error| Failure::new(Exit::Usage, format!("nothing was changed: {error}")))
}

/// One that is made: on a terminal it is asked for twice, since a slip would be found out too late.
fn new_passphrase(file: Option<&Path>) -> Result<Secret, Failure> {
    let first = passphrase(file, "backup --with-secrets")?;
    if first.reveal().chars().count() < backup::SHORTEST {
        return Err(Unopened::TooShort.into());
    }
    if file.is_none() && std::io::stdin().is_terminal() && passphrase(None, "backup --with-secrets")? != first {
        return Err(Failure::new(Exit::Usage, "the two are not the same; nothing was written"));
    }
    Ok(first)
}

fn passphrase(file: Option<&Path>, verb: &str) -> Result<Secret, Failure> {
    let first_line = |held: &str| {
        let line = held.lines().next().unwrap_or_default();
        if line.is_empty() {
            Err("begins with an empty line: write the passphrase on the first")
        } else {
            Ok(Secret::new(line))
        }
    };
    let Some(path) = file else {
        return asked("the passphrase of the backup", &format!("conductor {verb}"), first_line);
    };
    let mut text = zeroize::Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)).map_err(|error| {
        Failure::new(Exit::Permission, format!("the passphrase can't be read from {}: {error}", path.display()))
    })?;
    first_line(&text).map_err(|rest| Failure::new(Exit::Usage, format!("{} {rest}", path.display())))
}

impl From<Unopened> for Failure {
    fn from(unopened: Unopened) -> Failure {
        let exit = match &unopened {
            Unopened::Closed => Exit::Permission,
            Unopened::Unknown | Unopened::TooLarge | Unopened::TooShort => Exit::Usage,
            Unopened::Broken(_) => Exit::Software,
        };
        Failure::new(exit, format!("{unopened}; nothing was done"))
    }
}

impl From<NotGathered> for Failure {
    fn from(error: NotGathered) -> Failure {
        match error {
            NotGathered::Keyless(fault) => fault.into(),
            NotGathered::Unsealed(unopened) => unopened.into(),
            NotGathered::Mistakes(ref mistakes) => {
                let exit = if mistakes.is_permission() { Exit::Permission } else { Exit::Configuration };
                Failure::new(exit, error.to_string())
            }
            NotGathered::Holds(_) | NotGathered::TooLarge(_) => Failure::new(Exit::Configuration, error.to_string()),
            NotGathered::Disk { ref source, .. } => {
                let exit = if is_forbidden(source) { Exit::Permission } else { Exit::Disk };
                Failure::new(exit, error.to_string())
            }
        }
    }
}

impl From<NotRestored> for Failure {
    fn from(error: NotRestored) -> Failure {
        let exit = match &error {
            NotRestored::Unread(_) | NotRestored::NoMain | NotRestored::NotByPage(_) => Exit::Usage,
            NotRestored::Wrong(_) => Exit::Configuration,
            NotRestored::Disk { source, .. } if is_forbidden(source) => Exit::Permission,
            NotRestored::Disk { .. } | NotRestored::Half { .. } => Exit::Disk,
            NotRestored::Unsealed(_) => Exit::Permission,
        };
        let what_to_do = match &error {
            NotRestored::Disk { source, .. } if is_forbidden(source) => ": say it as root or as the agent's user",
            NotRestored::Unread(_)
            | NotRestored::NoMain
            | NotRestored::NotByPage(_)
            | NotRestored::Wrong(_)
            | NotRestored::Disk { .. }
            | NotRestored::Unsealed(_)
            | NotRestored::Half { .. } => "",
        };
        Failure::new(exit, format!("{error}{what_to_do}"))
    }
}
