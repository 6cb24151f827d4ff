//! `conductor user …`: the users of the pages, from the console.
//!
//! For the day when no admin can come in, and for machines that set boxes up. Promise: a password comes from stdin or an
//! unseen prompt; what is changed counts in the running agent at once, and ends the user's sessions there.

use std::io::{self, Write};
use std::path::Path;

use clap::Subcommand;
use jiff::Timestamp;

use super::asked::asked;
use super::recording::Doing;
use super::{Exit, Failure, is_forbidden, settings};
use crate::access::{Access, Broken, Denied, Done, Role, user_name};
use crate::config;
use crate::values::Secret;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The users: name, role, second factor, since when.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Add one; the password comes from stdin, or is asked for without showing it.
    Add {
        /// Lower-case letters, digits and . _ - @ +
        name: String,
        /// admin: everything; viewer: looks, and changes nothing.
        #[arg(long, default_value = "viewer")]
        role: Role,
    },
    /// Take one out; the last admin stays.
    Remove { name: String },
    /// Make it an admin or a viewer; the last admin stays one.
    SetRole { name: String, role: Role },
    /// Another password, from stdin or asked for; a second factor stays.
    ResetPassword { name: String },
    /// For a lost phone: the password alone lets this user in again.
    DropSecondFactor { name: String },
}

impl Verb {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        let of = |name: &String| user_name(name).unwrap_or_else(|_| "(no name)".to_owned());
        match self {
            Verb::List { .. } => None,
            Verb::Add { name, role } => Some(("user add", format!("{} as {role}", of(name)))),
            Verb::Remove { name } => Some(("user remove", of(name))),
            Verb::SetRole { name, role } => Some(("user set-role", format!("{} to {role}", of(name)))),
            Verb::ResetPassword { name } => Some(("user reset-password", of(name))),
            Verb::DropSecondFactor { name } => Some(("user drop-second-factor", of(name))),
        }
    }
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    let access = access(config)?;
    let done = match verb {
        Verb::List { json } => return list(&access, json),
        Verb::Add { name, role } => {
            let password = password(&name, "add")?;
            access.add_user(&name, password.reveal(), role, Timestamp::now())
        }
        Verb::Remove { name } => access.remove_user(&name),
        Verb::SetRole { name, role } => access.set_role(&name, role),
        Verb::ResetPassword { name } => {
            let password = password(&name, "reset-password")?;
            access.reset_password(&name, password.reveal(), Timestamp::now())
        }
        Verb::DropSecondFactor { name } => access.reset_second_factor(&name),
    };
    let Done { user, about } = done.map_err(denied)?;
    writeln!(io::stdout(), "{user}: {about}; it counts in a running agent at once")?;
    Ok(0)
}

fn list(access: &Access, json: bool) -> Result<u8, Failure> {
    let users = access.users().map_err(broken)?;
    let out = &mut io::stdout().lock();
    if json {
        let told = users.iter().map(|user| {
            serde_json::json!({
                "name": user.name, "role": user.role.as_str(), "second_factor": user.second_factor,
                "recovery_codes": user.recovery_codes, "added": user.added, "password_set": user.password_set,
            })
        });
        writeln!(out, "{}", serde_json::Value::from_iter(told))?;
        return Ok(0);
    }
    if users.is_empty() {
        writeln!(out, "there are no users: `conductor claim` lets the first admin in")?;
    }
    for user in users {
        let second = if user.second_factor {
            format!("second factor, {} recovery codes left", user.recovery_codes)
        } else {
            "no second factor".to_owned()
        };
        let set = user.password_set.strftime("%Y-%m-%d");
        writeln!(out, "{:<24} {:<7} {second}; password of {set}", user.name, user.role.as_str())?;
    }
    Ok(0)
}

/// The users of the state folder, whatever else the settings say.
pub fn access(config: &Path) -> Result<Access, Failure> {
    let state_dir = config::whereabouts(config, &|name| std::env::var(name).ok()).1;
    let sources = settings::secret_sources(&state_dir);
    Access::open_sealed(state_dir.join(crate::access::FOLDER), sources).map_err(broken)
}

/// As it was typed, without the line end; what it must be is judged where it is set.
fn password(name: &str, verb: &str) -> Result<Secret, Failure> {
    let shown = user_name(name).map_err(|text| Failure::new(Exit::Usage, text))?;
    asked(&format!("the password of {shown}"), &format!("conductor user {verb} {shown}"), |held| {
        let line = held.strip_suffix('\n').unwrap_or(held);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(char::is_control) {
            return Err("holds a second line or a control character: give the password alone");
        }
        Ok(Secret::new(line))
    })
}

fn denied(denied: Denied) -> Failure {
    match denied {
        Denied::Broken(why) => broken(why),
        Denied::Refused(text) => Failure::new(Exit::Usage, format!("{text}; nothing was changed")),
        Denied::Later(_) => Failure::new(Exit::Unavailable, denied.to_string()),
        Denied::Wrong | Denied::SecondFactor => Failure::new(Exit::Permission, denied.to_string()),
    }
}

pub fn broken(broken: Broken) -> Failure {
    let exit = match &broken {
        Broken::Disk { source, .. } if is_forbidden(source) => {
            let text = format!("{broken}; say it as root or as the agent's user");
            return Failure::new(Exit::Permission, text);
        }
        Broken::Disk { .. } | Broken::Foreign { .. } | Broken::LaterFormat { .. } => Exit::Disk,
        Broken::Sealed(_) => Exit::Permission,
        Broken::Random(_) | Broken::Hash(_) => Exit::Software,
    };
    Failure::new(exit, broken.to_string())
}
