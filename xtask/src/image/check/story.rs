//! One story on one disk: version 1 boots, takes its settings from an attached volume and gathers events while the SOC is
//! away · a bundle of a stranger is refused · the power fails while version 2 is installed, again and again, and the box
//! comes back each time · version 2 is installed and passes its gate · version 3 is broken, fails its gate, and the box goes
//! back by itself · the SOC comes back and receives everything that the vendor holds · the box is wiped.
//!
//! Promise: each chapter says what it has seen, when it has seen it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use super::bench::{Bench, Moments, figure};
use super::timetable::Timetable;
use super::versions::Versions;
use super::{BOOT, DRAIN, UPDATE};
use crate::image::machine::Machine;
use crate::image::site::{self, Site};

/// MiB of memory that the whole box may use while it idles.
const MEMORY_LIMIT: u64 = 200;
/// Power cuts in the middle of an install: reduced, whole.
const CUTS: (u32, u32) = (2, 20);
/// What the box says.
const FIRST: &str = "version 1.0.0 runs in slot A";
const SECOND: &str = "version 1.1.0 runs in slot B";
const INSTALLING: &str = "appliance: installing version 1.1.0";
const INSTALLED: &str = "appliance: version 1.1.0 is installed";
const GOOD: &str = "appliance: version 1.1.0 is good in slot B";

pub fn tell(bench: &Bench<'_>, versions: &Versions, site: &mut Site, times: &mut Timetable, whole: bool) -> Result<()> {
    let first = site.volume("first", &[&versions.strangers, &versions.second])?;
    let then = site.volume("then", &[&versions.broken])?;
    bench.set_aside()?;
    let machine = first_boot(bench, &first, times)?;
    let cuts = if whole { CUTS.1 } else { CUTS.0 };
    updated(bench, machine, &first, times, cuts)?;
    let mut machine = broken(bench, &then, times)?;
    delivered(&machine, site, times)?;
    used(&mut machine, times)?;
    wiped(machine, times)
}

fn first_boot(bench: &Bench<'_>, volume: &Path, times: &mut Timetable) -> Result<Machine> {
    let mut machine = bench.boot("1-first", volume, &[FIRST])?.1;
    times.say("version 1.0.0 has booted, in slot A, with the settings of the attached volume");
    for (name, from) in [("bundle.raucb", "the agent hands over"), ("1-stranger.raucb", "a volume brings")] {
        let refused = machine.await_line("appliance: update refused", BOOT)?;
        if !refused.contains(name) || !refused.contains("not a bundle signed for this box") {
            bail!("the stranger's bundle that {from} was not refused for its signature: {refused}");
        }
        times.say(&format!("a bundle that {from} and that somebody else has signed was refused"));
    }
    times.over("first boot", Instant::now());
    Ok(machine)
}

fn updated(bench: &Bench<'_>, mut machine: Machine, volume: &Path, times: &mut Timetable, cuts: u32) -> Result<()> {
    let mut moments = Moments::new(cuts);
    for number in 1..=cuts {
        machine.await_line(INSTALLING, UPDATE)?;
        let over = moments.pass(&mut machine, INSTALLED)?;
        machine.cut()?;
        let (which, back) = bench.boot(&format!("2-cut-{number}"), volume, &[FIRST, GOOD])?;
        machine = back;
        times.say(&format!("the power failed {over}; the box came back"));
        if which == 1 {
            // It was whole already, and runs: the next cut needs the first version again.
            machine.cut()?;
            bench.take_back()?;
            machine = bench.boot("2-again", volume, &[FIRST])?.1;
        }
    }
    times.over(&format!("{cuts} power cuts while installing"), Instant::now());
    machine.await_line("appliance: version 1.1.0 is on trial in slot B", UPDATE)?;
    machine.await_line(GOOD, BOOT)?;
    times.say("version 1.1.0 was installed, booted in slot B and passed its gate");
    let soc = "destination  soc";
    let waiting = figure(&machine.await_line(soc, BOOT)?, soc)?;
    if waiting == 0 {
        bail!("nothing waits for the SOC: the backlog was lost, or never there");
    }
    times.say(&format!("{waiting} events have come along and wait for the SOC"));
    machine.cut()?;
    times.over("update", Instant::now());
    Ok(())
}

fn broken(bench: &Bench<'_>, volume: &Path, times: &mut Timetable) -> Result<Machine> {
    let mut machine = bench.boot("3-broken", volume, &[SECOND])?.1;
    times.say("the power failed; version 1.1.0 is still there");
    machine.await_line("appliance: version 1.2.0 is on trial in slot A", UPDATE)?;
    machine.await_line("appliance: version 1.2.0 is not good", UPDATE)?;
    machine.await_line("version 1.2.0 did not come up: back on 1.1.0 in slot B", UPDATE)?;
    times.say("the broken version 1.2.0 failed its gate, and the box went back to 1.1.0 by itself");
    machine.await_line("update refused: version 1.2.0 has failed on this box before", BOOT)?;
    times.say("and does not try it again");
    times.over("power cut, broken update, way back", Instant::now());
    Ok(machine)
}

fn delivered(machine: &Machine, site: &mut Site, times: &mut Timetable) -> Result<()> {
    site.open_soc()?;
    let all = site.await_all(DRAIN)?;
    times.say(&format!("the SOC is back: all {all} messages that the vendor holds have arrived"));
    let ready = machine.ask("/readyz", site::HEALTH)?;
    if !ready.starts_with("HTTP/1.1 200") && !ready.starts_with("HTTP/1.0 200") {
        bail!("from outside /readyz says: {ready}");
    }
    times.say("/readyz is answered over HTTPS from outside");
    times.over("everything delivered", Instant::now());
    Ok(())
}

fn used(machine: &mut Machine, times: &mut Timetable) -> Result<()> {
    machine.press("c")?;
    machine.await_line("/admin/claim", BOOT)?;
    machine.await_line("any key goes on", BOOT)?;
    machine.press(" ")?;
    times.say("the console's key c gives a claim code");
    let used = figure(&machine.await_line("  memory ", BOOT)?, "  memory ")?;
    if used > MEMORY_LIMIT {
        bail!("the box uses {used} MiB of memory, and may use {MEMORY_LIMIT}");
    }
    let data = machine.await_line("  data ", BOOT)?;
    times.say(&format!("the box uses {used} MiB of memory; {}", data.trim()));
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
    times.over("console, wiped", Instant::now());
    Ok(())
}
