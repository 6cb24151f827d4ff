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
/// In a root: what judges it.
const GATE: &str = "usr/lib/appliance/gate";

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
    /// Those that take the whole system down; the whole campaign alone has them.
    pub deadly: Vec<Deadly>,
    /// 1.0.0, whose agent asks at once to be wiped; the whole campaign alone has it.
    pub wiping: Option<PathBuf>,
}

/// A version that goes without a word.
pub struct Deadly {
    pub version: &'static str,
    pub what: &'static str,
    pub bundle: PathBuf,
}

/// What the gate of such a version does: version, in words, in shell.
const DEATHS: [(&str, &str, &str); 2] = [
    ("1.3.0", "whose kernel panics", "echo c >/proc/sysrq-trigger"),
    // Nothing feeds the watchdog any more, and nobody is left who could start the machine anew.
    ("1.4.0", "whose first process stands still", "echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze"),
];
/// Who asks for the wiping.
pub const WHO: &str = "ada, on the page";

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
    let mut versions = Versions {
        disk: folder.join("disk.img"),
        second: folder.join("good.raucb"),
        strangers: folder.join("stranger.raucb"),
        broken: folder.join("broken.raucb"),
        deadly: Vec::new(),
        wiping: None,
    };
    // Small: that it is signed by a stranger must be enough.
    let little = tree_folder.join("boot/initrd.img");
    bundle::make(ARCHITECTURE, "1.1.0", &little, &strangers, folder, &versions.strangers)?;
    let found = found(folder, "update/stranger.raucb", &fs::read(&versions.strangers)?)?;
    disk::make(ARCHITECTURE, &squashfs, Some(&found), folder, &versions.disk)?;
    OpenOptions::new().write(true).open(&versions.disk)?.set_len(DISK << 20)?;
    if options.whole {
        let found = self::found(folder, "reset/asked", WHO.as_bytes())?;
        let wiping = folder.join("wiping.img");
        disk::make(ARCHITECTURE, &squashfs, Some(&found), folder, &wiping)?;
        versions.wiping = Some(wiping);
    }
    let mut release = |version: &'static str, to: &Path, spoil: &dyn Fn(&Path) -> Result<()>| -> Result<()> {
        content.version = version;
        tree::renew(&tree_folder, &content)?;
        spoil(&tree_folder)?;
        tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
        bundle::make(ARCHITECTURE, version, &squashfs, &ours, folder, to)
    };
    release("1.1.0", &versions.second, &|_| Ok(()))?;
    if options.whole {
        let sound = fs::read(tree_folder.join(GATE))?;
        for (version, what, death) in DEATHS {
            let bundle = folder.join(format!("{version}.raucb"));
            release(version, &bundle, &|tree| Ok(fs::write(tree.join(GATE), gate(death))?))?;
            versions.deadly.push(Deadly { version, what, bundle });
        }
        fs::write(tree_folder.join(GATE), sound)?;
    }
    release("1.2.0", &versions.broken, &|tree| Ok(fs::write(tree.join("usr/bin/conductor"), "#!/bin/sh\nexit 1\n")?))?;
    fs::remove_dir_all(&tree_folder)?;
    fs::remove_file(&squashfs)?;
    Ok(versions)
}

/// Builds a disk of version 1.0.0 as an operator gets it, for the machine of the check.
pub fn one(options: &Options, folder: &Path, to: &Path) -> Result<()> {
    let architecture = options.architecture;
    let signer = bundle::for_tests(&options.work, "test")?;
    let base = base::provide(architecture, &options.work)?;
    let (tree_folder, squashfs) = (folder.join("tree"), folder.join("root.squashfs"));
    let content = tree::Content { architecture, version: "1.0.0", program: &options.program, keyring: &signer.keyring };
    tree::make(&base, &tree_folder, &content)?;
    tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
    disk::make(architecture, &squashfs, None, folder, to)?;
    fs::remove_dir_all(&tree_folder)?;
    fs::remove_file(&squashfs).context("can't tidy up")
}

/// A gate that says that it is on trial, straight to the console (the journal has no time left to pass it on), and ends the
/// system.
fn gate(death: &str) -> String {
    format!(
        "#!/bin/bash\n. /usr/lib/appliance/slot\nsay \"version $VERSION is on trial in slot $RUNNING\" >/dev/console\n{death}\n\
         sleep infinity\n"
    )
}

/// A data partition that holds this file of the agent's, as if the power had failed just after it was put there.
fn found(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf> {
    let found = folder.join("found");
    let _ = fs::remove_dir_all(&found);
    let file = found.join("var/lib/private/conductor").join(name);
    let above = file.parent().context("a folder")?;
    fs::create_dir_all(above)?;
    for private in above.ancestors().take_while(|path| !path.ends_with("lib")) {
        fs::set_permissions(private, fs::Permissions::from_mode(0o700))?;
    }
    fs::write(&file, content)?;
    Ok(found)
}
