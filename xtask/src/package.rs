//! `cargo xtask package`: a deb and an rpm for each architecture, and an apt repository of the debs.
//!
//! Promise: the same commit gives the same bytes (`SOURCE_DATE_EPOCH`, else the commit's own time). `--check` installs them in
//! clean roots, starts what they hold under systemd, upgrades with a backlog waiting, removes and purges; what can't be
//! shown on this machine is said.

mod apt;
mod check;
mod deb;
mod life;
mod machine;
pub mod outside;
mod roots;
mod rpm;
#[cfg(test)]
mod short_life;
mod tools;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::commands::target;
use crate::cross::{self, Target};
use crate::sbom;
pub use tree::{Stamp, gzip};

pub struct Options {
    /// Triples or architectures; none: all of cross.toml.
    pub targets: Vec<String>,
    /// Another version than the workspace's, on the packages alone.
    pub version: Option<String>,
    /// A program that is built already; then one target is to be named.
    pub program: Option<PathBuf>,
    /// The key that signs the repository, as gpg names it; none: a throw-away key is made.
    pub sign: Option<String>,
    /// Try the packages in clean roots.
    pub check: bool,
}

pub fn run(options: &Options) -> Result<()> {
    tools::provide(options.check)?;
    let stamp = Stamp::now(options.version.as_deref())?;
    let into = target().join("packages");
    fs::create_dir_all(&into).with_context(|| format!("can't make {}", into.display()))?;
    let mut debs = Vec::new();
    for to in cross::chosen(&options.targets)? {
        let program = match &options.program {
            Some(program) => {
                cross::judge(&to, program)?;
                program.clone()
            }
            None => cross::build(&to)?,
        };
        sbom::run(&to.triple)?;
        let made = make(&to, &program, &stamp, &into)?;
        if options.check {
            check::run(&to, &program, &made, &stamp)?;
        }
        debs.push(made.deb);
    }
    apt::publish(&debs, &into.join("apt"), options.sign.as_deref(), &stamp)
}

/// The packages of one architecture.
pub struct Made {
    pub deb: PathBuf,
    pub rpm: PathBuf,
}

fn make(to: &Target, program: &Path, stamp: &Stamp, into: &Path) -> Result<Made> {
    let deb = deb::make(to, program, stamp, into)?;
    println!("{}", deb.display());
    let rpm = rpm::make(to, program, stamp, into)?;
    println!("{}", rpm.display());
    Ok(Made { deb, rpm })
}
