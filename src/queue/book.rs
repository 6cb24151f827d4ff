//! sled as the journal's book-keeper: cursors, checkpoints, the ids already kept, the quarantine.
//!
//! Promise: nothing here is needed to find the events again. What is lost with this folder costs repeats,
//! never loss, so its failure is survived: set aside and rebuilt from the journal.
//!
//! sled 0.34.7 as measured (docs/decisions/0001): `flush()` does not fsync, so the barrier adds an fdatasync
//! of our own; a stale `snap.*` breaks the next open, so it goes before; opening may panic on damage.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use folder::{DOUBTFUL, has_space, remove_generating, remove_where, rewrite, set_aside, wait_until_free};

use super::disk::Disk;
use super::dropping::Dropped;
use super::frame::PageMeta;
use super::journal::Position;
use super::slate::Tenure;
use crate::event::Seq;

pub use ids::Entry;

mod folder;
mod ids;
mod packed;

const CACHE_BYTES: u64 = 4 << 20;

/// What sled says when its file is locked.
const HELD: &str = "could not acquire lock";

const CURSOR: &str = "c/";
const STREAM: &str = "s/";
const LOST: &str = "l/";
const DROPPED: &str = "x/";
const POSITION: &str = "p";
const HIGHEST: &str = "h";
const BEGUN: &str = "b";

#[derive(Debug)]
pub struct Book {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    db: Option<sled::Db>,
    dirty: bool,
}

type Outcome<T> = Result<T, String>;

fn sled_says<T>(result: Result<T, sled::Error>) -> Outcome<T> {
    result.map_err(|e| e.to_string())
}

impl Book {
    /// Opens the folder; sets it aside and begins anew when sled can't. Says whether it had to.
    pub fn open(disk: &Arc<dyn Disk>, dir: &Path) -> io::Result<(Book, bool)> {
        let mut book = Book { disk: Arc::clone(disk), dir: dir.to_owned(), db: None, dirty: false };
        if dir.join(DOUBTFUL).exists() && rewrite(disk.as_ref(), dir).is_err() {
            // It can't be read. Or there is no room for a second one: then it waits.
            has_space(dir)?;
            set_aside(disk.as_ref(), dir)?;
            book.try_open().map_err(io::Error::other)?;
            return Ok((book, true));
        }
        let Err(mut fault) = book.try_open() else { return Ok((book, false)) };
        if fault.contains(HELD) {
            // Threads of a database that was dropped a moment ago still hold its file: nothing is wrong with it.
            wait_until_free(&dir.join("db"))?;
            match book.try_open() {
                Ok(()) => return Ok((book, false)),
                Err(again) => fault = again,
            }
        }
        if fault.contains(HELD) {
            return Err(io::Error::other(fault));
        }
        // A snapshot is a cache: sled reads its log without one.
        remove_where(disk.as_ref(), dir, |name| name.starts_with("snap."))?;
        if book.try_open().is_ok() {
            return Ok((book, false));
        }
        // A full disk has damaged nothing: set aside, a good book would be lost.
        has_space(dir)?;
        if dir.exists() {
            set_aside(disk.as_ref(), dir)?;
        }
        book.try_open().map_err(io::Error::other)?;
        Ok((book, true))
    }

    fn try_open(&mut self) -> Outcome<()> {
        remove_generating(self.disk.as_ref(), &self.dir).map_err(|e| e.to_string())?;
        let config = sled::Config::new().path(&self.dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let db = sled_says(opened.map_err(|_| "sled panicked on opening".to_owned())?)?;
        self.db = Some(db);
        self.make_names_durable().map_err(|e| e.to_string())
    }

    /// `conf` is never fsynced by sled, and without it a database does not open again.
    fn make_names_durable(&self) -> io::Result<()> {
        for name in ["conf", "db"] {
            self.disk.open(&self.dir.join(name), false)?.sync()?;
        }
        self.disk.sync_dir(&self.dir)?;
        self.dir.parent().map_or(Ok(()), |parent| self.disk.sync_dir(parent))
    }

    /// Closes: after any write error every later one in the process would fail too.
    pub fn shut(&mut self) {
        self.db = None;
    }

    pub fn is_open(&self) -> bool {
        self.db.is_some()
    }

    fn db(&self) -> Outcome<&sled::Db> {
        self.db.as_ref().ok_or_else(|| "the book is closed after an error".to_owned())
    }

    /// Writes; after an error the book is closed, and stays so until it is opened again.
    fn write(&mut self, batch: sled::Batch) -> Outcome<()> {
        let result = sled_says(self.db()?.apply_batch(batch));
        match result {
            Ok(()) => self.dirty = true,
            Err(_) => self.db = None,
        }
        result
    }

    /// Where streams stand after everything up to `position`: replaying begins there. Now and then, not for each
    /// frame: the frames hold it too, and sled's file grows with every overwrite.
    pub fn put_streams(&mut self, streams: &[PageMeta], position: Position) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        for meta in streams {
            let json = serde_json::to_vec(meta).map_err(|e| e.to_string())?;
            batch.insert(format!("{STREAM}{}/{}", meta.integration, meta.stream).as_bytes(), json);
        }
        batch.insert(POSITION, serde_json::to_vec(&position).map_err(|e| e.to_string())?);
        self.write(batch)
    }

    /// What the operator's rule has dropped that this destination had not taken.
    pub fn put_dropped(&mut self, destination: &str, all: Dropped) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        batch.insert(format!("{DROPPED}{destination}").as_bytes(), &all.encode());
        self.write(batch)
    }

    pub fn dropped(&self) -> Outcome<Vec<(String, Dropped)>> {
        self.each(DROPPED, |name, value| Some((name.to_owned(), Dropped::decode(value)?)))
    }

    /// Cursors that passed what was dropped, and what their destinations have lost by then: both or neither.
    pub fn put_passed<'n>(&mut self, all: impl Iterator<Item = (&'n String, Seq, Tenure, Dropped)>) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        for (destination, seq, tenure, dropped) in all {
            batch.insert(format!("{CURSOR}{destination}").as_bytes(), standing(seq, tenure));
            batch.insert(format!("{DROPPED}{destination}").as_bytes(), &dropped.encode());
        }
        self.write(batch)
    }

    /// The tenure stands behind the seq, and a build before it writes the seq alone: then what the slate says of that
    /// tenure counts no more.
    pub fn put_cursor(&mut self, destination: &str, seq: Seq, tenure: Tenure) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        batch.insert(format!("{CURSOR}{destination}").as_bytes(), standing(seq, tenure));
        self.write(batch)
    }

    pub fn remove_cursor(&mut self, destination: &str) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        batch.remove(format!("{CURSOR}{destination}").as_bytes());
        self.write(batch)
    }

    /// Of a build before tenures there is none.
    pub fn cursors(&self) -> Outcome<Vec<(String, Seq, Option<Tenure>)>> {
        let tenure = |value: &[u8]| Some(Tenure(le64(value.get(8..)?)?));
        self.each(CURSOR, |name, value| Some((name.to_owned(), Seq(le64(value)?), tenure(value))))
    }

    pub fn streams(&self) -> Outcome<Vec<PageMeta>> {
        self.each(STREAM, |_, value| serde_json::from_slice(value).ok())
    }

    pub fn position(&self) -> Outcome<Option<Position>> {
        let found = sled_says(self.db()?.get(POSITION))?;
        Ok(found.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// The highest seq of any id kept: more than the journal holds means that its end is gone.
    pub fn highest(&self) -> Outcome<Option<Seq>> {
        let found = sled_says(self.db()?.get(HIGHEST))?;
        Ok(found.and_then(|value| le64(&value)).map(Seq))
    }

    /// Notes when this book was begun, once; `rebuilt`: there was one before it.
    pub fn begin(&mut self, now_ms: i64, rebuilt: bool) -> Outcome<()> {
        if !self.db()?.is_empty() {
            return Ok(());
        }
        let mut value = now_ms.to_le_bytes().to_vec();
        value.push(u8::from(rebuilt));
        let mut batch = sled::Batch::default();
        batch.insert(BEGUN, value);
        self.write(batch)
    }

    /// When it was begun (milliseconds since 1970), and whether there was one before it.
    pub fn begun(&self) -> Outcome<Option<(i64, bool)>> {
        let found = sled_says(self.db()?.get(BEGUN))?;
        Ok(found.and_then(|value| Some((le64(&value)?.cast_signed(), *value.get(8)? != 0))))
    }

    /// Events that damage took along; `owed`: where it stands, until the streams have gone back before it.
    pub fn put_lost(&mut self, first: Seq, last: Seq, owed: Option<Position>) -> Outcome<()> {
        let mut value = last.0.to_le_bytes().to_vec();
        if let Some(at) = owed {
            value.extend_from_slice(&at.segment.to_le_bytes());
            value.extend_from_slice(&at.offset.to_le_bytes());
        }
        let mut batch = sled::Batch::default();
        batch.insert(format!("{LOST}{:020}", first.0).as_bytes(), value);
        self.write(batch)
    }

    pub fn lost(&self) -> Outcome<Vec<(Seq, Seq, Option<Position>)>> {
        let owed = |value: &[u8]| Some(Position { segment: le64(value.get(8..)?)?, offset: le64(value.get(16..)?)? });
        self.each(LOST, |first, value| Some((Seq(first.parse().ok()?), Seq(le64(value)?), owed(value))))
    }

    /// A record of one of the queue's own kinds, under its prefix and name.
    pub fn put_json(&mut self, prefix: &str, name: &str, record: &impl serde::Serialize) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        batch.insert(format!("{prefix}{name}").as_bytes(), serde_json::to_vec(record).map_err(|e| e.to_string())?);
        self.write(batch)
    }

    /// All of a kind, by name; what can't be read is left out.
    pub fn all_json<T: serde::de::DeserializeOwned>(&self, prefix: &str) -> Outcome<Vec<T>> {
        self.each(prefix, |_, value| serde_json::from_slice(value).ok())
    }

    pub fn remove(&mut self, prefix: &str, name: &str) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        batch.remove(format!("{prefix}{name}").as_bytes());
        self.write(batch)
    }

    /// Hands what is written to the operating system: safe from a kill of this process.
    pub fn hand_over(&mut self) -> Outcome<()> {
        let flushed = sled_says(self.db()?.flush());
        if flushed.is_err() {
            self.db = None;
        }
        flushed.map(|_| ())
    }

    /// Makes what is written durable: sled's flush, then the fdatasync that it leaves out. One that fails is not taken
    /// back by the next: the book is closed, and written anew before it opens.
    pub fn barrier(&mut self) -> Outcome<()> {
        self.db()?; // a closed book has written nothing, and is not well
        if !self.dirty {
            return Ok(());
        }
        self.hand_over()?;
        let synced = self.disk.open(&self.dir.join("db"), false).and_then(|db| db.sync());
        if synced.is_err() {
            self.db = None;
            // For this process, or for the next one.
            let _ = self.disk.open(&self.dir.join(DOUBTFUL), true);
        }
        self.dirty = synced.is_err();
        synced.map_err(|e| e.to_string())
    }

    /// Bytes of the folder.
    pub fn disk_bytes(&self) -> u64 {
        let Ok(entries) = fs::read_dir(&self.dir) else { return 0 };
        entries.flatten().filter_map(|e| e.metadata().ok()).filter(fs::Metadata::is_file).map(|m| m.len()).sum()
    }

    fn each<T>(&self, prefix: &str, read: impl Fn(&str, &[u8]) -> Option<T>) -> Outcome<Vec<T>> {
        let mut found = Vec::new();
        for entry in self.db()?.scan_prefix(prefix) {
            let (key, value) = sled_says(entry)?;
            if let Some(name) = std::str::from_utf8(&key).ok().and_then(|k| k.strip_prefix(prefix)) {
                found.extend(read(name, &value));
            }
        }
        Ok(found)
    }
}

fn standing(seq: Seq, tenure: Tenure) -> Vec<u8> {
    [seq.0.to_le_bytes(), tenure.0.to_le_bytes()].concat()
}

fn le64(value: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(value.get(..8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_that_was_closed_by_an_error_does_not_call_itself_well() {
        let dir = tempfile::tempdir().expect("a folder");
        let disk: Arc<dyn Disk> = Arc::new(crate::queue::disk::RealDisk);
        let (mut book, _) = Book::open(&disk, &dir.path().join("book")).expect("it opens");
        book.put_cursor("soc", Seq(1), Tenure(1)).and_then(|()| book.barrier()).expect("written");
        book.db = None;
        book.barrier().expect_err("closed");
    }

    #[test]
    fn a_cursor_of_a_build_before_tenures_has_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let disk: Arc<dyn Disk> = Arc::new(crate::queue::disk::RealDisk);
        let (mut book, _) = Book::open(&disk, &dir.path().join("book")).expect("it opens");
        book.put_cursor("new", Seq(3), Tenure(8)).expect("written");
        book.db().and_then(|db| sled_says(db.insert("c/old", &4_u64.to_le_bytes()))).expect("written");
        let cursors = book.cursors().expect("read");
        assert_eq!(cursors, [("new".to_owned(), Seq(3), Some(Tenure(8))), ("old".to_owned(), Seq(4), None)]);
    }
}
