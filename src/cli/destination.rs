//! `conductor destination …`: what is set, and how far an event gets.

mod list;
mod test;

use std::path::Path;

use clap::Subcommand;

use super::recording::Doing;
use super::{Exit, Failure, change, settings};
use crate::config::{Destination, Settings, Table};
use crate::values::Name;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The destinations that are set: name, type, address, format.
    List,
    /// Send ONE marked event and say how far it got: name, TCP, TLS, login, sent, confirmed, and by what word.
    ///
    /// The event is of kind `test`, and its id is told: search for it at the receiver. It goes by a connection of its
    /// own, past filters, whether an agent runs or not. No cursor moves and nothing is queued. Exit code: 0 the receiver
    /// has it, as far as its protocol can tell; 69 it can't be reached, refuses us or confirmed nothing; 77 a secret
    /// can't be read; 78 the settings are wrong.
    Test(test::Arguments),
    /// Add one, in a file of its own in the state folder.
    #[command(after_help = "Example:\n  conductor destination add soc type=syslog address=siem.acme.example:6514 \
                            ca=/etc/conductor/soc-ca.pem\n  conductor destination test soc")]
    Add(change::Add),
    /// Use it again.
    Enable(change::Named),
    /// Hand nothing over for now; what comes meanwhile is kept for it.
    Disable(change::Named),
    /// Take one out. What it has not taken is kept until `conductor queue forget NAME --yes`.
    Remove(change::Named),
}

impl Verb {
    /// For the audit log.
    pub fn doing(&self) -> Doing {
        match self {
            Verb::List | Verb::Test(_) => None,
            Verb::Add(add) => Some(("destination add", add.about())),
            Verb::Enable(named) => Some(("destination enable", named.about())),
            Verb::Disable(named) => Some(("destination disable", named.about())),
            Verb::Remove(named) => Some(("destination remove", named.about())),
        }
    }
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::List => list::run(config),
        Verb::Test(arguments) => test::run(config, &arguments),
        Verb::Add(add) => change::add(config, Table::Destination, &add),
        Verb::Enable(named) => change::enable(config, Table::Destination, &named, true),
        Verb::Disable(named) => change::enable(config, Table::Destination, &named, false),
        Verb::Remove(named) => change::remove(config, Table::Destination, &named),
    }
}

/// The destination of that name.
fn named<'s>(settings: &'s Settings, name: &str) -> Result<&'s Destination, Failure> {
    let found = name.parse().ok().and_then(|name: Name| settings.destinations.get(&name));
    found.ok_or_else(|| {
        let text = format!("no destination is called {name:?}: see `conductor destination list`");
        Failure::new(Exit::Usage, text)
    })
}
