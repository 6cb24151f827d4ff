//! Reads what the appliance's system has written about its disk, before the agent started.
//!
//! Promise: a machine that is no appliance has no such file, and that is nothing to talk about; one that can't be read is
//! told in the log and stops nothing.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::status::{Appliance, Storage};

/// Below the state folder; the unit copies it there before each start.
const FILE: &str = "storage.json";
/// More than the system ever writes, in bytes.
const MOST: u64 = 16 << 10;

/// What the system says; `None`: this is no appliance, or it can't be read.
pub fn told(state_dir: &Path) -> Option<Appliance> {
    let path = state_dir.join(FILE);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(MOST).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!("how the appliance's disk is kept can't be told: {}: {error}", path.display());
            return None;
        }
    }
    match serde_json::from_str::<Storage>(&text) {
        Ok(storage) => Some(Appliance { storage: Some(storage) }),
        Err(error) => {
            tracing::warn!("how the appliance's disk is kept can't be told: {}: {error}", path.display());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_read_and_spoilt_ones_stop_nothing() {
        let room = tempfile::tempdir().expect("a folder");
        assert_eq!(told(room.path()), None);
        let file = room.path().join(FILE);
        std::fs::write(&file, r#"{"encrypted":false,"opened-by":"none","root-verified":true,"why":"no TPM2"}"#)
            .expect("written");
        let storage = told(room.path()).and_then(|appliance| appliance.storage).expect("it is told");
        assert!(!storage.encrypted && storage.root_verified && storage.text == "no TPM2");
        std::fs::write(&file, r#"{"encrypted": "#).expect("written");
        assert_eq!(told(room.path()), None);
    }
}
