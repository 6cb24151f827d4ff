//! `cargo xtask container --check`: the image under podman, as a careful operator runs it: nobody's user, no capability, a root
//! that can't be written, one volume.
//!
//! Promise: every event that the SOC lacks after a container was killed with a backlog and another took its place is a failure;
//! a machine that runs no containers is said.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::engine::Engine;
use super::oci::USER;
use crate::commands::{self, target};
use crate::cross::Target;
use crate::package::outside::{Outside, TOKEN};

const LIMIT: Duration = Duration::from_secs(120);
const NAME: &str = "trial";
/// The API and the SOC are on this machine's loopback, and so its network is the container's; cgroups are not ours to make on
/// every machine, nor are limits to be raised.
const HERE: [&str; 4] =
    ["--network=host", "--cgroups=disabled", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
const CONFINED: [&str; 4] =
    ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"];

pub fn run(to: &Target, archive: &Path, version: &str) -> Result<()> {
    let work = target().join("container").join(format!("trial-{}", std::process::id()));
    let engine = match Engine::start(work.join("podman")) {
        Ok(engine) => engine,
        Err(why) => {
            println!("not run: the container of {}: {why:#}", to.debian());
            return Ok(());
        }
    };
    engine.load(archive)?;
    let image = format!("localhost/conductor:{version}");
    let told = engine.podman(&["image", "inspect", "--format", "{{.Architecture}} {{.User}}", &image])?;
    ensure!(told == format!("{} {USER}:{USER}", to.debian()), "the image says of itself: {told}");
    println!("{}: podman loads it", to.debian());
    if to.arch() == std::env::consts::ARCH {
        let trial = Trial { engine: &engine, image: &image, work: &work };
        trial.live()?;
    } else {
        println!("not run: the container of {} (this machine is another)", to.debian());
    }
    drop(engine);
    Ok(fs::remove_dir_all(&work)?)
}

struct Trial<'a> {
    engine: &'a Engine,
    image: &'a str,
    work: &'a Path,
}

impl Trial<'_> {
    fn live(&self) -> Result<()> {
        let first = [&["run", "--rm"][..], &HERE, &CONFINED, &[self.image, "--version"]].concat();
        if let Err(why) = self.engine.podman(&first) {
            // A machine that lets nobody make a container says so by these; an image that does not start says something else.
            let told = format!("{why:#}");
            if ["cgroup", "namespace", "unshare", "clone", "not permitted"].iter().any(|word| told.contains(word)) {
                println!("not run: a container ({told})");
                return Ok(());
            }
            return Err(why.context("the image does not start"));
        }
        let mut outside = Outside::start(self.work)?;
        let mounts = self.folders(&outside)?;
        self.start(&mounts)?;
        self.is_confined()?;
        until("the SOC has events", || Ok(outside.taken()?.len() >= 20))?;
        println!("runs as {USER} without a capability on a read-only root, is ready, polls and hands over");

        outside.soc_goes();
        until("a backlog waits", || Ok(self.number("/queue/events")? >= 20))?;
        self.engine.podman(&["kill", "--signal=KILL", NAME])?;
        self.engine.podman(&["rm", "--force", NAME])?;
        outside.soc_comes()?;
        self.start(&mounts)?;
        until("all is handed over", || Ok(self.number("/destinations/0/depth")? == 0))?;
        outside.is_whole()?;
        println!("killed with a backlog waiting; another container took the volume over: nothing lost");

        self.engine.podman(&["stop", "--time=25", NAME])?;
        let code = self.engine.podman(&["inspect", "--format", "{{.State.ExitCode}}", NAME])?;
        ensure!(code == "0", "asked to stop, it ended with {code}");
        println!("asked to stop, it stops in order");
        Ok(())
    }

    /// Settings, a secret and the volume, as they are mounted.
    fn folders(&self, outside: &Outside) -> Result<Vec<String>> {
        let folder = |name: &str| self.work.join(name);
        let (settings, secrets, state) = (folder("settings"), folder("secrets"), folder("state"));
        for made in [&settings, &secrets, &state] {
            fs::create_dir_all(made)?;
        }
        fs::copy(self.work.join("certs/ca.pem"), settings.join("ca.pem"))?;
        fs::set_permissions(settings.join("ca.pem"), fs::Permissions::from_mode(0o644))?;
        let text = outside.settings("/etc/conductor/ca.pem");
        fs::write(settings.join("conductor.toml"), text)?;
        // The second seals what the agent itself keeps secret.
        for (name, value) in [("acme", TOKEN), ("conductor-key", "0123456789abcdef0123456789abcdef")] {
            let secret = secrets.join(name);
            fs::write(&secret, value)?;
            fs::set_permissions(&secret, fs::Permissions::from_mode(0o400))?;
            chown(&secret, Some(USER), Some(USER))?;
        }
        chown(&state, Some(USER), Some(USER))?;
        let mount = |from: PathBuf, to: &str| format!("--volume={}:{to}", from.display());
        Ok(vec![
            mount(settings, "/etc/conductor:ro"),
            mount(secrets, "/run/secrets:ro"),
            mount(state, "/var/lib/conductor"),
        ])
    }

    fn start(&self, mounts: &[String]) -> Result<()> {
        let name = format!("--name={NAME}");
        let mut words = [&["run", "--detach", &name][..], &HERE, &CONFINED].concat();
        words.extend(mounts.iter().map(String::as_str));
        words.push(self.image);
        self.engine.podman(&words)?;
        // By the image's own health check, which podman does not read from an OCI image.
        until("it is ready", || {
            Ok(self.engine.podman(&["exec", NAME, "/usr/bin/conductor", "status", "--ready"]).is_ok())
        })
        .map_err(|error| error.context(self.engine.podman(&["logs", NAME]).unwrap_or_default()))
    }

    /// As the kernel sees it.
    fn is_confined(&self) -> Result<()> {
        let pid = self.engine.podman(&["inspect", "--format", "{{.State.Pid}}", NAME])?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let users = format!("{USER}\t{USER}\t{USER}\t{USER}");
        ensure!(field("Uid:") == users && field("Gid:") == users, "it runs as {}, {}", field("Uid:"), field("Gid:"));
        ensure!(field("CapEff:") == "0000000000000000", "it has capabilities: {}", field("CapEff:"));
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap_or_default();
        let options = root.split(' ').nth(5).unwrap_or_default();
        ensure!(options.split(',').any(|option| option == "ro"), "its root can be written: {root}");
        Ok(())
    }

    /// Of `/status`, which this machine can ask: the network is its own.
    fn number(&self, place: &str) -> Result<u64> {
        let address = fs::read_to_string(self.work.join("state/local-address"))?;
        let url = format!("http://{}/status", address.trim());
        read(&commands::output(Command::new("curl").args(["--silent", "--max-time", "10", &url]))?, place)
    }
}

fn read(told: &str, place: &str) -> Result<u64> {
    let status: serde_json::Value = serde_json::from_str(told)?;
    match status.pointer(place).and_then(serde_json::Value::as_u64) {
        Some(number) => Ok(number),
        None => bail!("/status has no number at {place}"),
    }
}

/// Asks again and again; what it can't tell yet is not so yet.
fn until(what: &str, so: impl Fn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let seen = so();
        if matches!(seen, Ok(true)) {
            return Ok(());
        }
        if begun.elapsed() > LIMIT {
            bail!(
                "waiting until {what}: {}",
                seen.map_or_else(|error| format!("{error:#}"), |_| "it is not so".to_owned())
            );
        }
        // Not a synchronisation: only how often the question is asked.
        sleep(Duration::from_millis(200));
    }
}
