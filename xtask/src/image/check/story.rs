//! One story on one disk: version 1 boots with the settings of an attached volume and refuses a stranger's bundles · it is
//! claimed and an integration added at its pages, and gathers events while the SOC is away · the power fails, again and again
//! while version 2 is installed, and the box comes back each time · version 2 passes its gate · settings with a mistake are
//! not taken · version 3 is broken, fails its gate, and the box goes back by itself · the SOC comes back and receives
//! everything that the vendor holds · the console sets a static address · the box is wiped.
//!
//! Promise: each chapter says what it has seen, when it has seen it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use super::bench::{Bench, Moments, figure};
use super::timetable::Timetable;
use super::versions::{Deadly, Versions, WHO};
use super::{BOOT, DRAIN, UPDATE, network, pages};
use crate::image::machine::Machine;
use crate::image::site::{Settings, Site};

/// MiB of memory that the whole box may use while it idles.
const MEMORY_LIMIT: u64 = 200;
/// Events that wait before the first power cut: what the vendor holds at first.
const BACKLOG: u64 = 30;
/// Power cuts in the middle of an install: reduced, whole.
const CUTS: (u32, u32) = (2, 20);
/// What the box says.
const FIRST: &str = "version 1.0.0 runs in slot A";
const SECOND: &str = "version 1.1.0 runs in slot B";
const INSTALLING: &str = "appliance: installing version 1.1.0";
const INSTALLED: &str = "appliance: version 1.1.0 is installed";
const GOOD: &str = "appliance: version 1.1.0 is good in slot B";

pub fn tell(bench: &Bench<'_>, versions: &Versions, site: &mut Site, times: &mut Timetable, whole: bool) -> Result<()> {
    let first = site.volume("first", Settings::Sound, &[&versions.strangers])?;
    let update = site.volume("update", Settings::Sound, &[&versions.second])?;
    let then = site.volume("then", Settings::Misspelt, &[&versions.broken])?;
    times.over("volumes", Instant::now());
    let waiting = begun(bench, site, &first, times)?;
    let cuts = if whole { CUTS.1 } else { CUTS.0 };
    updated(bench, &update, times, cuts, waiting)?;
    let machine = broken(bench, &then, times)?;
    let mut machine = deadly(bench, machine, versions, &then, site, times)?;
    delivered(&mut machine, site, times)?;
    network::tell(&mut machine, times, whole)?;
    wiped(machine, times)?;
    asked(bench, versions, &then, times)
}

/// From the first boot to a backlog of so many events; then the power fails.
fn begun(bench: &Bench<'_>, site: &Site, volume: &Path, times: &mut Timetable) -> Result<u64> {
    let mut machine = bench.boot("1-first", volume, &[FIRST])?.1;
    times.say("version 1.0.0 has booted, in slot A, with the settings of the attached volume");
    for (name, from) in [("bundle.raucb", "the agent hands over"), ("1-stranger.raucb", "a volume brings")] {
        let refused = machine.await_line("appliance: update refused", BOOT)?;
        if !refused.contains(name) || !refused.contains("not a bundle signed for this box") {
            bail!("the stranger's bundle that {from} was not refused for its signature: {refused}");
        }
        times.say(&format!("a bundle that {from} and that somebody else has signed was refused"));
    }
    times.over("first boot, stranger's bundles refused", Instant::now());
    pages::begin(&mut machine, site, times)?;
    let waiting = pages::waiting(&mut machine, BACKLOG)?;
    machine.cut()?;
    bench.set_aside()?;
    times.say(&format!("{waiting} events wait for the SOC, and the power fails"));
    times.over("claim, pages, integration, backlog", Instant::now());
    Ok(waiting)
}

/// The update with its power cuts; at its end the power fails once more. `waited`: events that must come along.
fn updated(bench: &Bench<'_>, volume: &Path, times: &mut Timetable, cuts: u32, waited: u64) -> Result<()> {
    let mut machine = bench.boot("2-update", volume, &[FIRST])?.1;
    let mut moments = Moments::new(cuts);
    for number in 1..=cuts {
        machine.await_line(INSTALLING, UPDATE)?;
        let over = moments.pass(&mut machine, INSTALLED)?;
        machine.cut()?;
        let (which, back) = bench.boot(&format!("2-cut-{number}"), volume, &[FIRST, GOOD])?;
        machine = back;
        times.say(&format!("the power failed {over}; the box came back"));
        if which == 1 && number < cuts {
            // It was whole already, and runs: the next cut needs the first version again.
            machine.cut()?;
            bench.take_back()?;
            machine = bench.boot(&format!("2-again-{number}"), volume, &[FIRST])?.1;
        } else if which == 1 {
            return second(machine, times, cuts, waited);
        }
    }
    machine.await_line(GOOD, UPDATE)?;
    second(machine, times, cuts, waited)
}

fn second(mut machine: Machine, times: &mut Timetable, cuts: u32, waited: u64) -> Result<()> {
    times.say("version 1.1.0 was installed, booted in slot B and passed its gate");
    let waiting = pages::waiting(&mut machine, waited)?;
    times.say(&format!("{waiting} events have come along and wait for the SOC"));
    machine.cut()?;
    times.over(&format!("update, with {cuts} power cuts while it is installed"), Instant::now());
    Ok(())
}

fn broken(bench: &Bench<'_>, volume: &Path, times: &mut Timetable) -> Result<Machine> {
    let mut machine = bench.start("3-broken", volume)?;
    let said = machine.await_each(&[SECOND, "appliance: the settings are refused"], BOOT)?;
    times.say("the power failed; version 1.1.0 is still there");
    if !said.last().is_some_and(|line| line.contains("has no key \"nmae\"") && line.contains("those before count")) {
        bail!("settings with a mistake were not told with their sentence: {said:?}");
    }
    times.say("settings with a mistake are told on the console, and those before count");
    machine.await_line("appliance: version 1.2.0 is on trial in slot A", UPDATE)?;
    machine.await_line("appliance: version 1.2.0 is not good", UPDATE)?;
    machine.await_line("version 1.2.0 did not come up: back on 1.1.0 in slot B", UPDATE)?;
    times.say("the broken version 1.2.0 failed its gate, and the box went back to 1.1.0 by itself");
    machine.await_line("update refused: version 1.2.0 has failed on this box before", BOOT)?;
    times.say("and does not try it again");
    times.over("power cut, wrong settings, broken update, way back", Instant::now());
    Ok(machine)
}

/// Versions that go without a word, one after the other; at the end the box has `volume` again, since such a version is
/// tried once more by and by.
fn deadly(
    bench: &Bench<'_>,
    mut machine: Machine,
    versions: &Versions,
    volume: &Path,
    site: &Site,
    times: &mut Timetable,
) -> Result<Machine> {
    for Deadly { version, what, bundle } in &versions.deadly {
        machine.cut()?;
        let deadly = site.volume(version, Settings::Sound, &[bundle])?;
        machine = bench.start(&format!("4-deadly-{version}"), &deadly)?;
        machine.await_line(&format!("appliance: version {version} is on trial in slot A"), UPDATE)?;
        machine.await_line(&format!("version {version} did not come up: back on 1.1.0 in slot B"), UPDATE)?;
        times.say(&format!("version {version}, {what}, was taken back by itself"));
        times.over(&format!("a version {what}"), Instant::now());
    }
    if !versions.deadly.is_empty() {
        machine.cut()?;
        machine = bench.start("4-after", volume)?;
        machine.await_line(SECOND, BOOT)?;
    }
    Ok(machine)
}

fn delivered(machine: &mut Machine, site: &mut Site, times: &mut Timetable) -> Result<()> {
    site.open_soc()?;
    let all = site.await_all(DRAIN)?;
    times.say(&format!("the SOC is back: all {all} messages that the vendor holds have arrived"));
    pages::ready(machine)?;
    times.say("/readyz is answered over HTTPS from outside");
    let used = figure(&machine.await_line("  memory ", BOOT)?, "  memory ")?;
    if used > MEMORY_LIMIT {
        bail!("the box uses {used} MiB of memory, and may use {MEMORY_LIMIT}");
    }
    let data = machine.await_line("  data ", BOOT)?;
    times.say(&format!("the box uses {used} MiB of memory; {}", data.trim()));
    times.over("everything delivered", Instant::now());
    Ok(())
}

fn wiped(mut machine: Machine, times: &mut Timetable) -> Result<()> {
    machine.press("R")?;
    machine.await_line("Type RESET and Enter", BOOT)?;
    machine.press("RESET\n")?;
    machine.await_line(SECOND, UPDATE)?;
    // What it refused a moment ago it does not remember any more.
    machine.await_line("appliance: installing version 1.2.0", BOOT)?;
    times.say("the console's key R wiped the box, and it came up again with the same version");
    machine.cut()?;
    times.over("wiped", Instant::now());
    Ok(())
}

/// Another box, whose agent asks to be wiped.
fn asked(bench: &Bench<'_>, versions: &Versions, volume: &Path, times: &mut Timetable) -> Result<()> {
    let Some(disk) = &versions.wiping else { return Ok(()) };
    let bench = Bench { disk, ..*bench };
    let mut machine = bench.start("5-asked", volume)?;
    machine.await_line(&format!("appliance: this box is wiped: asked by {WHO}"), BOOT)?;
    let said = machine.await_each(&[FIRST, "appliance: the settings are refused"], BOOT)?;
    if !said.last().is_some_and(|line| line.contains("those of the factory count")) {
        bail!("the box was not wiped, or the factory's settings did not come back: {said:?}");
    }
    times.say("a box whose agent asks for it is wiped; the factory's settings count where a volume's are refused");
    machine.cut()?;
    times.over("wiped by the agent's word", Instant::now());
    Ok(())
}
