//! A folder held open, below the state folder: 0700, its files 0600.
//!
//! A command of root's and the agent's own user both write here, so every file is opened from the folder's handle and no
//! link is followed: who may change the state folder does not choose what root writes. Promise: a file holds its old
//! bytes or its new ones, whole, after a power cut too, and belongs to whom the state folder belongs.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, geteuid, unlinkat};
use zeroize::Zeroizing;

/// What is being written. One is enough: writers hold the lock.
const BESIDE: &str = ".new";

/// The folder, held open.
pub struct Folder {
    path: PathBuf,
    at: File,
}

/// Held while something is written.
pub struct Lock(#[allow(dead_code, reason = "held for its drop")] Flock<File>);

impl Folder {
    /// The folder of this name. `None`: it is not there.
    ///
    /// # Errors
    /// Of the file system; a link in its place is one.
    pub fn find(state_dir: &Path, name: &str) -> io::Result<Option<Folder>> {
        let path = state_dir.join(name);
        let state = match File::open(state_dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        match openat(state.as_fd(), name, folder_flags(), Mode::empty()) {
            Ok(at) => Ok(Some(Folder { path, at: File::from(at) })),
            Err(nix::Error::ENOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder of this name; made where it is not there yet.
    ///
    /// # Errors
    /// Of the file system.
    pub fn make(state_dir: &Path, name: &str) -> io::Result<Folder> {
        if let Some(found) = Folder::find(state_dir, name)? {
            return Ok(found);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
        let state = File::open(state_dir)?;
        match mkdirat(state.as_fd(), name, Mode::S_IRWXU) {
            Err(error) if error != nix::Error::EEXIST => return Err(error.into()),
            _ => {}
        }
        let at = File::from(openat(state.as_fd(), name, folder_flags(), Mode::empty())?);
        hand_on(&at, &state.metadata()?)?;
        // The folder reaches the disk with the one above it.
        state.sync_all()?;
        Ok(Folder { path: state_dir.join(name), at })
    }

    /// For messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for another command that writes here; each is done in a moment.
    ///
    /// # Errors
    /// Of the file system.
    pub fn lock(&self) -> io::Result<Lock> {
        Flock::lock(self.at.try_clone()?, FlockArg::LockExclusive).map(Lock).map_err(|(_, error)| error.into())
    }

    /// The same without waiting; `None`: another holds it.
    ///
    /// # Errors
    /// Of the file system.
    pub fn try_lock(&self) -> io::Result<Option<Lock>> {
        match Flock::lock(self.at.try_clone()?, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Some(Lock(held))),
            Err((_, nix::Error::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }

    /// At most so many bytes of a file, and one more if there are more; `None`: no such file. They may be a secret's, and
    /// are wiped.
    ///
    /// # Errors
    /// Of the file system; what is no regular file is one.
    pub fn read(&self, name: &str, most: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        // Opening a pipe would wait for its writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mut file = match openat(self.at.as_fd(), name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(nix::Error::ENOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut bytes = Zeroizing::new(vec![0; most + 1]);
        let length = fill(&mut file, &mut bytes)?;
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    /// Puts a file in the place of the old one, if there was one.
    ///
    /// # Errors
    /// Of the file system; the old file is then as it was.
    pub fn write(&self, lock: &Lock, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.begin(lock, BESIDE)?;
        let put = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(renameat(self.at.as_fd(), BESIDE, self.at.as_fd(), name)?));
        if put.is_err() {
            let _ = self.unlink(BESIDE);
        }
        put?;
        // The rename reaches the disk with its folder.
        self.at.sync_all()
    }

    /// A new, empty file, in the place of one that a killed process left: for what is too large to be had at once.
    ///
    /// # Errors
    /// Of the file system.
    pub fn begin(&self, _lock: &Lock, name: &str) -> io::Result<File> {
        self.unlink(name)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(self.at.as_fd(), name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        if let Err(error) = self.at.metadata().and_then(|above| hand_on(&file, &above)) {
            let _ = self.unlink(name);
            return Err(error);
        }
        Ok(file)
    }

    /// Gives a file that was begun its name, in the place of the old one, if there was one.
    ///
    /// # Errors
    /// Of the file system.
    pub fn put(&self, _lock: &Lock, from: &str, to: &str) -> io::Result<()> {
        renameat(self.at.as_fd(), from, self.at.as_fd(), to)?;
        self.at.sync_all()
    }

    /// Was it there?
    ///
    /// # Errors
    /// Of the file system.
    pub fn remove(&self, _lock: &Lock, name: &str) -> io::Result<bool> {
        let was = self.unlink(name)?;
        self.at.sync_all()?;
        Ok(was)
    }

    /// Is there a file of this name?
    pub fn holds(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path.join(name)).is_ok()
    }

    /// The names that end like this, without the end, in order.
    ///
    /// # Errors
    /// Of the file system.
    pub fn ending(&self, end: &str) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            found.extend(name.to_str().and_then(|name| name.strip_suffix(end)).map(ToOwned::to_owned));
        }
        found.sort();
        Ok(found)
    }

    fn unlink(&self, name: &str) -> io::Result<bool> {
        match unlinkat(self.at.as_fd(), OsStr::new(name), UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(nix::Error::ENOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads until the buffer is full or the file ends: into room that is there already, since a buffer that grows leaves copies
/// behind.
///
/// # Errors
/// Of the file system.
pub fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn folder_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

/// What root makes belongs to the owner of what it stands in: the agent must be able to read it.
fn hand_on(made: &File, above: &fs::Metadata) -> io::Result<()> {
    if geteuid().is_root() && above.uid() != 0 {
        fchown(made, Some(Uid::from_raw(above.uid())), Some(Gid::from_raw(above.gid())))?;
    }
    Ok(())
}
