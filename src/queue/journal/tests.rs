//! What barriers do when they fail, without a queue around them.

use super::*;
use crate::queue::codec::Codec;
use crate::queue::disk::RealDisk;
use crate::queue::frame::{PageMeta, SnapshotMeta};

struct Panics(std::sync::atomic::AtomicBool);

impl Keeper<()> for Panics {
    fn committed(&self, _: Placed, (): ()) {
        assert!(!self.0.swap(false, std::sync::atomic::Ordering::SeqCst), "this panic is part of the test");
    }

    fn snapshot(&self, _before: Seq) -> std::io::Result<Draft> {
        Draft::snapshot(&SnapshotMeta::default(), &mut Codec::new(crate::queue::formats::newest())?)
    }

    fn now_ms(&self) -> i64 {
        0
    }
}

#[test]
fn a_keeper_that_panics_behind_the_barrier_does_not_make_every_later_append_wait_for_ever() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = Arc::new(Journal::resume(Arc::new(RealDisk), dir.path().to_owned(), BTreeMap::new(), Seq(1), false));
    let keeper = Arc::new(Panics(true.into()));
    let append = || {
        let (journal, keeper) = (Arc::clone(&journal), Arc::clone(&keeper));
        let (told, done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut codec = Codec::new(crate::queue::formats::newest()).expect("zstd");
            let draft = Draft::page(&PageMeta::default(), &[], false, &mut codec).expect("a page");
            told.send(journal.append(draft, (), 1 << 20, &*keeper).is_ok())
        });
        done
    };
    append().recv().expect_err("it panicked");
    let patience = std::time::Duration::from_secs(20);
    assert!(append().recv_timeout(patience).expect("it returns"));
}

/// Its files can't be made durable while it says so.
#[derive(Debug, Clone, Default)]
struct Flaky(Arc<std::sync::atomic::AtomicBool>);

#[derive(Debug)]
struct FlakyFile(Box<dyn DiskFile>, Flaky);

impl Disk for Flaky {
    fn open(&self, path: &std::path::Path, create: bool) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FlakyFile(RealDisk.open(path, create)?, self.clone())))
    }
    fn remove(&self, path: &std::path::Path) -> std::io::Result<()> {
        RealDisk.remove(path)
    }
    fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn create_dir(&self, path: &std::path::Path) -> std::io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &std::path::Path) -> std::io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn list(&self, path: &std::path::Path) -> std::io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }
    fn space(&self, path: &std::path::Path) -> std::io::Result<crate::queue::disk::Space> {
        RealDisk.space(path)
    }
}

impl DiskFile for FlakyFile {
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
    fn truncate(&self, len: u64) -> std::io::Result<()> {
        self.0.truncate(len)
    }
    fn sync(&self) -> std::io::Result<()> {
        let broken = self.1.0.load(std::sync::atomic::Ordering::SeqCst);
        if broken { Err(std::io::Error::other("EIO")) } else { self.0.sync() }
    }
}

#[test]
fn nothing_is_written_behind_a_frame_that_another_ones_barrier_has_thrown_away() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), Flaky::default());
    let journal = Journal::resume(Arc::new(disk.clone()), dir.path().to_owned(), BTreeMap::new(), Seq(1), false);
    let keeper = Panics(false.into());
    let draft = || {
        let mut codec = Codec::new(crate::queue::formats::newest()).expect("zstd");
        Draft::page(&PageMeta::default(), &[], false, &mut codec).expect("a page")
    };
    journal.append(draft(), (), 1 << 20, &keeper).expect("a segment is begun");
    let (first, _) = journal.write(&mut draft(), &mut Some(()), None, 1 << 20, &keeper).expect("written");
    assert_eq!(journal.in_flight(), draft().len());
    disk.0.store(true, std::sync::atomic::Ordering::SeqCst);
    journal.append(draft(), (), 1 << 20, &keeper).expect_err("its barrier fails, and the first one's with it");
    disk.0.store(false, std::sync::atomic::Ordering::SeqCst);
    let mut payload = Some(());
    journal.write(&mut draft(), &mut payload, Some(first), 1 << 20, &keeper).expect_err("it would come before it");
    assert!(payload.is_some(), "it is still in hand");
    journal.wait(first, &keeper).expect_err("it is gone");
    assert_eq!(journal.in_flight(), 0);
    journal.append(draft(), (), 1 << 20, &keeper).expect("by itself it may come");
}
