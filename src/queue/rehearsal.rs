//! What opening a queue would do, tried without doing it.
//!
//! The journal is opened as ever, on a disk that keeps every change in memory; the book, which sled opens by itself, is
//! copied first. So what is told is what [`Queue::open`] does, and nothing else knows how to tell it.
//!
//! Promise: no file of the queue is changed; the copy goes when it is over, and no agent can start meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::disk::{Disk, DiskFile, RealDisk, Space};
use super::verify::Verified;
use super::{Options, Queue, QueueError, lock, recovery, slate};

/// The folder of the copy, inside the queue's.
const SCRATCH: &str = "rehearsal";

/// Opens the queue in this folder as if, and verifies what that leaves. `looked`: as in [`Queue::verify`].
pub fn rehearse(
    dir: &Path,
    options: Options,
    clock: fn() -> i64,
    looked: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Verified, QueueError> {
    let _held = recovery::take_lock(dir)?;
    let scratch = Scratch::new(dir).map_err(|e| QueueError::disk("make a copy of the book in", dir, e))?;
    let disk = Arc::new(Overlay::over(&dir.join("journal"), &scratch.0).map_err(|e| QueueError::disk("read", dir, e))?);
    let (queue, report) = Queue::open(&scratch.0, options, Arc::clone(&disk) as Arc<dyn Disk>, clock)?;
    let verified = queue.verify(looked)?;
    let repairs = std::mem::take(&mut *lock(&disk.told));
    Ok(Verified { torn_bytes: report.torn_bytes, book_damaged: report.book_rebuilt, repairs, ..verified })
}

/// Removed when it goes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(dir: &Path) -> io::Result<Scratch> {
        let path = dir.join(SCRATCH);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(path.join("book"))?;
        let scratch = Scratch(path);
        let book = dir.join("book");
        if book.is_dir() {
            for entry in fs::read_dir(book)? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fs::copy(entry.path(), scratch.0.join("book").join(entry.file_name()))?;
                }
            }
        } else {
            fs::remove_dir(scratch.0.join("book"))?;
        }
        let slate = dir.join(slate::FILE);
        if fs::symlink_metadata(&slate).is_ok_and(|meta| meta.is_file()) {
            // One that can't be read keeps no queue from opening.
            let _ = fs::copy(slate, scratch.0.join(slate::FILE));
        }
        // Opening touches nothing of the quarantine: it is looked at where it is.
        let quarantine = dir.join("quarantine");
        if quarantine.is_dir() {
            std::os::unix::fs::symlink(std::path::absolute(quarantine)?, scratch.0.join("quarantine"))?;
        }
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The journal's files as they are, with changes in memory.
#[derive(Debug)]
struct Overlay {
    journal: PathBuf,
    aside: PathBuf,
    files: Mutex<BTreeMap<String, Arc<Edited>>>,
    told: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Edited {
    /// Read only; `None` for a file that the rehearsal has made.
    real: Option<fs::File>,
    edit: Mutex<Edit>,
}

#[derive(Debug, Default)]
struct Edit {
    len: u64,
    written: Vec<(u64, Vec<u8>)>,
}

#[derive(Debug)]
struct View(Arc<Edited>);

/// What is set aside is told, not copied.
#[derive(Debug)]
struct Nowhere;

impl Overlay {
    fn over(real: &Path, scratch: &Path) -> io::Result<Overlay> {
        let mut files = BTreeMap::new();
        let listed = if real.is_dir() { RealDisk.list(real)? } else { Vec::new() };
        for (name, len) in listed {
            let real = Some(fs::File::open(real.join(&name))?);
            files.insert(name, Arc::new(Edited { real, edit: Mutex::new(Edit { len, written: Vec::new() }) }));
        }
        let (journal, aside) = (scratch.join("journal"), scratch.join("damaged"));
        Ok(Overlay { journal, aside, files: Mutex::new(files), told: Mutex::default() })
    }

    /// The name of a file of the journal.
    fn name(&self, path: &Path) -> Option<String> {
        let of_the_journal = path.parent() == Some(&self.journal);
        path.file_name().filter(|_| of_the_journal).map(|name| name.to_string_lossy().into_owned())
    }

    fn tell(&self, sentence: String) {
        lock(&self.told).push(sentence);
    }
}

impl Disk for Overlay {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let Some(name) = self.name(path) else {
            return if path.starts_with(&self.aside) { Ok(Box::new(Nowhere)) } else { RealDisk.open(path, create) };
        };
        let mut files = lock(&self.files);
        if create && !files.contains_key(&name) {
            files.insert(name.clone(), Arc::new(Edited { real: None, edit: Mutex::default() }));
        }
        let file = files.get(&name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(View(Arc::clone(file))))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let Some(name) = self.name(path) else { return RealDisk.remove(path) };
        lock(&self.files).remove(&name);
        self.tell(format!("journal/{name} is removed: it was being made, and nothing in it was ever confirmed"));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let Some(old) = self.name(from) else { return RealDisk.rename(from, to) };
        let moved = lock(&self.files).remove(&old).ok_or(io::ErrorKind::NotFound)?;
        match self.name(to) {
            Some(new) => {
                if super::segment::first_of(&new).is_some() {
                    self.tell(format!("a segment whose file bore another's name gets its own again: journal/{new}"));
                }
                lock(&self.files).insert(new, moved);
            }
            None => self.tell(format!("a second copy of a segment is set aside: journal/{old}")),
        }
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        if path != self.journal {
            return RealDisk.list(path);
        }
        Ok(lock(&self.files).iter().map(|(name, file)| (name.clone(), lock(&file.edit).len)).collect())
    }

    /// None is free: nothing is kept here.
    fn space(&self, path: &Path) -> io::Result<Space> {
        Ok(Space { free: 0, ..RealDisk.space(path)? })
    }
}

impl DiskFile for View {
    fn size(&self) -> io::Result<u64> {
        Ok(lock(&self.0.edit).len)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let edit = lock(&self.0.edit);
        if offset + buffer.len() as u64 > edit.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(real) = &self.0.real {
            real.read_exact_at(buffer, offset)?;
        }
        for (at, bytes) in &edit.written {
            let (from, to) = (offset.max(*at), (offset + buffer.len() as u64).min(at + bytes.len() as u64));
            if from < to {
                let of_the_written = &bytes[(from - at) as usize..(to - at) as usize];
                buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(of_the_written);
            }
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut edit = lock(&self.0.edit);
        edit.len = edit.len.max(offset + bytes.len() as u64);
        edit.written.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        lock(&self.0.edit).len = len;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for Nowhere {
    fn size(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn read_exact_at(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
