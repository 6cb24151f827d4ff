//! Clean roots of Debian to install packages in, made once and kept under `target/roots`.
//!
//! Promise: a root is never written again after it was made: a trial works on a copy of what it writes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::commands::{self, target};

/// A release that packages are tried in.
pub struct Release {
    pub suite: &'static str,
    pub name: &'static str,
}

pub const RELEASES: [Release; 2] =
    [Release { suite: "bookworm", name: "Debian 12" }, Release { suite: "bullseye", name: "Debian 11" }];

/// What a small server has.
const WITH: &str = "--include=systemd,ca-certificates,init-system-helpers";

/// The folder of this release, of the architecture of this machine.
pub fn provide(release: &Release) -> Result<PathBuf> {
    let roots = target().join("roots");
    let root = roots.join(release.suite);
    if root.is_dir() {
        return Ok(root);
    }
    let part = roots.join(format!("{}.part", release.suite));
    if part.exists() {
        fs::remove_dir_all(&part).context("can't clear an unfinished root")?;
    }
    fs::create_dir_all(&roots)?;
    let mut make = Command::new("mmdebstrap");
    make.args(["--variant=minbase", WITH, "--aptopt=Acquire::Check-Valid-Until \"false\""]);
    make.args(["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]);
    // From wherever this machine gets its own packages.
    make.arg(release.suite).arg(&part).args(mirror());
    commands::run(&mut make)?;
    fs::rename(&part, &root).context("can't put the root in place")?;
    Ok(root)
}

/// The address of Debian's archive in this machine's own lists, if it is Debian.
fn mirror() -> Option<String> {
    let listed = fs::read_to_string("/etc/apt/sources.list.d/debian.sources")
        .or_else(|_| fs::read_to_string("/etc/apt/sources.list"))
        .ok()?;
    let words = listed.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    words
        .filter(|word| word.starts_with("http"))
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.ends_with("/debian"))
        .map(str::to_owned)
}
