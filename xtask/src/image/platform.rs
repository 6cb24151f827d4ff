//! The virtual machines that images are booted on: what QEMU is told for each architecture, and where its firmware lies.
//!
//! Promise: pure.

use super::layout::Architecture;

/// Firmware for UEFI.
#[derive(Clone, Copy, Debug)]
pub struct Firmware {
    pub code: &'static str,
    /// Its memory, empty.
    pub memory: &'static str,
    /// What holds them.
    pub package: &'static str,
}

impl Architecture {
    pub fn firmware(self) -> Firmware {
        match self {
            Architecture::Amd64 => Firmware {
                code: "/usr/share/OVMF/OVMF_CODE.fd",
                memory: "/usr/share/OVMF/OVMF_VARS.fd",
                package: "ovmf",
            },
            Architecture::Arm64 => Firmware {
                code: "/usr/share/AAVMF/AAVMF_CODE.fd",
                memory: "/usr/share/AAVMF/AAVMF_VARS.fd",
                package: "qemu-efi-aarch64",
            },
        }
    }

    /// The board, in software: no other than this machine's own processor would run otherwise. The store of translated code (MiB)
    /// is small: after a restart QEMU goes through what is left in it at each write to memory, and of 1 GiB that takes
    /// nearly all of the time (perf: 95 % in it, and nothing with this one).
    pub fn machine(self) -> [&'static str; 6] {
        let accelerator = "tcg,tb-size=64";
        match self {
            Architecture::Amd64 => ["-machine", "q35", "-accel", accelerator, "-cpu", "qemu64"],
            Architecture::Arm64 => ["-machine", "virt", "-accel", accelerator, "-cpu", "cortex-a72"],
        }
    }
}
