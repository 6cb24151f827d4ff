//! The one-time code by which the first admin comes in, and a lost one comes back.
//!
//! Whoever can say `conductor claim` on the box (root, or the agent's user) could read and write its state anyway: that is the proof.
//! Promise: a code counts once, for 15 minutes and five wrong tries; a newer one ends it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::login::who;
use super::session::Opened;
use super::store::{Claim, Room};
use super::tries::{Door, Origin};
use super::users::{self, Record, Role, user_name};
use super::{Access, Broken, Denied, letters, password};
use crate::values::Secret;

const VALID: Duration = Duration::from_secs(15 * 60);
const WRONG: u32 = 5;
const FORMAT: u64 = 1;

/// A one-time code for the first admin, or for a lost one. Shown once.
#[derive(Clone, Debug)]
pub struct ClaimCode {
    /// `XXXX-XXXX-XXXX`.
    pub code: Secret,
    /// It counts until then.
    pub until: Timestamp,
}

impl Claim {
    fn goes_on(&self, now: Timestamp) -> bool {
        // A clock that was set back behind its making ends it too.
        self.format == FORMAT && self.wrong < WRONG && self.made <= now && now < self.until
    }
}

impl Access {
    /// A new claim code, for 15 minutes; one that was open is void. Also by another process than the agent.
    ///
    /// # Errors
    /// Of the disk; a users file that does not read, since no claim could be written to it.
    pub fn new_claim(&self, now: Timestamp) -> Result<ClaimCode, Broken> {
        let code = letters::draw(letters::CLAIM)?;
        let until = now.checked_add(VALID).unwrap_or(now);
        let claim = Claim { format: FORMAT, hash: letters::hash_text(code.reveal()), made: now, until, wrong: 0 };
        let room = self.inner.store.lock()?;
        room.users()?;
        room.put_claim(Some(&claim))?;
        Ok(ClaimCode { code, until })
    }

    /// By a claim code: adds this admin, or resets the user of that name (password, role, no second factor) and ends its
    /// sessions.
    ///
    /// # Errors
    /// See [`Denied`]; a name or a password that can't be one costs no try.
    pub fn claim(
        &self,
        code: &str,
        name: &str,
        password: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, Denied> {
        let name = user_name(name).map_err(Denied::Refused)?;
        password::judge(password, &name).map_err(Denied::Refused)?;
        let doors = [Door::ClaimFrom(Origin::of(from)), Door::Claim];
        self.state().tries.pass(&doors, now).map_err(Denied::Later)?;
        let done = self.claimed_by(code, &name, password, now);
        match &done {
            Ok(_) => doors.iter().for_each(|door| self.state().tries.clear(door)),
            Err(Denied::Wrong) => {}
            Err(Denied::Later(_) | Denied::SecondFactor | Denied::Refused(_) | Denied::Broken(_)) => {
                doors.iter().for_each(|door| self.state().tries.give_back(door));
            }
        }
        let (user, was) = done?;
        let mut state = self.state();
        let ended = state.sessions.end_of(&name, None);
        let about = match &was {
            None => "claimed: added as admin".to_owned(),
            Some(was) => {
                let factor = if was.second_factor.is_some() { ", its second factor dropped" } else { "" };
                format!("claimed: {} reset to admin with a new password{factor}, sessions ended: {ended}", was.role)
            }
        };
        let opened = state.sessions.open(&who(&user, from), about, now);
        drop(state);
        self.forget_key(was.as_ref());
        Ok(opened?)
    }

    /// The user as it is now, and as it was.
    fn claimed_by(
        &self,
        code: &str,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<(Record, Option<Record>), Denied> {
        // What was mistyped beyond being a code is no guess at it.
        let code = letters::read(code, letters::CLAIM).ok_or(Denied::Wrong)?;
        let room = self.inner.store.lock()?;
        is_open(&room, &code, now)?;
        let mut users = room.users()?;
        let was = users.get(name).cloned();
        if was.is_none() && users.count() >= users::MOST {
            return Err(Denied::Refused(format!("there are {} users: claim by the name of one of them", users::MOST)));
        }
        let hash = self.inner.hashing.hash(password)?;
        let user = Record::new(name, Role::Admin, hash, letters::token()?.reveal().to_owned(), now);
        users.put(user.clone());
        // First the code, then the user: cut off in between, a code is lost and not used twice.
        room.put_claim(None)?;
        room.put_users(&users)?;
        Ok((user, was))
    }
}

/// Is this the code that is open? A wrong one is counted where all processes see it.
fn is_open(room: &Room<'_>, code: &Secret, now: Timestamp) -> Result<(), Denied> {
    let Some(claim) = room.claim()? else { return Err(Denied::Wrong) };
    if !claim.goes_on(now) {
        room.put_claim(None)?;
        return Err(Denied::Wrong);
    }
    if letters::is(code, &claim.hash) {
        return Ok(());
    }
    let claim = Claim { wrong: claim.wrong + 1, ..claim };
    room.put_claim(claim.goes_on(now).then_some(&claim))?;
    Err(Denied::Wrong)
}
