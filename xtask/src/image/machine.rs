//! A virtual machine: QEMU in software, UEFI, a disk, perhaps a second one, a network card, and a serial line to listen to.
//!
//! Promise: a line is waited for, never a time; the machine is gone when this is dropped, and a cut leaves it no moment to
//! write anything more.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::layout::Architecture;
use super::tpm;
use crate::commands::Running;

/// How often the serial line is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a machine is made of.
pub struct Hardware<'a> {
    pub architecture: Architecture,
    pub qemu: &'a Path,
    /// Raw; written to.
    pub disk: &'a Path,
    /// Raw, read only: what an operator would attach.
    pub volume: Option<&'a Path>,
    /// Where its log, its socket and its firmware's memory lie.
    pub folder: &'a Path,
    /// MiB.
    pub memory: u32,
    pub tpm: Option<tpm::Chip<'a>>,
    /// Set once we are asked to end: no line is waited for any longer.
    pub stop: &'a Arc<AtomicBool>,
}

/// One that runs.
pub struct Machine {
    running: Running,
    /// Ends with the machine; dropped after it.
    _tpm: Option<Running>,
    stop: Arc<AtomicBool>,
    /// Of this machine's loopback: what reaches the box's pages.
    pages: u16,
    log: PathBuf,
    keyboard: PathBuf,
    line: Option<UnixStream>,
    /// How much of the log was read.
    read: u64,
    rest: String,
    /// Lines that were read and not asked for yet.
    lines: Vec<String>,
}

impl Machine {
    /// Switches it on. `name` is its log's.
    pub fn start(hardware: &Hardware<'_>, name: &str) -> Result<Machine> {
        let folder = hardware.folder;
        let log = folder.join(format!("{name}.log"));
        let keyboard = folder.join("serial");
        let _ = fs::remove_file(&keyboard);
        let _ = fs::remove_file(&log);
        // A board remembers its TPM in there: another TPM is another board.
        let variables = match hardware.tpm.as_ref().and_then(|chip| chip.memory.file_name()) {
            Some(name) => folder.join(format!("firmware-{}", name.to_string_lossy())),
            None => folder.join("firmware"),
        };
        let firmware = hardware.architecture.firmware();
        if !variables.exists() {
            fs::copy(firmware.memory, &variables).with_context(|| format!("package {}", firmware.package))?;
        }
        let mut qemu = Command::new(hardware.qemu);
        qemu.args(hardware.architecture.machine()).args(["-smp", "2", "-m", &hardware.memory.to_string()]);
        let pages = TcpListener::bind("127.0.0.1:0").context("no free port on loopback")?.local_addr()?.port();
        let card = format!("user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{pages}-:443");
        qemu.args(["-nodefaults", "-display", "none", "-nic", &card]);
        qemu.args(["-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy"]);
        let drive = |path: &Path, more: &str| format!("file={},format=raw,{more}", path.display());
        qemu.args(["-drive", &format!("if=pflash,format=raw,readonly=on,file={}", firmware.code)]);
        qemu.args(["-drive", &drive(&variables, "if=pflash")]);
        // Named first: after a warm restart the firmware would try the network for minutes.
        qemu.args(["-drive", &drive(hardware.disk, "if=none,id=disk")]);
        qemu.args(["-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
        if let Some(volume) = hardware.volume {
            qemu.args(["-drive", &drive(volume, "if=virtio,readonly=on")]);
        }
        let serial =
            format!("socket,id=serial,path={},server=on,wait=off,logfile={}", keyboard.display(), log.display());
        qemu.args(["-chardev", &serial, "-serial", "chardev:serial"]);
        let tpm = match &hardware.tpm {
            Some(chip) => Some(chip.plug_in(hardware.architecture, &mut qemu)?),
            None => None,
        };
        qemu.stdin(Stdio::null());
        let running = Running::start("qemu", &mut qemu)?;
        Ok(Machine {
            running,
            _tpm: tpm,
            stop: Arc::clone(hardware.stop),
            pages,
            log,
            keyboard,
            line: None,
            read: 0,
            rest: String::new(),
            lines: Vec::new(),
        })
    }

    /// The next line on the serial line that holds these words; those before it are passed over.
    pub fn await_line(&mut self, words: &str, limit: Duration) -> Result<String> {
        self.await_one(&[words], limit).map(|(_, line)| line)
    }

    /// The next line that holds one of these; which.
    pub fn await_one(&mut self, choices: &[&str], limit: Duration) -> Result<(usize, String)> {
        let began = Instant::now();
        loop {
            self.look()?;
            while !self.lines.is_empty() {
                let line = self.lines.remove(0);
                if let Some(which) = choices.iter().position(|words| line.contains(words)) {
                    return Ok((which, line));
                }
            }
            self.running.must_be_alive()?;
            if began.elapsed() > limit {
                let (seconds, log) = (limit.as_secs(), self.log.display());
                bail!(
                    "the machine did not say \"{}\" within {seconds} s; all it said: {log}",
                    choices.join("\" or \"")
                );
            }
            sleep(LOOK);
        }
    }

    /// Waits for a line for each of these words, in whatever order they come; the lines in the order of the words.
    pub fn await_each(&mut self, all: &[&str], limit: Duration) -> Result<Vec<String>> {
        let mut found: Vec<Option<String>> = vec![None; all.len()];
        loop {
            let open: Vec<usize> = (0..all.len()).filter(|&at| found[at].is_none()).collect();
            if open.is_empty() {
                return Ok(found.into_iter().flatten().collect());
            }
            let choices: Vec<&str> = open.iter().map(|&at| all[at]).collect();
            let (which, line) = self.await_one(&choices, limit)?;
            found[open[which]] = Some(line);
        }
    }

    /// The line just before the next one that holds these words.
    pub fn await_before(&mut self, words: &str, limit: Duration) -> Result<String> {
        let mut before = String::new();
        loop {
            // Every line holds nothing at all.
            let line = self.await_line("", limit)?;
            if line.contains(words) {
                return Ok(before);
            }
            before = line;
        }
    }

    /// The next line that holds these words, which may wait for its end: a question.
    pub fn await_prompt(&mut self, words: &str, limit: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < limit {
            self.look()?;
            let asked = self.lines.iter().position(|line| line.contains(words));
            if asked.is_some() || self.rest.contains(words) {
                self.lines.drain(..asked.unwrap_or(self.lines.len()));
                return Ok(());
            }
            self.running.must_be_alive()?;
            sleep(LOOK);
        }
        bail!(
            "the machine did not ask for \"{words}\" within {} s; all it said: {}",
            limit.as_secs(),
            self.log.display()
        )
    }

    /// Does it say this within that time?
    pub fn says_within(&mut self, words: &str, limit: Duration) -> Result<bool> {
        let began = Instant::now();
        loop {
            self.look()?;
            if self.lines.iter().any(|line| line.contains(words)) {
                return Ok(true);
            }
            self.running.must_be_alive()?;
            if began.elapsed() >= limit {
                return Ok(false);
            }
            sleep(LOOK.min(limit.saturating_sub(began.elapsed())));
        }
    }

    /// Of this machine's loopback: what reaches the box's pages.
    pub fn pages(&self) -> u16 {
        self.pages
    }

    /// A key on the serial line.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        let line = match &mut self.line {
            Some(line) => line,
            None => {
                let line = UnixStream::connect(&self.keyboard).context("the machine's serial line")?;
                let mut heard = line.try_clone()?;
                // The log has it all; but what nobody takes off the line would make the machine wait. Ends with QEMU.
                thread::spawn(move || std::io::copy(&mut heard, &mut std::io::sink()));
                self.line.insert(line)
            }
        };
        line.write_all(keys.as_bytes()).context("the machine's serial line")
    }

    /// An error when it has ended by itself, or when we are asked to end.
    pub fn must_go_on(&mut self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        self.running.must_be_alive()
    }

    /// The power fails.
    pub fn cut(mut self) -> Result<()> {
        self.running.child().kill().context("can't cut the power")?;
        self.running.child().wait()?;
        Ok(())
    }

    fn look(&mut self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        // It is there once QEMU has started.
        let Ok(mut log) = File::open(&self.log) else { return Ok(()) };
        log.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        self.read += log.read_to_end(&mut bytes)? as u64;
        self.rest.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            self.lines.push(line.trim_end().to_owned());
        }
        Ok(())
    }
}
