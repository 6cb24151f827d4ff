//! The base: Debian 12 with the appliance's packages and its initramfs, as a tar archive, made by mmdebstrap.
//!
//! Promise: made anew only when something that it is made of has changed (image/packages, image/initramfs, this recipe), or
//! when it is removed: `target/image/base-ARCH-*.tar`. Delete it to take in Debian's security updates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::foreign::Emulated;
use super::layout::Architecture;
use crate::commands::{self, root};
use crate::cross;

/// Where packages come from; the image holds no trace of it. `CONDUCTOR_DEBIAN_MIRROR` names another.
const MIRROR: &str = "http://deb.debian.org";
/// Changes when the recipe below does.
const RECIPE: u32 = 1;
/// What the initramfs is given: the file in image/initramfs, where it goes, its mode.
const INITRAMFS: [(&str, &str, &str); 3] = [
    ("conf", "conf.d/appliance", "644"),
    ("hook", "hooks/appliance", "755"),
    ("data", "scripts/init-bottom/appliance", "755"),
];
/// Documents that no one reads on a box without a login. The licences stay.
const LEFT_OUT: [&str; 5] = [
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/doc/*/copyright",
];

/// The archive of an architecture; made if it is not there.
pub fn provide(architecture: Architecture, work: &Path) -> Result<PathBuf> {
    let image = root().join("image");
    let list = fs::read_to_string(image.join("packages")).context("can't read image/packages")?;
    let packages = packages(&list, architecture);
    let mut made_of = format!("{RECIPE} {}\n", packages.join(","));
    for (file, ..) in INITRAMFS {
        made_of += &fs::read_to_string(image.join("initramfs").join(file))
            .with_context(|| format!("image/initramfs/{file}"))?;
    }
    let base = work.join(format!("base-{}-{:016x}.tar", architecture.debian(), digest(&made_of)));
    if base.exists() {
        eprintln!("image: the base is there: {}", base.display());
        return Ok(base);
    }
    let _emulated = Emulated::begin(architecture)?;
    let part = base.with_extension("part.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(["--variant=minbase", "--format=tar", "--aptopt=Acquire::Languages \"none\""]);
    command.arg(format!("--architectures={}", architecture.debian())).arg(format!("--include={}", packages.join(",")));
    command.args(LEFT_OUT.map(|option| format!("--dpkgopt={option}")));
    let folder = "$1/etc/initramfs-tools";
    command
        .arg(format!("--setup-hook=mkdir -p \"{folder}/conf.d\" \"{folder}/hooks\" \"{folder}/scripts/init-bottom\""));
    for (file, to, mode) in INITRAMFS {
        let from = image.join("initramfs").join(file);
        command.arg(format!("--setup-hook=install -m {mode} '{}' \"{folder}/{to}\"", from.display()));
    }
    command.arg("bookworm").arg(&part);
    let mirror = std::env::var("CONDUCTOR_DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
    command.args(sources(&mirror));
    commands::run(command.env("SOURCE_DATE_EPOCH", cross::epoch()?))?;
    fs::rename(&part, &base).context("can't keep the base")?;
    Ok(base)
}

/// The lines of apt's sources.
fn sources(mirror: &str) -> [String; 3] {
    [
        format!("deb {mirror}/debian bookworm main"),
        format!("deb {mirror}/debian bookworm-updates main"),
        format!("deb {mirror}/debian-security bookworm-security main"),
    ]
}

/// The names in image/packages.
fn packages(list: &str, architecture: Architecture) -> Vec<String> {
    let names = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(|name| name.replace("ARCH", architecture.debian())).collect()
}

/// FNV-1a: tells one recipe from another; nobody attacks it.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_list_gives_names_of_the_architecture_without_its_comments() {
        let list = "# why\nrauc\n\nlinux-image-cloud-ARCH\n";
        assert_eq!(packages(list, Architecture::Arm64), ["rauc", "linux-image-cloud-arm64"]);
    }

    #[test]
    fn another_list_is_another_base() {
        assert_ne!(digest("rauc"), digest("rauc jq"));
        assert_eq!(digest("rauc"), digest("rauc"));
    }
}
