//! What the bundle tells of the machine: versions, disk, journal.
//!
//! Promise: names and sizes, never a file's content, but for the log of our own unit.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::statvfs::statvfs;
use nix::sys::utsname::uname;

use crate::values::ByteSize;

/// Bytes of the journal that are taken, from its end.
const MOST_JOURNAL: usize = 8 << 20;
/// Files that are listed.
const MOST_FILES: usize = 2_000;

pub fn versions() -> String {
    let mut text = format!("conductor {} ({})\n", crate::VERSION, std::env::consts::ARCH);
    if let Ok(kernel) = uname() {
        let word = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
        text += &format!("{} {} {}\n", word(kernel.sysname()), word(kernel.release()), word(kernel.machine()));
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.extend(release.lines().filter(|line| line.starts_with("PRETTY_NAME=")).map(|line| format!("{line}\n")));
    text += &format!("processors: {}\n", std::thread::available_parallelism().map_or(0, usize::from));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    text.extend(memory.lines().filter(|line| line.starts_with("Mem")).map(|line| format!("{line}\n")));
    text
}

pub fn disk(state_dir: &Path) -> Vec<u8> {
    let mut text = format!("state folder: {}\n", state_dir.display());
    match statvfs(state_dir) {
        Ok(found) => {
            let size = |blocks: u64| ByteSize(blocks.saturating_mul(found.fragment_size()));
            text += &format!(
                "of its disk: {} in all, {} free for us\n",
                size(found.blocks()),
                size(found.blocks_available())
            );
        }
        Err(error) => text += &format!("its disk can't be asked: {error}\n"),
    }
    let mut files = Vec::new();
    list(state_dir, state_dir, 0, &mut files);
    files.sort();
    for line in files {
        text += &line;
    }
    text.into_bytes()
}

fn list(root: &Path, folder: &Path, depth: usize, files: &mut Vec<String>) {
    let Ok(found) = fs::read_dir(folder) else { return };
    for entry in found.flatten() {
        if files.len() >= MOST_FILES {
            return;
        }
        let Ok(about) = entry.metadata() else { continue };
        let path = entry.path();
        if about.is_dir() && depth < 4 {
            list(root, &path, depth + 1, files);
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path);
            files.push(format!("{:>12} {}\n", about.len(), name.display().to_string().escape_debug()));
        }
    }
}

/// The journal of our unit, where this user may read it.
pub fn journal() -> Result<Vec<u8>, String> {
    let mut command = Command::new("journalctl");
    command.args([
        "--unit=conductor.service",
        "--since=-24h",
        "--no-pager",
        "--quiet",
        "--output=short-iso",
        "--lines=50000",
    ]);
    let out = command.stdin(Stdio::null()).output().map_err(|error| format!("journalctl can't be run: {error}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(format!("journalctl failed: {}", said.trim().escape_debug()));
    }
    if out.stdout.is_empty() {
        return Err("the journal holds nothing of the last day, or this user may not read it".into());
    }
    let from = out.stdout.len().saturating_sub(MOST_JOURNAL);
    Ok(out.stdout.get(from..).unwrap_or_default().to_vec())
}
