//! A new file in the place of an old one: secrets, and the settings and certificates of the operator's own folder.
//!
//! Promise: whoever reads the file finds the old bytes or the new ones, whole, after a crash too; it has the owner and the
//! mode that it had, and what holds a secret is at no moment for all to read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use crate::files::whole::{self, Lasting, Writers};
use crate::values::Secret;

/// Whose a file is, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

/// Whom a file is for once it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whom the old one was for; a new one is its owner's alone.
    Owner,
    /// Whom the old one was for; a new one is for all.
    All,
    /// It holds a secret: whom the old one was for, unless that was all; then, and where it is new, the group of the
    /// agent's user reads it in their place.
    Agent { gid: u32 },
    /// Whom one was for that stood there before.
    Before(Access),
}

impl Access {
    /// Of the file that this leads to.
    ///
    /// # Errors
    /// Of the file system; what is not there is none.
    pub fn of(path: &Path) -> io::Result<Option<Access>> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(|found| Some(Access::from(&found))),
        }
    }

    pub fn is_for_all(self) -> bool {
        self.mode & 0o007 != 0
    }
}

impl From<&fs::Metadata> for Access {
    fn from(found: &fs::Metadata) -> Access {
        Access { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o777 }
    }
}

impl Readers {
    /// `ours` is that of a file that we have just made, for its owner alone.
    fn access(self, ours: Access, old: Option<Access>) -> Access {
        match (self, old) {
            (Readers::Owner | Readers::All, Some(old)) => old,
            (Readers::Owner, None) => ours,
            (Readers::All, None) => Access { mode: 0o644, ..ours },
            (Readers::Agent { .. }, Some(old)) if !old.is_for_all() => old,
            // No more than reading: the group may be another than it was.
            (Readers::Agent { gid }, Some(old)) => Access { gid, mode: old.mode & 0o700 | 0o040, ..old },
            (Readers::Agent { gid }, None) => Access { gid, mode: 0o640, ..ours },
            (Readers::Before(before), _) => before,
        }
    }
}

/// Puts the secret, and a line end, in the place of the file.
///
/// # Errors
/// As [`put`].
pub fn replace(path: &Path, secret: &Secret) -> io::Result<()> {
    put_all(path, &[secret.reveal().as_bytes(), b"\n"], Readers::Owner)
}

/// Writes the bytes beside the file and puts them in its place. A link stays, what it leads to is replaced; root follows
/// none.
///
/// # Errors
/// Of the file system; the old file is then as it was.
pub fn put(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    put_all(path, &[bytes], readers)
}

fn put_all(path: &Path, pieces: &[&[u8]], readers: Readers) -> io::Result<()> {
    if nix::unistd::geteuid().is_root() && fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        // Whoever may change the link would choose which file of the system root replaces.
        let text = "it is a link, which root does not follow: name the file itself";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let path = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path)?,
        found => found?,
    };
    let old = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found?),
    };
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    // Nothing is locked in the operator's folder.
    whole::replace_by(&path, Writers::Several, Lasting::Synced, |file| {
        give(file, old.as_ref().map(Access::from), readers)?;
        pieces.iter().try_for_each(|piece| file.write_all(piece))
    })
}

/// Before a byte is in it.
fn give(file: &File, old: Option<Access>, readers: Readers) -> io::Result<()> {
    let ours = Access::from(&file.metadata()?);
    let wanted = readers.access(ours, old);
    if (ours.uid, ours.gid) != (wanted.uid, wanted.gid) {
        fchown(file, Some(wanted.uid), Some(wanted.gid))?;
    }
    file.set_permissions(fs::Permissions::from_mode(wanted.mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_secret_is_never_for_all_and_the_agents_user_may_read_it() {
        let at = |uid, gid, mode| Access { uid, gid, mode };
        let (ours, agent) = (at(0, 0, 0o600), Readers::Agent { gid: 61_000 });
        for (readers, old, expected) in [
            (agent, None, at(0, 61_000, 0o640)),
            (agent, Some(at(0, 0, 0o644)), at(0, 61_000, 0o640)),
            (agent, Some(at(1000, 100, 0o666)), at(1000, 61_000, 0o640)),
            (agent, Some(at(61_000, 61_000, 0o600)), at(61_000, 61_000, 0o600)),
            (agent, Some(at(0, 42, 0o640)), at(0, 42, 0o640)),
            (Readers::All, None, at(0, 0, 0o644)),
            (Readers::All, Some(at(61_000, 61_000, 0o600)), at(61_000, 61_000, 0o600)),
            (Readers::Owner, None, ours),
            (Readers::Owner, Some(at(7, 8, 0o440)), at(7, 8, 0o440)),
            (Readers::Before(at(7, 8, 0o644)), Some(ours), at(7, 8, 0o644)),
        ] {
            assert_eq!(readers.access(ours, old), expected, "{readers:?} {old:?}");
        }
    }

    #[test]
    fn a_replaced_secret_keeps_its_mode_and_leaves_nothing_beside_it_and_root_follows_no_link() {
        let room = tempfile::tempdir().expect("a folder");
        let (key, link) = (room.path().join("key"), room.path().join("link"));
        fs::write(&key, "old\n").expect("written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o440)).expect("a mode");
        std::os::unix::fs::symlink(&key, &link).expect("a link");
        let by_link = replace(&link, &Secret::new("by link"));
        assert_eq!(by_link.is_err(), nix::unistd::geteuid().is_root());
        replace(&key, &Secret::new("new")).expect("replaced");
        assert_eq!(fs::read_to_string(&key).expect("read"), "new\n");
        assert_eq!(fs::metadata(&key).expect("there").mode() & 0o777, 0o440);
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_dir(room.path()).expect("a folder").count(), 2);
    }

    #[test]
    fn a_secret_that_was_not_there_is_for_its_owner_alone_and_a_folder_is_refused() {
        let room = tempfile::tempdir().expect("a folder");
        let key = room.path().join("key");
        replace(&key, &Secret::new("new")).expect("written");
        assert_eq!(fs::metadata(&key).expect("there").mode() & 0o777, 0o600);
        replace(room.path(), &Secret::new("new")).expect_err("a folder");
    }
}
