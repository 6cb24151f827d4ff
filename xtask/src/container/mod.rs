//! `cargo xtask container`: an image for those who run containers, an archive for each architecture, made without an engine.
//!
//! Two layers: what our program leans on of a Debian (`base.rs`), and the same program that the packages hold. Why so:
//! docs/decisions/0009-container.md.
//!
//! Promise: the same program, the same Debian packages and the same commit give the same bytes. `--check` runs it under podman;
//! what this machine can't show is said.

mod base;
mod check;
mod engine;
mod oci;
mod tar;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::commands::{self, root, target};
use crate::cross::{self, Target};
use crate::package::gzip;
use crate::sbom;
use base::with_folders;
use oci::{Image, Layer};
use tar::Entry;

pub struct Options {
    /// Triples or architectures; none: all of cross.toml.
    pub targets: Vec<String>,
    /// Another version than the workspace's.
    pub version: Option<String>,
    /// A program that is built already; then one target is to be named.
    pub program: Option<PathBuf>,
    /// Run it.
    pub check: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let version = options.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"));
    let targets = cross::chosen(&options.targets)?;
    if options.program.is_some() && targets.len() != 1 {
        bail!("--program is for one target: name it by --target");
    }
    for to in targets {
        let program = match &options.program {
            Some(program) => {
                cross::judge(&to, program)?;
                program.clone()
            }
            None => cross::build(&to)?,
        };
        let made = make(&to, &program, version)?;
        let into = target().join("container");
        let archive = into.join(format!("conductor_{version}_{}.oci.tar", to.debian()));
        fs::write(&archive, &made.archive).with_context(|| format!("can't write {}", archive.display()))?;
        println!("{} ({} bytes, {})", archive.display(), made.archive.len(), made.digest);
        if options.check {
            let again = make(&to, &program, version)?;
            ensure!(again.archive == made.archive, "made again of the same, the archive is another");
            println!("{}: the same, bit for bit, made twice", archive.display());
            check::run(&to, &archive, version)?;
        }
    }
    Ok(())
}

fn make(to: &Target, program: &Path, version: &str) -> Result<oci::Made> {
    let moment = cross::epoch()?;
    let created =
        commands::output(Command::new("date").args(["--utc", "+%Y-%m-%dT%H:%M:%SZ", "-d"]).arg(format!("@{moment}")))?;
    let moment = moment.parse().with_context(|| format!("SOURCE_DATE_EPOCH is {moment}, not a number of seconds"))?;
    let system = base::provide(to)?;
    let image = Image {
        version: version.to_owned(),
        architecture: to.debian(),
        moment,
        created: created.trim().to_owned(),
        base: system.name,
    };
    let layers = [
        layer("Debian's C library and certificates", &system.entries, moment)?,
        layer("cargo xtask container", &agent(to, program)?, moment)?,
    ];
    oci::assemble(&image, &layers)
}

fn layer(told: &'static str, entries: &[Entry], moment: u64) -> Result<Layer> {
    let tar = tar::archive(entries, moment)?;
    let zipped = gzip(&tar)?;
    Ok(Layer { told, tar, zipped })
}

/// The program, the sample settings (every line a comment), and what it is made of.
fn agent(to: &Target, program: &Path) -> Result<Vec<Entry>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("can't read {}", path.display()));
    let ours = |path: &str| read(&root().join(path));
    Ok(with_folders(vec![
        Entry::file("usr/bin/conductor", 0o755, read(program)?),
        Entry::file("etc/conductor/conductor.toml", 0o644, ours("systemd/conductor.toml")?),
        Entry::folder("etc/conductor/conductor.d", 0o755),
        Entry::file("usr/share/doc/conductor/LICENSE-APACHE", 0o644, ours("LICENSE-APACHE")?),
        Entry::file("usr/share/doc/conductor/LICENSE-MIT", 0o644, ours("LICENSE-MIT")?),
        Entry::file("usr/share/doc/conductor/conductor.cdx.json", 0o644, sbom::document(&to.triple)?),
    ]))
}
