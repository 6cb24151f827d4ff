//! A session: somebody who is in, for as long as it is used.
//!
//! In memory alone: a restart of the agent logs everybody out. Promise: it ends after 15 minutes without use and 12 hours
//! after it began, and when the clock is set back; of its cookie only the SHA-256 is kept.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::denied::Broken;
use super::letters;
use super::users::Role;
use crate::values::Secret;

/// Unused for so long, it has ended.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// It ends so long after it began.
pub const WHOLE: Duration = Duration::from_secs(12 * 3600);
/// Of one user; the oldest goes. With the bound on users that bounds them all.
pub const MOST_OF_ONE: usize = 8;
/// A clock may go back so far, as time servers correct it.
const BACK: Duration = Duration::from_secs(60);

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

/// Whose session it is to be.
pub struct Who<'u> {
    pub user: &'u str,
    pub role: Role,
    /// Of the user's record: another one ends the session.
    pub generation: &'u str,
    pub second_factor: bool,
    pub from: IpAddr,
}

/// One session, as it is kept.
pub struct Held {
    pub session: Session,
    pub generation: String,
    /// The key that an authenticator app was given, until it is confirmed.
    pub pending: Option<Zeroizing<Vec<u8>>>,
    used: Timestamp,
}

/// All sessions, by the SHA-256 of their cookies.
#[derive(Default)]
pub struct Sessions {
    held: HashMap<[u8; 32], Held>,
}

impl Sessions {
    pub fn open(&mut self, who: &Who<'_>, about: String, now: Timestamp) -> Result<Opened, Broken> {
        let (cookie, csrf) = (letters::token()?, letters::token()?);
        self.held.retain(|_, held| held.goes_on(now));
        while self.of(who.user).count() >= MOST_OF_ONE {
            let oldest = self.of(who.user).min_by_key(|(_, held)| held.session.opened).map(|(id, _)| *id);
            oldest.map(|id| self.held.remove(&id));
        }
        let session = Session {
            user: who.user.to_owned(),
            role: who.role,
            csrf: csrf.reveal().to_owned(),
            from: who.from,
            opened: now,
            ends: now.checked_add(WHOLE).unwrap_or(now),
            second_factor: who.second_factor,
        };
        let generation = who.generation.to_owned();
        let held = Held { session: session.clone(), generation, pending: None, used: now };
        self.held.insert(letters::hash(cookie.reveal()), held);
        Ok(Opened { cookie, session, about })
    }

    /// The session of this cookie, used now.
    pub fn use_now(&mut self, cookie: &str, now: Timestamp) -> Option<&mut Held> {
        let held = self.going_on(cookie, now)?;
        // A clock that goes back little by little wins nothing.
        held.used = held.used.max(now);
        Some(held)
    }

    /// The session of this cookie; one that has ended goes.
    pub fn going_on(&mut self, cookie: &str, now: Timestamp) -> Option<&mut Held> {
        let id = letters::hash(cookie);
        if !self.held.get(&id)?.goes_on(now) {
            self.held.remove(&id);
            return None;
        }
        self.held.get_mut(&id)
    }

    /// Ends one.
    pub fn end(&mut self, cookie: &str) -> Option<Session> {
        self.held.remove(&letters::hash(cookie)).map(|held| held.session)
    }

    /// Ends all of a user but this one; how many.
    pub fn end_of(&mut self, user: &str, but: Option<&str>) -> usize {
        let before = self.held.len();
        let but = but.map(letters::hash);
        self.held.retain(|id, held| held.session.user != user || but.as_ref() == Some(id));
        before - self.held.len()
    }

    fn of(&self, user: &str) -> impl Iterator<Item = (&[u8; 32], &Held)> {
        self.held.iter().filter(move |(_, held)| held.session.user == user)
    }
}

impl Held {
    fn goes_on(&self, now: Timestamp) -> bool {
        let idle = now.duration_since(self.used);
        now < self.session.ends
            && idle.as_secs() < IDLE.as_secs().cast_signed()
            && idle.as_secs() >= -BACK.as_secs().cast_signed()
    }
}

#[cfg(test)]
mod tests;
