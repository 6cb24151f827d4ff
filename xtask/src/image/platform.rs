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

    /// The board, in software: no other than this machine's own processor would run otherwise.
    pub fn machine(self) -> [&'static str; 4] {
        match self {
            Architecture::Amd64 => ["-machine", "q35,accel=tcg", "-cpu", "qemu64"],
            Architecture::Arm64 => ["-machine", "virt,accel=tcg", "-cpu", "cortex-a72"],
        }
    }
}
