//! `conductor destination list`: one line each.

use std::io::Write;
use std::path::Path;

use super::{Failure, settings};

pub fn run(config: &Path) -> Result<u8, Failure> {
    let settings = settings::load(config)?.settings;
    let mut stdout = std::io::stdout().lock();
    for (name, destination) in &settings.destinations {
        let state = if destination.enabled { "enabled" } else { "disabled" };
        let (kind, format) = (destination.protocol.as_str(), destination.format.as_str());
        writeln!(stdout, "{name}  {kind}  {}  {format}  {state}", destination.link.address)?;
    }
    if settings.destinations.is_empty() {
        eprintln!("none is set: `conductor destination add --help`");
    }
    Ok(0)
}
