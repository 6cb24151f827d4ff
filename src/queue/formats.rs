//! Which format frames are written in, so that the version before this one can still take the queue back.
//!
//! ```text
//! STATE/queue/format     the newest format that may stand in this queue, once it is not the first:
//!                        "2 1ad5be0d", the number and the CRC-32 of its digits
//! ```
//!
//! A version **on trial** (the appliance's health gate has not judged it yet) writes what the version before it reads. One that
//! is not raises the format when it opens the queue: first the file, durably, then a segment of its own.
//!
//! Promise: no frame of a format stands in a queue before the file says so, and a segment holds frames of one format; whoever
//! finds a later one than it reads changes nothing.

use std::io;
use std::path::{Path, PathBuf};

use super::QueueError;
use super::disk::Disk;

/// The first format there was: what a queue without the file holds.
pub const FIRST: u8 = 1;
/// The newest that this build reads, and all older ones; it writes each of them.
const NEWEST: u8 = 1;

/// The newest format of this build. Debug builds play a later one where `$CONDUCTOR_FAULT_FORMAT` holds its number, for the
/// test that goes there and back.
pub fn newest() -> u8 {
    #[cfg(debug_assertions)]
    {
        static PLAYED: std::sync::OnceLock<u8> = std::sync::OnceLock::new();
        *PLAYED.get_or_init(|| {
            let asked = std::env::var("CONDUCTOR_FAULT_FORMAT").ok();
            asked.and_then(|number| number.parse().ok()).unwrap_or(NEWEST)
        })
    }
    #[cfg(not(debug_assertions))]
    NEWEST
}

/// May the version before this one still have to read what is written now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may: the gate has not judged.
    OnTrial,
    Settled,
}

/// The format to write in, decided and, where it is raised, kept.
///
/// # Errors
/// A later format than this build reads.
pub fn settle(disk: &dyn Disk, dir: &Path, standing: Standing) -> Result<u8, QueueError> {
    let path = dir.join("format");
    let held = held(disk, &path).unwrap_or(FIRST);
    if held > newest() {
        return Err(QueueError::LaterFormat { path: dir.to_owned() });
    }
    match standing {
        Standing::OnTrial => Ok(held),
        Standing::Settled if held == newest() => Ok(held),
        // Where it can't be kept (a full disk), the old one goes on: everybody reads it.
        Standing::Settled => Ok(keep(disk, dir, &path, newest()).map_or(held, |()| newest())),
    }
}

/// What the file says; `None` where there is none, and where it is damaged: a segment's own first frame tells too.
fn held(disk: &dyn Disk, path: &Path) -> Option<u8> {
    let file = disk.open(path, false).ok()?;
    // The number and its checksum are not longer.
    let mut bytes = vec![0; usize::try_from(file.size().ok()?.min(16)).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    parse(std::str::from_utf8(&bytes).ok()?)
}

fn parse(text: &str) -> Option<u8> {
    let number = text.split(' ').next()?.parse().ok()?;
    (text == line(number)).then_some(number)
}

fn line(number: u8) -> String {
    format!("{number} {:08x}\n", crc32fast::hash(number.to_string().as_bytes()))
}

fn keep(disk: &dyn Disk, dir: &Path, path: &Path, number: u8) -> io::Result<()> {
    let beside: PathBuf = dir.join("format.new");
    let file = disk.open(&beside, true)?;
    file.truncate(0)?;
    file.write_all_at(line(number).as_bytes(), 0)?;
    file.sync()?;
    disk.rename(&beside, path)?;
    disk.sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::disk::RealDisk;

    #[test]
    fn a_number_without_its_checksum_is_no_word() {
        assert_eq!(parse(&line(7)), Some(7));
        for damaged in ["", "7", "7 00000000\n", &line(7).replace('7', "9"), &(line(7) + "x")] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_later_format_is_refused_and_a_damaged_file_is_the_first() {
        let dir = tempfile::tempdir().expect("a folder");
        let settle = |standing| settle(&RealDisk, dir.path(), standing);
        assert_eq!(settle(Standing::Settled).expect("empty"), newest());
        std::fs::write(dir.path().join("format"), line(newest() + 1)).expect("written");
        for standing in [Standing::OnTrial, Standing::Settled] {
            assert!(matches!(settle(standing), Err(QueueError::LaterFormat { .. })), "{standing:?}");
        }
        std::fs::write(dir.path().join("format"), "torn").expect("written");
        assert_eq!(settle(Standing::OnTrial).expect("damaged"), FIRST);
    }
}
