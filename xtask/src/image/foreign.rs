//! Another architecture's programs run on this machine while a base of that architecture is made: by qemu, through the kernel's
//! table of binary formats.
//!
//! Promise: an entry that was there already is used as it is; one that was made here is gone when this is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::layout::Architecture;
use crate::commands::{self, on_path};
use crate::setup;

const TABLE: &str = "/proc/sys/fs/binfmt_misc";
const EMULATOR: &str = "qemu-aarch64-static";
/// How a program for Linux on arm64 begins, and which of its bits count.
const BEGINS: &str = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00";
const COUNTS: &str = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff";

/// While it lives, programs of that architecture run here.
pub struct Emulated {
    entry: Option<PathBuf>,
}

impl Emulated {
    pub fn begin(architecture: Architecture) -> Result<Emulated> {
        match architecture {
            Architecture::Amd64 => return Ok(Emulated { entry: None }),
            Architecture::Arm64 => {}
        }
        // mmdebstrap asks arch-test whether it may begin.
        let lacking = [(EMULATOR, "qemu-user-static"), ("arch-test", "arch-test")];
        let lacking = lacking.iter().filter(|(program, _)| !on_path(program)).map(|(_, package)| (*package).to_owned());
        let lacking: Vec<String> = lacking.collect();
        if !lacking.is_empty() {
            setup::install(&lacking)?;
        }
        if !Path::new(TABLE).join("register").exists() {
            commands::run(Command::new("mount").args(["-t", "binfmt_misc", "none", TABLE]))
                .context("the kernel has no table of binary formats (binfmt_misc)")?;
        }
        let entries = fs::read_dir(TABLE)?.flatten().map(|entry| entry.path());
        if entries.into_iter().any(|entry| fs::read_to_string(entry).is_ok_and(|told| told.contains("qemu-aarch64"))) {
            return Ok(Emulated { entry: None });
        }
        let interpreter = commands::output(Command::new("sh").args(["-c", &format!("command -v {EMULATOR}")]))?;
        // F: opened now, so that it is found from inside another root.
        let line = format!(":conductor-image:M::{BEGINS}:{COUNTS}:{}:F", interpreter.trim());
        fs::write(Path::new(TABLE).join("register"), line).context("can't have arm64 programs run here")?;
        Ok(Emulated { entry: Some(Path::new(TABLE).join("conductor-image")) })
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.entry.take().map(|entry| fs::write(entry, "-1"));
    }
}
