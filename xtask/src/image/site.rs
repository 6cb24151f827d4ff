//! The world around the box under test: a simulated vendor, a SOC that is away at first, and the volume that an operator attaches.
//!
//! Promise: what the SOC must receive is asked from the vendor itself; the box reaches both as a customer's would, by TLS.

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::disk;
use super::layout::MIB;
use crate::census::{Api, numbers};
use crate::commands::{Running, cargo, run as execute, target};

/// This machine, as the guest sees it.
const HOST: &str = "10.0.2.2";
/// What the vendor asks of who asks it.
pub const TOKEN: &str = "simulated";
/// Opens the box's health to whoever asks from outside.
pub const HEALTH: &str = "health-token-of-a-check";
/// How long a simulator may take to listen.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What the settings of a volume are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    Sound,
    /// A key is misspelt: the agent takes none of them.
    Misspelt,
}

/// The vendor, and where the SOC will be.
pub struct Site {
    folder: PathBuf,
    simulator: PathBuf,
    _vendor: Running,
    vendor_address: String,
    soc_address: String,
    soc: Option<Running>,
}

impl Site {
    /// The vendor listens; nobody does where the SOC should.
    pub fn open(folder: &Path) -> Result<Site> {
        execute(&mut cargo(&["build", "--quiet", "-p", "conductor-sim"]))?;
        let simulator = target().join("debug/conductor-sim");
        execute(Command::new(&simulator).arg("certs").arg(folder.join("certs")))?;
        let more = ["--token", TOKEN, "--threats", "30", "--rate", "30"];
        let (vendor, vendor_address) = start(&simulator, folder, "api", "127.0.0.1:0", &more)?;
        let free = TcpListener::bind("127.0.0.1:0").context("no free port on loopback")?;
        let soc_address = free.local_addr()?.to_string();
        Ok(Site { folder: folder.to_owned(), simulator, _vendor: vendor, vendor_address, soc_address, soc: None })
    }

    /// A volume with the settings of this site and these bundles, named so that they are taken in this order.
    pub fn volume(&self, name: &str, settings: Settings, bundles: &[&Path]) -> Result<PathBuf> {
        let content = self.folder.join("volume");
        let _ = fs::remove_dir_all(&content);
        for folder in ["settings", "keys"] {
            fs::create_dir_all(content.join(folder))?;
        }
        fs::write(content.join("settings/conductor.toml"), text(settings, port(&self.soc_address)?))?;
        fs::write(content.join("settings/ca.pem"), self.authority()?)?;
        fs::write(content.join("keys/health"), HEALTH)?;
        let sizes = bundles.iter().map(|bundle| Ok(fs::metadata(bundle)?.len())).sum::<Result<u64>>()?;
        let volume = self.folder.join(format!("{name}.fat"));
        disk::fat(&volume, "CONDUCTOR", (sizes + 64 * MIB).next_multiple_of(MIB))?;
        let mut files = vec![content.join("settings"), content.join("keys")];
        for (number, bundle) in bundles.iter().enumerate() {
            let named = content.join(format!(
                "{}-{}",
                number + 1,
                bundle.file_name().context("a bundle's name")?.to_string_lossy()
            ));
            fs::hard_link(bundle, &named).with_context(|| format!("can't take {}", bundle.display()))?;
            files.push(named);
        }
        disk::copy_in(&volume, &files, "::/")?;
        fs::remove_dir_all(&content).context("can't tidy up")?;
        Ok(volume)
    }

    /// The vendor, as the box reaches it.
    pub fn vendor(&self) -> Result<String> {
        Ok(format!("{HOST}:{}", port(&self.vendor_address)?))
    }

    /// The CA of vendor and SOC, in PEM.
    pub fn authority(&self) -> Result<String> {
        fs::read_to_string(self.folder.join("certs/ca.pem")).context("the site's CA")
    }

    /// The SOC comes back.
    pub fn open_soc(&mut self) -> Result<()> {
        let (soc, _) = start(&self.simulator, &self.folder, "soc", &self.soc_address, &["--print"])?;
        self.soc = Some(soc);
        Ok(())
    }

    /// Waits until the SOC has everything that the vendor holds at this moment; how many messages that was.
    pub fn await_all(&mut self, limit: Duration) -> Result<usize> {
        let ca = self.folder.join("certs/ca.pem");
        let census = Api { address: &self.vendor_address, ca: &ca, token: TOKEN }.census()?;
        let began = Instant::now();
        loop {
            let told = fs::read_to_string(self.folder.join("soc.out")).unwrap_or_default();
            let seen: HashSet<String> = numbers(&told).map(str::to_owned).collect();
            let missing = census.missing(&seen);
            if missing.is_empty() && !census.messages.is_empty() {
                return Ok(census.messages.len());
            }
            if began.elapsed() > limit {
                bail!(
                    "{} of {} messages are missing at the SOC, the first: {:?}",
                    missing.len(),
                    census.messages.len(),
                    missing.first()
                );
            }
            sleep(Duration::from_millis(200));
        }
    }
}

/// One of the simulator's verbs, with what it prints in a file, and where it listens.
fn start(
    simulator: &Path,
    folder: &Path,
    verb: &'static str,
    listen: &str,
    more: &[&str],
) -> Result<(Running, String)> {
    let out = folder.join(format!("{verb}.out"));
    let mut command = Command::new(simulator);
    command.args([verb, "--listen", listen, "--cert-dir"]).arg(folder.join("certs")).args(more);
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(folder.join(format!("{verb}.err")))?);
    let mut running = Running::start(verb, &mut command)?;
    let began = Instant::now();
    while began.elapsed() < START_LIMIT {
        let told = fs::read_to_string(&out)?;
        if let Some(address) = told.lines().find_map(|line| line.strip_prefix("listening on ")) {
            return Ok((running, address.trim().to_owned()));
        }
        running.must_be_alive()?;
        sleep(Duration::from_millis(50));
    }
    bail!("conductor-sim {verb} does not say where it listens")
}

fn port(address: &str) -> Result<&str> {
    address.rsplit_once(':').map(|(_, port)| port).with_context(|| format!("{address} has no port"))
}

/// The integration is not in them: it is added at the pages.
fn text(settings: Settings, soc: &str) -> String {
    let name = match settings {
        Settings::Sound => "name",
        Settings::Misspelt => "nmae",
    };
    format!(
        r#"[agent]
{name} = "image-check"
heartbeat = "0s"

[remote]
admin = true
# The vendor of this check is not the vendor.
allow-other-hosts = true
health-token = {{ credential = "key_health" }}

[destinations.soc]
type = "syslog"
address = "{HOST}:{soc}"
ca = "/etc/conductor/ca.pem"
start = "oldest"
"#
    )
}
