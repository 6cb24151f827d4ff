//! What the operator wrote, made into validated [`Settings`]:
//!
//! ```text
//!   fragments ──► document ──► reader + sections ──► agent, integration, destination ──► Settings
//!   (files)       (one whole)  (typed, by one table of keys)
//! ```
//!
//! What the command line and the pages change goes the other way, one file at a time: [`change`].
//!
//! Promise: all mistakes of all files are told at once, each with its place and a hint, and none repeats a value.

mod agent;
mod changes;
mod destination;
mod document;
mod files;
mod format;
mod fragments;
mod grammar;
mod http;
mod integration;
mod jetstream;
mod keys;
mod link;
mod mistakes;
mod reader;
mod redacting;
mod reference;
mod references;
mod remote;
mod schema;
mod sections;
pub mod settings;
mod spelling;
#[cfg(test)]
mod tests;
mod update;
mod whole;
mod writing;
mod written;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub use changes::changes;
pub use keys::{Fallback, Key, Kind, Section};
pub use mistakes::{Mistake, MistakeKind, Mistakes};
pub use redacting::redacted;
pub use reference::reference;
pub use references::{NamedFile, NamedSecret};
pub use schema::schema;
pub use sections::{FILTER, INTEGRATION, TYPES};
pub use settings::*;
pub use whole::{Place, SettingsFile, path_of, rehearse_files, settings_files};
pub use writing::{Change, Changed, Table, Unchanged, change, change_proxy, rehearse};
pub use written::{Written, written};

/// The streams that an integration may collect.
pub use crate::connectors::abnormal::STREAMS;
/// The vendor's regions.
pub use crate::connectors::abnormal::region::regions;

use document::{Document, Findings};
use files::Files;
use fragments::Gathered;

/// Where the packages put the settings: what `--config` defaults to.
pub const DEFAULT_PATH: &str = "/etc/conductor/conductor.toml";

/// The port of the status listener where none is written.
const USUAL_PORT: u16 = 9614;

/// The environment, as far as settings look at it (`STATE_DIRECTORY`): `&|name| std::env::var(name).ok()`.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Settings that hold, and what else there is to say about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub settings: Settings,
    /// For the log and for `check`; one line each.
    pub warnings: Vec<String>,
    /// The files that were read, in order.
    pub sources: Vec<PathBuf>,
}

/// Reads the main file, `conductor.d/*.toml` beside it and `conductor.d/*.toml` in the state folder.
///
/// # Errors
/// Every mistake of every file. Nothing is used of settings that hold a mistake.
pub fn load(path: &Path, env: Environment<'_>) -> Result<Loaded, Mistakes> {
    let mut gathered = Gathered::default();
    gathered.operators(path);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.state(&state_dir);
    read(path, gathered, env)
}

/// The fragments as settings; `main` is named where nothing else can be.
fn read(main: &Path, gathered: Gathered, env: Environment<'_>) -> Result<Loaded, Mistakes> {
    let Gathered { fragments, mistakes, warnings } = gathered;
    let mut findings = Findings { fragments: &fragments, mistakes, warnings };
    let parsed: Vec<_> = (0..fragments.len()).map(|index| document::parse(index, &mut findings)).collect();
    let settings = assemble(Document::gather(&parsed, &mut findings), &mut findings, env);

    let Findings { mut mistakes, warnings, .. } = findings;
    match settings {
        Some(settings) if mistakes.is_empty() => {
            let sources = fragments.into_iter().map(|fragment| fragment.path).collect();
            Ok(Loaded { settings, warnings, sources })
        }
        _ => {
            if mistakes.is_empty() {
                let text = "a setting could not be read and nothing says why: please report this";
                mistakes.push(Mistake::of_file(main, MistakeKind::Wrong, text, ""));
            }
            Err(Mistakes::new(mistakes))
        }
    }
}

/// Where an agent of these settings answers for its status, and its state folder: also while they hold mistakes, which
/// a running agent refused, and for a user who may not look into its state folder.
pub fn whereabouts(path: &Path, env: Environment<'_>) -> (SocketAddr, PathBuf) {
    let mut gathered = Gathered::default();
    gathered.operators(path);
    let state_dir = agent::state_dir_of(&gathered.fragments, env);
    gathered.state(&state_dir);
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT));
    (agent::listen_of(&gathered.fragments).unwrap_or(usual), state_dir)
}

fn assemble(document: Document<'_>, findings: &mut Findings<'_>, env: Environment<'_>) -> Option<Settings> {
    let mut files = Files::default();
    let agent = agent::agent(document.agent, findings, env);
    let queue = agent::queue(document.queue, findings);
    let local = agent::local(document.local, findings);
    let update = update::update(document.update, findings, &mut files);
    // Wrong is another thing than not there.
    let remote = match document.remote {
        None => Some(None),
        Some(table) => remote::remote(table, findings, &mut files).map(Some),
    };
    // A [remote] that is wrong is told already: what follows from it is not told as well.
    let other_hosts =
        remote.as_ref().is_none_or(|remote| remote.as_ref().is_some_and(|remote| remote.allow_other_hosts));
    let egress = agent::egress(document.egress, findings, &mut files, other_hosts);
    let mut integrations = Vec::new();
    for (name, table) in document.integrations {
        integration::not_our_own(name, &table, findings);
        integrations.push(integration::integration(name, table, findings, &mut files, other_hosts));
    }
    let destinations: Vec<_> = document
        .destinations
        .into_iter()
        .map(|(name, table)| destination::destination(name, table, findings, &mut files, other_hosts))
        .collect();
    files.look(findings);
    let integrations: Option<Vec<Integration>> = integrations.into_iter().collect();
    let destinations: Option<Vec<Destination>> = destinations.into_iter().collect();
    let settings = Settings {
        agent: agent?,
        queue: queue?,
        egress: egress?,
        local: local?,
        update: update?,
        remote: remote?,
        integrations: integrations?.into_iter().map(|one| (one.name.clone(), one)).collect(),
        destinations: destinations?.into_iter().map(|one| (one.name.clone(), one)).collect(),
    };
    warn_of_strange_filters(&settings, findings);
    Some(settings)
}

/// A filter may name an integration that was removed, whose events still wait; usually it is a slip.
fn warn_of_strange_filters(settings: &Settings, findings: &mut Findings<'_>) {
    for destination in settings.destinations.values() {
        for wanted in &destination.filter.integrations {
            let configured = settings.integrations.keys().any(|name| name.as_str() == wanted);
            if !configured && !sections::OWN_INTEGRATIONS.contains(&wanted.as_str()) {
                findings.warnings.push(format!(
                    "destination {}: its filter asks for integration {wanted}, which is not configured",
                    destination.name
                ));
            }
        }
    }
}
