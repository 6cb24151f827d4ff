//! One bundle on its way in: written beside, looked at, and put in its place when it is whole.
//!
//! Promise: nothing but a whole bundle ever bears a name that the system looks for, after a power cut too; and it comes in
//! only while it leaves the disk the room that the queue needs.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::FOLDER;
use super::told::{Outcome, Told};
use crate::files::{Folder, Lock};
use crate::queue::Queue;
use crate::queue::disk::{Disk, RealDisk, Space};
use crate::values::{ByteSize, hex};

/// The largest bundle that is taken, in bytes: an image's root is 400 MB at the most.
pub const LARGEST: u64 = 1 << 30;
/// What is being written: hidden, and of no name that the system looks for.
const PART: &str = ".part";
const ENDING: &str = ".raucb";
/// How a bundle begins: it is a squashfs with a signature behind it.
const MAGIC: [u8; 4] = *b"hsqs";
/// So often the room on the disk is looked at, in bytes.
const LOOK_EVERY: u64 = 8 << 20;

/// Why a bundle was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("another update is coming in: wait for it, then try again")]
    Busy,
    #[error("an update is being installed: wait until it has ended, then try again")]
    Installing,
    #[error("this is no update bundle: give the file whose name ends in .raucb")]
    NoBundle,
    #[error("the bundle is larger than {}, and no bundle of this product is: is it the right file?", ByteSize(*most))]
    TooLarge { most: u64 },
    #[error(
        "there is no room for the bundle: {} are free, and it takes {} for a while (it is copied before it is judged), \
         beside what the queue needs; let the destinations take what waits, or enlarge the disk",
        ByteSize(*free), ByteSize(*needed)
    )]
    NoRoom { free: u64, needed: u64 },
    #[error("the bundle came in cut off: {got} of {expected} bytes; try again")]
    Short { got: u64, expected: u64 },
    #[error("the bundle is not the one that was announced: its SHA-256 is {got}")]
    Another { got: String },
    #[error("{path} can't be written: {source}")]
    Disk { path: PathBuf, source: io::Error },
}

/// Of what a refusal is, and so when it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// What came in: the same will be refused again.
    Content,
    /// The moment, or this box: another time it may go.
    Moment,
}

impl NotTaken {
    /// What is to blame for it.
    pub fn blame(&self) -> Blame {
        match self {
            // A connection that breaks is a fault of its own: what ends in order and is short was announced wrongly.
            NotTaken::NoBundle | NotTaken::TooLarge { .. } | NotTaken::Short { .. } | NotTaken::Another { .. } => {
                Blame::Content
            }
            NotTaken::Busy | NotTaken::Installing | NotTaken::NoRoom { .. } | NotTaken::Disk { .. } => Blame::Moment,
        }
    }
}

/// A bundle that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// In the folder that the system looks into.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// One that is coming in. Dropped before its end, it leaves nothing.
pub struct Arrival {
    folder: Folder,
    lock: Lock,
    file: File,
    name: String,
    head: Vec<u8>,
    written: u64,
    /// Bytes at which the disk is looked at next.
    look_at: u64,
    expected: Option<u64>,
    most: u64,
    digest: Sha256,
}

impl Arrival {
    /// Begins; `name` is that of the file or the URL, `expected` its size in bytes where that is known.
    ///
    /// # Errors
    /// See [`NotTaken`]; nothing is left then.
    pub fn begin(state_dir: &Path, name: &str, expected: Option<u64>, most: u64) -> Result<Arrival, NotTaken> {
        let at = |source| NotTaken::Disk { path: state_dir.join(FOLDER), source };
        if expected.is_some_and(|bytes| bytes > most) {
            return Err(NotTaken::TooLarge { most });
        }
        let folder = Folder::make(state_dir, FOLDER).map_err(at)?;
        let lock = folder.try_lock().map_err(at)?.ok_or(NotTaken::Busy)?;
        let last = Told::read(state_dir).ok().and_then(|told| told.last);
        if last.is_some_and(|last| last.outcome == Outcome::Installing) {
            return Err(NotTaken::Installing);
        }
        // What a cut left behind goes before the room is looked at.
        let file = folder.begin(&lock, PART).map_err(at)?;
        let (name, digest) = (file_name(name), Sha256::new());
        let (head, written, look_at) = (Vec::new(), 0, 0);
        let mut begun = Arrival { folder, lock, file, name, head, written, look_at, expected, most, digest };
        begun.look().inspect_err(|_| begun.forget())?;
        Ok(begun)
    }

    /// The next bytes.
    ///
    /// # Errors
    /// See [`NotTaken`]; then it is to be dropped.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), NotTaken> {
        if self.head.len() < MAGIC.len() {
            let room = MAGIC.len() - self.head.len();
            self.head.extend(bytes.iter().take(room));
            if !MAGIC.starts_with(&self.head) {
                return Err(NotTaken::NoBundle);
            }
        }
        let length = bytes.len() as u64;
        if self.written + length > self.most {
            return Err(NotTaken::TooLarge { most: self.most });
        }
        if self.written + length > self.look_at {
            self.look()?;
        }
        self.file.write_all(bytes).map_err(|source| self.at(source))?;
        self.digest.update(bytes);
        self.written += length;
        Ok(())
    }

    /// It is whole: on the disk, and in its place. `sha256` in hexadecimal, where it was announced.
    ///
    /// # Errors
    /// See [`NotTaken`]; nothing is left then.
    pub fn end(mut self, sha256: Option<&str>) -> Result<Arrived, NotTaken> {
        let ended = self.settle(sha256);
        if ended.is_err() {
            self.forget();
        }
        ended
    }

    fn settle(&mut self, sha256: Option<&str>) -> Result<Arrived, NotTaken> {
        if self.written < MAGIC.len() as u64 {
            return Err(NotTaken::NoBundle);
        }
        if let Some(expected) = self.expected.filter(|expected| *expected != self.written) {
            return Err(NotTaken::Short { got: self.written, expected });
        }
        let got = hex::text(&self.digest.finalize_reset());
        if sha256.is_some_and(|wanted| !wanted.trim().eq_ignore_ascii_case(&got)) {
            return Err(NotTaken::Another { got });
        }
        let placed = self.file.sync_all().and_then(|()| self.folder.put(&self.lock, PART, &self.name));
        placed.map_err(|source| self.at(source))?;
        Ok(Arrived { name: self.name.clone(), bytes: self.written, sha256: got })
    }

    fn look(&mut self) -> Result<(), NotTaken> {
        let space = RealDisk.space(self.folder.path()).map_err(|source| self.at(source))?;
        let size = self.expected.unwrap_or(self.written + LOOK_EVERY).max(self.written);
        self.look_at = self.written + LOOK_EVERY;
        has_room(space, size, self.written)
    }

    fn at(&self, source: io::Error) -> NotTaken {
        if source.kind() == io::ErrorKind::StorageFull {
            return NotTaken::NoRoom { free: 0, needed: self.expected.unwrap_or(self.written) };
        }
        NotTaken::Disk { path: self.folder.path().to_owned(), source }
    }

    fn forget(&self) {
        let _ = self.folder.remove(&self.lock, PART);
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // In its place it bears another name by now.
        self.forget();
    }
}

/// Is there room for the rest of a bundle of `size` bytes of which `written` are there, for the copy that the system
/// judges, and twice what the queue pauses at? Pure.
fn has_room(space: Space, size: u64, written: u64) -> Result<(), NotTaken> {
    let needed = (size - written.min(size)).saturating_add(size);
    if space.free >= needed.saturating_add(2 * Queue::headroom(space)) {
        return Ok(());
    }
    Err(NotTaken::NoRoom { free: space.free, needed })
}

/// Removes what a cut left behind, unless it is still coming in.
///
/// # Errors
/// Of the file system.
pub fn clean(state_dir: &Path) -> io::Result<bool> {
    let Some(folder) = Folder::find(state_dir, FOLDER)? else { return Ok(false) };
    let Some(lock) = folder.try_lock()? else { return Ok(false) };
    folder.remove(&lock, PART)
}

/// The name under which the system will find it: letters, digits and `. _ + ~ -` of the last part of what was given.
pub fn file_name(given: &str) -> String {
    let last = given.split(['/', '\\']).next_back().unwrap_or_default();
    let stem = last.strip_suffix(ENDING).unwrap_or(last);
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '~' | '-');
    let stem: String = stem.chars().filter(fits).take(100).collect();
    // A hidden file would not be found.
    let stem = stem.trim_start_matches('.');
    format!("{}{ENDING}", if stem.is_empty() { "update" } else { stem })
}

#[cfg(test)]
#[path = "arrival/tests.rs"]
mod tests;
