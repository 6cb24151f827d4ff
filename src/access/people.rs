//! Users added, removed and changed by somebody else: an admin on the pages, root at the console.
//!
//! Who may is for the caller to judge. Promise: an act that changes what a user may do, or how it proves itself, ends its
//! sessions; there is always an admin left.

use jiff::Timestamp;

use super::users::{self, Record, Role, Users, user_name};
use super::{Access, Denied, Done, letters, password};

impl Access {
    /// Adds a user.
    ///
    /// # Errors
    /// [`Denied::Refused`], [`Denied::Broken`], or [`Denied::Later`] where many passwords are worked on.
    pub fn add_user(&self, name: &str, password: &str, role: Role, now: Timestamp) -> Result<Done, Denied> {
        let name = user_name(name).map_err(Denied::Refused)?;
        password::judge(password, &name).map_err(Denied::Refused)?;
        let (hash, generation) = (self.inner.hashing.hash(password)?, letters::token()?);
        self.change(|users| {
            if users.get(&name).is_some() {
                return Err(Denied::Refused(format!("there is a user {name} already")));
            }
            if users.count() >= users::MOST {
                return Err(Denied::Refused(format!("there are {} users already: remove one first", users::MOST)));
            }
            users.put(Record::new(&name, role, hash, generation.reveal().to_owned(), now));
            Ok(())
        })?;
        Ok(Done { user: name, about: format!("added as {role}") })
    }

    /// Takes a user out and ends its sessions. The last admin stays.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn remove_user(&self, name: &str) -> Result<Done, Denied> {
        let name = user_name(name).map_err(Denied::Refused)?;
        let was = self.change(|users| {
            keep_an_admin(users, &name)?;
            users.remove(&name).ok_or_else(|| unknown(&name))
        })?;
        self.forget_key(Some(&was));
        Ok(self.done(name, format!("removed, was {}", was.role)))
    }

    /// Another role; ends the user's sessions. The last admin stays one.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn set_role(&self, name: &str, role: Role) -> Result<Done, Denied> {
        let name = user_name(name).map_err(Denied::Refused)?;
        let was = self.renew(&name, |users, name| {
            if role != Role::Admin {
                keep_an_admin(users, name)?;
            }
            let user = users.get_mut(name).ok_or_else(|| unknown(name))?;
            let was = user.role;
            user.role = role;
            Ok(was)
        })?;
        Ok(self.done(name, format!("role set to {role}, was {was}")))
    }

    /// Another password, set by somebody else than the user; ends the user's sessions. The second factor stays.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn reset_password(&self, name: &str, password: &str, now: Timestamp) -> Result<Done, Denied> {
        let name = user_name(name).map_err(Denied::Refused)?;
        self.look()?.get(&name).ok_or_else(|| unknown(&name))?;
        password::judge(password, &name).map_err(Denied::Refused)?;
        let hash = self.inner.hashing.hash(password)?;
        self.renew(&name, |users, name| {
            let user = users.get_mut(name).ok_or_else(|| unknown(name))?;
            user.password = hash;
            user.password_set = now;
            Ok(())
        })?;
        Ok(self.done(name, "password reset".to_owned()))
    }

    /// Takes another user's second factor away (a lost phone); ends the user's sessions.
    ///
    /// # Errors
    /// As [`Access::add_user`].
    pub fn reset_second_factor(&self, name: &str) -> Result<Done, Denied> {
        let name = user_name(name).map_err(Denied::Refused)?;
        let was = self.renew(&name, |users, name| {
            let user = users.get_mut(name).ok_or_else(|| unknown(name))?;
            let was = user.clone();
            let none = || Denied::Refused(format!("the user {name} has no second factor"));
            user.second_factor.take().map(|_| was).ok_or_else(none)
        })?;
        self.forget_key(Some(&was));
        Ok(self.done(name, "second factor dropped".to_owned()))
    }

    /// Changes a user, and draws its generation anew: sessions end in every process.
    fn renew<T>(&self, name: &str, change: impl FnOnce(&mut Users, &str) -> Result<T, Denied>) -> Result<T, Denied> {
        let generation = letters::token()?;
        self.change(|users| {
            let done = change(users, name)?;
            if let Some(user) = users.get_mut(name) {
                user.generation = generation.reveal().to_owned();
            }
            Ok(done)
        })
    }

    fn done(&self, user: String, about: String) -> Done {
        let ended = self.state().sessions.end_of(&user, None);
        let about = if ended == 0 { about } else { format!("{about}, sessions ended: {ended}") };
        Done { user, about }
    }
}

fn keep_an_admin(users: &Users, name: &str) -> Result<(), Denied> {
    if users.is_last_admin(name) {
        return Err(Denied::Refused(format!("{name} is the only admin: make another one first")));
    }
    Ok(())
}

fn unknown(name: &str) -> Denied {
    Denied::Refused(format!("there is no user {name}"))
}
