//! `conductor secret …`: what is sealed in the state folder, for settings that say `{ sealed = "NAME" }`.
//!
//! Promise: a secret goes in and never comes out: no verb shows one. What is set is sealed on the disk, or an error says that
//! nothing was changed.

use std::io::Write;
use std::path::Path;

use clap::Subcommand;

use super::asked::asked;
use super::recording::{self, Doing};
use super::{Exit, Failure, settings, user};
use crate::access::{self, Access};
use crate::config::Settings;
use crate::secrets::store::{self, StoreError};
use crate::secrets::{self, KeyKind, SecretSources};
use crate::values::{Name, Secret, SecretRef};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Takes a secret from stdin, or asks for it without showing it, and seals it under this name.
    Set {
        /// As in `{ sealed = "NAME" }`.
        name: String,
    },
    /// The names that are sealed, what refers to each, and whether it opens.
    List,
    /// Takes a secret out that the settings no longer refer to.
    Remove { name: String },
    /// Seals everything anew: under the credential, or under a new key file where there is none.
    Reseal,
}

impl Verb {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        match self {
            Verb::List => None,
            Verb::Set { name } => Some(("secret set", recording::name(name))),
            Verb::Remove { name } => Some(("secret remove", recording::name(name))),
            Verb::Reseal => Some(("secret reseal", String::new())),
        }
    }
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let sources = settings::secret_sources(&settings.agent.state_dir);
    let stdout = &mut std::io::stdout().lock();
    match verb {
        Verb::Set { name } => set(&settings, &named(&name)?, &sources, stdout),
        Verb::List => list(&settings, &sources, stdout),
        Verb::Remove { name } => remove(&settings, &named(&name)?, &sources, stdout),
        Verb::Reseal => reseal(&sources, stdout),
    }
}

/// What the settings use a sealed secret for.
struct Use {
    setting: String,
    of: Whose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Integration,
    Destination,
}

fn set(settings: &Settings, name: &Name, sources: &SecretSources, stdout: &mut impl Write) -> Result<u8, Failure> {
    let uses = uses(settings, name);
    // A private key has lines; all else that goes to a peer is one word.
    let token = !uses.is_empty() && uses.iter().all(|one| !one.setting.ends_with(".key"));
    let judged = |held: &str| if token { secrets::token(held).map(|token| token.secret) } else { secrets::text(held) };
    let secret = asked(&format!("the secret {name}"), &format!("conductor secret set {name}"), judged)?;
    put(name, &secret, sources, stdout)?;
    if uses.is_empty() {
        writeln!(stdout, "nothing refers to it yet: write {{ sealed = \"{name}\" }} into the settings")?;
    }
    for one in uses {
        let setting = one.setting;
        match one.of {
            Whose::Integration => writeln!(stdout, "{setting}: a running agent sees it within seconds and tries it")?,
            Whose::Destination => writeln!(stdout, "{setting}: a running agent uses it from its next reload on")?,
        }
    }
    Ok(0)
}

/// Seals it, and tells under what.
pub(super) fn put(
    name: &Name,
    secret: &Secret,
    sources: &SecretSources,
    stdout: &mut impl Write,
) -> Result<(), Failure> {
    let kind = store::seal(name, secret.reveal(), sources)?;
    writeln!(stdout, "the secret {name} is sealed under {}", told(kind))?;
    Ok(())
}

fn list(settings: &Settings, sources: &SecretSources, stdout: &mut impl Write) -> Result<u8, Failure> {
    let entries = store::list(sources)?;
    if entries.is_empty() {
        writeln!(stdout, "nothing is sealed")?;
    }
    let mut exit = 0;
    for entry in entries {
        let uses = uses(settings, &entry.name).into_iter().map(|one| one.setting).collect::<Vec<_>>().join(", ");
        let uses = match uses.as_str() {
            // A users file that does not read is told of by whoever uses it.
            "" => factor_of(&entry.name, sources).ok().flatten().map_or_else(
                || "used by nothing".to_owned(),
                |user| format!("used by the second factor of the user {user}"),
            ),
            uses => format!("used by {uses}"),
        };
        match entry.opens {
            Ok(kind) => writeln!(stdout, "{:<20} {uses}; opens by {}", entry.name.as_str(), told(kind))?,
            Err(fault) => {
                exit = Exit::Permission as u8;
                writeln!(stdout, "{:<20} {uses}; {}", entry.name.as_str(), fault.chain())?;
            }
        }
    }
    Ok(exit)
}

fn remove(settings: &Settings, name: &Name, sources: &SecretSources, stdout: &mut impl Write) -> Result<u8, Failure> {
    if let Some(one) = uses(settings, name).first() {
        let text = format!("{} refers to the secret {name}: take it out of the settings first", one.setting);
        return Err(Failure::new(Exit::Usage, text));
    }
    if let Some(user) = factor_of(name, sources)? {
        let text = format!("the second factor of {user} needs {name}: say `conductor user drop-second-factor {user}`");
        return Err(Failure::new(Exit::Usage, text));
    }
    if !store::remove(name, sources)? {
        let text = format!("no secret is sealed under {name}: see `conductor secret list`");
        return Err(Failure::new(Exit::Usage, text));
    }
    writeln!(stdout, "the secret {name} is gone from the store; revoke it where it was made")?;
    Ok(0)
}

/// The user of the pages whose second factor this is the key of.
fn factor_of(name: &Name, sources: &SecretSources) -> Result<Option<String>, Failure> {
    let access = Access::open(sources.state_dir.join(access::FOLDER));
    access.and_then(|access| access.whose_key(name)).map_err(user::broken)
}

fn reseal(sources: &SecretSources, stdout: &mut impl Write) -> Result<u8, Failure> {
    let resealed = store::reseal(sources)?;
    writeln!(stdout, "{} sealed anew under {}", resealed.done, told(resealed.kind))?;
    if resealed.left.is_empty() {
        return Ok(0);
    }
    for (_, fault) in &resealed.left {
        eprintln!("conductor: {}", fault.chain());
    }
    let text = "what does not open is as it was, and old keys stay: set or remove it, then say `conductor secret reseal` again";
    Err(Failure::new(Exit::Permission, text))
}

fn told(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Credential => "the systemd credential conductor-key",
        KeyKind::File => "the key file in the state folder: whoever copies that folder can open it",
    }
}

pub(super) fn named(name: &str) -> Result<Name, Failure> {
    name.parse().map_err(|_| {
        Failure::new(Exit::Usage, format!("{name:?} can't be a secret's name: names are of a-z, 0-9, - and _"))
    })
}

fn uses(settings: &Settings, name: &Name) -> Vec<Use> {
    let here = |one: &SecretRef| matches!(one, SecretRef::Sealed(sealed) if sealed == name.as_str());
    let keys = settings.integrations.values().filter(|one| here(&one.api_key));
    let keys = keys.map(|one| Use { setting: format!("integrations.{}.api-key", one.name), of: Whose::Integration });
    let of_destinations = settings.destinations.values().flat_map(|one| {
        let secrets = one.secrets().into_iter().filter(|(_, secret)| here(secret));
        secrets.map(|(key, _)| Use { setting: format!("destinations.{}.{key}", one.name), of: Whose::Destination })
    });
    keys.chain(of_destinations).collect()
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Keyless(fault) => fault.into(),
            StoreError::Disk { path, source } => {
                let exit = if super::is_forbidden(&source) { Exit::Permission } else { Exit::Disk };
                let text = format!(
                    "the sealed store can't be used at {}: {source}; say it as root or as the agent's user; what was sealed is \
                     as it was",
                    path.display()
                );
                Failure::new(exit, text)
            }
        }
    }
}
