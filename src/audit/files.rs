//! The audit log's folder: its lock, its files, the end of the chain, rotation.
//!
//! Promise: a line is written by one write to a file opened for appending, under the folder's lock, and flushed with
//! the folder that names it. No link in the folder is followed: root's commands write here for the agent's user.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::Act;
use super::entry::{self, Entry, NOTHING_BEFORE};

/// The file that is written to.
const CURRENT: &str = "audit.jsonl";
/// Past this size it gets its number in its name, and a new one begins.
const LARGEST: u64 = 4 << 20;
/// Files with a number in their name that are kept: with the current one at most 256 MiB, about a million entries.
pub const MOST_FILES: usize = 63;
/// No line is longer.
const LONGEST_LINE: u64 = 64 << 10;

/// Where the chain stands.
pub struct Stand {
    pub number: u64,
    pub hash: String,
    /// Bytes after the last end of line: of an entry that a crash cut off.
    pub torn: u64,
    /// Of the current file.
    size: u64,
}

impl Stand {
    fn follows(&mut self, entry: &Entry) {
        self.number = entry.number;
        self.hash.clone_from(&entry.hash);
    }
}

/// The folder, opened and locked; the lock ends with it.
pub struct Folder {
    lock: Flock<File>,
}

/// A file of entries, opened: its name and how much of it there was.
type Opened = (String, File, u64);

/// Makes the folder where it is not there, owned by whoever owns the state folder.
pub fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let above = folder.parent().unwrap_or(Path::new("/"));
    give(&open(folder)?, &fs::metadata(above)?)?;
    File::open(above)?.sync_all()
}

/// Bytes of all entries' files.
pub fn size(folder: &Path) -> io::Result<u64> {
    let mut all = 0;
    for item in fs::read_dir(folder)? {
        let item = item?;
        if is_entries(&item.file_name().to_string_lossy()) {
            all += item.metadata()?.len();
        }
    }
    Ok(all)
}

/// Every whole line of these files until `each` says false; the bytes of the last file's torn end.
pub fn lines(opened: Vec<Opened>, each: &mut dyn FnMut(&str, usize, &[u8]) -> bool) -> io::Result<u64> {
    let mut torn = 0;
    let mut line = Vec::new();
    for (name, file, size) in opened {
        let mut reader = BufReader::new(file.take(size));
        for number in 1.. {
            line.clear();
            // What has no end within this is no entry: it is handed on in pieces, and each is told as no entry.
            (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            torn = line.len() as u64;
            if line.is_empty() {
                break;
            }
            if line.pop_if(|last| *last == b'\n').is_none() && torn < LONGEST_LINE {
                break;
            }
            torn = 0;
            if !each(&name, number, &line) {
                return Ok(0);
            }
        }
    }
    Ok(torn)
}

impl Folder {
    pub fn exclusive(folder: &Path) -> io::Result<Folder> {
        Folder::locked(folder, FlockArg::LockExclusive)
    }

    pub fn shared(folder: &Path) -> io::Result<Folder> {
        Folder::locked(folder, FlockArg::LockShared)
    }

    fn locked(folder: &Path, how: FlockArg) -> io::Result<Folder> {
        let lock = Flock::lock(open(folder)?, how).map_err(|(_, error)| error)?;
        Ok(Folder { lock })
    }

    /// All files of entries, oldest first, and how long each is now.
    pub fn open_all(&self) -> io::Result<Vec<Opened>> {
        let mut opened = Vec::new();
        for name in self.names()? {
            let file = self.reading(&name)?;
            let size = file.metadata()?.len();
            opened.push((name, file, size));
        }
        Ok(opened)
    }

    /// The last entry's number and hash. A whole line that is no entry is passed over here; [`super::Audit::verify`] names it.
    pub fn stand(&self) -> io::Result<Stand> {
        let mut stand = Stand { number: 0, hash: NOTHING_BEFORE.to_owned(), torn: 0, size: 0 };
        for name in self.names()?.into_iter().rev() {
            let mut file = self.reading(&name)?;
            let size = file.metadata()?.len();
            if name == CURRENT {
                stand.size = size;
            }
            // Nearly always the last few lines tell; else the whole file is read.
            for from in [size.saturating_sub(LONGEST_LINE), 0] {
                file.seek(SeekFrom::Start(from))?;
                let mut bytes = Vec::new();
                (&mut file).take(size - from).read_to_end(&mut bytes)?;
                let end = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
                if name == CURRENT {
                    stand.torn = if end == 0 { size } else { (bytes.len() - end) as u64 };
                }
                let whole = bytes.get(..end.saturating_sub(1)).unwrap_or_default();
                if let Some(last) = whole.rsplit(|byte| *byte == b'\n').find_map(|line| entry::read(line).ok()) {
                    stand.follows(&last);
                    return Ok(stand);
                }
            }
        }
        Ok(stand)
    }

    /// Moves the last bytes of the current file into a file of their own, and tells its name.
    pub fn set_aside(&self, torn: u64, now: Timestamp) -> io::Result<String> {
        let mut current = OpenOptions::new().read(true).write(true).custom_flags(NO_LINK).open(self.inside(CURRENT))?;
        let keep = current.metadata()?.len().saturating_sub(torn);
        current.seek(SeekFrom::Start(keep))?;
        let mut bytes = Vec::new();
        (&mut current).take(torn).read_to_end(&mut bytes)?;
        let name = format!("torn-{}.txt", now.as_millisecond());
        let mut aside = self.create(&name)?;
        aside.write_all(&bytes)?;
        aside.sync_all()?;
        self.lock.sync_all()?;
        current.set_len(keep)?;
        current.sync_all()?;
        Ok(name)
    }

    /// Begins a new file where the current one is large. The number of the last entry that left the disk by it, if any did.
    pub fn rotate(&self, stand: &mut Stand) -> io::Result<Option<u64>> {
        if stand.size < LARGEST {
            return Ok(None);
        }
        let mut first = Vec::new();
        BufReader::new(self.reading(CURRENT)?.take(LONGEST_LINE)).read_until(b'\n', &mut first)?;
        let first = first.strip_suffix(b"\n").and_then(|line| entry::read(line).ok());
        // A first line that was broken: any name that sorts in its place will do.
        let number = first.map_or(stand.number, |entry| entry.number);
        fs::rename(self.inside(CURRENT), self.inside(&format!("audit-{number:012}.jsonl")))?;
        self.lock.sync_all()?;
        stand.size = 0;
        let names = self.names()?;
        let [oldest, next, ..] = names.as_slice() else { return Ok(None) };
        if names.len() <= MOST_FILES {
            return Ok(None);
        }
        let stays_from = first_of(next);
        fs::remove_file(self.inside(oldest))?;
        self.lock.sync_all()?;
        Ok(stays_from.map(|first| first.saturating_sub(1)))
    }

    /// Writes one entry; it is on the disk when this returns.
    pub fn append(&self, stand: &mut Stand, act: &Act, now: Timestamp) -> io::Result<Entry> {
        let (line, hash) = entry::line(stand.number + 1, &stand.hash, act, now);
        let existing = OpenOptions::new().append(true).custom_flags(NO_LINK).open(self.inside(CURRENT));
        let mut file = match existing {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.create(CURRENT)?;
                self.lock.sync_all()?;
                file
            }
            other => other?,
        };
        let before = file.metadata()?.len();
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // A full disk: what was begun is taken back, so that the next line begins its own.
            let _ = file.set_len(before);
            return Err(error);
        }
        let read = entry::read(line.trim_end_matches('\n').as_bytes());
        let entry = read.map_err(|_| io::Error::other("an entry that was written does not read back"))?;
        debug_assert_eq!(entry.hash, hash, "the hash is of the line");
        stand.follows(&entry);
        stand.size = before + line.len() as u64;
        Ok(entry)
    }

    /// Ends of lines that were set aside.
    pub fn names_aside(&self) -> io::Result<Vec<String>> {
        self.names_where(|name| name.starts_with("torn-"))
    }

    /// Files of entries, oldest first.
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = self.names_where(|name| is_entries(name) && name != CURRENT)?;
        if self.inside(CURRENT).symlink_metadata().is_ok() {
            names.push(CURRENT.to_owned());
        }
        Ok(names)
    }

    fn names_where(&self, is: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for item in fs::read_dir(self.inside("."))? {
            let name = item?.file_name().to_string_lossy().into_owned();
            if is(&name) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn reading(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(NO_LINK).open(self.inside(name))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.inside(name))?;
        give(&file, &self.lock.metadata()?)?;
        Ok(file)
    }

    /// A file of the folder that is open, whatever its path leads to by now.
    fn inside(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd").join(self.lock.as_raw_fd().to_string()).join(name)
    }
}

const NO_LINK: i32 = OFlag::O_NOFOLLOW.bits();

fn is_entries(name: &str) -> bool {
    name == CURRENT || name.starts_with("audit-") && name.ends_with(".jsonl")
}

/// The number of the first entry, of which a file bears the name.
pub fn first_of(name: &str) -> Option<u64> {
    name.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok()
}

/// The folder itself and never a link.
fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits()).open(folder)
}

/// Root writes for the user that the agent runs as.
fn give(file: &File, like: &fs::Metadata) -> io::Result<()> {
    let ours = file.metadata()?;
    if (like.uid(), like.gid()) == (ours.uid(), ours.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}
