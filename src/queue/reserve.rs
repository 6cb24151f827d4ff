//! The reserve: a file of nothing that is given up when another program has taken the last byte of the disk.
//!
//! Half of it is for the running queue: sled needs room for a cursor. The other half is kept for a start, which needs
//! room to open sled, or a full disk could not be drained after a restart.
//!
//! Promise: as long as it is there, a queue on a full disk can acknowledge, let go what was taken, and be opened.

use std::fs;

use super::disk::Space;
use super::{Queue, lock};

/// The whole of it, in bytes: enough for two blocks of sled's in either half, and little beside the disk.
fn size(space: Space) -> u64 {
    (space.total / 32).min(8 << 20)
}

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Fill(u64),
    Halve(u64),
    Leave,
}

/// `held`: its bytes now. `in_need`: the book could not be written.
fn step(space: Space, held: u64, in_need: bool) -> Step {
    let size = size(space);
    if in_need {
        return if held > size / 2 { Step::Halve(size / 2) } else { Step::Leave };
    }
    // Not at the first free byte: what it takes must not be what polling would pause for.
    let has_room = space.free > Queue::headroom(space) + 4 * size;
    if held < size && has_room { Step::Fill(size) } else { Step::Leave }
}

impl Queue {
    /// Fills the reserve while there is room, gives up half of it when the book needs it. Best effort.
    pub(super) fn keep_reserve(&self) {
        let path = self.dir.join("reserve");
        let Ok(space) = self.disk.space(&self.dir) else { return };
        let held = fs::metadata(&path).map_or(0, |meta| meta.len());
        match step(space, held, lock(&self.state).book_fault.is_some()) {
            Step::Fill(size) => {
                let _ = fs::write(&path, vec![0; size as usize]);
            }
            Step::Halve(_) => {
                self.halve_reserve();
            }
            Step::Leave => {}
        }
    }

    /// Gives up the half that is for the running queue; false where it is gone already.
    pub(super) fn halve_reserve(&self) -> bool {
        let path = self.dir.join("reserve");
        let Ok(space) = self.disk.space(&self.dir) else { return false };
        let held = fs::metadata(&path).map_or(0, |meta| meta.len());
        let Step::Halve(half) = step(space, held, true) else { return false };
        fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(half)).is_ok()
    }
}

/// Before the book is opened: all of it goes where the disk has no room for what opening writes.
pub(super) fn give_up(dir: &std::path::Path, space: Space) {
    if space.free < Queue::headroom(space) / 2 {
        let _ = fs::remove_file(dir.join("reserve"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: u64 = 64 << 20;
    const ALL: u64 = TOTAL / 32;

    fn free(free: u64) -> Space {
        Space { free, total: TOTAL }
    }

    #[test]
    fn it_is_filled_where_there_is_room_and_half_of_it_waits_for_a_start() {
        assert_eq!(step(free(32 << 20), 0, false), Step::Fill(ALL));
        assert_eq!(step(free(32 << 20), ALL / 2, false), Step::Fill(ALL), "what was given up comes back");
        assert_eq!(step(free(32 << 20), ALL, false), Step::Leave);
        assert_eq!(step(free(5 << 20), 0, false), Step::Leave, "polling would pause for it");
        assert_eq!(step(free(0), ALL, false), Step::Leave, "another program would have it at once");
        assert_eq!(step(free(0), ALL, true), Step::Halve(ALL / 2));
        assert_eq!(step(free(0), ALL / 2, true), Step::Leave, "the rest is a start's");
        assert_eq!(step(free(0), 0, true), Step::Leave);
    }
}
