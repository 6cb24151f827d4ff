//! A TPM2 in software (swtpm), for machines under test. Its folder is its identity: another folder is another chip.
//!
//! Promise: it listens before the machine looks for it, and ends with the machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::layout::Architecture;
use crate::commands::Running;

/// How long it may take to listen, and how often that is looked at.
const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub struct Chip<'a> {
    pub program: &'a Path,
    /// What it keeps.
    pub memory: &'a Path,
}

impl Chip<'_> {
    /// Switches it on and plugs it into a machine.
    pub fn plug_in(&self, architecture: Architecture, qemu: &mut Command) -> Result<Running> {
        fs::create_dir_all(self.memory).context("the TPM's memory")?;
        let control = self.memory.join("control");
        let _ = fs::remove_file(&control);
        let mut swtpm = Command::new(self.program);
        swtpm.args(["socket", "--tpm2", "--terminate", "--tpmstate"]).arg(format!("dir={}", self.memory.display()));
        swtpm.arg("--ctrl").arg(format!("type=unixio,path={}", control.display())).stdin(Stdio::null());
        let mut running = Running::start("swtpm", &mut swtpm)?;
        let began = Instant::now();
        while !control.exists() {
            running.must_be_alive()?;
            if began.elapsed() > START {
                bail!("swtpm does not listen");
            }
            sleep(LOOK);
        }
        let device = match architecture {
            Architecture::Amd64 => "tpm-crb,tpmdev=tpm0",
            Architecture::Arm64 => "tpm-tis-device,tpmdev=tpm0",
        };
        qemu.arg("-chardev").arg(format!("socket,id=tpm,path={}", control.display()));
        qemu.args(["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", device]);
        Ok(running)
    }
}
