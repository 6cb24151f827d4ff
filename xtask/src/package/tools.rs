//! The programs that make and try packages, from the distribution.
//!
//! Promise: what is there is not fetched again; a machine without apt is told what it lacks.

use anyhow::{Result, bail};

use crate::commands::on_path;
use crate::setup;

const MAKING: [(&str, &str); 4] =
    [("dpkg-deb", "dpkg"), ("rpmbuild", "rpm"), ("apt-ftparchive", "apt-utils"), ("gpg", "gnupg")];
const TRYING: [(&str, &str); 4] =
    [("lintian", "lintian"), ("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux"), ("rpm", "rpm")];

/// Installs what is missing.
pub fn provide(check: bool) -> Result<()> {
    let wanted = MAKING.iter().chain(TRYING.iter().filter(|_| check));
    let missing: Vec<String> =
        wanted.filter(|(program, _)| !on_path(program)).map(|(_, package)| (*package).to_owned()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        bail!("packages are made with {}: install them by this machine's own package manager", missing.join(", "));
    }
    eprintln!("package: getting {} from the distribution", missing.join(", "));
    setup::update_lists();
    setup::install(&missing)
}
