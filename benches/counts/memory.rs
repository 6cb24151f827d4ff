//! A disk whose segments are in memory: what is counted is the queue's own work.
//!
//! Promise: segments alone; the book's folder and all names beside them are the real disk's.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};

type Contents = Arc<Mutex<Vec<u8>>>;

/// Segments by their paths.
#[derive(Debug, Default)]
pub struct MemoryDisk(Mutex<BTreeMap<PathBuf, Contents>>);

#[derive(Debug)]
struct MemoryFile(Contents);

impl MemoryDisk {
    fn segments(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Contents>> {
        self.0.lock().expect("no panic inside")
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "cdj")
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        if !is_segment(path) {
            return RealDisk.open(path, create);
        }
        Ok(Box::new(MemoryFile(Arc::clone(self.segments().entry(path.to_owned()).or_default()))))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        if is_segment(path) {
            self.segments().remove(path);
            return Ok(());
        }
        RealDisk.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }
    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space { free: 1 << 40, total: 1 << 40 })
    }
}

impl MemoryFile {
    fn contents(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("no panic inside")
    }
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.contents().len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let contents = self.contents();
        let found =
            contents.get(offset as usize..offset as usize + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut contents = self.contents();
        contents.truncate(offset as usize);
        contents.extend_from_slice(bytes);
        Ok(())
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.contents().truncate(len as usize);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
