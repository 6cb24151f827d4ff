//! `conductor integration set-key NAME`: a new API key into the file that the settings name.
//!
//! Promise: the key comes from stdin or an unseen prompt and never from the command line, where every user of the
//! machine could read it; the file holds the old key or the new one, whole, at every moment.

use std::io::Write;
use std::path::Path;

use crate::cli::asked::asked;
use crate::cli::{Exit, Failure};
use crate::config::{Integration, Settings};
use crate::secrets;
use crate::values::{Name, SecretRef};

pub fn run(settings: &Settings, name: &str, stdout: &mut impl Write) -> Result<u8, Failure> {
    let found = name.parse().ok().and_then(|name: Name| settings.integrations.get(&name));
    let Some(integration) = found else {
        let text = format!("no integration is called {name:?}: see `conductor integration list`");
        return Err(Failure::new(Exit::Usage, text));
    };
    let path = file_of(integration)?;
    let key = asked(&format!("the new API key of {name}"), &format!("conductor integration set-key {name}"), |held| {
        secrets::token(held).map(|token| token.secret)
    })?;
    let shown = path.display();
    let sources = secrets::SecretSources::default();
    if secrets::resolve_token(&integration.api_key, &sources).is_ok_and(|old| old == key) {
        writeln!(stdout, "{shown} holds this key already")?;
        return Ok(0);
    }
    let new = !path.exists();
    secrets::replace(path, &key).map_err(|error| {
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
    writeln!(
        stdout,
        "a running agent sees it within seconds and tries it; the old key stays in use until the new one has worked: \
         see `conductor status`, then revoke the old one in the vendor's portal"
    )?;
    Ok(0)
}

/// The file that holds the key, where it is a file.
fn file_of(integration: &Integration) -> Result<&Path, Failure> {
    let name = &integration.name;
    match &integration.api_key {
        SecretRef::File(path) => Ok(path),
        SecretRef::Credential(credential) => Err(Failure::new(
            Exit::Usage,
            format!(
                "the key of {name} is the systemd credential {credential}, which only systemd hands over: replace the file \
                 that LoadCredential={credential}: names in the unit, then `systemctl restart conductor`"
            ),
        )),
        SecretRef::Sealed(sealed) => Err(Failure::new(
            Exit::Usage,
            format!(
                "the key of {name} is the sealed secret {sealed}, and this build has no sealed store yet: write \
                 api-key = {{ file = \"...\" }} into the settings"
            ),
        )),
    }
}
