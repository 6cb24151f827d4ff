//! The last look: the secrets that the settings refer to, searched for in what is about to leave.
//!
//! Promise: a belt beside the braces. Nothing relies on it: what goes into the bundle holds no secret to begin with.

use std::path::Path;

use memchr::memmem;

use crate::config::{self, Environment, Settings};
use crate::secrets::{SecretSources, resolve_text};
use crate::values::Secret;

/// Shorter ones would be found in any text.
const SHORTEST: usize = 8;

/// Every secret that can be read, line by line: a key of several lines may stand escaped.
pub fn known(config: &Path, env: Environment<'_>, sources: &SecretSources) -> Vec<Secret> {
    let Ok(loaded) = config::load(config, env) else { return Vec::new() };
    let held = references(&loaded.settings).filter_map(|one| resolve_text(one, sources).ok());
    let proxies = loaded.settings.destinations.values().filter_map(|one| one.link.proxy.clone());
    let proxies = proxies.chain(loaded.settings.egress.proxy.clone());
    let passwords = proxies.filter_map(|url| {
        let (before, _) = url.reveal().rsplit_once('@')?;
        let (_, password) = before.rsplit_once(':')?;
        Some(Secret::new(password))
    });
    let lines = |secret: Secret| secret.reveal().lines().map(|line| Secret::new(line.trim())).collect::<Vec<_>>();
    let all = held.chain(passwords).flat_map(lines);
    all.filter(|line| line.reveal().len() >= SHORTEST && !line.reveal().starts_with("-----")).collect()
}

fn references(settings: &Settings) -> impl Iterator<Item = &config::SecretRef> {
    let keys = settings.integrations.values().map(|one| &one.api_key);
    keys.chain(settings.destinations.values().flat_map(|one| one.secrets().into_iter().map(|(_, secret)| secret)))
}

/// Does any of them stand in this?
pub fn any_in(secrets: &[Secret], bytes: &[u8]) -> bool {
    secrets.iter().any(|secret| memmem::find(bytes, secret.reveal().as_bytes()).is_some())
}
