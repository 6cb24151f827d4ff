//! The box as an operator meets it: the claim code of its console, its pages over the forwarded port, an integration added
//! there.
//!
//! Promise: nothing of this reaches the box by another way than a person's: keys on the console, forms on the pages.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::BOOT;
use super::bench::figure;
use super::timetable::Timetable;
use crate::image::machine::Machine;
use crate::image::site::{self, Site};
use crate::image::visitor::Visitor;

const PASSWORD: &str = "of a check, and of nobody else";
const NEW: &str = "/admin/settings/add/integration";
const ONE: &str = "/admin/settings/integrations/check";
/// How often a page is asked anew.
const AGAIN: Duration = Duration::from_secs(2);

/// Claims the box, adds the vendor's integration, and waits until its tile is green.
pub fn begin(machine: &mut Machine, site: &Site, times: &mut Timetable) -> Result<()> {
    let mut visitor = Visitor::of(machine.pages());
    let before =
        until(machine, "the pages", || Ok(Some(visitor.get("/admin", "")?).filter(|answer| answer.status() != 0)))?;
    if before.header("location") != Some("/admin/claim") {
        bail!("before the claim /admin answers {}, and does not lead to the claim", before.status());
    }
    let code = claim_code(machine)?;
    times.say("the console's key c gives a claim code");
    let fields = [("code", code.as_str()), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)];
    visitor.post_to("/admin/claim", "/admin/claim", &fields, "/admin")?;
    let overview = visitor.get("/admin", "")?;
    if overview.status() != 200 || !overview.body().contains("soc") {
        bail!("after the claim /admin answers {} and does not show the destination", overview.status());
    }
    times.say("the code lets the first admin in, and the overview shows the destination");
    let (host, authority) = (site.vendor()?, site.authority()?);
    // Quicker than a customer's, so that there is a backlog within seconds.
    let fields = [
        ("name", "check"),
        ("host", "other"),
        ("host-other", host.as_str()),
        ("ca", authority.as_str()),
        ("api-key", site::TOKEN),
        ("streams", "threats"),
        ("polling-interval", "5s"),
        ("start", "30d"),
        ("lag", "1s"),
        ("overlap", "30s"),
        ("requests-per-minute", "6000"),
        ("enabled", "on"),
    ];
    visitor.post_to(NEW, NEW, &fields, &format!("{ONE}?said=added"))?;
    until(machine, "a green tile of the integration", || {
        Ok(visitor.get(ONE, "")?.body().contains("data-live-word>ok</strong>").then_some(()))
    })?;
    times.say("an integration was added at the pages, and its tile is green");
    Ok(())
}

/// The code of the console's key c; then the console goes on.
fn claim_code(machine: &mut Machine) -> Result<String> {
    machine.press("c")?;
    let line = machine.await_before("counts once, until", BOOT)?;
    machine.await_line("any key goes on", BOOT)?;
    machine.press(" ")?;
    // Another line may have got in before it.
    line.split_whitespace().next_back().map(str::to_owned).context("the console shows no claim code")
}

/// How many events wait for the SOC, by the console, once it is that many.
pub fn waiting(machine: &mut Machine, least: u64) -> Result<u64> {
    let words = "destination  soc";
    let began = Instant::now();
    while began.elapsed() < BOOT {
        let waiting = figure(&machine.await_line(words, BOOT)?, words)?;
        if waiting >= least {
            return Ok(waiting);
        }
    }
    bail!("{least} events should wait for the SOC and do not: the backlog was lost, or never there")
}

/// Health over HTTPS from outside, by the token of the settings.
pub fn ready(machine: &mut Machine) -> Result<()> {
    let token = format!("Authorization: Bearer {}\r\n", site::HEALTH);
    let mut visitor = Visitor::of(machine.pages());
    until(machine, "an answer of /readyz from outside", || {
        Ok((visitor.get("/readyz", &token)?.status() == 200).then_some(()))
    })
}

/// What `/status` says from outside, in JSON.
pub fn status(machine: &mut Machine) -> Result<String> {
    let token = format!("Authorization: Bearer {}\r\n", site::HEALTH);
    let mut visitor = Visitor::of(machine.pages());
    until(machine, "an answer of /status from outside", || {
        Ok(Some(visitor.get("/status", &token)?).filter(|answer| answer.status() == 200))
    })
    .map(|answer| answer.body().to_owned())
}

/// Asks until there is an answer, as long as the machine runs.
fn until<T>(machine: &mut Machine, what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    while began.elapsed() < BOOT {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        machine.must_go_on()?;
        std::thread::sleep(AGAIN);
    }
    bail!("{what} did not come within {} s", BOOT.as_secs())
}
