//! `conductor integration list`: one line each.

use std::io::Write;
use std::path::Path;

use super::{Failure, settings};
use crate::config::Connector;
use crate::values::format_duration;

pub fn run(config: &Path) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let mut stdout = std::io::stdout().lock();
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
