//! The folder `STATE/access`: the users and the open claim code, shared by the agent and commands beside it.
//!
//! Who changes something holds the folder's lock and reads anew before. Promise: a file is the old one or the new one, whole,
//! after a power cut too; a users file that does not read is never written over.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::denied::Broken;
use super::users::{Unread, Users};
use crate::files::{Folder, Lock, Stamp, stamp};

const USERS: &str = "users.json";
const CLAIM: &str = "claim.json";
/// 64 users take some 64 KiB.
const LARGEST: usize = 4 << 20;

/// A claim code that is open: what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub format: u64,
    pub hash: String,
    pub made: Timestamp,
    pub until: Timestamp,
    pub wrong: u32,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Store {
    /// The folder above, and the name in it.
    above: PathBuf,
    name: String,
}

/// The folder, locked.
pub struct Room<'s> {
    store: &'s Store,
    folder: Folder,
    lock: Lock,
}

impl Store {
    pub fn new(folder: &Path) -> Result<Store, Broken> {
        let name = folder.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
        match (folder.parent(), name) {
            (Some(above), Some(name)) => Ok(Store { above: above.to_owned(), name }),
            _ => Err(disk(folder, io::Error::from(io::ErrorKind::InvalidInput))),
        }
    }

    /// The users as they are now; nobody, where there is no file yet.
    pub fn users(&self) -> Result<Users, Broken> {
        let folder = Folder::find(&self.above, &self.name).map_err(|error| self.broken(USERS, error))?;
        folder.map_or_else(|| Ok(Users::default()), |folder| self.read_users(&folder))
    }

    /// Tells one state of the users file from another.
    pub fn stamp(&self) -> Option<Stamp> {
        stamp(&self.path(USERS))
    }

    /// Waits for whoever else changes something, each for a moment.
    pub fn lock(&self) -> Result<Room<'_>, Broken> {
        let locked = Folder::make(&self.above, &self.name).and_then(|folder| Ok((folder.lock()?, folder)));
        let (lock, folder) = locked.map_err(|error| self.broken("", error))?;
        Ok(Room { store: self, folder, lock })
    }

    fn read_users(&self, folder: &Folder) -> Result<Users, Broken> {
        let bytes = folder.read(USERS, LARGEST).map_err(|error| self.broken(USERS, error))?;
        let Some(bytes) = bytes else { return Ok(Users::default()) };
        let path = self.path(USERS);
        Users::read(&bytes).map_err(|why| match why {
            Unread::LaterFormat(format) => Broken::LaterFormat { path, format },
            Unread::Foreign(why) => Broken::Foreign { path, why },
        })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.above.join(&self.name).join(file)
    }

    fn broken(&self, file: &str, error: io::Error) -> Broken {
        disk(&self.path(file), error)
    }
}

impl Room<'_> {
    pub fn users(&self) -> Result<Users, Broken> {
        self.store.read_users(&self.folder)
    }

    pub fn put_users(&self, users: &Users) -> Result<(), Broken> {
        let bytes = users.write().map_err(io::Error::from);
        let put = bytes.and_then(|bytes| self.folder.write(&self.lock, USERS, &bytes));
        put.map_err(|error| self.store.broken(USERS, error))
    }

    /// The claim code that is open. What does not read is none: the next code is put in its place.
    pub fn claim(&self) -> Result<Option<Claim>, Broken> {
        let bytes = self.folder.read(CLAIM, LARGEST).map_err(|error| self.store.broken(CLAIM, error))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub fn put_claim(&self, claim: Option<&Claim>) -> Result<(), Broken> {
        let put = match claim {
            Some(claim) => serde_json::to_vec_pretty(claim)
                .map_err(io::Error::from)
                .and_then(|bytes| self.folder.write(&self.lock, CLAIM, &bytes)),
            None => self.folder.remove(&self.lock, CLAIM).map(|_| ()),
        };
        put.map_err(|error| self.store.broken(CLAIM, error))
    }
}

fn disk(path: &Path, source: io::Error) -> Broken {
    Broken::Disk { path: path.to_owned(), source }
}
