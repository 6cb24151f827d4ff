//! The box under test and what it runs on: one disk, and machines that are switched on and cut off.
//!
//! Promise: a disk that is set aside and taken back is the same disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::BOOT;
use crate::commands;
use crate::image::layout::Architecture;
use crate::image::machine::{Hardware, Machine};

/// MiB of the machine.
const MEMORY: u32 = 512;
/// What an install takes, until one has been seen.
const INSTALL: Duration = Duration::from_secs(15);

pub struct Bench<'a> {
    pub qemu: &'a Path,
    pub disk: &'a Path,
    pub folder: &'a Path,
    pub stop: &'a Arc<AtomicBool>,
}

impl Bench<'_> {
    /// Switches it on with a volume attached. `name` is its log's.
    pub fn start(&self, name: &str, volume: &Path) -> Result<Machine> {
        let hardware = Hardware {
            architecture: Architecture::Amd64,
            qemu: self.qemu,
            disk: self.disk,
            volume: Some(volume),
            folder: self.folder,
            memory: MEMORY,
            tpm: None,
            stop: self.stop,
        };
        Machine::start(&hardware, name)
    }

    /// The same, and waits for one of these; which.
    pub fn boot(&self, name: &str, volume: &Path, words: &[&str]) -> Result<(usize, Machine)> {
        let mut machine = self.start(name, volume)?;
        let (which, _) = machine.await_one(words, BOOT)?;
        Ok((which, machine))
    }

    /// Keeps the disk as it is now, while nobody writes to it.
    pub fn set_aside(&self) -> Result<()> {
        copy(self.disk, &self.aside())
    }

    /// The disk is again as it was then.
    pub fn take_back(&self) -> Result<()> {
        copy(&self.aside(), self.disk)
    }

    fn aside(&self) -> PathBuf {
        self.folder.join("aside.img")
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    commands::run(Command::new("cp").arg("--sparse=always").arg(from).arg(to))
}

/// The moments at which the power fails: one in each part of the time that an install takes, at a random place of it.
pub struct Moments {
    all: u32,
    done: u32,
    random: u64,
    install: Duration,
}

impl Moments {
    pub fn new(all: u32) -> Moments {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Moments { all, done: 0, random: u64::from(now.subsec_nanos()) | 1, install: INSTALL }
    }

    /// The next one, after the install began.
    fn next(&mut self) -> Duration {
        // xorshift: the moments differ from run to run, and are told.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let part = self.install / self.all.max(1);
        let within = part.mul_f64((self.random % 1000) as f64 / 1000.0);
        let moment = part * self.done + within;
        self.done += 1;
        moment
    }

    /// Lets the install go on until the next one, or until it says `installed`; tells where it was.
    pub fn pass(&mut self, machine: &mut Machine, installed: &str) -> Result<String> {
        let (began, moment) = (Instant::now(), self.next());
        if machine.says_within(installed, moment)? {
            self.install = began.elapsed();
            return Ok(format!("just after the install, which took {} ms", self.install.as_millis()));
        }
        Ok(format!("{} ms into the install", moment.as_millis()))
    }
}

/// The first number after these words in a line of the console.
pub fn figure(line: &str, words: &str) -> Result<u64> {
    // Another line may have got in before it: two write to the same line of the machine.
    let rest = line.split_once(words).map_or(line, |(_, rest)| rest);
    let digits = rest.split(|c: char| !c.is_ascii_digit()).find(|run| !run.is_empty());
    digits.and_then(|run| run.parse().ok()).with_context(|| format!("there is no number in: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_fails_once_in_each_part_of_an_install() {
        let mut moments = Moments::new(20);
        let part = INSTALL / 20;
        for number in 0..20 {
            let moment = moments.next();
            assert!(moment >= part * number && moment < part * (number + 1), "{number}: {moment:?}");
        }
    }

    #[test]
    fn a_figure_of_the_console_is_the_first_number_after_its_words() {
        assert_eq!(figure("  memory       180 of 464 MiB used", "  memory ").expect("a number"), 180);
        let line = "appliance: version 1.1.0 runs  destination  soc: waiting, 31 waiting";
        assert_eq!(figure(line, "destination  soc").expect("a number"), 31);
        assert!(figure("  memory", "  memory").is_err());
    }
}
