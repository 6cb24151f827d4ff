//! `conductor integration …`: what is set, and whether it works.

use std::io::Write;
use std::path::Path;

use clap::Subcommand;

use super::{Exit, Failure, block_on, settings};
use crate::config::Connector;
use crate::egress;
use crate::engine;
use crate::values::format_duration;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The integrations that are set.
    List,
    /// One authenticated request with the integration's host, key, CA and path.
    Test {
        /// As `integration list` calls it.
        name: String,
    },
}

pub fn run(config: &Path, verb: Verb) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let mut stdout = std::io::stdout().lock();
    match verb {
        Verb::List => {
            for (name, integration) in &settings.integrations {
                let Connector::Abnormal(set) = &integration.connector;
                let state = if integration.enabled { "enabled" } else { "disabled" };
                writeln!(
                    stdout,
                    "{name}  {}  {}  {}  every {}  {state}",
                    integration.connector.as_str(),
                    set.host,
                    set.streams.join(","),
                    format_duration(set.polling_interval)
                )?;
            }
            Ok(0)
        }
        Verb::Test { name } => {
            let found = name.parse().ok().and_then(|name: crate::values::Name| settings.integrations.get(&name));
            let Some(integration) = found else {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("no integration is called {name:?}: see `conductor integration list`"),
                ));
            };
            let secrets = settings::secret_sources(&settings.agent.state_dir);
            match block_on(engine::probe(integration, &settings.egress, &secrets))? {
                Ok(sentence) => {
                    writeln!(stdout, "ok: {name}: {sentence}")?;
                    Ok(0)
                }
                Err(mut fault) => {
                    if fault.status == Some(403) {
                        let seen = block_on(engine::way_out::look(&settings.egress))?;
                        let hint = egress::hint_403(&settings.egress.allowlisted, &seen);
                        fault.context = format!("{}; {hint}", fault.context);
                    }
                    Err(fault.into())
                }
            }
        }
    }
}
