//! Where a restored file goes: into the operator's folder, or into one below the state folder.
//!
//! Promise: a file is the old one or the new one, whole; in the state folder, which the agent's user writes, no link is
//! followed and nothing is read without an end.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::files::Folder;
use crate::secrets::{self, Readers};

/// Of a folder that the operator's did not have: the agent's user must be able to enter it.
const FOLDER_MODE: u32 = 0o755;
/// Bytes of a file of the state folder that is read to be kept: no settings file is larger.
pub(super) const LARGEST: usize = 1 << 20;

/// A file of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Operators(PathBuf),
    /// A folder below the state folder, and a name in it.
    State(&'static str, String),
}

impl Target {
    pub(super) fn path(&self, state_dir: &Path) -> PathBuf {
        match self {
            Target::Operators(path) => path.clone(),
            Target::State(folder, name) => state_dir.join(folder).join(name),
        }
    }

    pub(super) fn read(&self, state_dir: &Path) -> io::Result<Option<String>> {
        match self {
            Target::Operators(path) => match fs::read_to_string(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => read.map(Some),
            },
            Target::State(folder, name) => {
                let Some(folder) = Folder::find(state_dir, folder)? else { return Ok(None) };
                let Some(bytes) = folder.read(name, LARGEST)? else { return Ok(None) };
                let odd = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
                if bytes.len() > LARGEST {
                    return Err(odd("what is there is larger than 1 MiB"));
                }
                let text = std::str::from_utf8(&bytes).map_err(|_| odd("what is there is no text"))?;
                Ok(Some(text.to_owned()))
            }
        }
    }

    /// `readers` are the operator's folder's affair: what lies in the state folder is its owner's alone.
    pub(super) fn write(&self, state_dir: &Path, text: Option<&str>, readers: Readers) -> io::Result<()> {
        match self {
            Target::Operators(path) => put_or_remove(path, text, readers),
            Target::State(folder, name) => {
                // By the folder's handle and under its lock: root follows no link there, and a page that saves waits.
                let folder = Folder::make(state_dir, folder)?;
                let lock = folder.lock()?;
                match text {
                    Some(text) => folder.write(&lock, name, text.as_bytes()),
                    None => folder.remove(&lock, name).map(drop),
                }
            }
        }
    }
}

/// In the place of the old one, whole; in a folder that is not there, for all to enter.
fn put_or_remove(path: &Path, text: Option<&str>, readers: Readers) -> io::Result<()> {
    let Some(text) = text else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))?;
    }
    secrets::put(path, text.as_bytes(), readers)
}
