//! The trial's own folder, with its own settings.
//!
//! Promise: only its maker can enter it, and it is gone when the trial is over.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::super::{Exit, Failure, settings};
use crate::config::Settings;

/// The name of its destination.
pub const DESTINATION: &str = "trial";
const SETTINGS: &str = "conductor.toml";

pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder inside this one.
    ///
    /// # Errors
    /// Where nothing can be made there.
    pub fn make(inside: &Path) -> Result<Scratch, Failure> {
        let path = inside.join(format!("conductor-selftest-{:08x}", fastrand::u32(..)));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            let text = format!("nothing can be made in {}: {error}; name another place by --folder", inside.display());
            Failure::new(Exit::Disk, text)
        })?;
        Ok(Scratch(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes settings with one destination at this port of loopback, and reads them as the agent would.
    ///
    /// # Errors
    /// Of the file system.
    pub fn settings(&self, ca: &str, port: u16) -> Result<Settings, Failure> {
        fs::write(self.0.join("ca.pem"), ca)?;
        let text = format!(
            "[agent]\nname = \"selftest\"\nstate-dir = {:?}\n[queue]\nmax-size = \"256MiB\"\n[destinations.{DESTINATION}]\ntype = \
             \"http\"\nurl = \"https://localhost:{port}/events\"\nca = \"ca.pem\"\n",
            self.0.join("state")
        );
        fs::write(self.0.join(SETTINGS), text)?;
        load(&self.0)
    }
}

/// The settings of a trial in this folder.
///
/// # Errors
/// As of any settings.
pub fn load(folder: &Path) -> Result<Settings, Failure> {
    settings::load(&folder.join(SETTINGS)).map(|loaded| loaded.settings)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
