//! A file written whole, by its path.
//!
//! What [`Folder`](super::Folder) does in folders that two users write, for all other places. Promise: a file that is replaced
//! is the old one or the new one, after a power cut too unless its caller has waived that ([`Lasting::Unsynced`]), and no link
//! in the way is followed: one in the file's place is replaced, one that waits beside it removed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Of a file as it is made, before a byte is in it.
const OWNER_ALONE: u32 = 0o600;

/// Who may write the same file at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// One, alone or under a lock: what a killed one left beside the file goes with the next.
    One,
    /// Several processes that know nothing of each other: each has a name of its own beside the file.
    Several,
}

/// What is there after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The new file, once this has returned.
    Synced,
    /// Anything: what it holds can be made anew, and nothing waits for the disk.
    Unsynced,
}

/// Puts these bytes in the place of the old file, if there was one, and gives it this mode, whatever the process's mask is.
///
/// # Errors
/// Of the file system; the old file is then as it was.
pub fn replace(path: &Path, bytes: &[u8], mode: u32, lasting: Lasting) -> io::Result<()> {
    replace_by(path, Writers::One, lasting, |file| {
        if mode != OWNER_ALONE {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.write_all(bytes)
    })
}

/// The same with what `fill` makes of a new file, which is its owner's alone and empty.
///
/// # Errors
/// Of the file system, or of `fill`; the old file is then as it was. Only where the folder itself can't be made durable, the
/// last step, the new file is there, and a power cut may bring the old one back.
pub fn replace_by(
    path: &Path,
    writers: Writers,
    lasting: Lasting,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path, writers);
    // Opened while nothing is changed yet.
    let folder = File::open(folder_of(path))?;
    // Left behind by one that was killed: never followed, never shared.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let placed = open_new(&beside)
        .and_then(|mut file| {
            fill(&mut file)?;
            match lasting {
                Lasting::Synced => file.sync_all(),
                Lasting::Unsynced => Ok(()),
            }
        })
        .and_then(|()| fs::rename(&beside, path));
    if placed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    placed?;
    match lasting {
        // The rename reaches the disk with its folder.
        Lasting::Synced => folder.sync_all(),
        Lasting::Unsynced => Ok(()),
    }
}

/// A new file, for its owner alone: it takes the place of none. Once this has returned it is there for good; a kill or a power
/// cut meanwhile may leave a part of it.
///
/// # Errors
/// Of the file system, and nothing is left then; that there is one already is one.
pub fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = open_new(path)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| File::open(folder_of(path))?.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(OWNER_ALONE).open(path)
}

/// What the file is called until it is whole. Hidden where the next writer takes away what a killed one left; else a person
/// must see it, for it may hold a secret.
fn beside(path: &Path, writers: Writers) -> PathBuf {
    let mut name = OsString::from(if writers == Writers::One { "." } else { "" });
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    if writers == Writers::Several {
        name.push(format!("-{}", std::process::id()));
    }
    path.with_file_name(name)
}

/// A bare name lies in the process's own folder.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn links_in_the_files_place_and_beside_it_are_replaced_and_never_followed() {
        let room = tempfile::tempdir().expect("a folder");
        let (file, victim) = (room.path().join("file"), room.path().join("victim"));
        fs::write(&victim, "whole").expect("written");
        symlink(&victim, &file).expect("a link");
        symlink(&victim, room.path().join(".file.new")).expect("a link");
        replace(&file, b"new", 0o644, Lasting::Synced).expect("replaced");
        assert_eq!(fs::read_to_string(&victim).expect("there"), "whole");
        assert_eq!(fs::read_to_string(&file).expect("there"), "new");
        assert_eq!(fs::symlink_metadata(&file).expect("there").mode() & 0o7777, 0o644);
        replace(&file, b"newer", 0o600, Lasting::Unsynced).expect("replaced");
        assert_eq!(fs::metadata(&file).expect("there").mode() & 0o7777, 0o600);
        assert_eq!(names(room.path()), ["file", "victim"]);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_beside_it() {
        let room = tempfile::tempdir().expect("a folder");
        let file = room.path().join("file");
        fs::write(&file, "old").expect("written");
        for writers in [Writers::One, Writers::Several] {
            let failed = replace_by(&file, writers, Lasting::Synced, |file| {
                file.write_all(b"ne")?;
                Err(io::Error::from(io::ErrorKind::StorageFull))
            });
            assert_eq!(failed.expect_err("the disk is full").kind(), io::ErrorKind::StorageFull);
        }
        replace(&room.path().join("folder/file"), b"new", 0o600, Lasting::Synced).expect_err("no such folder");
        fs::create_dir(room.path().join("taken")).expect("made");
        replace(&room.path().join("taken"), b"new", 0o600, Lasting::Synced).expect_err("a folder is there");
        assert_eq!(fs::read_to_string(&file).expect("there"), "old");
        assert_eq!(names(room.path()), ["file", "taken"]);
    }

    #[test]
    fn what_is_made_takes_the_place_of_nothing_and_is_its_owners_alone() {
        let room = tempfile::tempdir().expect("a folder");
        let file = room.path().join("file");
        make(&file, b"first").expect("made");
        assert_eq!(make(&file, b"second").expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).expect("there"), "first");
        assert_eq!(fs::metadata(&file).expect("there").mode() & 0o777, 0o600);
    }

    #[test]
    fn several_writers_have_a_name_each_and_a_bare_name_lies_here() {
        let hidden = beside(Path::new("folder/file.toml"), Writers::One);
        assert_eq!(hidden, Path::new("folder/.file.toml.new"));
        let seen = beside(Path::new("folder/file.toml"), Writers::Several);
        assert_eq!(seen, PathBuf::from(format!("folder/file.toml.new-{}", std::process::id())));
        assert_eq!((folder_of(Path::new("file")), folder_of(Path::new("a/file"))), (Path::new("."), Path::new("a")));
    }
}
