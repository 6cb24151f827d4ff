//! A deb, by dpkg-deb.
//!
//! Promise: the settings are a conffile; the same tree and stamp give the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::{self, Places, Stamp};
use crate::commands::{self, root};
use crate::cross::Target;

const PLACES: Places = Places { units: "lib/systemd/system", zsh: "usr/share/zsh/vendor-completions", presets: false };
const CONFFILES: &str = "/etc/conductor/conductor.toml\n";

/// Who answers for the package: `$CONDUCTOR_MAINTAINER`, an address.
fn maintainer() -> String {
    std::env::var("CONDUCTOR_MAINTAINER").unwrap_or_else(|_| "noreply@conductor.example".to_owned())
}

/// Makes it in this folder.
pub fn make(to: &Target, program: &Path, stamp: &Stamp, into: &Path) -> Result<PathBuf> {
    let tree = into.join(format!("tree-deb-{}", to.debian()));
    tree::lay(&tree, to, program, &PLACES, stamp)?;
    let ours = root().join("packaging/deb");
    let read =
        |name: &str| fs::read_to_string(ours.join(name)).with_context(|| format!("can't read packaging/deb/{name}"));
    let documents = "usr/share/doc/conductor";
    let expat = expat(&fs::read_to_string(root().join("LICENSE-MIT")).context("can't read LICENSE-MIT")?);
    let copyright = read("copyright")?.replace("@EXPAT@", &expat);
    tree::write(copyright.as_bytes(), &tree, &format!("{documents}/copyright"), 0o644)?;
    tree::zipped(changelog(stamp)?.as_bytes(), &tree, &format!("{documents}/changelog.gz"))?;

    let size = commands::output(Command::new("du").args(["-sk", "--apparent-size"]).arg(&tree))?;
    let size = size.split_whitespace().next().unwrap_or("0").to_owned();
    let control = read("control")?
        .replace("@VERSION@", &stamp.version)
        .replace("@ARCH@", to.debian())
        .replace("@MAINTAINER@", &maintainer())
        .replace("@SIZE@", &size);
    tree::write(control.as_bytes(), &tree, "DEBIAN/control", 0o644)?;
    tree::write(CONFFILES.as_bytes(), &tree, "DEBIAN/conffiles", 0o644)?;
    for script in ["postinst", "prerm", "postrm"] {
        tree::write(read(script)?.as_bytes(), &tree, &format!("DEBIAN/{script}"), 0o755)?;
    }
    tree::write(sums(&tree)?.as_bytes(), &tree, "DEBIAN/md5sums", 0o644)?;
    tree::date(&tree, stamp)?;
    let deb = into.join(format!("conductor_{}_{}.deb", stamp.version, to.debian()));
    let mut build = Command::new("dpkg-deb");
    // xz: Debian 11 reads no zstd.
    build.args(["--build", "--root-owner-group", "-Zxz"]).arg(&tree).arg(&deb);
    commands::output(build.env("SOURCE_DATE_EPOCH", &stamp.epoch))?;
    fs::remove_dir_all(&tree).context("can't remove the tree")?;
    Ok(deb)
}

/// Of every file but the settings, in the order of their names.
fn sums(tree: &Path) -> Result<String> {
    let script = "find * -type f ! -path 'DEBIAN/*' ! -path 'etc/*' -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
    commands::output(Command::new("sh").args(["-c", script]).current_dir(tree))
}

/// One entry, in Debian's form: what changed stands in the repository's CHANGELOG.md.
fn changelog(stamp: &Stamp) -> Result<String> {
    let (version, date) = (&stamp.version, stamp.date()?);
    Ok(format!(
        "conductor ({version}) stable; urgency=medium\n\n  * Version {version}; the project's CHANGELOG.md says what changed.\n\n -- \
         The Conductor authors <{}>  {date}\n",
        maintainer()
    ))
}

/// The licence in the form of a copyright file: indented, a dot on each empty line.
fn expat(text: &str) -> String {
    let body: Vec<String> =
        text.lines().map(|line| if line.trim().is_empty() { " .".to_owned() } else { format!(" {line}") }).collect();
    format!("License: Expat\n{}", body.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_has_no_empty_line_in_a_copyright_file() {
        assert_eq!(expat("one\n\ntwo\n"), "License: Expat\n one\n .\n two");
    }
}
