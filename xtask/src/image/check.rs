//! `cargo xtask image --check`: the image under QEMU, as an operator, a thief of power and a bad release meet it.
//!
//! One story on one disk: version 1 boots, takes its settings from an attached volume and gathers events while the SOC is
//! away · a bundle of a stranger is refused · the power fails while version 2 is installed, again and again, and the box
//! comes back each time · version 2 is installed and passes its gate · version 3 is broken, fails its gate, and the box goes
//! back by itself · the SOC comes back and receives everything that the vendor holds.
//!
//! Promise: what it says was seen on the machine's own console or at the SOC; nothing is taken for granted because a
//! command returned.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::layout::Architecture;
use super::machine::{Hardware, Machine};
use super::site::{self, Site};
use super::{base, bundle, disk, tree};
use crate::commands;

/// From the power switch to the gate's word, in software on a busy machine.
const BOOT: Duration = Duration::from_secs(420);
/// The same with an install before it, and the way back from a version that does not come up.
const UPDATE: Duration = Duration::from_secs(900);
/// How long the SOC waits for the last event.
const DRAIN: Duration = Duration::from_secs(180);
/// MiB of the machine, and how much of it the whole box may use while it idles.
const MEMORY: u32 = 512;
const MEMORY_LIMIT: u64 = 200;
/// The disk that the box meets at its first boot, in MiB: larger than the image, so that the data must grow.
const DISK: u64 = 3000;
/// Power cuts in the middle of an install: reduced, whole.
const CUTS: (u32, u32) = (2, 20);
/// What the box says.
const INSTALLING: &str = "appliance: installing version 1.1.0";
const INSTALLED: &str = "appliance: version 1.1.0 is installed";
const GOOD: &str = "appliance: version 1.1.0 is good in slot B";
/// What an install takes, until one has been seen.
const INSTALL: Duration = Duration::from_secs(15);

pub struct Options {
    pub qemu: PathBuf,
    /// The agent.
    pub program: PathBuf,
    /// The long campaign.
    pub whole: bool,
    pub work: PathBuf,
}

/// What came of it.
pub enum Outcome {
    Held,
    NotRun(String),
}

/// What is booted and installed.
struct Versions {
    disk: PathBuf,
    /// The same, never booted.
    pristine: PathBuf,
    second: PathBuf,
    /// The second version, signed by somebody whom the box does not know.
    strangers: PathBuf,
    broken: PathBuf,
}

pub fn run(options: &Options) -> Result<Outcome> {
    let began = Instant::now();
    // Ends by itself what it has started, also when it is asked to stop.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("can't take signals")?;
    }
    let folder = options.work.join("check");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let versions = build(options, &folder)?;
    say(began, "built: versions 1.0.0, 1.1.0 and a broken 1.2.0");
    let mut site = Site::open(&folder)?;
    let first = site.volume("first", &[&versions.strangers, &versions.second])?;
    let then = site.volume("then", &[&versions.broken])?;
    let bench = Bench { qemu: &options.qemu, disk: &versions.disk, folder: &folder, stop: &stop };

    let mut machine = bench.boot("1-first", &first, &["version 1.0.0 runs in slot A"])?.1;
    say(began, "version 1.0.0 has booted, in slot A, with the settings of the attached volume");
    for (name, from) in [("bundle.raucb", "the agent hands over"), ("1-stranger.raucb", "a volume brings")] {
        let refused = machine.await_line("appliance: update refused", BOOT)?;
        if !refused.contains(name) || !refused.contains("not a bundle signed for this box") {
            bail!("the stranger's bundle that {from} was not refused for its signature: {refused}");
        }
        say(began, &format!("a bundle that {from} and that somebody else has signed was refused"));
    }
    let all = if options.whole { CUTS.1 } else { CUTS.0 };
    let mut moments = Moments::new(all);
    for number in 1..=all {
        machine.await_line(INSTALLING, UPDATE)?;
        let over = moments.pass(&mut machine)?;
        machine.cut()?;
        let (which, back) = bench.boot(&format!("2-cut-{number}"), &first, &["version 1.0.0 runs in slot A", GOOD])?;
        machine = back;
        say(began, &format!("the power failed {over}; the box came back"));
        if which == 1 {
            // It was whole already, and runs: the next cut needs the first version again.
            machine.cut()?;
            commands::run(Command::new("cp").arg("--sparse=always").arg(&versions.pristine).arg(&versions.disk))?;
            machine = bench.boot("2-again", &first, &["version 1.0.0 runs in slot A"])?.1;
        }
    }
    machine.await_line("appliance: version 1.1.0 is on trial in slot B", UPDATE)?;
    machine.await_line(GOOD, BOOT)?;
    say(began, "version 1.1.0 was installed, booted in slot B and passed its gate");
    let waiting = figure(&machine.await_line("destination  soc", BOOT)?)?;
    if waiting == 0 {
        bail!("nothing waits for the SOC: the backlog was lost, or never there");
    }
    say(began, &format!("{waiting} events have come along and wait for the SOC"));
    machine.cut()?;

    let mut machine = bench.boot("3-broken", &then, &["version 1.1.0 runs in slot B"])?.1;
    say(began, "the power failed; version 1.1.0 is still there");
    machine.await_line("appliance: version 1.2.0 is on trial in slot A", UPDATE)?;
    machine.await_line("appliance: version 1.2.0 is not good", UPDATE)?;
    machine.await_line("version 1.2.0 did not come up: back on 1.1.0 in slot B", UPDATE)?;
    say(began, "the broken version 1.2.0 failed its gate, and the box went back to 1.1.0 by itself");
    machine.await_line("update refused: version 1.2.0 has failed on this box before", BOOT)?;
    say(began, "and does not try it again");

    site.open_soc()?;
    let all = site.await_all(DRAIN)?;
    say(began, &format!("the SOC is back: all {all} messages that the vendor holds have arrived"));
    let ready = machine.ask("/readyz", site::HEALTH)?;
    if !ready.starts_with("HTTP/1.1 200") && !ready.starts_with("HTTP/1.0 200") {
        bail!("from outside /readyz says: {ready}");
    }
    machine.press("c")?;
    machine.await_line("/admin/claim", BOOT)?;
    machine.await_line("any key goes on", BOOT)?;
    machine.press(" ")?;
    say(began, "/readyz is answered over HTTPS from outside, and the console's key c gives a claim code");
    let used = figure(&machine.await_line("  memory ", BOOT)?)?;
    if used > MEMORY_LIMIT {
        bail!("the box uses {used} MiB of memory, and may use {MEMORY_LIMIT}");
    }
    let data = machine.await_line("  data ", BOOT)?;
    say(began, &format!("the box uses {used} MiB of memory; {}", data.trim()));
    machine.press("R")?;
    machine.await_line("Type RESET and Enter", BOOT)?;
    machine.press("RESET\n")?;
    machine.await_line("version 1.1.0 runs in slot B", UPDATE)?;
    // What it refused a moment ago it does not remember any more.
    machine.await_line("appliance: installing version 1.2.0", BOOT)?;
    say(began, "the console's key R wiped the box, and it came up again with the same version");
    machine.cut()?;
    fs::remove_dir_all(&folder).context("can't tidy up")?;
    Ok(Outcome::Held)
}

/// Builds the disk of version 1 and the bundles.
fn build(options: &Options, folder: &Path) -> Result<Versions> {
    let architecture = Architecture::Amd64;
    let ours = bundle::for_tests(&options.work, "test")?;
    let strangers = bundle::for_tests(&options.work, "stranger")?;
    let base = base::provide(architecture, &options.work)?;
    let tree_folder = folder.join("tree");
    let mut content =
        tree::Content { architecture, version: "1.0.0", program: &options.program, keyring: &ours.keyring };
    tree::make(&base, &tree_folder, &content)?;
    let squashfs = folder.join("root.squashfs");
    let again = folder.join("again.squashfs");
    tree::pack(&tree_folder, &again, tree::Pressed::Quickly)?;
    tree::make(&base, &tree_folder, &content)?;
    tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
    commands::run(Command::new("cmp").arg(&again).arg(&squashfs))
        .context("the same base and agent gave another root")?;
    fs::remove_file(&again)?;
    let versions = Versions {
        disk: folder.join("disk.img"),
        pristine: folder.join("pristine.img"),
        second: folder.join("good.raucb"),
        strangers: folder.join("stranger.raucb"),
        broken: folder.join("broken.raucb"),
    };
    // Small: that it is signed by a stranger must be enough.
    let little = tree_folder.join("boot/initrd.img");
    bundle::make(architecture, "1.1.0", &little, &strangers, folder, &versions.strangers)?;
    // As if the agent had put it there just before the power failed.
    let found = folder.join("found");
    let update = found.join("var/lib/private/conductor/update");
    fs::create_dir_all(&update)?;
    for private in [update.as_path(), &found.join("var/lib/private/conductor"), &found.join("var/lib/private")] {
        fs::set_permissions(private, fs::Permissions::from_mode(0o700))?;
    }
    fs::copy(&versions.strangers, update.join("stranger.raucb"))?;
    disk::make(architecture, &squashfs, Some(&found), folder, &versions.disk)?;
    OpenOptions::new().write(true).open(&versions.disk)?.set_len(DISK << 20)?;
    commands::run(Command::new("cp").arg("--sparse=always").arg(&versions.disk).arg(&versions.pristine))?;
    content.version = "1.1.0";
    tree::renew(&tree_folder, &content)?;
    tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
    bundle::make(architecture, "1.1.0", &squashfs, &ours, folder, &versions.second)?;
    content.version = "1.2.0";
    tree::renew(&tree_folder, &content)?;
    fs::write(tree_folder.join("usr/bin/conductor"), "#!/bin/sh\nexit 1\n")?;
    tree::pack(&tree_folder, &squashfs, tree::Pressed::Quickly)?;
    bundle::make(architecture, "1.2.0", &squashfs, &ours, folder, &versions.broken)?;
    fs::remove_dir_all(&tree_folder)?;
    fs::remove_file(&squashfs)?;
    Ok(versions)
}

/// The box under test, and what it runs on.
struct Bench<'a> {
    qemu: &'a Path,
    disk: &'a Path,
    folder: &'a Path,
    stop: &'a Arc<AtomicBool>,
}

impl Bench<'_> {
    /// Switches it on with a volume attached and waits for one of these; which.
    fn boot(&self, name: &str, volume: &Path, words: &[&str]) -> Result<(usize, Machine)> {
        let hardware = Hardware {
            qemu: self.qemu,
            disk: self.disk,
            volume: Some(volume),
            folder: self.folder,
            memory: MEMORY,
            stop: self.stop,
        };
        let mut machine = Machine::start(&hardware, name)?;
        let (which, _) = machine.await_one(words, BOOT)?;
        Ok((which, machine))
    }
}

/// The moments at which the power fails: one in each part of the time that an install takes, at a random place of it.
struct Moments {
    all: u32,
    done: u32,
    random: u64,
    install: Duration,
}

impl Moments {
    fn new(all: u32) -> Moments {
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

    /// Lets the install go on until the next one; tells where it was.
    fn pass(&mut self, machine: &mut Machine) -> Result<String> {
        let (began, moment) = (Instant::now(), self.next());
        if machine.says_within(INSTALLED, moment)? {
            self.install = began.elapsed();
            return Ok(format!("just after the install, which took {} ms", self.install.as_millis()));
        }
        Ok(format!("{} ms into the install", moment.as_millis()))
    }
}

/// The first number in a line of the console.
fn figure(line: &str) -> Result<u64> {
    let digits = line.split(|c: char| !c.is_ascii_digit()).find(|run| !run.is_empty());
    digits.and_then(|run| run.parse().ok()).with_context(|| format!("there is no number in: {line}"))
}

fn say(began: Instant, words: &str) {
    println!("image | {:>4} s  {words}", began.elapsed().as_secs());
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
    fn a_figure_of_the_console_is_its_first_number() {
        assert_eq!(figure("  memory       180 of 464 MiB used").expect("a number"), 180);
        assert_eq!(figure("  destination  soc: waiting, 31 waiting").expect("a number"), 31);
        assert!(figure("  memory").is_err());
    }
}
