//! The settings, read for a verb.
//!
//! Promise: every mistake is printed, one a line, and nothing half-read is used.

use std::path::Path;

use super::{Exit, Failure};
use crate::config::{self, Loaded};
use crate::secrets::SecretSources;

/// Reads everything; mistakes end the verb.
pub fn load(config: &Path) -> Result<Loaded, Failure> {
    config::load(config, &|name| std::env::var(name).ok()).map_err(|mistakes| {
        let exit = if mistakes.is_permission() { Exit::Permission } else { Exit::Configuration };
        Failure::new(exit, format!("the settings can't be used:\n{mistakes}"))
    })
}

/// Where secrets come from: systemd's credentials folder and our state folder.
pub fn secret_sources(state_dir: &Path) -> SecretSources {
    SecretSources {
        credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into),
        state_dir: state_dir.to_owned(),
    }
}
