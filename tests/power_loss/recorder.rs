//! A disk that works on real files and logs what is done to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use conductor::queue::disk::{Disk, DiskFile, RealDisk, Space};

use super::log::{Entry, Log};
use super::tree::{FileId, Tree};

/// Segments of the queue on this disk are an eighth of it.
pub const SEGMENT: u64 = 12 << 10;
const PAGE: usize = 4096;
const BOOK: &str = "queue/book";

/// A file of sled's as it was seen last.
#[derive(Debug)]
struct Seen {
    inode: u64,
    file: FileId,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    names: HashMap<PathBuf, FileId>,
    folders: BTreeSet<PathBuf>,
    book: BTreeMap<String, Seen>,
    next: u64,
    writes: usize,
    /// Where the last of them ended.
    end: u64,
    held: bool,
    /// A barrier is held.
    waiting: bool,
    /// The next fsync of a file tells an error.
    failing: bool,
    /// One did.
    failed: bool,
}

#[derive(Clone, Debug)]
pub struct Recorder {
    root: PathBuf,
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
}

#[derive(Debug)]
struct File {
    real: Box<dyn DiskFile>,
    id: FileId,
    of_the_journal: bool,
    of_the_book: bool,
    recorder: Recorder,
}

impl Recorder {
    /// What is in the folder now counts as durable.
    pub fn on(root: &Path) -> Recorder {
        let base = Tree::read(root);
        let names = base.files().map(|(path, id)| (path.to_owned(), id)).collect();
        let mut book = BTreeMap::new();
        for (path, file) in base.files() {
            if path.parent() == Some(Path::new(BOOK)) {
                let inode = fs::metadata(root.join(path)).expect("a file").ino();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                book.insert(name, Seen { inode, file, bytes: base.content(file).to_vec() });
            }
        }
        let next = base.next_id();
        let folders = base.folders().map(Path::to_owned).collect();
        let log = Log { base, entries: Vec::new() };
        let state = State { log, names, folders, book, next, ..State::default() };
        Recorder { root: root.to_owned(), state: Arc::new(Mutex::new(state)), changed: Arc::new(Condvar::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside")
    }

    /// How much has been logged.
    pub fn len(&self) -> usize {
        let mut state = self.lock();
        self.observe(&mut state);
        state.log.entries.len()
    }

    pub fn log(&self) -> Log {
        self.lock().log.clone()
    }

    /// The next fsync of a file tells EIO; the ones after it tell that all is well, as the kernel does.
    pub fn fail_next_sync(&self) {
        self.lock().failing = true;
    }

    /// It has, since it was asked to.
    pub fn has_failed(&self) -> bool {
        self.lock().failed
    }

    /// No fsync fails from here on.
    pub fn mend(&self) {
        let mut state = self.lock();
        (state.failing, state.failed) = (false, false);
    }

    /// Barriers of the journal do not return from here on.
    pub fn hold_barriers(&self) {
        self.lock().held = true;
    }

    pub fn let_go(&self) {
        self.lock().held = false;
        self.changed.notify_all();
    }

    pub fn wait_until_one_is_held(&self) {
        drop(self.wait_while(self.lock(), |state| !state.waiting));
    }

    /// A wait that never ends is a mistake of the workload (a roll behind a held barrier, say): it ends the test.
    fn wait_while<'s>(&self, state: MutexGuard<'s, State>, going: impl Fn(&State) -> bool) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout_while(state, Duration::from_secs(60), |state| going(state));
        let (state, ended) = waited.expect("no panic inside");
        if ended.timed_out() {
            eprintln!("the workload waits for what can't come");
            std::process::abort();
        }
        state
    }

    /// How often the journal was written to.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// Bytes that the segment which grows still takes; 0 where there is none yet.
    pub fn left(&self) -> u64 {
        let state = self.lock();
        if state.writes > 0 { SEGMENT.saturating_sub(state.end) } else { 0 }
    }

    pub fn wait_for_writes(&self, writes: usize) {
        drop(self.wait_while(self.lock(), |state| state.writes < writes));
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).map_or_else(|_| path.to_owned(), Path::to_owned)
    }

    fn log_dirs(&self, state: &mut State, path: &Path) {
        let relative = self.relative(path);
        let mut so_far = PathBuf::new();
        for part in relative.iter() {
            so_far.push(part);
            if state.folders.insert(so_far.clone()) {
                state.log.entries.push(Entry::MakeDir { path: so_far.clone() });
            }
        }
    }

    /// Logs what sled has done to its folder since the last look.
    fn observe(&self, state: &mut State) {
        let folder = self.root.join(BOOK);
        let Ok(entries) = fs::read_dir(&folder) else { return };
        self.log_dirs(state, &folder);
        let mut now = BTreeMap::new();
        for entry in entries.flatten() {
            let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            if meta.is_dir() {
                self.log_dirs(state, &entry.path());
            } else if let Ok(bytes) = fs::read(entry.path()) {
                now.insert(name, (meta.ino(), bytes));
            }
        }
        let gone: Vec<String> = state.book.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        for name in gone {
            let Some(seen) = state.book.remove(&name) else { continue };
            let from = Path::new(BOOK).join(&name);
            state.names.remove(&from);
            let moved = now.iter().find(|(other, (inode, _))| *inode == seen.inode && !state.book.contains_key(*other));
            match moved {
                Some((other, _)) => {
                    let to = Path::new(BOOK).join(other);
                    state.names.insert(to.clone(), seen.file);
                    state.log.entries.push(Entry::Rename { from, to });
                    state.book.insert(other.clone(), seen);
                }
                None => state.log.entries.push(Entry::Remove { path: from }),
            }
        }
        for (name, (inode, bytes)) in now {
            let path = Path::new(BOOK).join(&name);
            if state.book.get(&name).is_none_or(|seen| seen.inode != inode) {
                let file = FileId(state.next);
                state.next += 1;
                if state.book.contains_key(&name) {
                    state.log.entries.push(Entry::Remove { path: path.clone() });
                }
                state.names.insert(path.clone(), file);
                state.log.entries.push(Entry::Create { path, file });
                state.book.insert(name.clone(), Seen { inode, file, bytes: Vec::new() });
            }
            let State { book, log, .. } = &mut *state;
            let Some(seen) = book.get_mut(&name) else { continue };
            log_changes(log, seen, bytes);
        }
    }
}

fn log_changes(log: &mut Log, seen: &mut Seen, bytes: Vec<u8>) {
    let file = seen.file;
    if bytes.len() < seen.bytes.len() {
        log.entries.push(Entry::Truncate { file, len: bytes.len() as u64 });
    }
    let mut from = 0;
    while from < bytes.len() {
        let to = bytes.len().min(from + PAGE);
        if seen.bytes.get(from..to) != Some(&bytes[from..to]) {
            log.entries.push(Entry::Write { file, at: from as u64, bytes: bytes[from..to].to_vec() });
        }
        from = to;
    }
    seen.bytes = bytes;
}

impl Disk for Recorder {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        self.observe(&mut state);
        let there = path.exists();
        let real = RealDisk.open(path, create)?;
        let name = self.relative(path);
        let of_the_book = name.parent() == Some(Path::new(BOOK));
        if of_the_book {
            // What is new there is seen as what sled makes is.
            self.observe(&mut state);
        }
        let known = state.names.get(&name).copied().filter(|_| there || of_the_book);
        let id = known.unwrap_or_else(|| {
            let id = FileId(state.next);
            state.next += 1;
            state.names.insert(name.clone(), id);
            state.log.entries.push(Entry::Create { path: name.clone(), file: id });
            id
        });
        let of_the_journal = name.starts_with("queue/journal");
        Ok(Box::new(File { real, id, of_the_journal, of_the_book, recorder: self.clone() }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        self.observe(&mut state);
        RealDisk.remove(path)?;
        let path = self.relative(path);
        state.names.remove(&path);
        if let (Ok(name), Some(BOOK)) = (path.strip_prefix(BOOK), path.parent().and_then(Path::to_str)) {
            let name = name.to_string_lossy().into_owned();
            state.book.remove(&name);
        }
        state.log.entries.push(Entry::Remove { path });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        self.observe(&mut state);
        RealDisk.rename(from, to)?;
        let (from, to) = (self.relative(from), self.relative(to));
        if from == Path::new(BOOK) {
            state.book.clear();
            state.folders.retain(|folder| !folder.starts_with(BOOK));
        }
        if let (Ok(old), Ok(new)) = (from.strip_prefix(BOOK), to.strip_prefix(BOOK))
            && let Some(seen) = state.book.remove(&*old.to_string_lossy())
        {
            state.book.insert(new.to_string_lossy().into_owned(), seen);
        }
        state.names.remove(&to);
        let renamed = state.names.drain().map(|(path, id)| match path.strip_prefix(&from) {
            Ok(below) if below == Path::new("") => (to.clone(), id),
            Ok(below) => (to.join(below), id),
            Err(_) => (path, id),
        });
        state.names = renamed.collect();
        // What bears the old name from here on is another one.
        state.log.entries.push(Entry::Rename { from, to });
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)?;
        let mut state = self.lock();
        self.log_dirs(&mut state, path);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        self.observe(&mut state);
        let began = state.log.entries.len();
        let path = self.relative(path);
        state.log.entries.push(Entry::SyncDir { path, began });
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        RealDisk.list(path)
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space { free: 8 * SEGMENT, total: 8 * SEGMENT })
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        self.real.size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.real.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.recorder.lock();
        self.recorder.observe(&mut state);
        self.real.write_all_at(bytes, offset)?;
        if self.of_the_book {
            self.recorder.observe(&mut state);
            return Ok(());
        }
        state.log.entries.push(Entry::Write { file: self.id, at: offset, bytes: bytes.to_vec() });
        if self.of_the_journal {
            state.writes += 1;
            state.end = offset + bytes.len() as u64;
        }
        self.recorder.changed.notify_all();
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.recorder.lock();
        self.recorder.observe(&mut state);
        self.real.truncate(len)?;
        if self.of_the_book {
            self.recorder.observe(&mut state);
            return Ok(());
        }
        state.log.entries.push(Entry::Truncate { file: self.id, len });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.recorder.lock();
        self.recorder.observe(&mut state);
        let began = state.log.entries.len();
        if self.of_the_journal && state.held {
            state.waiting = true;
            self.recorder.changed.notify_all();
            state = self.recorder.wait_while(state, |state| state.held);
            state.waiting = false;
        }
        if std::mem::take(&mut state.failing) {
            state.failed = true;
            if self.of_the_journal {
                state.end = SEGMENT; // the next frame begins another
            }
            state.log.entries.push(Entry::SyncFailed { file: self.id, began });
            return Err(io::Error::from_raw_os_error(nix::libc::EIO));
        }
        state.log.entries.push(Entry::SyncFile { file: self.id, began });
        Ok(())
    }
}
