//! `conductor check`.
use std::path::Path;

use clap::Args;

use super::Failure;

#[derive(Debug, Args)]
pub struct Arguments {}

pub fn run(_config: &Path, _arguments: &Arguments) -> Result<u8, Failure> {
    Ok(0)
}
