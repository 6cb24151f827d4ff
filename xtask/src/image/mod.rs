//! `cargo xtask image`: the appliance, a disk that boots into the agent, updates itself and comes back from a bad update.
//!
//! Debian 12 by mmdebstrap (cached under `target/image`, see base.rs) → the root as squashfs → a disk with two slots and a
//! data partition → qcow2, VHDX and OVA. Nothing is mounted and no container engine is needed. `--bundle` makes the signed
//! update of the same root; `--check` boots it all under QEMU and breaks it (check/).
//!
//! Promise: an image is told complete only when its root is closed (tree.rs) and its sizes are within their limits.

mod base;
mod boot;
mod bundle;
mod check;
mod disk;
mod foreign;
mod formats;
mod layout;
mod machine;
mod ovf;
mod platform;
#[cfg(test)]
mod scripts;
mod site;
mod tools;
mod tpm;
mod tree;
mod verity;
mod visitor;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
pub use check::{ONLY_WHOLE, Outcome, Stories};
use layout::Architecture;

use crate::commands::{self, cargo, target};
use crate::cross;

/// What the command line says.
pub struct Options {
    /// amd64 or arm64.
    pub architecture: String,
    /// Of the image; default: the agent's.
    pub version: Option<String>,
    /// An agent that is built already.
    pub program: Option<PathBuf>,
    /// Make the update, not the disk.
    pub bundle: bool,
    /// Who signs; without them a CA for tests.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// The CA whose signers an image trusts.
    pub keyring: Option<PathBuf>,
}

/// Builds what is asked for.
pub fn run(options: &Options) -> Result<()> {
    if let Some(obstacle) = tools::obstacle() {
        bail!("no image can be built here: {obstacle}");
    }
    let architecture = architecture(&options.architecture)?;
    tools::provide_builders()?;
    let work = work()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => release(architecture)?,
    };
    let version = options.version.clone().unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
    let signer = signer(options, &work)?;
    let base = base::provide(architecture, &work)?;
    let name = format!("conductor-{version}-{}", architecture.debian());
    let (folder, squashfs) = (work.join("tree"), work.join(format!("{name}.squashfs")));
    let content = tree::Content { architecture, version: &version, program: &program, keyring: &signer.keyring };
    tree::make(&base, &folder, &content)?;
    tree::pack(&folder, &squashfs, tree::Pressed::Well)?;
    if options.bundle {
        let to = work.join(format!("{name}.raucb"));
        bundle::make(architecture, &version, &squashfs, &signer, &work, &to)?;
        eprintln!("image: {}", to.display());
    } else {
        let to = work.join(format!("{name}.img"));
        disk::make(architecture, &squashfs, None, &work, &to)?;
        for made in [vec![to.clone()], formats::make(&to, &version)?].concat() {
            eprintln!("image: {}", made.display());
        }
    }
    fs::remove_dir_all(&folder).context("can't tidy up")
}

/// Gets all that [`check`] takes from elsewhere; where it can't run at all, nothing.
pub fn provide(arch: &str) -> Result<()> {
    if tools::obstacle().is_some() {
        return Ok(());
    }
    let architecture = architecture(arch)?;
    tools::provide_builders()?;
    tools::provide_machine(architecture)?;
    tools::provide_tpm()?;
    base::provide(architecture, &work()?).map(drop)
}

/// Boots it, updates it, breaks it. `whole`: the long campaign.
/// `arch`: of the image, not of this machine; another than this machine's has one story, whichever are asked for.
pub fn check(arch: &str, program: Option<PathBuf>, whole: bool, stories: Stories) -> Result<Outcome> {
    if let Some(obstacle) = tools::obstacle() {
        return Ok(Outcome::NotRun(format!("the image under QEMU ({obstacle})")));
    }
    tools::provide_builders()?;
    let architecture = architecture(arch)?;
    let qemu = tools::provide_machine(architecture)?;
    let swtpm = tools::provide_tpm()?;
    let program = match (program, architecture) {
        (Some(program), _) => program,
        (None, Architecture::Amd64) => counted()?,
        (None, Architecture::Arm64) => release(architecture)?,
    };
    check::run(&check::Options { architecture, qemu, program, whole, stories, swtpm, work: work()? })
}

fn architecture(named: &str) -> Result<Architecture> {
    match named {
        "amd64" | "x86_64" => Ok(Architecture::Amd64),
        "arm64" | "aarch64" => Ok(Architecture::Arm64),
        other => bail!("there is no image for {other}: amd64 or arm64"),
    }
}

/// The agent as it is shipped.
fn release(architecture: Architecture) -> Result<PathBuf> {
    let name = match architecture {
        Architecture::Amd64 => "x86_64",
        Architecture::Arm64 => "aarch64",
    };
    let target = cross::chosen(&[name.to_owned()])?.pop().context("cross.toml names no such target")?;
    cross::build(&target)
}

/// The agent that the instruction counts are taken of: as it is shipped, but for the link-time part, which takes minutes.
fn counted() -> Result<PathBuf> {
    commands::run(&mut cargo(&["build", "--profile", "counts", "--package", "conductor", "--bin", "conductor"]))?;
    Ok(target().join("counts/conductor"))
}

fn signer(options: &Options, work: &Path) -> Result<bundle::Signer> {
    match (&options.certificate, &options.key, &options.keyring) {
        (None, None, None) => {
            eprintln!("image: signed by a CA for tests: for real boxes name --cert, --key and --keyring");
            bundle::for_tests(work, "test")
        }
        (Some(certificate), Some(key), Some(keyring)) => {
            Ok(bundle::Signer { keyring: keyring.clone(), certificate: certificate.clone(), key: key.clone() })
        }
        _ => bail!("--cert, --key and --keyring go together"),
    }
}

/// Where images and their parts lie.
fn work() -> Result<PathBuf> {
    let work = target().join("image");
    fs::create_dir_all(&work).with_context(|| format!("can't make {}", work.display()))?;
    // It may be a link to where there is more room; systemctl takes no root behind one.
    work.canonicalize().context("can't find it again")
}
