//! Group commit: appends that come at once share one barrier.
//!
//! Nothing is timed: a barrier of this disk waits until everybody has written, and barriers are counted.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use conductor::event::{Checkpoint, Seq};
use conductor::queue::NewPage;
use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};

use super::support::{ROOMY, event, open, open_on, read_all};

const INTEGRATIONS: u64 = 200;

/// What was done to the files since it was last asked, and what a barrier waits for.
#[derive(Debug, Default)]
struct Count {
    writes: u64,
    barriers: u64,
    /// A barrier goes on only after so many writes.
    awaited: u64,
}

#[derive(Clone, Debug, Default)]
struct PatientDisk(Arc<(Mutex<Count>, Condvar)>);

#[derive(Debug)]
struct PatientFile(Box<dyn DiskFile>, PatientDisk);

impl Disk for PatientDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(PatientFile(RealDisk.open(path, create)?, self.clone())))
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

impl DiskFile for PatientFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)?;
        let (count, changed) = &*self.1.0;
        count.lock().expect("no panic inside").writes += 1;
        changed.notify_all();
        Ok(())
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        let (count, changed) = &*self.1.0;
        let mut held = count.lock().expect("no panic inside");
        held.barriers += 1;
        // Who writes only after the barrier of another is what this test is to find: then it does not wait for ever.
        let patience = Duration::from_secs(20);
        drop(changed.wait_timeout_while(held, patience, |count| count.writes < count.awaited));
        self.0.sync()
    }
}

#[test]
fn two_hundred_integrations_that_append_at_once_share_two_barriers_and_lose_nothing() {
    let (dir, disk) = (tempfile::tempdir().expect("a folder"), PatientDisk::default());
    let queue = open_on(dir.path(), ROOMY, Arc::new(disk.clone())).expect("the queue opens");
    let page = |integration: String, numbers: std::ops::Range<u64>, checkpoint: &str| NewPage {
        integration,
        stream: "threats".into(),
        events: numbers.map(|n| event("threats", n, 100)).collect(),
        next: Some(Checkpoint(checkpoint.into())),
        ..NewPage::default()
    };
    // The first one begins the segment, which has barriers of its own.
    queue.append(page("first".into(), 0..1, "begun")).expect("kept");
    *disk.0.0.lock().expect("no panic inside") = Count { awaited: INTEGRATIONS, ..Count::default() };

    std::thread::scope(|scope| {
        for n in 0..INTEGRATIONS {
            let page = page(format!("tenant-{n}"), n * 10..n * 10 + 10, &format!("after {n}"));
            let queue = &queue;
            scope.spawn(move || queue.append(page).expect("kept"));
        }
    });

    // The first barrier covers whoever had written when it began; the second everybody else.
    let count = disk.0.0.lock().expect("no panic inside");
    assert_eq!(count.writes, INTEGRATIONS, "a frame for each page");
    assert!((1..=2).contains(&count.barriers), "{} barriers for {INTEGRATIONS} appends", count.barriers);
    drop(count);
    // A kill, as far as the queue can tell: nothing is closed.
    drop(queue);
    let queue = open(dir.path());
    assert_eq!(read_all(&queue, Seq(0)).len() as u64, 1 + INTEGRATIONS * 10);
    for n in 0..INTEGRATIONS {
        let place = queue.place(&format!("tenant-{n}"), "threats");
        assert_eq!(place.checkpoint, Some(Checkpoint(format!("after {n}"))));
    }
}
