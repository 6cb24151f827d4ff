//! `conductor check`: looks at everything that the agent needs, before or while it runs.
//!
//! Each diagnostic is a file in `check/`. They run side by side, each within [`LIMIT`]; what is printed keeps one order.
//! Promise: nothing is changed, no event is sent, nothing printed holds a secret, and the exit code is that of the
//! gravest failure.

mod disk;
mod eyes;
mod integrations;
mod nagios;
mod names;
mod peers;
mod proxy;
mod remote;
mod secrets;
mod settings;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use tokio::time::timeout;

use super::{Exit, Failure};
use crate::config;
use crate::diagnosis::finding::{Finding, Report, Trouble};
use crate::diagnosis::{LIMIT, clock, egress, late};
use crate::engine::way_out;
use crate::secrets::SecretSources;

/// What needs the network, in the order of printing: skipped as a whole with `--offline`.
const ONLINE: [&str; 6] = ["clock", "names", "proxy", "egress", "integration", "destination"];
/// What needs the settings only, before those.
const OFFLINE: [&str; 2] = ["secrets", "disk"];

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only what needs no network: settings, secrets and disk.
    #[arg(long)]
    offline: bool,
    /// One JSON document: {ok, checks: [{id, subject, outcome, text, advice}]}.
    #[arg(long, conflicts_with = "print_schema")]
    json: bool,
    /// Print the JSON Schema of the settings, for editors, and do nothing else.
    #[arg(long)]
    print_schema: bool,
    /// How the running agent is, for Nagios, Icinga and their like: one line with numbers; exit 0, 1, 2 or 3.
    #[arg(long, conflicts_with_all = ["offline", "json", "print_schema"])]
    nagios: bool,
    #[command(flatten)]
    from: nagios::FromAfar,
}

/// What the diagnostics look at.
struct Subject {
    settings: config::Settings,
    /// The files that they were read from.
    sources: Vec<PathBuf>,
    secrets: SecretSources,
}

pub fn run(config: &Path, arguments: &Arguments) -> Result<u8, Failure> {
    let mut stdout = std::io::stdout().lock();
    if arguments.print_schema {
        writeln!(stdout, "{:#}", config::schema())?;
        return Ok(0);
    }
    if arguments.nagios {
        drop(stdout);
        return nagios::run(config, &arguments.from);
    }
    let mut report = Report::default();
    match settings::load(config) {
        Ok((loaded, findings)) => {
            report.add(findings);
            let config::Loaded { settings, sources, .. } = loaded;
            let secrets = super::settings::secret_sources(&settings.agent.state_dir);
            report.add(look(Arc::new(Subject { settings, sources, secrets }), arguments.offline)?);
        }
        Err(findings) => {
            report.add(findings);
            let advice = "correct the settings first, then check again";
            let skipped = |id: &&'static str| Finding::skipped(id, "", "the settings can't be used", advice);
            report.add(OFFLINE.iter().chain(&ONLINE).map(skipped));
        }
    }
    if arguments.json {
        serde_json::to_writer(&mut stdout, &report.document()).map_err(std::io::Error::from)?;
        writeln!(stdout)?;
    } else {
        stdout.write_all(report.text().as_bytes())?;
    }
    Ok(report.trouble().map_or(Exit::Ok, Exit::from) as u8)
}

/// Runs the diagnostics on a runtime that is left behind at the end: a name server that never answers holds a thread
/// of it for longer than anybody waits.
fn look(subject: Arc<Subject>, offline: bool) -> Result<Vec<Finding>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Software, format!("the runtime can't start: {e}")))?;
    let findings = runtime.block_on(async {
        let here = {
            let (for_secrets, for_disk) = (Arc::clone(&subject), Arc::clone(&subject));
            let (for_remote, for_eyes) = (Arc::clone(&subject), Arc::clone(&subject));
            let remote = off_thread("remote", Trouble::Permission, move || remote::look(&for_remote));
            let secrets = off_thread("secrets", Trouble::Permission, move || secrets::look(&for_secrets));
            let eyes = off_thread("readable", Trouble::Permission, move || eyes::look(&for_eyes));
            let disk = off_thread("disk", Trouble::Disk, move || disk::look(&for_disk.settings));
            async {
                let (secrets, eyes, disk, remote) = tokio::join!(secrets, eyes, disk, remote);
                (
                    secrets.into_iter().chain(eyes).collect::<Vec<_>>(),
                    disk.into_iter().chain(remote).collect::<Vec<_>>(),
                )
            }
        };
        if offline {
            let ((secrets, disk), online) = (here.await, ONLINE.iter().map(|id| skipped_offline(id)));
            return secrets.into_iter().chain(disk).chain(online).collect();
        }
        let settings = &subject.settings;
        let seen = within("egress", way_out::look(&settings.egress));
        let vendor = async {
            // A 403 is explained by the address that the vendor sees: the question waits for that answer.
            let (seen, answers) = tokio::join!(seen, integrations::ask(&subject));
            match seen {
                Ok(seen) => {
                    let asked = integrations::judge(answers, settings, Some(&seen));
                    (vec![egress::judge(&settings.egress, &seen)], asked)
                }
                Err(late) => (vec![late], integrations::judge(answers, settings, None)),
            }
        };
        let clock = clock_of_all(settings);
        let ((secrets, disk), clock, names, proxy, (egress, integrations), peers) =
            tokio::join!(here, clock, names::look(settings), proxy::look(settings), vendor, peers::look(&subject));
        let there = [vec![clock], names, proxy, egress, integrations, peers];
        secrets.into_iter().chain(disk).chain(there.into_iter().flatten()).collect()
    });
    runtime.shutdown_background();
    Ok(findings)
}

fn skipped_offline(id: &'static str) -> Finding {
    Finding::skipped(id, "", "needs the network", "run it without --offline")
}

/// Synchronous looks, which a file system that hangs must not hold up.
async fn off_thread(
    id: &'static str,
    trouble: Trouble,
    look: impl FnOnce() -> Vec<Finding> + Send + 'static,
) -> Vec<Finding> {
    match timeout(LIMIT, tokio::task::spawn_blocking(look)).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(ended)) => vec![Finding::failed(id, "", Trouble::Bug, format!("ended early: {ended}"), "report this")],
        Err(_) => {
            let text = format!("took longer than {} s", LIMIT.as_secs());
            vec![Finding::failed(id, "", trouble, text, "see whether the file system under it answers (mount, dmesg)")]
        }
    }
}

/// A diagnostic of one subject within the limit.
async fn within<T>(id: &'static str, look: impl Future<Output = T>) -> Result<T, Finding> {
    timeout(LIMIT, look).await.map_err(|_| late(id, ""))
}

/// APIs that are asked for the time, one after the other until one tells.
const CLOCKS: usize = 3;

async fn clock_of_all(settings: &config::Settings) -> Finding {
    let mut vendor = None;
    if clock::is_possible(Timestamp::now()) {
        for integration in settings.integrations.values().filter(|one| one.enabled).take(CLOCKS) {
            vendor = clock::ask(integrations::host(integration), &settings.egress, integration.ca.clone()).await;
            if vendor.is_some() {
                break;
            }
        }
    }
    clock::judge(Timestamp::now(), vendor)
}
