//! The folder that sled keeps the book in: what must go before it opens, and what is done with one that can't.
//!
//! Promise: a book is set aside only where the disk has room for another; nothing of it is deleted but sled's caches.

use std::fs;
use std::io;
use std::path::Path;

use crate::queue::disk::Disk;

/// A file of this name: an fsync of the log has failed.
pub const DOUBTFUL: &str = "doubtful";

/// A half-written snapshot makes sled report corruption (spacejam/sled#1533).
pub fn remove_generating(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    remove_where(disk, dir, |name| name.starts_with("snap.") && name.ends_with(".generating"))
}

pub fn remove_where(disk: &dyn Disk, dir: &Path, goes: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(&goes) {
            disk.remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Writes sled's log anew, durably. After an fsync that failed, the kernel takes the pages for written that are not, and
/// a later fsync covers them no more; what is read of them is still right.
pub fn rewrite(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    const CHUNK: u64 = 1 << 20;
    let (db, part) = (dir.join("db"), dir.join("db.part"));
    wait_until_free(&db)?;
    let (from, to) = (disk.open(&db, false)?, disk.open(&part, true)?);
    to.truncate(0)?;
    let (len, mut at) = (from.size()?, 0);
    while at < len {
        let mut bytes = vec![0; CHUNK.min(len - at) as usize];
        from.read_exact_at(&mut bytes, at)?;
        to.write_all_at(&bytes, at)?;
        at += bytes.len() as u64;
    }
    to.sync()?;
    disk.rename(&part, &db)?;
    disk.sync_dir(dir)?;
    disk.remove(&dir.join(DOUBTFUL))
}

/// What sled needs to open: a few blocks. Fails as writing fails here.
pub fn has_space(dir: &Path) -> io::Result<()> {
    let probe = dir.with_extension("probe");
    let written = fs::write(&probe, vec![1; 1 << 20]);
    let removed = fs::remove_file(&probe);
    written.and(removed)
}

/// Waits for sled's own lock on its file.
pub fn wait_until_free(db: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(db)?;
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).map(drop).map_err(|(_, e)| e.into())
}

/// Moves a folder that can't be opened out of the way; only the newest one is kept.
pub fn set_aside(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let aside = dir.with_extension("damaged");
    if aside.is_dir() {
        fs::remove_dir_all(&aside)?;
    } else if aside.exists() {
        fs::remove_file(&aside)?;
    }
    disk.rename(dir, &aside)
}
