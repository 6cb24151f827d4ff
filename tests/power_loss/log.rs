//! What was done to the files, in order, and what a power cut may make of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::tree::{FileId, Tree};

/// One operation. Paths are relative to the recorded folder.
#[derive(Clone, Debug)]
pub enum Entry {
    MakeDir {
        path: PathBuf,
    },
    Create {
        path: PathBuf,
        file: FileId,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    Write {
        file: FileId,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: FileId,
        len: u64,
    },
    /// An fsync has returned: what was logged before `began` is durable.
    SyncFile {
        file: FileId,
        began: usize,
    },
    /// An fsync has told an error, once. What it should have covered is durable by no later one (the kernel takes those
    /// pages for written).
    SyncFailed {
        file: FileId,
        began: usize,
    },
    SyncDir {
        path: PathBuf,
        began: usize,
    },
}

impl Entry {
    /// The folder whose names it changes.
    fn folder(&self) -> Option<&Path> {
        match self {
            Entry::MakeDir { path } | Entry::Create { path, .. } | Entry::Remove { path } => path.parent(),
            Entry::Rename { to, .. } => to.parent(),
            Entry::Write { .. }
            | Entry::Truncate { .. }
            | Entry::SyncFile { .. }
            | Entry::SyncFailed { .. }
            | Entry::SyncDir { .. } => None,
        }
    }
}

/// What becomes of operations that no fsync has covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// None has reached the disk.
    Dropped,
    /// All have, but the last write is torn.
    Torn,
    /// All have.
    Applied,
    /// Some have, page by page, in any order; names too.
    Shuffled,
}

/// A cut: after how many entries, and what becomes of the rest.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub after: usize,
    pub fate: Fate,
    /// Bytes that the disk writes whole.
    pub page: u64,
    /// Of the chances that are left.
    pub seed: u64,
}

impl Cut {
    pub fn random(rng: &mut Rng, after: usize) -> Cut {
        let fate = match rng.u8(0..8) {
            0 => Fate::Dropped,
            1 => Fate::Applied,
            2 | 3 => Fate::Torn,
            _ => Fate::Shuffled,
        };
        Cut { after, fate, page: if rng.bool() { 4096 } else { 512 }, seed: rng.u64(..) }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    /// What was there before the first operation, durable.
    pub base: Tree,
    pub entries: Vec<Entry>,
}

impl Log {
    /// As if every fsync had returned without doing anything.
    pub fn forget_barriers(&mut self) {
        for entry in &mut self.entries {
            if let Entry::SyncFile { began, .. } | Entry::SyncDir { began, .. } = entry {
                *began = 0;
            }
        }
    }

    /// The files as the disk holds them after this cut.
    pub fn state_after(&self, cut: Cut) -> Tree {
        let mut rng = Rng::with_seed(cut.seed);
        let entries = &self.entries[..cut.after];
        let (mut files, mut folders) = (HashMap::<FileId, Vec<(usize, bool)>>::new(), HashMap::new());
        for entry in entries {
            match entry {
                Entry::SyncFile { file, began } => files.entry(*file).or_default().push((*began, true)),
                Entry::SyncFailed { file, began } => files.entry(*file).or_default().push((*began, false)),
                Entry::SyncDir { path, began } => drop(folders.insert(path.as_path(), *began)),
                _ => {}
            }
        }
        // The first fsync after it decides.
        let covered = |place: usize, file: &FileId| {
            let first = files.get(file).and_then(|syncs| syncs.iter().find(|(began, _)| place < *began));
            first.is_some_and(|(_, well)| *well)
        };
        let last_write = entries.iter().rposition(|entry| matches!(entry, Entry::Write { .. }));
        let mut tree = self.base.clone();
        for (place, entry) in entries.iter().enumerate() {
            let durable = match entry {
                Entry::Write { file, .. } | Entry::Truncate { file, .. } => covered(place, file),
                _ => entry.folder().and_then(|folder| folders.get(folder)).is_some_and(|upto| place < *upto),
            };
            let whole = durable
                || match cut.fate {
                    Fate::Dropped => false,
                    Fate::Applied => true,
                    Fate::Torn => Some(place) != last_write,
                    Fate::Shuffled => rng.u8(0..4) == 0,
                };
            let torn = match cut.fate {
                Fate::Dropped | Fate::Applied => false,
                Fate::Torn => Some(place) == last_write,
                Fate::Shuffled => rng.bool(),
            };
            match entry {
                Entry::Write { file, at, bytes } if whole => tree.write_at(*file, *at, bytes),
                Entry::Write { file, at, bytes } if torn => tear(&mut tree, *file, *at, bytes, cut.page, &mut rng),
                Entry::Truncate { file, len } if whole => tree.truncate(*file, *len),
                Entry::MakeDir { path } if whole => tree.make_dir(path),
                Entry::Create { path, file } if whole => tree.create(path, *file),
                Entry::Rename { from, to } if whole => tree.rename(from, to),
                Entry::Remove { path } if whole => tree.remove(path),
                _ => {}
            }
        }
        tree
    }
}

/// Some pages of a write; now and then the length without the bytes.
fn tear(tree: &mut Tree, file: FileId, at: u64, bytes: &[u8], page: u64, rng: &mut Rng) {
    if rng.u8(0..4) == 0 {
        tree.lengthen(file, at + bytes.len() as u64);
    }
    let mut from = 0;
    while from < bytes.len() {
        let border = page - (at + from as u64) % page;
        let to = bytes.len().min(from + border as usize);
        if rng.bool() {
            tree.write_at(file, at + from as u64, &bytes[from..to]);
        }
        from = to;
    }
}
