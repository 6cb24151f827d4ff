//! Segments whose file does not bear their name: changed places, or copied over another.
//!
//! Promise: what a segment is, its first frame says; it gets its own name back, and a second copy of it is set aside.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::frame::Kind;
use super::segment::{self, Found, Segment};
use crate::event::Seq;

/// A file on its way to its own name: an interrupted start finds it again.
const MOVING: &str = "misplaced";

/// Gives misplaced files of the journal their own names. `aside`: where second copies go.
pub fn put_back(disk: &dyn Disk, dir: &Path, aside: &Path) -> io::Result<()> {
    let mut moving: Vec<(PathBuf, Seq)> = Vec::new();
    let mut at_home: BTreeSet<Seq> = BTreeSet::new();
    for (name, _) in disk.list(dir)? {
        let path = dir.join(&name);
        let named = segment::first_of(&name);
        at_home.extend(named);
        if named.is_none() && path.extension().is_none_or(|end| end != MOVING) {
            continue;
        }
        let Some(own) = own_first(disk, &path)? else { continue };
        if named.is_none() {
            moving.push((path, own));
        } else if named != Some(own) {
            // Out of the way first: the file that belongs here may come from where this one goes.
            let on_its_way = path.with_extension(MOVING);
            disk.rename(&path, &on_its_way)?;
            at_home.retain(|there| Some(*there) != named);
            moving.push((on_its_way, own));
        }
    }
    for (path, own) in &moving {
        let home = segment::path(dir, *own);
        if !at_home.insert(*own) {
            disk.create_dir(aside)?;
            disk.rename(path, &aside.join(format!("{:020}-copy", own.0)))?;
        } else {
            disk.rename(path, &home)?;
        }
    }
    if moving.is_empty() { Ok(()) } else { disk.sync_dir(dir) }
}

/// The seq that a segment's own first frame names; `None` where it can't be read.
fn own_first(disk: &dyn Disk, path: &Path) -> io::Result<Option<Seq>> {
    let segment = Segment::at_path(disk, path.to_owned())?;
    Ok(match segment.at(0)? {
        Found::Frame(header) if header.kind == Kind::Snapshot => Some(header.first),
        Found::Frame(_) | Found::Hole { .. } | Found::End => None,
    })
}
