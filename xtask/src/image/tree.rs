//! The root: the base, the agent, our own files on top, and everything closed that a box without a login does not need.
//!
//! The scripts in it are read by shellcheck first.
//!
//! Promise: what comes out holds no password, no shell on a terminal, no SSH and no address of the mirror that it was made
//! from, and it fits its slot; each of these is looked for before the root is packed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::boot;
use super::layout::{self, Architecture};
use super::verity;
use crate::commands::{self, root};
use crate::cross;

/// Units that start by themselves.
const ENABLED: [&str; 14] = [
    "conductor.service",
    "conductor.socket",
    "appliance-volume.service",
    "appliance-grow.service",
    "appliance-gate.service",
    "appliance-bundles.service",
    "appliance-update.path",
    "appliance-network.path",
    "appliance-network.service",
    "appliance-reset.path",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "nftables.service",
];

/// Units that must never start: logins, and what would mark a slot good without asking the gate.
const MASKED: [&str; 11] = [
    "getty@.service",
    "serial-getty@.service",
    "console-getty.service",
    "container-getty@.service",
    "debug-shell.service",
    "rescue.service",
    "rauc-mark-good.service",
    "systemd-firstboot.service",
    "systemd-machine-id-commit.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
];

/// What goes into a root.
pub struct Content<'a> {
    pub architecture: Architecture,
    pub version: &'a str,
    /// The agent.
    pub program: &'a Path,
    /// Certificates that a bundle's signer must come from.
    pub keyring: &'a Path,
}

/// Unpacks the base and puts everything else in its place. `tree` is made anew.
pub fn make(base: &Path, tree: &Path, content: &Content<'_>) -> Result<()> {
    if tree.exists() {
        fs::remove_dir_all(tree).with_context(|| format!("can't remove {}", tree.display()))?;
    }
    fs::create_dir_all(tree)?;
    commands::run(Command::new("tar").args(["-xpf"]).arg(base).args(["--numeric-owner", "-C"]).arg(tree))?;
    strip(tree)?;
    let ours = root().join("image/root");
    let scripts = ours.join("usr/lib/appliance");
    let mut shellcheck = Command::new("shellcheck");
    shellcheck.arg("--external-sources").current_dir(root());
    for name in names(&scripts)? {
        shellcheck.arg(scripts.join(name));
    }
    commands::run(shellcheck.args(["hook", "data"].map(|name| root().join("image/initramfs").join(name))))?;
    commands::run(Command::new("cp").args(["-r", "--preserve=mode"]).arg(ours.join(".")).arg(tree))?;
    let systemd = tree.join("usr/lib/systemd/system");
    for unit in ["conductor.service", "conductor.socket"] {
        let from = root().join("systemd").join(unit);
        fs::copy(&from, systemd.join(unit)).with_context(|| format!("can't copy systemd/{unit}"))?;
    }
    for folder in ["data", "efi", "etc/conductor", "etc/rauc", "usr/lib/repart.d", "usr/share/appliance"] {
        fs::create_dir_all(tree.join(folder)).with_context(|| format!("can't make {folder}"))?;
    }
    fs::write(tree.join("etc/rauc/system.conf"), boot::rauc(content.architecture))?;
    fs::copy(content.keyring, tree.join("etc/rauc/keyring.pem")).context("can't copy the keyring")?;
    for (name, text) in layout::growth() {
        fs::write(tree.join("usr/lib/repart.d").join(name), text)?;
    }
    // What this machine is and where it sits lies on the data partition.
    fs::write(tree.join("etc/machine-id"), "")?;
    link(tree, "etc/systemd/network", "/data/network")?;
    link(tree, "etc/systemd/timesyncd.conf.d", "/data/time")?;
    link(tree, "etc/resolv.conf", "/run/systemd/resolve/resolv.conf")?;
    fs::write(tree.join("etc/hosts"), "127.0.0.1 localhost conductor\n::1 localhost conductor\n")?;
    renew(tree, content)?;
    let mut enable = Command::new("systemctl");
    enable.arg(format!("--root={}", tree.display())).args(["--quiet", "enable"]).args(ENABLED);
    enable.arg("appliance-console@tty1.service");
    enable.arg(format!("appliance-console@{}.service", content.architecture.serial()));
    commands::run(&mut enable)?;
    for unit in MASKED {
        link(tree, &format!("etc/systemd/system/{unit}"), "/dev/null")?;
    }
    closed(tree)
}

/// The agent and the version alone: another version of the same tree.
pub fn renew(tree: &Path, content: &Content<'_>) -> Result<()> {
    let program = tree.join("usr/bin/conductor");
    // This machine's objcopy knows its own kind of program alone; another's comes out of `cargo xtask cross`, stripped.
    if content.architecture.is_ours() {
        let mut strip = Command::new("objcopy");
        commands::run(strip.arg("--strip-all").arg(content.program).arg(&program))?;
    } else {
        fs::copy(content.program, &program).context("can't put the agent in")?;
    }
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::write(tree.join("usr/share/appliance/version"), format!("{}\n", content.version))?;
    Ok(())
}

/// How hard a root is pressed.
#[derive(Clone, Copy, Debug)]
pub enum Pressed {
    /// Half a minute of a quiet machine, for boxes.
    Well,
    /// A few seconds, for tests.
    Quickly,
}

/// Packs it: gzip, because GRUB reads its kernel out of it; its hash tree comes behind. The same tree gives the same bytes.
pub fn pack(tree: &Path, to: &Path, pressed: Pressed) -> Result<u64> {
    let _ = fs::remove_file(to);
    let epoch = cross::epoch()?;
    let level = match pressed {
        Pressed::Well => "9",
        Pressed::Quickly => "1",
    };
    let mut command = Command::new("mksquashfs");
    command.arg(tree).arg(to).args([
        "-comp",
        "gzip",
        "-Xcompression-level",
        level,
        "-noappend",
        "-no-progress",
        "-quiet",
        "-all-time",
        &epoch,
    ]);
    // The moment that -all-time sets is the image's own as well; a second source for it is refused.
    commands::run(command.args(["-mkfs-time", &epoch]).env_remove("SOURCE_DATE_EPOCH"))?;
    let size = verity::append(to)?;
    layout::root_fits(size)?;
    eprintln!("image: the root takes {} MB of {} MB", size / 1_000_000, layout::ROOT_LIMIT / 1_000_000);
    Ok(size)
}

/// Removes what only a build needs, and gives the kernel its plain name.
fn strip(tree: &Path) -> Result<()> {
    // Who looks for a weakness wants to know what is in it.
    let told = commands::output(
        Command::new("dpkg-query").arg(format!("--admindir={}", tree.join("var/lib/dpkg").display())).arg("-W"),
    )?;
    fs::create_dir_all(tree.join("usr/share/appliance"))?;
    fs::write(tree.join("usr/share/appliance/packages"), told)?;
    for folder in ["var", "etc/apt", "etc/initramfs-tools", "boot/grub", "root", "tmp", "etc/systemd/network"] {
        empty(&tree.join(folder))?;
    }
    for name in names(&tree.join("boot"))? {
        let path = tree.join("boot").join(&name);
        if name.starts_with("vmlinuz-") {
            fs::rename(&path, tree.join("boot/vmlinuz"))?;
        } else if name.starts_with("initrd.img-") {
            fs::rename(&path, tree.join("boot/initrd.img"))?;
        } else if path.is_file() {
            fs::remove_file(&path)?;
        }
    }
    for name in ["vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old", "etc/resolv.conf", "etc/hostname"] {
        // Not every base has every one of them.
        let _ = fs::remove_file(tree.join(name));
    }
    Ok(())
}

/// What the promise says, looked for.
fn closed(tree: &Path) -> Result<()> {
    let shadow = fs::read_to_string(tree.join("etc/shadow")).context("the root has no etc/shadow")?;
    if let Some(user) = with_password(&shadow) {
        bail!("the root would let {user} log in");
    }
    for path in ["usr/sbin/sshd", "etc/apt/sources.list", "usr/bin/curl", "usr/bin/wget"] {
        if tree.join(path).exists() {
            bail!("the root holds {path}, which has no place in it");
        }
    }
    for path in ["boot/vmlinuz", "boot/initrd.img", "usr/bin/conductor", "usr/bin/rauc", "usr/sbin/nft"] {
        if !tree.join(path).exists() {
            bail!("the root lacks {path}");
        }
    }
    Ok(())
}

/// The first user in a shadow file who could log in.
fn with_password(shadow: &str) -> Option<&str> {
    shadow.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (user, password) = (fields.next()?, fields.next()?);
        (!password.starts_with(['*', '!'])).then_some(user)
    })
}

fn link(tree: &Path, name: &str, to: &str) -> Result<()> {
    let path = tree.join(name);
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(&path)?;
    } else {
        // It is not there, most often.
        let _ = fs::remove_file(&path);
    }
    symlink(to, &path).with_context(|| format!("can't link {name}"))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn empty(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for name in names(folder)? {
        let path: PathBuf = folder.join(name);
        let removed =
            if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("can't remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_a_password_or_an_empty_one_is_found_and_locked_ones_are_not() {
        assert_eq!(with_password("root:*:1::::::\ndaemon:!*:1::::::\n"), None);
        assert_eq!(with_password("root:*:1::::::\nada:$y$j9T$x:1::::::\n"), Some("ada"));
        assert_eq!(with_password("root::1::::::\n"), Some("root"));
    }
}
