//! The story for another architecture than this machine's: the image boots, an admin claims it and adds an integration at its
//! pages, it polls the vendor, its health is answered from outside, and the SOC receives everything.
//!
//! Everything that is no program of that architecture (GRUB's choice, the scripts, updates) is the same in both and is told by
//! story.rs; this machine takes minutes for one boot of another.
//!
//! Promise: as in mod.rs.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::timetable::Timetable;
use super::{BOOT, DRAIN, Options, Stop, pages, versions};
use crate::image::machine::{Hardware, Machine};
use crate::image::site::{Settings, Site};
use crate::image::tpm::Chip;

/// MiB of the machine.
const MEMORY: u32 = 512;

pub fn tell(options: &Options, folder: &Path, stop: &Stop, times: &mut Timetable) -> Result<()> {
    let disk = folder.join("disk.img");
    versions::one(options, folder, &disk)?;
    let mut site = Site::open(folder)?;
    let volume = site.volume("settings", Settings::Sound, &[])?;
    times.over("a root, a disk", Instant::now());
    let memory = folder.join("tpm");
    let hardware = Hardware {
        architecture: options.architecture,
        qemu: &options.qemu,
        disk: &disk,
        volume: Some(&volume),
        folder,
        memory: MEMORY,
        tpm: Some(Chip { program: &options.swtpm, memory: &memory }),
        stop,
    };
    let mut machine = Machine::start(&hardware, "1-first")?;
    let storage = machine.await_line("appliance: storage: ", BOOT)?;
    times.say(storage.trim());
    machine.await_line("version 1.0.0 runs in slot A", BOOT)?;
    times.say("version 1.0.0 has booted, in slot A, with the settings of the attached volume");
    times.over("boot", Instant::now());
    pages::begin(&mut machine, &site, times)?;
    pages::ready(&mut machine)?;
    times.say("/readyz is answered over HTTPS from outside");
    times.over("pages, one integration", Instant::now());
    site.open_soc()?;
    let all = site.await_all(DRAIN)?;
    times.say(&format!("all {all} messages that the vendor holds have arrived at the SOC"));
    machine.cut()?;
    times.over("everything delivered", Instant::now());
    fs::remove_file(&disk).context("can't tidy up")
}
