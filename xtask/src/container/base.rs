//! The lower layer: of a Debian only what our program leans on, taken out of Debian's own packages.
//!
//! Promise: no shell, no package manager, no file that is not named here. Which packages its files are of is kept where
//! scanners look for it (`/var/lib/dpkg/status.d`), and so are their licences.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::oci::USER;
use super::tar::{Entry, What};
use crate::commands::target;
use crate::cross::Target;
use crate::cross::unpacked::Unpacked;

/// Of these the files below are taken; of base-files, which system it is.
const PACKAGES: [&str; 4] = ["base-files", "ca-certificates", "libc6", "libgcc-s1"];
/// What our program links to, and what glibc loads to look up a name.
const LIBRARIES: [&str; 10] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];
/// The fields of a package's control file that tell which it is.
const FIELDS: [&str; 5] = ["Package", "Source", "Version", "Architecture", "Maintainer"];

pub struct Base {
    pub entries: Vec<Entry>,
    /// `Debian GNU/Linux 12 (bookworm)`
    pub name: String,
}

/// The files of the system for this target, downloaded once: delete `target/container` to have newer ones.
pub fn provide(to: &Target) -> Result<Base> {
    let home = target().join("container").join(format!("base-{}", to.debian()));
    let system = Unpacked::provide(to.debian(), &home, &PACKAGES)?;
    let gcc = gcc(&system, to, &home)?;
    let root = &system.root;
    let release = text(&root.join("usr/lib/os-release")).or_else(|_| text(&root.join("etc/os-release")))?;
    let mut entries = vec![
        Entry::folder("tmp", 0o1777),
        Entry::folder("var/lib/conductor", 0o700).owned_by(USER),
        Entry::file("etc/os-release", 0o644, release.clone()),
        Entry::file("etc/nsswitch.conf", 0o644, *b"passwd: files\ngroup: files\nhosts: files dns\n"),
        Entry::file("etc/passwd", 0o644, format!("root:x:0:0:root:/:\nconductor:x:{USER}:{USER}:conductor:/:\n")),
        Entry::file("etc/group", 0o644, format!("root:x:0:\nconductor:x:{USER}:\n")),
        Entry::file("etc/ssl/certs/ca-certificates.crt", 0o644, authorities(root)?),
    ];
    let libraries = format!("lib/{}-linux-gnu", to.arch());
    for name in LIBRARIES {
        entries.push(Entry::file(&format!("{libraries}/{name}"), 0o644, found(root, &format!("{libraries}/{name}"))?));
    }
    // Where each program asks for it.
    let (linker, at) = match to.debian() {
        "arm64" => ("ld-linux-aarch64.so.1", "lib"),
        _ => ("ld-linux-x86-64.so.2", "lib64"),
    };
    entries.push(Entry::file(&format!("{at}/{linker}"), 0o755, found(root, &format!("{libraries}/{linker}"))?));
    for archive in system.archives.iter().chain(&gcc.archives) {
        entries.push(status(archive)?);
    }
    for (package, of) in [("libc6", &system), ("ca-certificates", &system), ("base-files", &system), ("", &gcc)] {
        let package = if package.is_empty() { gcc_name(&system)? } else { package.to_owned() };
        let path = format!("usr/share/doc/{package}/copyright");
        let licence = fs::read(of.root.join(&path)).with_context(|| format!("{package} holds no copyright file"))?;
        entries.push(Entry::file(&path, 0o644, licence));
    }
    Ok(Base { entries: with_folders(entries), name: pretty_name(&release)? })
}

/// libgcc's licence stands in a package of its own.
fn gcc(system: &Unpacked, to: &Target, home: &Path) -> Result<Unpacked> {
    Unpacked::provide(to.debian(), &home.join("gcc"), &[&gcc_name(system)?])
}

/// `gcc-12-base`
fn gcc_name(system: &Unpacked) -> Result<String> {
    let named = |archive: &&std::path::PathBuf| archive.to_string_lossy().contains("/libgcc-s1_");
    let archive = system.archives.iter().find(named).context("libgcc-s1 was not downloaded")?;
    let needs = Unpacked::field(archive, "Depends")?;
    let first = needs.split([',', ' ']).find(|word| word.starts_with("gcc-")).map(str::to_owned);
    first.with_context(|| format!("libgcc-s1 leans on no gcc-...-base, but on {needs}"))
}

/// All certificates that Debian trusts, in the order of their names.
fn authorities(root: &Path) -> Result<Vec<u8>> {
    let folder = root.join("usr/share/ca-certificates/mozilla");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "crt"));
    paths.sort();
    ensure!(paths.len() > 50, "{} holds {} certificates: that is not all", folder.display(), paths.len());
    let mut all = Vec::new();
    for path in paths {
        all.extend(fs::read(&path)?);
        if all.last() != Some(&b'\n') {
            all.push(b'\n');
        }
    }
    Ok(all)
}

/// A file of a library, wherever a release has put `lib`, and whatever it is a link to.
fn found(root: &Path, path: &str) -> Result<Vec<u8>> {
    for place in [root.join(path), root.join("usr").join(path)] {
        if place.exists() {
            return fs::read(&place).with_context(|| format!("can't read {}", place.display()));
        }
    }
    bail!("the distribution's packages hold no {path}")
}

/// What scanners read.
fn status(archive: &Path) -> Result<Entry> {
    let mut told = String::new();
    for name in FIELDS {
        let value = Unpacked::field(archive, name)?;
        if !value.is_empty() {
            told.push_str(&format!("{name}: {value}\n"));
        }
    }
    let name = Unpacked::field(archive, "Package")?;
    Ok(Entry::file(&format!("var/lib/dpkg/status.d/{name}"), 0o644, format!("{told}Status: install ok installed\n")))
}

fn pretty_name(release: &str) -> Result<String> {
    let line = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Ok(line.context("os-release has no PRETTY_NAME")?.trim_matches('"').to_owned())
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
}

/// With every folder that leads to them, each before what is in it, in the order of their names.
pub fn with_folders(mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut known: BTreeSet<String> =
        entries.iter().filter(|e| matches!(e.what, What::Folder)).map(|e| e.path.clone()).collect();
    let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        for (at, _) in path.match_indices('/') {
            if known.insert(path[..at].to_owned()) {
                entries.push(Entry::folder(&path[..at], 0o755));
            }
        }
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_comes_once_and_before_what_is_in_it_and_keeps_a_mode_that_was_given() {
        let entries = with_folders(vec![
            Entry::file("a/b/c", 0o644, *b""),
            Entry::folder("a/b", 0o700).owned_by(7),
            Entry::file("a/d", 0o644, *b""),
        ]);
        let told: Vec<(&str, u32, u32)> = entries.iter().map(|e| (e.path.as_str(), e.mode, e.owner)).collect();
        assert_eq!(told, [("a", 0o755, 0), ("a/b", 0o700, 7), ("a/b/c", 0o644, 0), ("a/d", 0o644, 0)]);
    }

    #[test]
    fn the_systems_name_is_read() {
        assert_eq!(pretty_name("NAME=x\nPRETTY_NAME=\"Debian 12\"\n").expect("a name"), "Debian 12");
        assert!(pretty_name("NAME=x\n").is_err());
    }
}
