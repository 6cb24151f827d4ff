//! Who may use the pages: users and their passwords, the one-time claim code, sessions, second factors.
//!
//! ```text
//! STATE/access/users.json    names, roles, password hashes, second factors     written by the agent and by commands
//! STATE/access/claim.json    the hash of the claim code that is open, if any
//! (memory)                   sessions and counts of wrong tries: a restart of the agent logs everybody out
//! ```
//!
//! Another process may change the files at any time; they are looked at anew when they did. Everything is synchronous,
//! time is an argument, and a password is some 20 ms of work or more: call from a blocking thread. Promise: nobody gets in without
//! what a user of the file knows or what the console has just shown, and nothing that is kept on the disk lets its reader in.

mod claim;
mod denied;
mod letters;
mod login;
mod password;
mod people;
mod second_factor;
mod session;
mod store;
mod totp;
mod tries;
mod users;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::files::Stamp;
use crate::secrets::SecretSources;

pub use claim::ClaimCode;
pub use denied::{Broken, Denied};
pub use second_factor::{Enrolment, RecoveryCodes};
pub use session::{Opened, Session};
pub use users::{Role, User, user_name};

use password::Hashing;
use session::Sessions;
use store::Store;
use tries::Tries;
use users::Users;

/// The folder's name in the state folder.
pub const FOLDER: &str = "access";

/// Who may use the pages. Cheap to clone; clones share sessions and counts.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    /// Where keys of second factors are sealed.
    sealed: Option<SecretSources>,
    hashing: Hashing,
    /// Held for moments; never while a password is worked on or a lock of the folder is waited for.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The file as it was when it had this stamp.
    users: Arc<Users>,
    stamp: Option<Stamp>,
    sessions: Sessions,
    tries: Tries,
    /// The last steps of second factors that counted, for when the disk did not take them.
    steps: HashMap<String, i64>,
}

/// An act that was done: what the audit log keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Whom it was done to.
    pub user: String,
    /// What was done, for a person: `added as viewer`, `password set, sessions ended: 2`.
    pub about: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

impl Access {
    /// The users of this folder (`STATE/access`); it is made (0700) when something is first written. Keys of second
    /// factors are kept in the users file as they are: see [`Access::open_sealed`].
    ///
    /// # Errors
    /// Of the disk, or a users file that does not read.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Access, Broken> {
        Access::with(folder.into(), None)
    }

    /// The same, with the sealed store for the keys of second factors: what the agent uses.
    ///
    /// # Errors
    /// As [`Access::open`].
    pub fn open_sealed(folder: impl Into<PathBuf>, sources: SecretSources) -> Result<Access, Broken> {
        Access::with(folder.into(), Some(sources))
    }

    fn with(folder: PathBuf, sealed: Option<SecretSources>) -> Result<Access, Broken> {
        let store = Store::new(&folder)?;
        let inner = Inner { store, sealed, hashing: Hashing::default(), state: Mutex::default() };
        let access = Access { inner: Arc::new(inner) };
        access.look()?;
        Ok(access)
    }

    /// Is there an admin? Until then there is nothing but the claim page. A users file that does not read counts as one
    /// that has: nobody claims a box by damaging its file.
    pub fn claimed(&self) -> bool {
        self.look().map_or(true, |users| users.has_admin())
    }

    /// All users, by name.
    ///
    /// # Errors
    /// Of the disk.
    pub fn users(&self) -> Result<Vec<User>, Broken> {
        Ok(self.look()?.shown())
    }

    /// The session of this cookie, if it still goes on. Counts as use.
    pub fn session(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        self.found(cookie, now, true)
    }

    /// The same for what a page asks by itself, which is nobody's use: a page left open keeps no session alive.
    pub fn glance(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        self.found(cookie, now, false)
    }

    fn found(&self, cookie: &str, now: Timestamp, used: bool) -> Option<Session> {
        let users = self.look().ok()?;
        let mut state = self.state();
        let held = if used { state.sessions.use_now(cookie, now)? } else { state.sessions.going_on(cookie, now)? };
        match users.get(&held.session.user).filter(|user| user.generation == held.generation) {
            Some(user) => {
                held.session.role = user.role;
                held.session.second_factor = user.second_factor.is_some();
                Some(held.session.clone())
            }
            // Removed, or changed by somebody else: by a command beside us, say.
            None => {
                state.sessions.end(cookie);
                None
            }
        }
    }

    /// Ends the session; whose it was.
    pub fn logout(&self, cookie: &str) -> Option<Done> {
        let ended = self.state().sessions.end(cookie)?;
        Some(Done { user: ended.user, about: "logged out".to_owned() })
    }

    /// The users as the file has them now.
    fn look(&self) -> Result<Arc<Users>, Broken> {
        let stamp = self.inner.store.stamp();
        {
            let state = self.state();
            // Without a stamp nothing is known: there is no file, or none that we may see, and only reading tells.
            if stamp.is_some() && state.stamp == stamp {
                return Ok(state.users.clone());
            }
        }
        // The stamp is older than what is read: a change in between is read once more.
        let users = Arc::new(self.inner.store.users()?);
        let unknown = users.unknown();
        if !unknown.is_empty() {
            tracing::warn!("the users file has fields of a later version, which are kept: {}", unknown.join(", "));
        }
        let mut state = self.state();
        state.stamp = stamp;
        state.users = users.clone();
        Ok(users)
    }

    /// Reads the users under the folder's lock, and writes them if the change was made.
    fn change<T>(&self, change: impl FnOnce(&mut Users) -> Result<T, Denied>) -> Result<T, Denied> {
        let room = self.inner.store.lock()?;
        let mut users = room.users()?;
        let done = change(&mut users)?;
        room.put_users(&users)?;
        Ok(done)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
