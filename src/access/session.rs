//! A session: somebody who is in, for as long as it is used.
//!
//! Promise: it ends after 15 minutes without use and 12 hours after it began, whatever the clock does; of its cookie
//! only the SHA-256 is kept.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::users::Role;
use crate::values::Secret;

/// Somebody who is in.
#[derive(Clone)]
pub struct Session {
    pub user: String,
    pub role: Role,
    /// Goes into every form; see [`Session::csrf_matches`].
    pub csrf: String,
    /// Where it was opened from.
    pub from: IpAddr,
    pub opened: Timestamp,
    /// It ends then, used or not.
    pub ends: Timestamp,
    /// Does a login of this user need a second factor?
    pub second_factor: bool,
}

impl Session {
    /// Is this the token that our own pages carry? Compared in constant time.
    pub fn csrf_matches(&self, given: &str) -> bool {
        self.csrf.as_bytes().ct_eq(given.as_bytes()).into()
    }

    pub fn is_admin(&self) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Viewer => false,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("Session").field("user", &self.user).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A session that was just opened, and what proves it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The cookie's value: 43 letters of base64url, 256 random bits. Kept nowhere.
    pub cookie: Secret,
    pub session: Session,
    /// How, for the audit log: `by password`, `by a recovery code, 3 are left`, `claimed: added as admin`.
    pub about: String,
}
