//! The hash tree behind a root (dm-verity): the box reads the root by way of it (image/root/usr/lib/appliance/verify), and a
//! bit that has turned on its disk is no other program.
//!
//! In the slot: squashfs · one block with the hash of the tree · the tree.
//!
//! Promise: the same root gives the same tree. The hash stands beside what it vouches for: this finds a disk that forgets, and
//! not one who writes to it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::commands;

/// Bytes that are hashed and read at once.
const BLOCK: u64 = 4096;
/// Where squashfs tells how many bytes it uses: 8 of them, the least first.
const USED: u64 = 40;

/// Puts the tree behind the squashfs in this file; how large it is now.
pub fn append(root: &Path) -> Result<u64> {
    let blocks = used(root)?.div_ceil(BLOCK);
    if fs::metadata(root)?.len() != blocks * BLOCK {
        bail!("{} does not end with the squashfs in it", root.display());
    }
    let tree = root.with_extension("tree");
    let mut format = Command::new("veritysetup");
    format.args(["format", "--no-superblock", "--hash=sha256", "--salt=-"]).arg(root).arg(&tree);
    let told = commands::output(&mut format)?;
    let hash = root_hash(&told).with_context(|| format!("veritysetup tells no root hash: {told}"))?;
    let mut block = format!("root-hash {hash}\n").into_bytes();
    block.resize(usize::try_from(BLOCK)?, 0);
    let mut file = OpenOptions::new().append(true).open(root)?;
    file.write_all(&block)?;
    std::io::copy(&mut File::open(&tree)?, &mut file).context("can't put the hash tree behind the root")?;
    fs::remove_file(&tree)?;
    Ok(file.metadata()?.len())
}

/// The bytes that a squashfs says it uses.
fn used(squashfs: &Path) -> Result<u64> {
    let mut file = File::open(squashfs).with_context(|| format!("can't read {}", squashfs.display()))?;
    file.seek(SeekFrom::Start(USED))?;
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// What veritysetup tells, read.
fn root_hash(told: &str) -> Option<&str> {
    let hash = told.lines().find_map(|line| line.strip_prefix("Root hash:"))?.trim();
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_hash_is_found_in_what_veritysetup_tells_and_half_a_one_is_not() {
        let hash = "5f".repeat(32);
        assert_eq!(root_hash(&format!("Data blocks:  \t3\nRoot hash:      \t{hash}\n")), Some(hash.as_str()));
        assert_eq!(root_hash("Root hash: 5f5f\n"), None);
        assert_eq!(root_hash("Salt: -\n"), None);
    }
}
