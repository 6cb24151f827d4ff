//! Packages of this machine's own distribution for any architecture, downloaded and unpacked, not installed.
//!
//! Promise: whole or not at all, and fetched once: delete the folder to have them anew. This machine's package lists and its
//! architectures stay as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::commands::{self, on_path};

pub struct Unpacked {
    /// Their files.
    pub root: PathBuf,
    /// The packages themselves.
    pub archives: Vec<PathBuf>,
}

impl Unpacked {
    /// These packages of that architecture (as Debian calls it), below `home`.
    pub fn provide(arch: &str, home: &Path, packages: &[&str]) -> Result<Unpacked> {
        let (there, archives) = (home.join("root"), home.join("archives"));
        if !there.is_dir() {
            fetch(arch, home, packages)?;
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&archives).with_context(|| format!("can't read {}", archives.display()))? {
            found.push(entry?.path());
        }
        found.retain(|archive| archive.extension().is_some_and(|end| end == "deb"));
        found.sort();
        Ok(Unpacked { root: there, archives: found })
    }

    /// What a package says in this field of its control file.
    pub fn field(archive: &Path, name: &str) -> Result<String> {
        let told = commands::output(Command::new("dpkg-deb").arg("-f").arg(archive).arg(name))?;
        Ok(told.trim().to_owned())
    }
}

fn fetch(arch: &str, home: &Path, packages: &[&str]) -> Result<()> {
    if !on_path("apt-get") {
        bail!(
            "{} for {arch} come from the distribution's packages, and this machine has no apt-get",
            packages.join(", ")
        );
    }
    let (lists, archives, part) = (home.join("lists"), home.join("archives"), home.join("root.part"));
    for old in [&archives, &part] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("can't clear {}", old.display()))?;
        }
    }
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
    apt(&[&["download", "-qq"][..], packages].concat())?;
    for entry in fs::read_dir(&archives)? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|end| end == "deb") {
            commands::run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&part))?;
        }
    }
    fs::rename(&part, home.join("root")).context("can't put the packages' files in place")?;
    fs::remove_dir_all(&lists).context("can't remove the lists")
}
