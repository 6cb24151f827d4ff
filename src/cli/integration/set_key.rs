//! `conductor integration set-key NAME`: a new API key into the file, or the sealed secret, that the settings name.
//!
//! Promise: the key comes from stdin or an unseen prompt and never from the command line, where every user of the
//! machine could read it; its place holds the old key or the new one, whole, at every moment.

use std::io::Write;
use std::path::Path;

use crate::cli::asked::asked;
use crate::cli::{Exit, Failure, secret, settings};
use crate::config::{Integration, Settings};
use crate::secrets;
use crate::values::{Name, Secret, SecretRef};

pub fn run(settings: &Settings, name: &str, stdout: &mut impl Write) -> Result<u8, Failure> {
    let integration = super::named(settings, name)?;
    let place = place(integration)?;
    let key = asked(&format!("the new API key of {name}"), &format!("conductor integration set-key {name}"), |held| {
        secrets::token(held).map(|token| token.secret)
    })?;
    let sources = settings::secret_sources(&settings.agent.state_dir);
    if secrets::resolve_token(&integration.api_key, &sources).is_ok_and(|old| old == key) {
        let shown = match &place {
            Place::File(path) => path.display().to_string(),
            Place::Sealed(sealed) => format!("the sealed secret {sealed}"),
        };
        writeln!(stdout, "{shown} holds this key already")?;
        return Ok(0);
    }
    match place {
        Place::File(path) => replace(path, &key, stdout)?,
        Place::Sealed(sealed) => secret::put(&sealed, &key, &sources, stdout)?,
    }
    writeln!(
        stdout,
        "a running agent sees it within seconds and tries it; the old key stays in use until the new one has worked: \
         see `conductor status`, then revoke the old one in the vendor's portal"
    )?;
    Ok(0)
}

fn replace(path: &Path, key: &Secret, stdout: &mut impl Write) -> Result<(), Failure> {
    let shown = path.display();
    let new = !path.exists();
    secrets::replace(path, key).map_err(|error| {
        let exit = if crate::cli::is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
        let text = format!(
            "{shown} can't be replaced: {error}; say it as a user who may write into its folder (root, say); the old key \
             is as it was"
        );
        Failure::new(exit, text)
    })?;
    writeln!(stdout, "{shown} holds the new key")?;
    if new {
        writeln!(stdout, "the file is new and for its owner alone: let the agent's user read it")?;
    }
    Ok(())
}

/// Where a key can be put.
enum Place<'s> {
    File(&'s Path),
    Sealed(Name),
}

fn place(integration: &Integration) -> Result<Place<'_>, Failure> {
    let name = &integration.name;
    match &integration.api_key {
        SecretRef::File(path) => Ok(Place::File(path)),
        SecretRef::Credential(credential) => Err(Failure::new(
            Exit::Usage,
            format!(
                "the key of {name} is the systemd credential {credential}, which only systemd hands over: replace the file \
                 that LoadCredential={credential}: names in the unit, then `systemctl restart conductor`"
            ),
        )),
        SecretRef::Sealed(sealed) => Ok(Place::Sealed(secret::named(sealed)?)),
    }
}
