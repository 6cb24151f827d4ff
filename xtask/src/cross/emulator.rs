//! A program of another architecture run on this one: by qemu, over that architecture's own C library.
//!
//! Promise: the other architecture's packages are unpacked under `target/tools`; this machine's package lists, its
//! architectures and its kernel's table of binary formats stay as they are. Whatever runs ends within its time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Target;
use crate::commands::{self, on_path, root};
use crate::setup;

/// What our binary links to.
const LIBRARIES: [&str; 2] = ["libc6", "libgcc-s1"];
/// A tenth of the machine's speed at the best.
const SECONDS: &str = "600";

/// The self-test of that binary, to be run.
pub fn selftest(target: &Target, built: &Path) -> Result<Command> {
    let qemu = format!("qemu-{}-static", target.arch());
    if !on_path(&qemu) {
        setup::install(&["qemu-user-static".to_owned()])?;
    }
    let libraries = libraries(target.debian())?;
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", SECONDS, &qemu]).arg(built).args(["selftest", "--through", &qemu]);
    // Inherited by the writer that the self-test starts.
    command.env("QEMU_LD_PREFIX", libraries);
    Ok(command)
}

/// The folder that holds that architecture's C library, from the distribution.
fn libraries(arch: &str) -> Result<PathBuf> {
    let home = root().join("target/tools").join(arch);
    let there = home.join("root");
    if there.is_dir() {
        return Ok(there);
    }
    if !on_path("apt-get") {
        bail!("the C library of {arch} comes from the distribution's packages, and this machine has no apt-get");
    }
    let (lists, archives, part) = (home.join("lists"), home.join("archives"), home.join("root.part"));
    for folder in [&lists.join("partial"), &archives, &part] {
        fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    }
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        for option in [
            format!("APT::Architecture={arch}"),
            format!("APT::Architectures={arch}"),
            format!("Dir::State::Lists={}", lists.display()),
            "Dir::State::Status=/dev/null".to_owned(),
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        commands::run(command.args(words).current_dir(&archives))
    };
    apt(&["update", "-qq"])?;
    apt(&[&["download", "-qq"][..], &LIBRARIES].concat())?;
    for entry in fs::read_dir(&archives)? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|end| end == "deb") {
            commands::run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&part))?;
        }
    }
    fs::rename(&part, &there).context("can't put the libraries in place")?;
    fs::remove_dir_all(&lists).context("can't remove the lists")?;
    Ok(there)
}
