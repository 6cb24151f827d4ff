//! The files that the agent reads by itself, with its user's eyes: root may read what the agent's user may not.
//!
//! Promise: owner, group and mode decide, and nothing is opened. What they leave open (a group that its user may be in, an
//! access list) is a warning and no failure.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Subject;
use crate::config::Settings;
use crate::diagnosis::finding::{Finding, Trouble};
use crate::values::SecretRef;

const ID: &str = "readable";
const READ: u32 = 0o4;
const ENTER: u32 = 0o1;

/// The user that the agent runs as: the owner of its state folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Agent {
    uid: u32,
    gid: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    Granted,
    /// Where its user is in this group.
    ByGroup(u32),
    Denied,
}

/// Nothing where we are not root (the other checks read with the right eyes), or the agent is, or has never run.
pub fn look(subject: &Subject) -> Vec<Finding> {
    let Ok(state) = fs::canonicalize(&subject.settings.agent.state_dir) else { return Vec::new() };
    let owner = fs::metadata(&state).map(|found| Agent { uid: found.uid(), gid: found.gid() });
    let Some(agent) = owner.ok().filter(|agent| agent.uid != 0 && nix::unistd::geteuid().is_root()) else {
        return Vec::new();
    };
    let files = files(&subject.settings, &subject.sources);
    let found: Vec<Finding> = files.iter().filter_map(|(setting, path)| one(agent, &state, setting, path)).collect();
    if !found.is_empty() {
        return found;
    }
    vec![Finding::ok(
        ID,
        "",
        format!("the agent's user (uid {}) may read the {} files of its own", agent.uid, files.len()),
    )]
}

/// Each with the setting that names it. Credentials are read by systemd, as root; sealed secrets are the agent's own.
fn files(settings: &Settings, sources: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let of_secrets = settings.secrets().into_iter().filter(|one| one.enabled);
    let of_secrets = of_secrets.filter_map(|one| Some((one.setting, file(one.secret)?.to_owned())));
    let of_certificates = settings.files().into_iter().filter(|one| one.enabled);
    let of_certificates = of_certificates.map(|one| (one.setting, one.path.to_owned()));
    let sources = sources.iter().map(|path| ("settings".to_owned(), path.clone()));
    sources.chain(of_certificates).chain(of_secrets).collect()
}

fn file(secret: &SecretRef) -> Option<&Path> {
    match secret {
        SecretRef::File(path) => Some(path),
        SecretRef::Credential(_) | SecretRef::Sealed(_) => None,
    }
}

/// `None`: it may read it, or it is not there (whoever reads it tells that).
fn one(agent: Agent, state: &Path, setting: &str, path: &Path) -> Option<Finding> {
    let path = fs::canonicalize(path).ok()?;
    // What is above the state folder lets nobody but root pass, and the unit shows it to the agent all the same.
    let above = path.ancestors().skip(1).filter(|folder| !state.starts_with(folder) || *folder == state);
    let steps = above.map(|folder| (folder, ENTER)).chain([(path.as_path(), READ)]);
    let mut by_group = None;
    for (place, wanted) in steps {
        let found = fs::metadata(place).ok()?;
        match sight(agent, found.uid(), found.gid(), found.mode(), wanted) {
            Sight::Granted => {}
            Sight::ByGroup(group) => by_group = by_group.or(Some((place.to_owned(), group))),
            Sight::Denied => return Some(denied(agent, setting, &path, place, found.mode())),
        }
    }
    let (place, group) = by_group?;
    let text = format!(
        "whether the agent's user (uid {}) may read {} hangs on group {group} of {}",
        agent.uid,
        path.display(),
        place.display()
    );
    Some(Finding::warning(ID, setting, text, "see that its user is in that group; the packaged service's is in none"))
}

fn denied(agent: Agent, setting: &str, path: &Path, place: &Path, mode: u32) -> Finding {
    let text = format!(
        "root may read {}, the agent's user (uid {}) may not: {} has mode {:03o}",
        path.display(),
        agent.uid,
        place.display(),
        mode & 0o777
    );
    let advice = "with the packaged service give a secret as a credential (LoadCredential=) and let all read the other files \
                  (chmod 644); with a user of your own, chown it to that user";
    Finding::failed(ID, setting, Trouble::Permission, text, advice)
}

/// May this user do what is `wanted` ([`READ`] or [`ENTER`]) with something of that owner, group and mode?
fn sight(agent: Agent, uid: u32, gid: u32, mode: u32, wanted: u32) -> Sight {
    let [owner, group, others] = [6, 3, 0].map(|shift| mode >> shift & wanted != 0);
    let granted = |granted| if granted { Sight::Granted } else { Sight::Denied };
    if uid == agent.uid {
        granted(owner)
    } else if gid == agent.gid || others {
        granted(if gid == agent.gid { group } else { others })
    } else if group {
        Sight::ByGroup(gid)
    } else {
        Sight::Denied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_group_and_mode_decide_what_the_agents_user_may_read() {
        let agent = Agent { uid: 61_000, gid: 61_000 };
        for (uid, gid, mode, wanted, expected) in [
            (0, 0, 0o100_600, READ, Sight::Denied),
            (0, 0, 0o100_644, READ, Sight::Granted),
            (0, 0, 0o100_640, READ, Sight::ByGroup(0)),
            (0, 61_000, 0o100_640, READ, Sight::Granted),
            // Its own group's bits count before those of others.
            (0, 61_000, 0o100_604, READ, Sight::Denied),
            (61_000, 0, 0o100_400, READ, Sight::Granted),
            (61_000, 0, 0o100_044, READ, Sight::Denied),
            (0, 0, 0o040_755, ENTER, Sight::Granted),
            (0, 0, 0o040_744, ENTER, Sight::Denied),
            (0, 0, 0o040_700, ENTER, Sight::Denied),
            (0, 42, 0o040_750, ENTER, Sight::ByGroup(42)),
        ] {
            assert_eq!(sight(agent, uid, gid, mode, wanted), expected, "{uid}:{gid} {mode:o}");
        }
    }
}
