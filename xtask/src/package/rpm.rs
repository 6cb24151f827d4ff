//! An rpm, by rpmbuild of any machine.
//!
//! Promise: the same tree and stamp give the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::{self, Places, Stamp};
use crate::commands::{self, root};
use crate::cross::Target;

const PLACES: Places = Places { units: "usr/lib/systemd/system", zsh: "usr/share/zsh/site-functions", presets: true };

/// Makes it in this folder.
pub fn make(to: &Target, program: &Path, stamp: &Stamp, into: &Path) -> Result<PathBuf> {
    let home = into.join(format!("tree-rpm-{}", to.arch()));
    let tree = home.join("tree");
    tree::lay(&tree, to, program, &PLACES, stamp)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md"] {
        tree::copy(&root().join(licence), &tree, &format!("usr/share/doc/conductor/{licence}"), 0o644)?;
    }
    tree::date(&tree, stamp)?;
    let spec = fs::read_to_string(root().join("packaging/rpm/conductor.spec")).context("can't read the spec")?;
    let spec = spec.replace("@VERSION@", &stamp.version).replace("@TREE@", &tree.display().to_string());
    let spec_file = home.join("conductor.spec");
    fs::write(&spec_file, spec).context("can't write the spec")?;
    let mut build = Command::new("rpmbuild");
    build.args(["-bb", "--quiet", "--target", &format!("{}-linux", to.arch())]);
    for (name, value) in
        [("_topdir", home.join("work")), ("_rpmdir", home.join("made")), ("_tmppath", home.join("tmp"))]
    {
        build.arg("--define").arg(format!("{name} {}", value.display()));
    }
    commands::output(build.arg(&spec_file).env("SOURCE_DATE_EPOCH", &stamp.epoch))?;
    let name = format!("conductor-{}-1.{}.rpm", stamp.version, to.arch());
    let made = home.join("made").join(to.arch()).join(&name);
    let rpm = into.join(name);
    fs::copy(&made, &rpm).with_context(|| format!("rpmbuild has not made {}", made.display()))?;
    fs::remove_dir_all(&home).context("can't remove the tree")?;
    Ok(rpm)
}
