//! The versions that the check boots and installs, made of one tree, and the disk that it begins with.
//!
//! Promise: the root of version 1.0.0 is made twice, and both are the same bit for bit.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Options;
use crate::commands;
use crate::image::layout::Architecture;
use crate::image::{base, bundle, disk, tree};

const ARCHITECTURE: Architecture = Architecture::Amd64;
/// The disk that the box meets at its first boot, in MiB: larger than the image, so that the data must grow.
const DISK: u64 = 3000;

/// What is booted and installed.
pub struct Versions {
    /// 1.0.0, with a stranger's bundle in the agent's folder.
    pub disk: PathBuf,
    /// 1.1.0
    pub second: PathBuf,
    /// 1.1.0, signed by somebody whom the box does not know.
    pub strangers: PathBuf,
    /// 1.2.0, whose agent ends at once.
    pub broken: PathBuf,
}

/// Builds the disk of version 1 and the bundles.
pub fn build(options: &Options, folder: &Path) -> Result<Versions> {
    let ours = bundle::for_tests(&options.work, "test")?;
    let strangers = bundle::for_tests(&options.work, "stranger")?;
    let base = base::provide(ARCHITECTURE, &options.work)?;
    let tree_folder = folder.join("tree");
    let mut content = tree::Content {
        architecture: ARCHITECTURE,
        version: "1.0.0",
        program: &options.program,
        keyring: &ours.keyring,
    };
    let squashfs = folder.join("root.squashfs");
    let again = folder.join("again.squashfs");
    for to in [&again, &squashfs] {
        tree::make(&base, &tree_folder, &content)?;
        tree::pack(&tree_folder, to, tree::Pressed::Quickly)?;
    }
    commands::run(Command::new("cmp").arg(&again).arg(&squashfs))
        .context("the same base and agent gave another root")?;
    fs::remove_file(&again)?;
    let versions = Versions {
        disk: folder.join("disk.img"),
        second: folder.join("good.raucb"),
        strangers: folder.join("stranger.raucb"),
        broken: folder.join("broken.raucb"),
    };
    // Small: that it is signed by a stranger must be enough.
    let little = tree_folder.join("boot/initrd.img");
    bundle::make(ARCHITECTURE, "1.1.0", &little, &strangers, folder, &versions.strangers)?;
    let found = handed_over(&versions.strangers, folder)?;
    disk::make(ARCHITECTURE, &squashfs, Some(&found), folder, &versions.disk)?;
    OpenOptions::new().write(true).open(&versions.disk)?.set_len(DISK << 20)?;
    content.version = "1.1.0";
    tree::renew(&tree_folder, &content)?;
    tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
    bundle::make(ARCHITECTURE, "1.1.0", &squashfs, &ours, folder, &versions.second)?;
    content.version = "1.2.0";
    tree::renew(&tree_folder, &content)?;
    fs::write(tree_folder.join("usr/bin/conductor"), "#!/bin/sh\nexit 1\n")?;
    tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
    bundle::make(ARCHITECTURE, "1.2.0", &squashfs, &ours, folder, &versions.broken)?;
    fs::remove_dir_all(&tree_folder)?;
    fs::remove_file(&squashfs)?;
    Ok(versions)
}

/// The data partition as if the agent had handed this bundle over just before the power failed.
fn handed_over(bundle: &Path, folder: &Path) -> Result<PathBuf> {
    let found = folder.join("found");
    let update = found.join("var/lib/private/conductor/update");
    fs::create_dir_all(&update)?;
    for private in [update.as_path(), &found.join("var/lib/private/conductor"), &found.join("var/lib/private")] {
        fs::set_permissions(private, fs::Permissions::from_mode(0o700))?;
    }
    fs::copy(bundle, update.join("stranger.raucb"))?;
    Ok(found)
}
