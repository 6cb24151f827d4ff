//! `conductor integration …`: what is set, whether it works, and where it stands.

mod list;
mod set;
mod show;
mod test;

mod set_key;

use std::path::Path;

use clap::Subcommand;

use super::recording::{self, Doing};
use super::{Exit, Failure, change, settings};
use crate::config::{Integration, Settings, Table};
use crate::values::Name;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The integrations that are set.
    List,
    /// Test the connection step by step: DNS, TCP or proxy, TLS, clock, key, each stream's permission, egress IP.
    Test(test::Arguments),
    /// Settings and state of one integration, and each of its streams with what it has to come back to.
    Show(show::Arguments),
    /// Takes a new API key from stdin, or asks for it without showing it, and puts it where the settings say.
    SetKey {
        /// As `integration list` calls it.
        name: String,
    },
    /// Add one, in a file of its own in the state folder.
    #[command(after_help = "Example:\n  conductor integration add acme connector=abnormal-security \
                            host=api.abnormalplatform.com api-key='{ file = \"/etc/conductor/acme.key\" }'\n  \
                            conductor integration test acme")]
    Add(change::Add),
    /// Collect again, from where it stood.
    Enable(change::Named),
    /// Collect nothing for now; its place is kept.
    Disable(change::Named),
    /// Take one out. What it collected is handed over all the same.
    Remove(change::Named),
}

impl Verb {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        match self {
            Verb::List | Verb::Test(_) | Verb::Show(_) => None,
            Verb::SetKey { name } => Some(("integration set-key", recording::name(name))),
            Verb::Add(add) => Some(("integration add", add.about())),
            Verb::Enable(named) => Some(("integration enable", named.about())),
            Verb::Disable(named) => Some(("integration disable", named.about())),
            Verb::Remove(named) => Some(("integration remove", named.about())),
        }
    }
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::List => list::run(config),
        Verb::Test(arguments) => test::run(config, &arguments),
        Verb::Show(arguments) => show::run(config, &arguments),
        Verb::SetKey { name } => set_key::run(&settings::load(config)?.settings, &name, &mut std::io::stdout().lock()),
        Verb::Add(add) => change::add(config, Table::Integration, &add),
        Verb::Enable(named) => change::enable(config, Table::Integration, &named, true),
        Verb::Disable(named) => change::enable(config, Table::Integration, &named, false),
        Verb::Remove(named) => change::remove(config, Table::Integration, &named),
    }
}

/// The integration of that name.
fn named<'s>(settings: &'s Settings, name: &str) -> Result<&'s Integration, Failure> {
    let found = name.parse().ok().and_then(|name: Name| settings.integrations.get(&name));
    found.ok_or_else(|| {
        let text = format!("no integration is called {name:?}: see `conductor integration list`");
        Failure::new(Exit::Usage, text)
    })
}
