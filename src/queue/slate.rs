//! The slate: where each destination stands right now, between two entries in the book.
//!
//! An entry that survives a kill costs the book a wait for the disk: sled's flush calls `sync_file_range`, and wakes a pool of
//! threads. Here an ack is one small write, which the system has when it returns; the book gets the cursor with its next barrier.
//!
//! ```text
//! STATE/queue/cursors    4 KiB: 128 places of 32 bytes
//! place                  crc of the rest, "slt1", tenure, seq, 8 bytes of nothing
//! ```
//!
//! A **tenure** is one registration of a destination: a number that no other registration has. The book holds it beside the
//! cursor, and so do the journal's snapshots; what stands here counts for that tenure alone, where it is further. So nothing here
//! has to be removed or made durable: what a power cut leaves of it is older, and what a destination that was forgotten leaves is
//! nobody's.
//!
//! Promise: a cursor that is read from here was acknowledged by that very registration; what is lost or damaged costs repeats.

use std::path::Path;

use super::disk::{Disk, DiskFile};
use crate::event::Seq;

pub const FILE: &str = "cursors";
const MAGIC: &[u8; 4] = b"slt1";
const PLACE: usize = 32;
const PLACES: usize = 128;
/// No seq of a frame and no time of ours is higher: where one is, it is no place of ours.
const HIGHEST: u64 = u64::MAX >> 1;

/// One registration of a destination. A later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Tenure(pub u64);

#[derive(Debug)]
pub struct Slate {
    /// `None` where it can't be had: then each ack goes to the book.
    file: Option<Box<dyn DiskFile>>,
    places: Vec<Option<(Tenure, Seq)>>,
    /// The highest that was ever seen.
    highest: Tenure,
}

impl Slate {
    /// Reads what the run before has left. No fault of it keeps a queue from opening.
    pub fn open(disk: &dyn Disk, dir: &Path) -> Slate {
        let path = dir.join(FILE);
        let (file, block) = match read(disk, &path) {
            Ok((file, block)) => (Some(file), block),
            Err(error) => {
                let file = path.display();
                tracing::warn!(%error, "{file} can't be used: each acknowledgement waits for the disk");
                (None, [0; PLACE * PLACES])
            }
        };
        let (places, _) = block.as_chunks::<PLACE>();
        let places: Vec<Option<(Tenure, Seq)>> = places.iter().map(decode).collect();
        let highest = places.iter().flatten().map(|(tenure, _)| *tenure).max().unwrap_or(Tenure(0));
        Slate { file, places, highest }
    }

    /// How far this tenure had come, where it stands here.
    pub fn stood(&self, tenure: Tenure) -> Option<Seq> {
        self.places.iter().flatten().filter(|(of, _)| *of == tenure).map(|(_, seq)| *seq).max()
    }

    /// A number for a registration. The clock keeps it apart from those of a slate that is lost, and of a book that is.
    pub fn new_tenure(&mut self, now_ms: i64) -> Tenure {
        let by_clock = u64::try_from(now_ms).unwrap_or_default();
        self.highest = Tenure(self.highest.0.saturating_add(1).max(by_clock));
        self.highest
    }

    /// These have been given out.
    pub fn has_seen(&mut self, tenures: impl Iterator<Item = Tenure>) {
        self.highest = tenures.fold(self.highest, Ord::max);
    }

    /// These are all that the book knows: the places of others are free.
    pub fn keep_only(&mut self, known: &[Tenure]) {
        for place in &mut self.places {
            *place = place.filter(|(tenure, _)| known.contains(tenure));
        }
        known.iter().for_each(|tenure| self.admit(*tenure));
    }

    /// The book has this tenure, safe from a kill: from here on it may stand here.
    pub fn admit(&mut self, tenure: Tenure) {
        if self.place_of(tenure).is_none()
            && let Some(free) = self.places.iter_mut().find(|place| place.is_none())
        {
            *free = Some((tenure, Seq(0)));
        }
    }

    /// The book does not have it any more: its place is free. An ack that was under way finds none.
    pub fn dismiss(&mut self, tenure: Tenure) {
        self.places.iter_mut().for_each(|place| *place = place.filter(|(of, _)| *of != tenure));
    }

    /// Notes how far it has come, or further than that. False where it could not: the book must have it.
    pub fn chalk(&mut self, tenure: Tenure, seq: Seq) -> bool {
        let (Some(at), Some(file)) = (self.place_of(tenure), &self.file) else { return false };
        if self.places[at].is_some_and(|(_, further)| further >= seq) {
            return true; // an ack that was overtaken by a later one
        }
        let written = file.write_all_at(&encode(tenure, seq), (at * PLACE) as u64);
        if written.is_ok() {
            self.places[at] = Some((tenure, seq));
        }
        written.is_ok()
    }

    fn place_of(&self, tenure: Tenure) -> Option<usize> {
        self.places.iter().position(|place| place.is_some_and(|(of, _)| of == tenure))
    }
}

/// The file, made where it is not there, and as much of it as there is.
fn read(disk: &dyn Disk, path: &Path) -> std::io::Result<(Box<dyn DiskFile>, [u8; PLACE * PLACES])> {
    let file = disk.open(path, true)?;
    let mut block = [0; PLACE * PLACES];
    let len = usize::try_from(file.size()?).unwrap_or(usize::MAX).min(block.len());
    file.read_exact_at(&mut block[..len], 0)?;
    if len < block.len() {
        // All of it now, so that an ack on a full disk needs no room. Where there is none now, there may be later.
        let _ = file.write_all_at(&block, 0);
    }
    Ok((file, block))
}

fn encode(tenure: Tenure, seq: Seq) -> [u8; PLACE] {
    let mut place = [0; PLACE];
    place[4..8].copy_from_slice(MAGIC);
    place[8..16].copy_from_slice(&tenure.0.to_le_bytes());
    place[16..24].copy_from_slice(&seq.0.to_le_bytes());
    let crc = crc32fast::hash(&place[4..]);
    place[..4].copy_from_slice(&crc.to_le_bytes());
    place
}

fn decode(place: &[u8; PLACE]) -> Option<(Tenure, Seq)> {
    let number = |at: usize| Some(u64::from_le_bytes(place.get(at..at + 8)?.try_into().ok()?));
    let (tenure, seq) = (number(8)?, number(16)?);
    let read = (Tenure(tenure), Seq(seq));
    (*place == encode(read.0, read.1) && tenure.max(seq) <= HIGHEST).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::disk::RealDisk;

    fn opened(dir: &Path) -> Slate {
        Slate::open(&RealDisk, dir)
    }

    #[test]
    fn what_was_chalked_stands_after_a_kill_for_that_tenure_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut slate = opened(dir.path());
        let (soc, other) = (slate.new_tenure(0), slate.new_tenure(0));
        assert!(!slate.chalk(soc, Seq(3)), "the book does not have it yet");
        slate.keep_only(&[soc, other]);
        assert!(slate.chalk(soc, Seq(7)) && slate.chalk(soc, Seq(9)) && slate.chalk(other, Seq(4)));
        assert!(slate.chalk(soc, Seq(8)), "an ack that was overtaken takes nothing back");
        let mut after = opened(dir.path());
        assert_eq!((after.stood(soc), after.stood(other)), (Some(Seq(9)), Some(Seq(4))));
        after.keep_only(&[other]);
        let new = after.new_tenure(0);
        assert!(new > other, "never one that was given out");
        after.admit(new);
        assert_eq!((after.stood(soc), after.stood(new)), (None, Some(Seq(0))));
        assert!(after.chalk(new, Seq(1)));
        let last = opened(dir.path());
        assert_eq!((last.stood(soc), last.stood(new)), (None, Some(Seq(1))));
    }

    #[test]
    fn who_was_forgotten_leaves_its_place_and_an_ack_that_comes_late_finds_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut slate = opened(dir.path());
        let all: Vec<Tenure> = (0..PLACES).map(|_| slate.new_tenure(0)).collect();
        slate.keep_only(&all);
        slate.dismiss(all[3]);
        assert!(!slate.chalk(all[3], Seq(7)));
        let new = slate.new_tenure(0);
        slate.admit(new);
        assert!(slate.chalk(new, Seq(1)));
        assert_eq!((opened(dir.path()).stood(all[3]), opened(dir.path()).stood(new)), (None, Some(Seq(1))));
    }

    #[test]
    fn a_place_with_any_byte_changed_is_nobodys() {
        let place = encode(Tenure(7), Seq(9));
        assert_eq!(decode(&place), Some((Tenure(7), Seq(9))));
        for at in 0..PLACE {
            let mut bad = place;
            bad[at] ^= 0x10;
            assert_eq!(decode(&bad), None, "byte {at}");
        }
        assert_eq!(decode(&[0; PLACE]), None);
        // Whole, and no number that we ever write: with it, no seq would be left for what comes.
        assert_eq!(decode(&encode(Tenure(7), Seq(u64::MAX))), None);
        assert_eq!(decode(&encode(Tenure(u64::MAX), Seq(7))), None);
    }

    #[test]
    fn more_destinations_than_places_go_to_the_book_and_a_place_that_is_left_is_given_on_at_the_next_start() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut slate = opened(dir.path());
        let all: Vec<Tenure> = (0..=PLACES).map(|_| slate.new_tenure(0)).collect();
        slate.keep_only(&all);
        assert!(slate.chalk(all[PLACES - 1], Seq(1)) && !slate.chalk(all[PLACES], Seq(1)));
        let mut after = opened(dir.path());
        after.keep_only(&all[4..]);
        assert!(after.chalk(all[PLACES], Seq(1)) && !after.chalk(all[3], Seq(1)));
    }

    #[test]
    fn a_file_that_can_not_be_had_leaves_each_ack_to_the_book() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join(FILE)).expect("a folder in its place");
        let mut slate = opened(dir.path());
        let soc = slate.new_tenure(0);
        slate.keep_only(&[soc]);
        assert!(!slate.chalk(soc, Seq(1)));
    }

    #[test]
    fn tenures_follow_the_clock_and_never_go_back_with_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut slate = opened(dir.path());
        slate.has_seen([Tenure(900)].into_iter());
        assert_eq!(slate.new_tenure(0), Tenure(901));
        assert_eq!(
            (slate.new_tenure(1_000), slate.new_tenure(5), slate.new_tenure(-5)),
            (Tenure(1_000), Tenure(1_001), Tenure(1_002))
        );
    }
}
