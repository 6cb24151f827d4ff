//! What building an image needs of this machine, and booting one: got from the distribution, only when an image is wanted.
//!
//! QEMU is unpacked under `target/tools`, as the receivers of the tests are: installed, it would push out other versions of
//! its companions that a machine may have.
//!
//! Promise: what is lacking and can't be had is told in one sentence, before anything is built.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::layout::Architecture;
use crate::commands::{on_path, root};
use crate::setup::{self, Receiver};

/// Programs, and the packages that hold them.
const BUILDING: [(&str, &str); 11] = [
    ("mmdebstrap", "mmdebstrap"),
    ("mksquashfs", "squashfs-tools"),
    ("mformat", "mtools"),
    ("sfdisk", "fdisk"),
    ("mke2fs", "e2fsprogs"),
    ("veritysetup", "cryptsetup-bin"),
    ("rauc", "rauc"),
    ("grub-mkimage", "grub-common"),
    ("openssl", "openssl"),
    ("qemu-img", "qemu-utils"),
    ("shellcheck", "shellcheck"),
];

/// GRUB's modules for UEFI machines of this kind.
const GRUB: (&str, &str) = ("/usr/lib/grub/x86_64-efi", "grub-efi-amd64-bin");

const QEMU: Receiver = Receiver {
    name: "qemu",
    packages: &["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios", "ipxe-qemu"],
    program: "qemu-system-x86_64",
    objects: &["usr/bin/qemu-system-x86_64"],
    libraries: "usr/lib",
    starter: r#"QEMU_MODULE_DIR=$(echo "$here"/usr/lib/*/qemu)
export QEMU_MODULE_DIR
exec "$here"/usr/bin/qemu-system-x86_64 -L "$here"/usr/share/qemu -L "$here"/usr/share/seabios -L "$here"/usr/lib/ipxe/qemu "$@""#,
};

const QEMU_ARM: Receiver = Receiver {
    name: "qemu-arm",
    packages: &["qemu-system-arm", "qemu-system-common", "qemu-system-data", "ipxe-qemu"],
    program: "qemu-system-aarch64",
    objects: &["usr/bin/qemu-system-aarch64"],
    libraries: "usr/lib",
    starter: r#"QEMU_MODULE_DIR=$(echo "$here"/usr/lib/*/qemu)
export QEMU_MODULE_DIR
exec "$here"/usr/bin/qemu-system-aarch64 -L "$here"/usr/share/qemu -L "$here"/usr/lib/ipxe/qemu "$@""#,
};

const SWTPM: Receiver = Receiver {
    name: "swtpm",
    packages: &["swtpm", "swtpm-libs"],
    program: "swtpm",
    objects: &["usr/bin/swtpm"],
    libraries: "usr/lib/x86_64-linux-gnu/swtpm",
    starter: r#"export LD_LIBRARY_PATH="$here"/usr/lib/x86_64-linux-gnu/swtpm
exec "$here"/usr/bin/swtpm "$@""#,
};

/// Why no image can be built or booted here; `None`: it can.
pub fn obstacle() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it needs root: a root file system holds files of many owners");
    }
    if !cfg!(target_arch = "x86_64") {
        return Some("it is built on x86_64 machines");
    }
    if !on_path("apt-get") {
        return Some("it is made of Debian's packages, and this machine has no apt-get");
    }
    None
}

/// Installs what is lacking for a build.
pub fn provide_builders() -> Result<()> {
    let mut lacking: Vec<String> =
        BUILDING.iter().filter(|(program, _)| !on_path(program)).map(|(_, package)| (*package).to_owned()).collect();
    let (modules, package) = GRUB;
    if !Path::new(modules).exists() {
        lacking.push(package.to_owned());
    }
    if lacking.is_empty() {
        return Ok(());
    }
    eprintln!("image: getting {} from the distribution", lacking.join(", "));
    setup::update_lists();
    setup::install(&lacking)
}

/// QEMU, unpacked, and firmware for its machines; where its starter lies.
pub fn provide_machine(architecture: Architecture) -> Result<PathBuf> {
    let firmware = architecture.firmware();
    if !Path::new(firmware.code).exists() {
        setup::update_lists();
        setup::install(&[firmware.package.to_owned()])?;
    }
    match architecture {
        Architecture::Amd64 => provide(&QEMU),
        Architecture::Arm64 => provide(&QEMU_ARM),
    }
}

/// A TPM2 in software, unpacked; where its starter lies.
pub fn provide_tpm() -> Result<PathBuf> {
    provide(&SWTPM)
}

fn provide(tool: &Receiver) -> Result<PathBuf> {
    let tools = root().join("target/tools");
    if !tool.is_there(&tools) {
        eprintln!("image: getting {} from the distribution", tool.name);
        setup::update_lists();
        tool.provide(&tools)?;
    }
    Ok(tools.join("bin").join(tool.program))
}
