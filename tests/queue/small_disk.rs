//! A real disk that says it is small, so that segments are small too, and a folder where it is fast.

use std::io;
use std::path::Path;

use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};

/// A disk of so many bytes: segments are an eighth of it.
#[derive(Debug)]
pub struct SmallDisk(pub u64);

impl Disk for SmallDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path, create)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
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
        Ok(Space { free: self.0, total: self.0 })
    }
}

#[allow(dead_code, reason = "the model's clock runs")]
pub fn now_ms() -> i64 {
    1_790_000_000_000
}

/// In memory where the system has such a folder.
pub fn folder() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.expect("a folder")
}
