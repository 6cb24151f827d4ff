//! The file that an export goes into.
//!
//! Promise: a file of that name is replaced by a whole export on disk, or stays as it is; only its owner can read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::Failure;

/// Lets `fill` write into a file beside `path`, which then takes its place.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>) -> Result<u8, Failure> {
    let told = |e: io::Error| Failure { text: format!("{} can't be written: {e}", path.display()), ..Failure::from(e) };
    // Through a link to what it names. A pipe, a device or a terminal has no place to take, and `/dev/stdout` is one.
    let (place, replaced) = match fs::metadata(path) {
        Ok(there) if there.is_file() => (path.canonicalize().map_err(told)?, true),
        Ok(_) => (path.to_owned(), false),
        Err(e) if e.kind() == io::ErrorKind::NotFound => (path.to_owned(), true),
        Err(e) => return Err(told(e)),
    };
    let target = if replaced { part_of(&place) } else { place.clone() };
    if replaced {
        // What a killed export left behind, perhaps with another mode.
        let _ = fs::remove_file(&target);
    }
    let opened = OpenOptions::new().write(true).create_new(replaced).mode(0o600).open(&target).map_err(told)?;
    let written = fill_and_flush(opened, fill, told, replaced);
    match written {
        Ok(()) if replaced => fs::rename(&target, &place).map(|()| 0).map_err(told),
        Ok(()) => Ok(0),
        Err(failure) => {
            if replaced {
                let _ = fs::remove_file(&target);
            }
            Err(failure)
        }
    }
}

fn fill_and_flush(
    opened: File,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>,
    told: impl Fn(io::Error) -> Failure,
    synced: bool,
) -> Result<(), Failure> {
    let mut file = BufWriter::new(opened);
    fill(&mut file)?;
    file.flush().map_err(&told)?;
    if synced { file.get_ref().sync_all().map_err(told) } else { Ok(()) }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}
