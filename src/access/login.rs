//! In by name and password, and the user's own new password.
//!
//! Promise: a wrong name, a wrong password and a wrong code are told by one word and cost the same; each try is counted
//! before it is judged.

use std::net::IpAddr;

use jiff::Timestamp;

use super::session::{Opened, Session, Who};
use super::tries::{Door, Origin};
use super::users::{Record, user_name};
use super::{Access, Denied, letters, password};

impl Access {
    /// By name and password, and `second` where the user has a second factor: the app's six digits, or a recovery code.
    ///
    /// # Errors
    /// See [`Denied`]. [`Denied::SecondFactor`] alone says that the password was right.
    pub fn login(
        &self,
        name: &str,
        password: &str,
        second: Option<&str>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, Denied> {
        let users = self.look()?;
        // What can't be a name is nobody's, and is counted as one name.
        let name = user_name(name).unwrap_or_default();
        let user = users.get(&name);
        let origin = Origin::of(from);
        let mut doors = vec![Door::NameFrom(name.clone(), origin), Door::Address(origin)];
        if !user.is_some_and(|user| user.knows(origin)) {
            doors.push(Door::Stranger(name));
        }
        self.state().tries.pass(&doors, now).map_err(Denied::Later)?;
        let judged = self.judge(user, password, second, now);
        let mut state = self.state();
        match &judged {
            Ok(_) => {
                for door in &doors {
                    match door {
                        // What others tried at this name was wrong all the same.
                        Door::Stranger(_) => state.tries.give_back(door),
                        Door::NameFrom(..) | Door::Address(_) | Door::ClaimFrom(_) | Door::Claim => {
                            state.tries.clear(door);
                        }
                    }
                }
            }
            Err(Denied::Wrong) => {}
            Err(Denied::Later(_) | Denied::SecondFactor | Denied::Refused(_) | Denied::Broken(_)) => {
                doors.iter().for_each(|door| state.tries.give_back(door));
            }
        }
        drop(state);
        let (user, about) = judged?;
        self.remember(user, origin);
        let who = who(user, from);
        Ok(self.state().sessions.open(&who, about, now)?)
    }

    /// The user's own new password: ends all its sessions and opens a new one.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn change_password(&self, cookie: &str, old: &str, new: &str, now: Timestamp) -> Result<Opened, Denied> {
        let session = self.session(cookie, now).ok_or_else(ended)?;
        password::judge(new, &session.user).map_err(Denied::Refused)?;
        if old == new {
            return Err(Denied::Refused("the new password is the old one: take another".to_owned()));
        }
        let before = self.prove(&session, old, now)?;
        let (hash, generation) = (self.inner.hashing.hash(new)?, letters::token()?);
        let after = self.change(|users| {
            let user = users.get_mut(&session.user).filter(|user| user.password == before).ok_or_else(ended)?;
            user.password = hash;
            user.password_set = now;
            user.generation = generation.reveal().to_owned();
            Ok(user.clone())
        })?;
        let mut state = self.state();
        // This one too: its page opens a new one.
        let ended = state.sessions.end_of(&session.user, None).saturating_sub(1);
        let about = format!("own password changed, other sessions ended: {ended}");
        Ok(state.sessions.open(&who(&after, session.from), about, now)?)
    }

    /// For what can't be undone: who finds a page left open must not do it.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn confirm(&self, cookie: &str, password: &str, now: Timestamp) -> Result<(), Denied> {
        let session = self.session(cookie, now).ok_or_else(ended)?;
        self.prove(&session, password, now).map(drop)
    }

    /// Is it really the user whose session this is? Its password hash, as it was judged by.
    pub(super) fn prove(&self, session: &Session, password: &str, now: Timestamp) -> Result<String, Denied> {
        let users = self.look()?;
        let user = users.get(&session.user).ok_or_else(ended)?;
        let door = Door::NameFrom(session.user.clone(), Origin::of(session.from));
        self.state().tries.pass(std::slice::from_ref(&door), now).map_err(Denied::Later)?;
        match self.inner.hashing.verify(password, Some(&user.password)) {
            Ok(true) => {
                self.state().tries.clear(&door);
                Ok(user.password.clone())
            }
            Ok(false) => Err(Denied::Wrong),
            Err(busy) => {
                self.state().tries.give_back(&door);
                Err(busy)
            }
        }
    }

    /// The user, and how it was proved.
    fn judge<'u>(
        &self,
        user: Option<&'u Record>,
        password: &str,
        second: Option<&str>,
        now: Timestamp,
    ) -> Result<(&'u Record, String), Denied> {
        let right = self.inner.hashing.verify(password, user.map(|user| user.password.as_str()))?;
        let user = user.filter(|_| right).ok_or(Denied::Wrong)?;
        let second = second.map(str::trim).filter(|second| !second.is_empty());
        let about = match (&user.second_factor, second) {
            (None, _) => "by password".to_owned(),
            (Some(_), None) => return Err(Denied::SecondFactor),
            (Some(factor), Some(second)) => self.judge_second(user, factor, second, now)?,
        };
        Ok((user, about))
    }

    /// Keeps where a user logged in from. A full disk keeps nobody out who comes to see to it.
    fn remember(&self, user: &Record, origin: Origin) {
        if user.knows(origin) {
            return;
        }
        let kept = self.change(|users| {
            if let Some(user) = users.get_mut(&user.name) {
                user.meet(origin);
            }
            Ok(())
        });
        if let Err(error) = kept {
            tracing::warn!("where {} logged in from could not be kept: {error}", user.name);
        }
    }
}

pub(super) fn who(user: &Record, from: IpAddr) -> Who<'_> {
    Who {
        user: &user.name,
        role: user.role,
        generation: &user.generation,
        second_factor: user.second_factor.is_some(),
        from,
    }
}

pub(super) fn ended() -> Denied {
    Denied::Refused("the session has ended: log in again".to_owned())
}
