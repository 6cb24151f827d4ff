//! The users as their file has them. Pure.
//!
//! Promise: what is read is what was written; a field that a later version added is kept, and told of; a format that a later
//! version wrote is not touched.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::tries::Origin;

const FORMAT: u64 = 1;
/// Each may have a few sessions: that bounds the memory.
pub const MOST: usize = 64;
/// Where a user logged in lately.
const ORIGINS: usize = 5;
const LONGEST_NAME: usize = 64;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Looks, and changes nothing but its own password and second factor.
    Viewer,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        match text {
            "admin" => Ok(Role::Admin),
            "viewer" => Ok(Role::Viewer),
            _ => Err(format!("{text:?} is no role: admin or viewer")),
        }
    }
}

/// A user as others may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub second_factor: bool,
    /// Recovery codes that were not used yet.
    pub recovery_codes: usize,
    pub added: Timestamp,
    pub password_set: Timestamp,
}

/// What somebody typed as a user's name, as names are kept: lower case, without blanks around.
///
/// # Errors
/// A sentence, where no user can be called so.
pub fn user_name(given: &str) -> Result<String, String> {
    let name = given.trim().to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.len() <= LONGEST_NAME && name.chars().all(fits) {
        Ok(name)
    } else {
        Err(format!(
            "a user's name is 1 to {LONGEST_NAME} of a-z, 0-9 and . _ - @ +, and begins with a letter or digit"
        ))
    }
}

/// One user, whole. No `Debug`: it holds what nobody shall see.
#[derive(Clone, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub role: Role,
    /// A PHC string of argon2id.
    pub password: String,
    /// Drawn anew with each change that ends sessions.
    pub generation: String,
    pub added: Timestamp,
    pub password_set: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Factor>,
    #[serde(flatten)]
    later: BTreeMap<String, Value>,
}

/// A second factor.
#[derive(Clone, Serialize, Deserialize)]
pub struct Factor {
    pub key: FactorKey,
    /// The step of the last code that counted: it and what lies before it count no more.
    pub used: i64,
    /// Hashes of the codes that are left.
    pub recovery: Vec<String>,
    #[serde(flatten)]
    later: BTreeMap<String, Value>,
}

/// Where the key that the authenticator app has too is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactorKey {
    /// In the sealed store, under this name.
    Sealed(String),
    /// Here, in base64: for a process that was given no store.
    Plain(String),
}

impl FactorKey {
    pub fn plain(key: &[u8]) -> FactorKey {
        FactorKey::Plain(STANDARD.encode(key))
    }
}

impl Factor {
    pub fn new(key: FactorKey, used: i64, recovery: Vec<String>) -> Factor {
        Factor { key, used, recovery, later: BTreeMap::new() }
    }
}

impl Record {
    pub fn new(name: &str, role: Role, password: String, generation: String, now: Timestamp) -> Record {
        Record {
            name: name.to_owned(),
            role,
            password,
            generation,
            added: now,
            password_set: now,
            origins: Vec::new(),
            second_factor: None,
            later: BTreeMap::new(),
        }
    }

    /// Did it log in from there lately?
    pub fn knows(&self, origin: Origin) -> bool {
        self.origins.contains(&origin.to_string())
    }

    /// It has logged in from there; the oldest place goes.
    pub fn meet(&mut self, origin: Origin) {
        self.origins.retain(|known| *known != origin.to_string());
        self.origins.insert(0, origin.to_string());
        self.origins.truncate(ORIGINS);
    }

    pub fn shown(&self) -> User {
        User {
            name: self.name.clone(),
            role: self.role,
            second_factor: self.second_factor.is_some(),
            recovery_codes: self.second_factor.as_ref().map_or(0, |factor| factor.recovery.len()),
            added: self.added,
            password_set: self.password_set,
        }
    }
}

/// All users.
#[derive(Clone, Serialize, Deserialize)]
pub struct Users {
    format: u64,
    users: Vec<Record>,
    #[serde(flatten)]
    later: BTreeMap<String, Value>,
}

impl Default for Users {
    fn default() -> Users {
        Users { format: FORMAT, users: Vec::new(), later: BTreeMap::new() }
    }
}

/// Why bytes are no users.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    LaterFormat(u64),
    Foreign(String),
}

impl Users {
    /// # Errors
    /// See [`Unread`].
    pub fn read(bytes: &[u8]) -> Result<Users, Unread> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        // The error of serde_json tells line and column; of a value it may tell a piece, so that is left out.
        let foreign =
            |error: serde_json::Error| Unread::Foreign(format!("line {}, column {}", error.line(), error.column()));
        let head: Head = serde_json::from_slice(bytes).map_err(foreign)?;
        if head.format != FORMAT {
            return Err(Unread::LaterFormat(head.format));
        }
        serde_json::from_slice(bytes).map_err(foreign)
    }

    pub fn write(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        serde_json::to_vec_pretty(self).map(Zeroizing::new)
    }

    /// The names of fields that this version does not know.
    pub fn unknown(&self) -> Vec<String> {
        let of_users = self.users.iter().flat_map(|user| {
            let of_factor = user.second_factor.iter().flat_map(|factor| factor.later.keys());
            user.later.keys().chain(of_factor)
        });
        let mut names: Vec<String> = self.later.keys().chain(of_users).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    pub fn get(&self, name: &str) -> Option<&Record> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The user whose second factor is sealed as this.
    pub fn whose_key(&self, entry: &str) -> Option<&Record> {
        self.users.iter().find(|user| match user.second_factor.as_ref().map(|factor| &factor.key) {
            Some(FactorKey::Sealed(name)) => name == entry,
            Some(FactorKey::Plain(_)) | None => false,
        })
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Record> {
        self.users.iter_mut().find(|user| user.name == name)
    }

    /// In the place of the one of that name, if there is one.
    pub fn put(&mut self, record: Record) {
        self.users.retain(|user| user.name != record.name);
        self.users.push(record);
        self.users.sort_by(|a, b| a.name.cmp(&b.name));
    }

    pub fn remove(&mut self, name: &str) -> Option<Record> {
        let place = self.users.iter().position(|user| user.name == name)?;
        Some(self.users.remove(place))
    }

    pub fn count(&self) -> usize {
        self.users.len()
    }

    pub fn has_admin(&self) -> bool {
        self.users.iter().any(|user| user.role == Role::Admin)
    }

    /// Is it the only one who may do everything?
    pub fn is_last_admin(&self, name: &str) -> bool {
        let mut admins = self.users.iter().filter(|user| user.role == Role::Admin);
        admins.next().is_some_and(|first| first.name == name) && admins.next().is_none()
    }

    pub fn shown(&self) -> Vec<User> {
        self.users.iter().map(Record::shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Record {
        Record::new("alice", Role::Admin, "$argon2id$x".into(), "g1".into(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_field_of_a_later_version_is_told_of_and_outlives_a_change_and_a_later_format_is_left_alone() {
        let text = r#"{"format":1,"colour":"red","users":[{"name":"alice","role":"admin","password":"p","generation":"g",
            "added":"2026-01-01T00:00:00Z","password-set":1,"password_set":"2026-01-01T00:00:00Z","passkeys":[1]}]}"#;
        let mut users = Users::read(text.as_bytes()).expect("read");
        assert_eq!(users.unknown(), ["colour", "passkeys", "password-set"]);
        users.get_mut("alice").expect("there").role = Role::Viewer;
        let written = Users::read(&users.write().expect("written")).expect("read again");
        assert_eq!(written.unknown(), users.unknown());
        assert!(!written.has_admin());
        assert_eq!(Users::read(br#"{"format":2,"users":7}"#).err(), Some(Unread::LaterFormat(2)));
    }

    #[test]
    fn what_is_no_users_file_is_told_by_its_place_and_not_by_what_it_holds() {
        for bad in ["", "{}", "CANARY", r#"{"format":1,"users":"CANARY"}"#, r#"{"format":"CANARY"}"#] {
            let Some(Unread::Foreign(told)) = Users::read(bad.as_bytes()).err() else { panic!("{bad} was read") };
            assert!(told.contains("line") && !told.contains("CANARY"), "{told}");
        }
    }

    #[test]
    fn names_are_kept_in_one_spelling() {
        assert_eq!(user_name(" Alice.B@acme.example ").as_deref(), Ok("alice.b@acme.example"));
        for bad in ["", ".alice", "al ice", "älice", "a/b", "a\nb", &"x".repeat(65)] {
            assert!(user_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_last_admin_is_known_and_places_are_few() {
        let mut users = Users::default();
        users.put(alice());
        assert!(users.is_last_admin("alice") && !users.is_last_admin("bob"));
        users.put(Record { name: "bob".into(), ..alice() });
        assert!(!users.is_last_admin("alice") && !users.is_last_admin("bob"));
        let mut one = alice();
        let at = |n: u8| Origin::of([192, 0, 2, n].into());
        (0..9).for_each(|n| one.meet(at(n)));
        assert!(one.knows(at(8)) && one.knows(at(4)) && !one.knows(at(3)) && one.origins.len() == ORIGINS);
    }
}
