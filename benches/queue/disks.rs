//! The real disk, watched: the frames that the queue writes, and its barriers.
//!
//! Promise: what is asked for is done by the real one; only looking is added.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// fdatasyncs of files.
    pub barriers: AtomicU64,
    /// Every write to a segment while somebody wants them.
    pub writes: Mutex<Option<Vec<Vec<u8>>>>,
}

/// The real disk with an eye on it.
#[derive(Clone, Debug, Default)]
pub struct Watched(pub Arc<Seen>);

#[derive(Debug)]
struct WatchedFile(Box<dyn DiskFile>, Arc<Seen>);

impl Disk for Watched {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(WatchedFile(RealDisk.open(path, create)?, Arc::clone(&self.0))))
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
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        RealDisk.space(path)
    }
}

impl DiskFile for WatchedFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Some(writes) = self.1.writes.lock().expect("no panic inside").as_mut() {
            writes.push(bytes.to_vec());
        }
        self.0.write_all_at(bytes, offset)
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.barriers.fetch_add(1, Relaxed);
        self.0.sync()
    }
}

/// The frames that a queue writes for these pages, each as it would stand on the disk.
pub fn frames_of(pages: &[conductor::queue::NewPage]) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().expect("a folder");
    let watched = Watched::default();
    let queue = super::made::open(&dir.path().join("queue"), Arc::new(watched.clone()));
    // The first one begins the segment, with its snapshot.
    queue.append(super::made::page(0, 1)).expect("kept");
    *watched.0.writes.lock().expect("no panic inside") = Some(Vec::new());
    for page in pages {
        queue.append(super::made::again(page)).expect("kept");
    }
    let frames = watched.0.writes.lock().expect("no panic inside").take().unwrap_or_default();
    assert_eq!(frames.len(), pages.len(), "a frame for each page and nothing else");
    frames
}
