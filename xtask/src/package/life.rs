//! The life of a deb under systemd: installed, started, upgraded with a backlog waiting, downgraded, removed, installed again,
//! purged.
//!
//! Promise: every event that the SOC lacks at the end is a failure, and so is data that a removal took or a purge left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::machine::Machine;
use super::outside::{Outside, TOKEN};
use super::roots::Release;
use super::tree::Stamp;
use crate::commands::target;

const LIMIT: Duration = Duration::from_secs(120);
/// Events that wait when the new version comes.
const BACKLOG: &str = "conductor status --json | grep -q '\"events\":[1-9][0-9]'";
const DRAINED: &str = "conductor status --json | grep -q '\"depth\":0'";

/// Runs it in this root. A machine that can't be had is said.
pub fn run(release: &Release, root: &Path, older: &Path, newer: &Path, stamp: &Stamp) -> Result<()> {
    let work = target().join(format!("package-life-{}", release.suite));
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let shared = work.join("shared");
    fs::create_dir_all(&shared)?;
    fs::copy(older, shared.join("older.deb"))?;
    fs::copy(newer, shared.join("newer.deb"))?;
    let mut outside = Outside::start(&work)?;
    fs::copy(work.join("certs/ca.pem"), shared.join("ca.pem"))?;
    for readable in [work.as_path(), shared.as_path(), &shared.join("ca.pem")] {
        fs::set_permissions(readable, fs::Permissions::from_mode(0o755))?;
    }
    let machine =
        match Machine::start(root, &work.join(format!("life-{}-{}", release.suite, std::process::id())), &shared, None)
        {
            Ok(machine) => machine,
            Err(why) => {
                println!("not run: the package's life in {}: {why}", release.name);
                return Ok(());
            }
        };
    // A root that was made and never installed has none.
    machine.write("/etc/hosts", "127.0.0.1 localhost\n");
    let told = |what: &str| println!("{}: {what}", release.name);

    dpkg(&machine, "--install /shared/older.deb")?;
    machine.until("it runs after its installation", LIMIT, "systemctl is-active conductor");
    told("installed, and running with the sample settings");

    machine.write("/etc/conductor/conductor.toml", &outside.settings("/shared/ca.pem"));
    machine.write("/etc/conductor/acme.key", TOKEN);
    machine.must("chmod 600 /etc/conductor/acme.key");
    let drop_in = "[Service]\nLoadCredential=acme:/etc/conductor/acme.key\n";
    machine.write("/etc/systemd/system/conductor.service.d/key.conf", drop_in);
    machine.must("systemctl daemon-reload && timeout 60 systemctl restart conductor");
    wait_for_more(&machine, &outside, 20)?;
    told("polls the API and hands over");

    outside.soc_goes();
    machine.until("a backlog waits", LIMIT, BACKLOG);
    dpkg(&machine, "--install /shared/newer.deb")?;
    machine.until("the new version runs", LIMIT, "systemctl is-active conductor");
    let version = machine.must("dpkg-query -W -f '${Version}' conductor");
    ensure!(version.trim() == stamp.version, "after the upgrade the version is {version}");
    ensure!(
        machine.must("cat /etc/conductor/conductor.toml").contains("[integrations.acme]"),
        "edited settings were replaced"
    );
    machine.until("the backlog is still there", LIMIT, BACKLOG);
    outside.soc_comes()?;
    nothing_lost(&machine, &outside)?;
    told("upgraded with a backlog waiting: settings kept, nothing lost");

    dpkg(&machine, "--install /shared/older.deb")?;
    machine.until("the old version runs again", LIMIT, "systemctl is-active conductor");
    wait_for_more(&machine, &outside, 10)?;
    nothing_lost(&machine, &outside)?;
    told(
        "downgraded: the same queue, nothing lost (a queue of a later format is refused by the agent itself, exit 74)",
    );

    dpkg(&machine, "--install /shared/newer.deb")?;
    outside.soc_goes();
    machine.until("a backlog waits", LIMIT, BACKLOG);
    dpkg(&machine, "--remove conductor")?;
    let after = "! systemctl is-active --quiet conductor && ! test -e /usr/bin/conductor && test -f /etc/conductor/conductor.toml \
                 && test -d /var/lib/private/conductor/queue/journal";
    machine.must(after);
    dpkg(&machine, "--install /shared/newer.deb")?;
    machine.until("it runs after a removal", LIMIT, "systemctl is-active conductor");
    outside.soc_comes()?;
    nothing_lost(&machine, &outside)?;
    told("removed and installed again: data kept, nothing lost");

    dpkg(&machine, "--purge conductor")?;
    let gone = "! test -e /var/lib/private/conductor && ! test -e /var/lib/conductor && ! test -e /etc/conductor/conductor.toml";
    machine.must(gone);
    machine.must("test -f /etc/conductor/acme.key");
    told("purged: queue and settings are gone, the operator's own key file is not");
    drop(machine);
    Ok(fs::remove_dir_all(&work)?)
}

fn dpkg(machine: &Machine, what: &str) -> Result<()> {
    let (worked, said) = machine.may(&format!("dpkg --force-confdef {what}"));
    if !worked {
        bail!("dpkg {what}: {said}");
    }
    Ok(())
}

/// So many events more than now.
fn wait_for_more(machine: &Machine, outside: &Outside, more: usize) -> Result<()> {
    let before = outside.taken()?.len();
    let begun = std::time::Instant::now();
    while outside.taken()?.len() < before + more {
        if begun.elapsed() > LIMIT {
            bail!("the SOC got no {more} events more:\n{}", machine.journal(40));
        }
        // Not a synchronisation: only how often the question is asked.
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Everything was taken, and the row of seqs has no hole.
fn nothing_lost(machine: &Machine, outside: &Outside) -> Result<()> {
    machine.until("all is handed over", LIMIT, DRAINED);
    outside.is_whole()
}
