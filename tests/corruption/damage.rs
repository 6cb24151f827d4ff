//! What can happen to a file.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::template::Template;

#[derive(Clone, Debug)]
pub enum Damage {
    Flipped {
        at: usize,
        bit: u8,
    },
    Truncated {
        len: usize,
    },
    Zeroed {
        range: Range<usize>,
    },
    /// Noise in the place of a range.
    Garbled {
        range: Range<usize>,
    },
    Deleted,
    Emptied,
    /// Garbage of another length.
    Replaced {
        len: usize,
    },
    Swapped {
        with: PathBuf,
    },
    /// A copy of the other file stands in its place.
    Overwritten {
        by: PathBuf,
    },
}

impl Damage {
    pub fn strike(&self, root: &Path, file: &Path, seed: u64) {
        let path = root.join(file);
        let mut bytes = fs::read(&path).expect("a file");
        let mut rng = Rng::with_seed(seed);
        match self {
            Damage::Flipped { at, bit } => bytes[*at] ^= 1 << bit,
            Damage::Truncated { len } => bytes.truncate(*len),
            Damage::Zeroed { range } => bytes[range.clone()].fill(0),
            Damage::Garbled { range } => rng.fill(&mut bytes[range.clone()]),
            Damage::Deleted => return fs::remove_file(path).expect("deleted"),
            Damage::Emptied => bytes.clear(),
            Damage::Replaced { len } => {
                bytes = vec![0; *len];
                rng.fill(&mut bytes);
            }
            Damage::Swapped { with } => {
                let other = root.join(with);
                let there = fs::read(&other).expect("a file");
                fs::write(&other, &bytes).expect("written");
                bytes = there;
            }
            Damage::Overwritten { by } => bytes = fs::read(root.join(by)).expect("a file"),
        }
        fs::write(path, bytes).expect("written");
    }

    /// Is this file no longer what it was?
    pub fn strikes(&self, struck: &Path, file: &Path) -> bool {
        struck == file || matches!(self, Damage::Swapped { with } if with == file)
    }

    /// The seqs of the frames that it touches.
    pub fn seqs_hit(&self, template: &Template, file: &Path) -> Vec<u64> {
        let touched: Range<usize> = match self {
            Damage::Flipped { at, .. } => *at..*at + 1,
            Damage::Truncated { len } => *len..usize::MAX,
            Damage::Zeroed { range } | Damage::Garbled { range } => range.clone(),
            Damage::Deleted | Damage::Emptied | Damage::Replaced { .. } | Damage::Overwritten { .. } => 0..usize::MAX,
            // A segment that has changed places with another can be put back; with another file it is garbage.
            Damage::Swapped { with } if is_segment(with) && is_segment(file) => 0..0,
            Damage::Swapped { with } => {
                let of_either = |frame: &&super::template::Frame| frame.file == file || frame.file == *with;
                return template.frames.iter().filter(of_either).flat_map(|frame| frame.seqs.clone()).collect();
            }
        };
        let hit = template.frames.iter().filter(|f| f.file == file && f.from < touched.end && touched.start < f.to);
        hit.flat_map(|frame| frame.seqs.clone()).collect()
    }
}

pub fn is_segment(path: &Path) -> bool {
    path.starts_with("queue/journal") && path.extension().is_some_and(|end| end == "cdj")
}

/// All that is tried on this file: each byte of a small one, a sample of a large one in each of its parts.
pub fn all_of(template: &Template, file: &Path, rng: &mut Rng) -> Vec<Damage> {
    let len = template.files[file].len();
    let mut all = vec![Damage::Deleted, Damage::Emptied];
    for garbage in [1, 63, 64, 4096, len.clamp(1, 1 << 20)] {
        all.push(Damage::Replaced { len: garbage });
    }
    let others: Vec<&PathBuf> = template.files.keys().filter(|other| *other != file).collect();
    for other in others {
        all.push(Damage::Swapped { with: other.clone() });
        if is_segment(file) && is_segment(other) {
            all.push(Damage::Overwritten { by: other.clone() });
        }
    }
    if len == 0 {
        return all;
    }
    let flips: Vec<usize> = if len <= 512 {
        (0..len).collect()
    } else {
        // The head of each frame where there are frames, and one byte in each of so many parts.
        let heads =
            template.frames.iter().filter(|f| f.file == file).flat_map(|f| [f.from + rng.usize(0..64), f.to - 1]);
        let heads: Vec<usize> = heads.collect();
        // What sled has not written yet is zeros: its beginning is where it says something.
        let written = template.files[file].iter().rposition(|byte| *byte != 0).map_or(len, |last| last + 1);
        let parts = (0..60).map(|part| (part * written / 60 + rng.usize(0..written.div_ceil(60))).min(len - 1));
        heads.into_iter().chain(parts).collect()
    };
    all.extend(flips.into_iter().map(|at| Damage::Flipped { at, bit: rng.u8(0..8) }));
    let pages = (0..len).step_by(4096).take(8).chain((0..8).map(|_| rng.usize(0..len)));
    all.extend(pages.collect::<Vec<_>>().into_iter().map(|len| Damage::Truncated { len }));
    for _ in 0..10 {
        let from = rng.usize(0..len);
        let range = from..(from + rng.usize(1..2000)).min(len);
        all.push(if rng.bool() { Damage::Zeroed { range } } else { Damage::Garbled { range } });
    }
    all
}
