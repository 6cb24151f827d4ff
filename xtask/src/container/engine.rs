//! podman, with all that it keeps in a folder of ours.
//!
//! Promise: images and containers of this machine are neither seen nor touched, and none of ours is left when this is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

use crate::commands::on_path;
use crate::setup;

const PACKAGES: [(&str, &str); 2] = [("podman", "podman"), ("crun", "crun")];

/// There where cgroups are of version 2 alone. crun knows no mixture; it is shown the second, in a mount namespace.
const UNIFIED: &str = "/sys/fs/cgroup/cgroup.controllers";

pub struct Engine {
    home: PathBuf,
    /// podman takes no long name for it.
    run: PathBuf,
}

impl Engine {
    /// In this folder. The error is why there is none here.
    pub fn start(home: PathBuf) -> Result<Engine> {
        if !nix::unistd::geteuid().is_root() {
            bail!("podman is tried as root here");
        }
        let missing = PACKAGES.iter().filter(|(program, _)| !on_path(program));
        let missing: Vec<String> = missing.map(|(_, package)| (*package).to_owned()).collect();
        if !missing.is_empty() {
            if !on_path("apt-get") {
                bail!("there is no {}", missing.join(" and no "));
            }
            setup::update_lists();
            setup::install(&missing)?;
        }
        fs::create_dir_all(&home).with_context(|| format!("can't make {}", home.display()))?;
        // The image is public: its signature is another matter.
        fs::write(home.join("policy.json"), "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}")?;
        let run = std::env::temp_dir().join(format!("conductor-podman-{}", std::process::id()));
        Ok(Engine { home, run })
    }

    fn command(&self) -> Command {
        let mut podman = Command::new("timeout");
        podman.args(["--kill-after=10", "300"]);
        if !Path::new(UNIFIED).exists() {
            podman.args(["unshare", "-m", "sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"", "sh"]);
        }
        podman.arg("podman");
        podman.arg("--root").arg(self.home.join("images")).arg("--runroot").arg(&self.run);
        podman.arg("--tmpdir").arg(self.home.join("tmp"));
        // Copies instead of mounts: works on every file system.
        podman.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime=crun"]);
        podman.current_dir("/");
        podman
    }

    /// Loads an archive.
    pub fn load(&self, archive: &Path) -> Result<()> {
        let mut load = self.command();
        load.arg("load").arg("--quiet").arg("--signature-policy").arg(self.home.join("policy.json"));
        said(load.arg("--input").arg(archive).output().context("podman can't be started")?).map(|_| ())
    }

    /// What it says; the error is what it complained of.
    pub fn podman(&self, words: &[&str]) -> Result<String> {
        said(self.command().args(words).output().context("podman can't be started")?)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let removed = self.podman(&["rm", "--all", "--force", "--time", "0"]);
        let removed = removed.and_then(|_| self.podman(&["rmi", "--all", "--force"]));
        let removed = removed.and_then(|_| Ok(fs::remove_dir_all(&self.home)?));
        // It is there only if something ran.
        let _ = fs::remove_dir_all(&self.run);
        if let Err(error) = removed {
            eprintln!("container: {} is left behind: {error:#}", self.home.display());
        }
    }
}

fn said(output: Output) -> Result<String> {
    let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{} ({})", complaint.trim(), output.status);
    }
    Ok(told.trim().to_owned())
}
