//! What is installed where: one tree, of which both kinds of package are made.
//!
//! Promise: every file has a mode and a time of its own choosing, none of this machine's.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::commands::{self, cargo, root, target};
use crate::cross::{self, Target};

/// What the packages of one run have in common: which version, which moment they bear, the manual.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub version: String,
    /// Seconds since 1970.
    pub epoch: String,
    /// The folder of manual pages and completions.
    pub manual: PathBuf,
}

impl Stamp {
    /// The workspace's version, or another in its place; the moment of `SOURCE_DATE_EPOCH`, or of the newest commit.
    pub fn now(version: Option<&str>) -> Result<Stamp> {
        let version = version.unwrap_or(env!("CARGO_PKG_VERSION")).to_owned();
        Ok(Stamp { version, epoch: cross::epoch()?, manual: manual()? })
    }

    /// The same moment under another version.
    pub fn called(&self, version: &str) -> Stamp {
        Stamp { version: version.to_owned(), ..self.clone() }
    }

    /// As changelogs write it.
    pub fn date(&self) -> Result<String> {
        let told = commands::output(Command::new("date").args(["--utc", "-R", "-d"]).arg(format!("@{}", self.epoch)))?;
        Ok(told.trim().to_owned())
    }
}

/// Where the two kinds differ.
pub struct Places {
    pub units: &'static str,
    pub zsh: &'static str,
    pub presets: bool,
}

/// Everything but the documents, below `tree`.
pub fn lay(tree: &Path, to: &Target, program: &Path, places: &Places, stamp: &Stamp) -> Result<()> {
    if tree.exists() {
        fs::remove_dir_all(tree).with_context(|| format!("can't clear {}", tree.display()))?;
    }
    copy(program, tree, "usr/bin/conductor", 0o755)?;
    let ours = root().join("systemd");
    for unit in ["conductor.service", "conductor.socket"] {
        copy(&ours.join(unit), tree, &format!("{}/{unit}", places.units), 0o644)?;
    }
    if places.presets {
        copy(&ours.join("conductor.preset"), tree, "usr/lib/systemd/system-preset/90-conductor.preset", 0o644)?;
    }
    copy(&ours.join("conductor.tmpfiles"), tree, "usr/lib/tmpfiles.d/conductor.conf", 0o644)?;
    copy(&ours.join("conductor.toml"), tree, "etc/conductor/conductor.toml", 0o644)?;
    make(&tree.join("etc/conductor/conductor.d"))?;
    for entry in fs::read_dir(stamp.manual.join("man"))? {
        let page = entry?;
        let name = page.file_name().to_string_lossy().into_owned();
        zipped(&fs::read(page.path())?, tree, &format!("usr/share/man/man1/{name}.gz"))?;
    }
    let completions = stamp.manual.join("completions");
    copy(&completions.join("conductor"), tree, "usr/share/bash-completion/completions/conductor", 0o644)?;
    copy(&completions.join("_conductor"), tree, &format!("{}/_conductor", places.zsh), 0o644)?;
    copy(&completions.join("conductor.fish"), tree, "usr/share/fish/vendor_completions.d/conductor.fish", 0o644)?;
    for document in [
        "operators-guide.md",
        "troubleshooting.md",
        "queue.md",
        "monitoring.md",
        "receivers.md",
        "settings.md",
        "formats.md",
        "evidence.schema.json",
    ] {
        zipped(
            &fs::read(root().join("docs").join(document))?,
            tree,
            &format!("usr/share/doc/conductor/{document}.gz"),
        )?;
    }
    // The list of what the program is made of. Tests, which pack another program, have none.
    let materials = target().join(format!("sbom/conductor-{}.cdx.json", to.triple));
    if materials.is_file() {
        zipped(&fs::read(&materials)?, tree, "usr/share/doc/conductor/conductor.cdx.json.gz")?;
    } else {
        eprintln!("package: no list of materials (SBOM) at {}", materials.display());
    }
    Ok(())
}

/// Sets every time below `tree` to the stamp's.
pub fn date(tree: &Path, stamp: &Stamp) -> Result<()> {
    let mut find = Command::new("find");
    find.arg(tree).args(["-exec", "touch", "-h", "-d", &format!("@{}", stamp.epoch), "{}", "+"]);
    commands::output(&mut find).map(|_| ())
}

/// Manual pages and completions, as the grammar of the command line stands now.
fn manual() -> Result<PathBuf> {
    let into = target().join("manual");
    if into.exists() {
        fs::remove_dir_all(&into).context("can't clear the folder of manual pages")?;
    }
    commands::run(cargo(&["run", "--quiet", "--package", "conductor", "--example", "manual", "--"]).arg(&into))?;
    Ok(into)
}

/// A file with this mode, and its folders.
pub fn copy(from: &Path, tree: &Path, to: &str, mode: u32) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("can't read {}", from.display()))?;
    write(&bytes, tree, to, mode)
}

/// The same of bytes.
pub fn write(bytes: &[u8], tree: &Path, to: &str, mode: u32) -> Result<()> {
    let path = tree.join(to);
    make(path.parent().context("a place in the tree")?)?;
    fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
}

/// A file that is compressed.
pub fn zipped(bytes: &[u8], tree: &Path, to: &str) -> Result<()> {
    write(&gzip(bytes)?, tree, to, 0o644)
}

/// Without a name and a time.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = Command::new("gzip");
    let pipes = gzip.arg("-9n").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = pipes.spawn().context("can't start gzip")?;
    let mut stdin = child.stdin.take().context("gzip takes no input")?;
    let bytes = bytes.to_owned();
    let feeding = std::thread::spawn(move || stdin.write_all(&bytes));
    let done = child.wait_with_output()?;
    feeding.join().map_err(|_| anyhow::anyhow!("gzip was not fed"))??;
    anyhow::ensure!(done.status.success(), "gzip failed ({})", done.status);
    Ok(done.stdout)
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))
}
