//! A second factor: taken up, used, given up.
//!
//! Promise: a code of the app counts once, a recovery code once and only when that is on the disk; the app's key lies sealed
//! where the agent has its store.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::login::ended;
use super::totp::{self, KEY};
use super::users::{Factor, FactorKey, Record};
use super::{Access, Broken, Denied, Done, letters};
use crate::secrets::store::{self, StoreError};
use crate::values::{Name, Secret, hex};

const RECOVERY_CODES: usize = 8;
/// How our entries of the sealed store begin.
const ENTRY: &str = "second-factor-";

/// What an authenticator app is given, once.
#[derive(Clone, Debug)]
pub struct Enrolment {
    user: String,
    /// The key in base32, to type.
    pub key: Secret,
}

impl Enrolment {
    /// `otpauth://totp/…`, to make a QR code of, or to open on the phone itself; `agent` is how this box is called, so
    /// that the app can tell two of them apart.
    pub fn uri(&self, agent: &str) -> Secret {
        let label = format!("Conductor {agent}");
        let (issuer, user) = (percent(&label), percent(&self.user));
        Secret::new(format!("otpauth://totp/{issuer}:{user}?secret={}&issuer={issuer}", self.key.reveal()))
    }
}

/// The codes that let a user in without the authenticator app, each once. Shown once.
#[derive(Clone, Debug)]
pub struct RecoveryCodes(pub Vec<Secret>);

impl Access {
    /// A key for the user's authenticator app. Nothing changes before [`Access::confirm_second_factor`]. Asks for the
    /// password: who finds a page left open must not lock its user out.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn begin_second_factor(&self, cookie: &str, password: &str, now: Timestamp) -> Result<Enrolment, Denied> {
        let session = self.session(cookie, now).ok_or_else(ended)?;
        if session.second_factor {
            return Err(Denied::Refused("there is a second factor already: drop it first".to_owned()));
        }
        self.prove(&session, password, now)?;
        let key = letters::random::<KEY>()?;
        let mut state = self.state();
        let held = state.sessions.use_now(cookie, now).ok_or_else(ended)?;
        held.pending = Some(Zeroizing::new(key.to_vec()));
        Ok(Enrolment { user: session.user, key: Secret::new(totp::base32(key.as_slice()).as_str()) })
    }

    /// By a code of the app: from now on a login needs one. Ends the user's other sessions.
    ///
    /// # Errors
    /// See [`Denied`]. A wrong code may be tried again: whoever sees the key needs no guess.
    pub fn confirm_second_factor(&self, cookie: &str, code: &str, now: Timestamp) -> Result<RecoveryCodes, Denied> {
        let session = self.session(cookie, now).ok_or_else(ended)?;
        let pending = self.state().sessions.use_now(cookie, now).and_then(|held| held.pending.clone());
        let none = || Denied::Refused("the key for the app is gone: begin again".to_owned());
        let key = pending.ok_or_else(none)?;
        let used = totp::step_of(&key, code, i64::MIN, now).ok_or(Denied::Wrong)?;
        let codes: Vec<Secret> =
            (0..RECOVERY_CODES).map(|_| letters::draw(letters::RECOVERY)).collect::<Result<_, _>>()?;
        let hashes = codes.iter().map(|code| letters::hash_text(code.reveal())).collect();
        let factor = Factor::new(self.keep_key(&key)?, used, hashes);
        let generation = letters::token()?;
        self.change(|users| {
            let user = users.get_mut(&session.user).filter(|user| user.second_factor.is_none()).ok_or_else(ended)?;
            user.second_factor = Some(factor);
            user.generation = generation.reveal().to_owned();
            Ok(())
        })?;
        let mut state = self.state();
        state.sessions.end_of(&session.user, Some(cookie));
        state.steps.insert(session.user, used);
        if let Some(held) = state.sessions.use_now(cookie, now) {
            held.pending = None;
            held.generation = generation.reveal().to_owned();
        }
        Ok(RecoveryCodes(codes))
    }

    /// The user gives its own second factor up, by its password.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn drop_second_factor(&self, cookie: &str, password: &str, now: Timestamp) -> Result<Done, Denied> {
        let session = self.session(cookie, now).ok_or_else(ended)?;
        self.prove(&session, password, now)?;
        let was = self.change(|users| {
            let user = users.get_mut(&session.user).ok_or_else(ended)?;
            let was = user.clone();
            let none = || Denied::Refused("there is no second factor".to_owned());
            user.second_factor.take().map(|_| was).ok_or_else(none)
        })?;
        self.forget_key(Some(&was));
        Ok(Done { user: session.user, about: "own second factor dropped".to_owned() })
    }

    /// The user whose second factor's key is this entry of the sealed store.
    ///
    /// # Errors
    /// Of the disk.
    pub fn whose_key(&self, entry: &Name) -> Result<Option<String>, Broken> {
        let users = self.look()?;
        Ok(users.whose_key(entry.as_str()).map(|user| user.name.clone()))
    }

    /// Is this the second factor? If so, how it was proved.
    pub(super) fn judge_second(
        &self,
        user: &Record,
        factor: &Factor,
        given: &str,
        now: Timestamp,
    ) -> Result<String, Denied> {
        if totp::is_code(given) {
            self.judge_code(user, factor, given, now)?;
            return Ok("by password and authenticator app".to_owned());
        }
        let code = letters::read(given, letters::RECOVERY).ok_or(Denied::Wrong)?;
        let left = self.change(|users| {
            let factor = users.get_mut(&user.name).and_then(|user| user.second_factor.as_mut()).ok_or(Denied::Wrong)?;
            let before = factor.recovery.len();
            factor.recovery.retain(|kept| !letters::is(&code, kept));
            if factor.recovery.len() < before { Ok(factor.recovery.len()) } else { Err(Denied::Wrong) }
        })?;
        Ok(format!("by password and a recovery code, {left} are left"))
    }

    fn judge_code(&self, user: &Record, factor: &Factor, given: &str, now: Timestamp) -> Result<(), Denied> {
        let key = self.open_key(&factor.key)?;
        let step = {
            let mut state = self.state();
            // The file alone would let two at one time in by one code.
            let used = state.steps.get(&user.name).copied().unwrap_or(factor.used).max(factor.used);
            let step = totp::step_of(&key, given, used, now).ok_or(Denied::Wrong)?;
            state.steps.insert(user.name.clone(), step);
            step
        };
        let kept = self.change(|users| {
            if let Some(factor) = users.get_mut(&user.name).and_then(|user| user.second_factor.as_mut()) {
                factor.used = step;
            }
            Ok(())
        });
        // A full disk keeps nobody out who comes to see to it; in memory the code is used.
        if let Err(error) = kept {
            tracing::warn!("that {} used a code could not be kept: {error}", user.name);
        }
        Ok(())
    }

    /// Seals a key, where there is a store.
    fn keep_key(&self, key: &[u8]) -> Result<FactorKey, Denied> {
        let Some(sources) = &self.inner.sealed else { return Ok(FactorKey::plain(key)) };
        let name = format!("{ENTRY}{}", letters::draw(letters::CLAIM)?.reveal().to_lowercase());
        let entry: Name = name.parse().map_err(Broken::Sealed)?;
        let text = Zeroizing::new(STANDARD.encode(key));
        store::seal(&entry, &text, sources).map_err(|error| Broken::Sealed(told(&error)))?;
        Ok(FactorKey::Sealed(name))
    }

    fn open_key(&self, key: &FactorKey) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let text = match (key, &self.inner.sealed) {
            (FactorKey::Plain(text), _) => Zeroizing::new(text.clone()),
            (FactorKey::Sealed(name), Some(sources)) => {
                let entry = name.parse().map_err(Broken::Sealed)?;
                store::open(&entry, sources).map_err(|fault| Broken::Sealed(fault.chain()))?
            }
            (FactorKey::Sealed(_), None) => {
                return Err(Broken::Sealed("this process was given no sealed store".to_owned()));
            }
        };
        let undecoded = |_| Broken::Sealed("it is no key".to_owned());
        STANDARD.decode(text.as_bytes()).map(Zeroizing::new).map_err(undecoded)
    }

    /// Takes the key of a factor that is gone out of the store. What stays there opens nothing.
    pub(super) fn forget_key(&self, was: Option<&Record>) {
        let key = was.and_then(|was| was.second_factor.as_ref()).map(|factor| &factor.key);
        let (Some(FactorKey::Sealed(name)), Some(sources)) = (key, &self.inner.sealed) else { return };
        let removed = name.parse::<Name>().map(|entry| store::remove(&entry, sources));
        if let Ok(Err(error)) = removed {
            tracing::warn!("the key of a second factor that is gone stays sealed as {name}: {}", told(&error));
        }
    }
}

fn told(error: &StoreError) -> String {
    error.to_string()
}

/// For a URI: all but letters, digits and `-._` encoded (RFC 3986).
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(hex::upper(byte));
        }
    }
    out
}
