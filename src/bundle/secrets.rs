//! The last look: the secrets that the settings refer to, searched for in what is about to leave.
//!
//! Promise: what was not searched for is named, with the reason. For the bundle it is a belt beside the braces: what goes
//! into that holds no secret to begin with. A backup holds the operator's files as they are, and relies on it.

use memchr::memmem;

use crate::config::Settings;
use crate::secrets::{SecretSources, resolve_text};
use crate::values::{Secret, SecretRef};

/// Shorter ones would be found in any text.
const SHORTEST: usize = 8;

/// What can be searched for.
#[derive(Debug, Default)]
pub struct Known {
    /// Line by line: a key of several lines may stand escaped.
    lines: Vec<Secret>,
    /// What can not: the setting, where its secret lies, and why.
    pub unsearched: Vec<String>,
}

/// Every secret that these settings refer to, or hold as the password of a proxy.
pub fn known(settings: &Settings, sources: &SecretSources) -> Known {
    let mut known = Known::default();
    for one in settings.secrets() {
        let place = match one.secret {
            SecretRef::File(path) => format!("the secret file {}", path.display()),
            SecretRef::Credential(name) => format!("the credential {name}"),
            SecretRef::Sealed(name) => format!("the sealed secret {name}"),
        };
        match resolve_text(one.secret, sources) {
            Ok(secret) => known.add(&one.setting, &place, &secret),
            Err(_) => known.unsearched.push(format!("{} ({place}): it can't be read here", one.setting)),
        }
    }
    for (setting, url) in settings.proxies() {
        let password = url.reveal().rsplit_once('@').and_then(|(before, _)| before.rsplit_once(':'));
        if let Some((_, password)) = password.filter(|(_, password)| !password.is_empty()) {
            known.add(&setting, "the password in it", &Secret::new(password));
        }
    }
    known
}

impl Known {
    /// Of settings that can't be read.
    pub fn unread() -> Known {
        Known { lines: Vec::new(), unsearched: vec!["all of them: the settings hold mistakes".to_owned()] }
    }

    fn add(&mut self, setting: &str, place: &str, secret: &Secret) {
        let lines = secret.reveal().lines().map(str::trim);
        let telling: Vec<Secret> =
            lines.filter(|line| line.len() >= SHORTEST && !line.starts_with("-----")).map(Secret::new).collect();
        if telling.is_empty() {
            self.unsearched.push(format!("{setting} ({place}): it is shorter than {SHORTEST} letters"));
        }
        self.lines.extend(telling);
    }

    /// Does any of them stand in this?
    pub fn any_in(&self, bytes: &[u8]) -> bool {
        self.lines.iter().any(|secret| memmem::find(bytes, secret.reveal().as_bytes()).is_some())
    }
}
