//! An apt repository of the debs: pools, indexes and signed releases, to be put behind any web server as it is.
//!
//! Promise: what apt checks is signed, by the operator's own key or by one made here that is worth nothing and says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::Stamp;
use crate::commands;

const SUITE: &str = "stable";
const KEYRING: &str = "conductor-archive-keyring.asc";

/// Lays the repository out anew in `into`.
pub fn publish(debs: &[PathBuf], into: &Path, sign: Option<&str>, stamp: &Stamp) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("can't clear {}", into.display()))?;
    }
    let pool = into.join("pool/main/c/conductor");
    fs::create_dir_all(&pool)?;
    let mut archs = Vec::new();
    for deb in debs {
        let name = deb.file_name().context("a deb has a name")?;
        fs::copy(deb, pool.join(name)).with_context(|| format!("can't copy {}", deb.display()))?;
        let name = name.to_string_lossy();
        archs.extend(name.trim_end_matches(".deb").rsplit('_').next().map(str::to_owned));
    }
    for arch in &archs {
        let index = format!("dists/{SUITE}/main/binary-{arch}");
        fs::create_dir_all(into.join(&index))?;
        let mut packages = Command::new("apt-ftparchive");
        packages.args(["--arch", arch, "packages", "pool"]).current_dir(into);
        let text = commands::output(&mut packages)?;
        fs::write(into.join(&index).join("Packages"), &text)?;
        commands::output(Command::new("gzip").args(["-9nk", "Packages"]).current_dir(into.join(&index)))?;
    }
    let release = release(into, &archs, stamp)?;
    let dist = into.join("dists").join(SUITE);
    fs::write(dist.join("Release"), release)?;
    let keys = Keys::of(sign, into)?;
    keys.gpg(&["--clearsign", "--output", "InRelease", "Release"], &dist)?;
    keys.gpg(&["--detach-sign", "--armor", "--output", "Release.gpg", "Release"], &dist)?;
    let key = keys.gpg(&["--armor", "--export"], &dist)?;
    fs::write(into.join(KEYRING), key)?;
    println!("{} (deb [signed-by=/etc/apt/keyrings/{KEYRING}] URL {SUITE} main)", into.display());
    Ok(())
}

fn release(into: &Path, archs: &[String], stamp: &Stamp) -> Result<String> {
    let mut command = Command::new("apt-ftparchive");
    for (name, value) in [
        ("Origin", "Conductor".to_owned()),
        ("Label", "Conductor".to_owned()),
        ("Suite", SUITE.to_owned()),
        ("Codename", SUITE.to_owned()),
        ("Architectures", archs.join(" ")),
        ("Components", "main".to_owned()),
    ] {
        command.arg("-o").arg(format!("APT::FTPArchive::Release::{name}={value}"));
    }
    let text = commands::output(command.args(["release", &format!("dists/{SUITE}")]).current_dir(into))?;
    let date = stamp.date()?.replace("+0000", "UTC");
    Ok(text
        .lines()
        .map(|line| if line.starts_with("Date: ") { format!("Date: {date}\n") } else { format!("{line}\n") })
        .collect())
}

/// Who signs.
struct Keys {
    /// gpg's own folder of a throw-away key, beside the repository.
    home: Option<PathBuf>,
    name: String,
}

impl Keys {
    fn of(sign: Option<&str>, into: &Path) -> Result<Keys> {
        if let Some(name) = sign {
            return Ok(Keys { home: None, name: name.to_owned() });
        }
        let home = into.with_file_name("throw-away-key");
        let name = "Conductor test repository, not to be trusted".to_owned();
        let made = home.is_dir();
        fs::create_dir_all(&home)?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
        let keys = Keys { home: Some(home), name };
        if !made {
            keys.gpg(&["--passphrase", "", "--quick-generate-key", &keys.name, "ed25519", "sign", "1y"], into)?;
        }
        eprintln!("package: the repository is signed by a throw-away key; name yours by --sign");
        Ok(keys)
    }

    fn gpg(&self, words: &[&str], folder: &Path) -> Result<String> {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]);
        if let Some(home) = &self.home {
            gpg.arg("--homedir").arg(home);
        }
        gpg.args(["--local-user", &self.name]).args(words);
        if words.contains(&"--export") {
            gpg.arg(&self.name);
        }
        commands::output(gpg.current_dir(folder))
    }
}

impl Drop for Keys {
    /// gpg leaves an agent behind for each of its folders.
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            let _ = Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "gpg-agent"]).status();
        }
    }
}
