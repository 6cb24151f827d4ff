//! What a command did, as an entry of the audit log.
//!
//! Promise: an act that was done and could not be recorded ends in an error that says so; an act that went wrong is
//! recorded as such where the log can be had. What was typed stands in no entry but names that are ours.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{Uid, User, getuid};

use super::{Exit, Failure};
use crate::audit::{Act, Audit, Outcome};
use crate::config;
use crate::values::Name;

/// The log's folder in the state folder.
pub const FOLDER: &str = "audit";

/// What a verb does and to what; `None` for one that changes nothing and takes nothing out.
pub type Doing = Option<(&'static str, String)>;

/// A name that was typed, where it is one: anything else may be a secret in the wrong place.
pub fn name(typed: &str) -> String {
    typed.parse::<Name>().map_or_else(|_| "(no name)".to_owned(), |name| name.to_string())
}

/// Runs a verb, and records it.
pub fn recorded(config: &Path, doing: Doing, verb: impl FnOnce() -> Result<u8, Failure>) -> Result<u8, Failure> {
    let Some((act, about)) = doing else { return verb() };
    let ended = super::read_enough(verb());
    let outcome = match &ended {
        Ok(0) => Outcome::Done,
        Err(failure) if failure.exit == Exit::Permission => Outcome::Refused,
        Ok(_) | Err(_) => Outcome::Failed,
    };
    let state_dir = config::whereabouts(config, &|name| std::env::var(name).ok()).1;
    let written = record(&state_dir, &Act { who: who(), from: None, act, about, outcome });
    match (ended, written) {
        (Ok(exit), Err(error)) => {
            let text = format!(
                "this was done (exit {exit}), but not recorded: the audit log in {} can't be written: {error}",
                state_dir.join(FOLDER).display()
            );
            let exit = if super::is_forbidden(&error) { Exit::Permission } else { Exit::Disk };
            Err(Failure::new(exit, text))
        }
        // One that was not done may have failed for the same reason: there is nothing more to say.
        (ended, Ok(()) | Err(_)) => ended,
    }
}

/// A state folder that is not there is not made for an entry.
fn record(state_dir: &Path, act: &Act) -> std::io::Result<()> {
    if !state_dir.is_dir() {
        return Ok(());
    }
    Audit::open(&folder(state_dir))?.record(act, Timestamp::now()).map(drop)
}

pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join(FOLDER)
}

/// The user of this process, and who logged in first where that was somebody else (sudo).
pub(super) fn who() -> String {
    let named = |uid: Uid| {
        let user = User::from_uid(uid).ok().flatten();
        user.map_or_else(|| format!("uid {uid}"), |user| format!("{} (uid {uid})", user.name))
    };
    let ours = getuid();
    // 4294967295: nobody logged in, as in a unit or a container.
    let login = std::fs::read_to_string("/proc/self/loginuid").ok();
    let login = login.and_then(|text| text.trim().parse().ok()).filter(|uid| *uid != u32::MAX).map(Uid::from_raw);
    match login.filter(|uid| *uid != ours) {
        Some(login) => format!("{}, logged in as {}", named(ours), named(login)),
        None => named(ours),
    }
}
