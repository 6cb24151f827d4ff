//! A disk that fills and fails on demand, behind the queue's own seam.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};

#[derive(Debug, Default)]
pub struct Faults {
    /// Writes fail as on a full disk.
    pub full: AtomicBool,
    /// fdatasync fails as on a dying disk.
    pub unsyncable: AtomicBool,
    /// fdatasync fails as on a full disk that has promised room.
    pub full_at_sync: AtomicBool,
    /// fdatasync goes well so often, if it is limited, and fails from then on.
    pub syncs_left: AtomicU64,
    pub limited: AtomicBool,
    /// Free bytes to claim; 0: the real ones.
    pub claimed_free: AtomicU64,
    pub syncs: AtomicU64,
    /// What was done to names, in order.
    pub names: Mutex<Vec<&'static str>>,
}

#[derive(Clone, Debug, Default)]
pub struct BrokenDisk(pub Arc<Faults>);

#[derive(Debug)]
struct BrokenFile(Box<dyn DiskFile>, Arc<Faults>);

impl Disk for BrokenDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(BrokenFile(RealDisk.open(path, create)?, Arc::clone(&self.0))))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.names.lock().expect("no panic inside").push("remove");
        RealDisk.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.names.lock().expect("no panic inside").push("sync");
        RealDisk.sync_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        let space = RealDisk.space(path)?;
        let claimed = self.0.claimed_free.load(Ordering::SeqCst);
        Ok(if claimed > 0 { Space { free: claimed, ..space } } else { space })
    }
}

impl DiskFile for BrokenFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.1.full.load(Ordering::SeqCst) {
            // A full disk takes a part first.
            self.0.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0.write_all_at(bytes, offset)
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        if self.1.full_at_sync.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let spent = self.1.limited.load(Ordering::SeqCst)
            && self.1.syncs_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        if spent || self.1.unsyncable.load(Ordering::SeqCst) { Err(io::Error::other("EIO")) } else { self.0.sync() }
    }
}
