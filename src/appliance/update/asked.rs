//! The other thing that the agent asks the appliance's system for: a factory reset.
//!
//! Promise: it only asks: the system does what its console's key R does, and the file is on the disk before this returns.

use std::io;
use std::path::Path;

use crate::files::Folder;

/// Below the state folder; the system looks there.
const FOLDER: &str = "reset";
const ASKED: &str = "asked";

/// Asks for it; `who` does, for the console.
///
/// # Errors
/// Of the file system; nothing is asked then.
pub fn ask_reset(state_dir: &Path, who: &str) -> io::Result<()> {
    let folder = Folder::make(state_dir, FOLDER)?;
    let lock = folder.lock()?;
    let who: String = who.chars().filter(|c| !c.is_control()).take(200).collect();
    folder.write(&lock, ASKED, format!("{who}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_asked_for_by_a_file_that_says_who_asks() {
        let room = tempfile::tempdir().expect("a folder");
        ask_reset(room.path(), "ada\n from 192.0.2.1").expect("asked");
        let asked = std::fs::read_to_string(room.path().join("reset/asked")).expect("read");
        assert_eq!(asked, "ada from 192.0.2.1\n");
    }
}
