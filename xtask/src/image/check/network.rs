//! A static address, set by who stands at the box: key n on the console. It is the one that DHCP gave it: QEMU forwards to no other.
//!
//! Promise: what does not reach its gateway is seen to be taken back by the box itself; what does, to leave the pages where they are.

use std::time::Instant;

use anyhow::Result;

use super::timetable::Timetable;
use super::{BOOT, pages};
use crate::image::machine::Machine;

/// What QEMU's own network gives to the box.
const ADDRESS: &str = "10.0.2.15/24";
const GATEWAY: &str = "10.0.2.2";
/// Nobody has it there.
const NOBODY: &str = "10.0.2.77";

/// `whole`: a wrong gateway first, which takes the box a minute and a half.
pub fn tell(machine: &mut Machine, times: &mut Timetable, whole: bool) -> Result<()> {
    if whole {
        ask(machine, NOBODY)?;
        machine
            .await_line("network: the gateway did not answer within 90 seconds: the old settings hold again", BOOT)?;
        machine.await_line("any other key: it stays as it was", BOOT)?;
        machine.press(" ")?;
        leave(machine)?;
        pages::ready(machine)?;
        times.say(
            "settings whose gateway does not answer were taken back by the box, and its pages are there as before",
        );
    }
    ask(machine, GATEWAY)?;
    machine.await_line("network: the gateway answers: the new settings hold", BOOT)?;
    leave(machine)?;
    pages::ready(machine)?;
    times.say("key n of the console has set a static address, its gateway has answered, and the pages are at it");
    times.over("network", Instant::now());
    Ok(())
}

/// Key n, and what it asks for; neither DNS nor NTP.
fn ask(machine: &mut Machine, gateway: &str) -> Result<()> {
    machine.press("n")?;
    machine.await_line("Network. d: DHCP", BOOT)?;
    machine.press("s")?;
    let typed = [
        ("address with its prefix length", ADDRESS),
        ("gateway, as in", gateway),
        ("DNS servers", ""),
        ("NTP servers", ""),
    ];
    for (prompt, line) in typed {
        machine.await_prompt(prompt, BOOT)?;
        machine.press(&format!("{line}\n"))?;
    }
    Ok(())
}

fn leave(machine: &mut Machine) -> Result<()> {
    machine.await_line("any key goes on", BOOT)?;
    machine.press(" ")
}
