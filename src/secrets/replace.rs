//! A new secret in the place of an old one.
//!
//! Promise: whoever reads the file finds the old secret or the new one, whole, under the mode and the owner that the
//! file had; after a crash too.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use crate::values::Secret;

/// Writes the secret, and a line end, beside the file and puts it in its place. A link stays, what it leads to is
/// replaced; root follows none. A file that was not there is for its owner alone.
///
/// # Errors
/// Of the file system; the old file is then as it was.
pub fn replace(path: &Path, secret: &Secret) -> io::Result<()> {
    if nix::unistd::geteuid().is_root() && fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        // Whoever may change the link would choose which file of the system root replaces.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link: name the file itself in the settings"));
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
    let mut beside = path.clone().into_os_string();
    beside.push(OsString::from(format!(".new-{}", std::process::id())));
    let beside = Path::new(&beside);
    let written = write(beside, old.as_ref(), secret).and_then(|()| fs::rename(beside, &path));
    if written.is_err() {
        let _ = fs::remove_file(beside);
    }
    written?;
    // The rename reaches the disk with its folder.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn write(path: &Path, old: Option<&fs::Metadata>, secret: &Secret) -> io::Result<()> {
    // Left behind by a process of this number that was killed: never followed, never shared.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(old) = old {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))?;
    }
    file.write_all(secret.reveal().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

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
