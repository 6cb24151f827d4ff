//! Who may use the pages: users and their passwords, the one-time claim code, sessions, second factors.
//!
//! ```text
//! STATE/access/users.json    names, roles, password hashes, second factors     written by the agent and by commands
//! STATE/access/claim.json    the hash of the claim code that is open, if any
//! (memory)                   sessions and counts of wrong tries: a restart of the agent logs everybody out
//! ```
//!
//! Everything is synchronous, time is an argument, and a password costs some 50 ms of work: call from a blocking thread.
//! Promise: nobody gets in without what a user of the file knows or what the console has just shown, and nothing that is
//! kept on the disk lets its reader in.

mod denied;
mod session;
mod users;

use std::net::IpAddr;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::values::Secret;

pub use denied::{Broken, Denied};
pub use session::{Opened, Session};
pub use users::{Role, User};

/// Who may use the pages. Cheap to clone; clones share sessions and counts.
#[derive(Clone, Debug)]
pub struct Access {
    folder: PathBuf,
}

/// A one-time code for the first admin, or for a lost one. Shown once.
#[derive(Clone, Debug)]
pub struct ClaimCode {
    /// `XXXX-XXXX-XXXX`.
    pub code: Secret,
    /// It counts until then.
    pub until: Timestamp,
}

/// What an authenticator app is given, once.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The key in base32, to type.
    pub key: Secret,
    /// `otpauth://totp/…`, to make a QR code of.
    pub uri: Secret,
}

/// The codes that let a user in without the authenticator app, each once. Shown once.
#[derive(Clone, Debug)]
pub struct RecoveryCodes(pub Vec<Secret>);

/// An act that was done: what the audit log keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Whom it was done to.
    pub user: String,
    /// What was done, for a person: `added as viewer`, `password set, 2 sessions ended`.
    pub about: String,
}

impl Access {
    /// The users of this folder (`STATE/access`); it is made (0700) when something is first written.
    ///
    /// # Errors
    /// Of the disk, or a users file that does not read.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Access, Broken> {
        Ok(Access { folder: folder.into() })
    }

    /// Is there an admin? Until then there is nothing but the claim page. A users file that does not read counts as one
    /// that has: nobody claims a box by damaging its file.
    pub fn claimed(&self) -> bool {
        false
    }

    /// A new claim code, for 15 minutes; one that was open is void. Also by another process than the agent.
    ///
    /// # Errors
    /// Of the disk.
    pub fn new_claim(&self, now: Timestamp) -> Result<ClaimCode, Broken> {
        Err(Broken::Random(format!("not built yet ({now}, {})", self.folder.display())))
    }

    /// By a claim code: adds this admin, or resets the user of that name (password, role, second factor) and ends its
    /// sessions.
    ///
    /// # Errors
    /// See [`Denied`]; a name or a password that can't be one costs no try.
    pub fn claim(
        &self,
        _code: &str,
        _name: &str,
        _password: &str,
        _from: IpAddr,
        _now: Timestamp,
    ) -> Result<Opened, Denied> {
        Err(Denied::Wrong)
    }

    /// By name and password, and `second` where the user has a second factor: the app's six digits, or a recovery code.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn login(
        &self,
        _name: &str,
        _password: &str,
        _second: Option<&str>,
        _from: IpAddr,
        _now: Timestamp,
    ) -> Result<Opened, Denied> {
        Err(Denied::Wrong)
    }

    /// The session of this cookie, if it still goes on. Counts as use.
    pub fn session(&self, _cookie: &str, _now: Timestamp) -> Option<Session> {
        None
    }

    /// Ends the session; whose it was.
    pub fn logout(&self, _cookie: &str) -> Option<Done> {
        None
    }

    /// The user's own new password: ends all its sessions and opens a new one.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn change_password(&self, _cookie: &str, _old: &str, _new: &str, _now: Timestamp) -> Result<Opened, Denied> {
        Err(Denied::Wrong)
    }

    /// A key for the user's authenticator app. Nothing changes before [`Access::confirm_second_factor`]. Asks for the
    /// password: who finds a page left open must not lock its user out.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn begin_second_factor(&self, _cookie: &str, _password: &str, _now: Timestamp) -> Result<Enrolment, Denied> {
        Err(Denied::Wrong)
    }

    /// By a code of the app: from now on a login needs one. Ends the user's other sessions.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn confirm_second_factor(&self, _cookie: &str, _code: &str, _now: Timestamp) -> Result<RecoveryCodes, Denied> {
        Err(Denied::Wrong)
    }

    /// The user gives its own second factor up, by its password.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn drop_second_factor(&self, _cookie: &str, _password: &str, _now: Timestamp) -> Result<Done, Denied> {
        Err(Denied::Wrong)
    }

    /// All users, by name.
    ///
    /// # Errors
    /// Of the disk.
    pub fn users(&self) -> Result<Vec<User>, Broken> {
        Ok(Vec::new())
    }

    /// Adds a user. Who may is for the caller to judge: an admin on the pages, root at the console.
    ///
    /// # Errors
    /// [`Denied::Refused`] or [`Denied::Broken`].
    pub fn add_user(&self, _name: &str, _password: &str, _role: Role, _now: Timestamp) -> Result<Done, Denied> {
        Err(Denied::Wrong)
    }

    /// Takes a user out and ends its sessions. The last admin stays.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn remove_user(&self, _name: &str, _now: Timestamp) -> Result<Done, Denied> {
        Err(Denied::Wrong)
    }

    /// Another role; ends the user's sessions. The last admin stays one.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn set_role(&self, _name: &str, _role: Role, _now: Timestamp) -> Result<Done, Denied> {
        Err(Denied::Wrong)
    }

    /// Another password, set by somebody else than the user; ends the user's sessions. The second factor stays.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn reset_password(&self, _name: &str, _password: &str, _now: Timestamp) -> Result<Done, Denied> {
        Err(Denied::Wrong)
    }

    /// Takes another user's second factor away (a lost phone); ends the user's sessions.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn reset_second_factor(&self, _name: &str, _now: Timestamp) -> Result<Done, Denied> {
        Err(Denied::Wrong)
    }
}
