//! The audit log: who did what, when and from where, in a chain that shows what was changed in it.
//!
//! ```text
//! STATE/audit/  audit.jsonl                    the entries now, one JSON object a line
//!               audit-000000000001.jsonl ...   older ones, by the number of their first entry
//!               torn-TIME.txt                  ends of a line that a crash left, set aside
//! ```
//!
//! Several processes write: the agent, and every command. Each takes the folder's lock, looks where the chain stands,
//! appends one line and flushes it to the disk.
//!
//! Promise: an act that was recorded is on the disk when [`Audit::record`] returns, and any later change of it, or of
//! the order, is named by [`Audit::verify`]. What is cut off at the end the chain can't show; what was forwarded can.

pub mod entry;
mod files;
mod verdict;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use entry::Entry;
pub use verdict::{Misfit, Verdict};

use files::Folder;

/// Who the agent is in its own entries.
pub const ITSELF: &str = "conductor";
/// The act that is recorded where a torn end was set aside.
pub const MENDED: &str = "audit mend";
/// The act that is recorded where the oldest file goes.
pub const TRIMMED: &str = "audit trim";

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// A user of the pages, `NAME (uid N)` of this machine, or [`ITSELF`]. Cut at 256 bytes.
    pub who: String,
    /// Where a request over the network came from.
    pub from: Option<IpAddr>,
    /// What was done, in two or three words that never change: `integration add`.
    pub act: &'static str,
    /// What it was done to; never a secret, never an event's content. Cut at 1,024 bytes.
    pub about: String,
    pub outcome: Outcome,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Done,
    /// Who asked may not, or did not prove who they are.
    Refused,
    /// It was tried and went wrong.
    Failed,
}

impl Outcome {
    /// The word in an entry.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }
}

/// The log of one state folder. Shared by clone; what it knows is on the disk alone.
#[derive(Clone, Debug)]
pub struct Audit {
    folder: Arc<PathBuf>,
}

impl Audit {
    /// The log in this folder (STATE/audit), which is made where it is not there, for its owner alone.
    ///
    /// # Errors
    /// The folder can't be made or entered.
    pub fn open(folder: &Path) -> io::Result<Audit> {
        files::make(folder)?;
        let audit = Audit { folder: Arc::new(folder.to_owned()) };
        drop(Folder::shared(&audit.folder)?);
        Ok(audit)
    }

    /// The log of this folder to read, where there is one; nothing is made.
    ///
    /// # Errors
    /// `NotFound`: nothing was ever recorded there.
    pub fn open_existing(folder: &Path) -> io::Result<Audit> {
        drop(Folder::shared(folder)?);
        Ok(Audit { folder: Arc::new(folder.to_owned()) })
    }

    /// Appends an entry; it is on the disk when this returns. Blocks for the disk, and for another process that writes.
    ///
    /// # Errors
    /// It could not be written; then nothing of it counts.
    pub fn record(&self, act: &Act, now: Timestamp) -> io::Result<Entry> {
        let folder = Folder::exclusive(&self.folder)?;
        let mut stand = folder.stand()?;
        if stand.torn > 0 {
            let aside = folder.set_aside(stand.torn, now)?;
            let about = format!("{} bytes of a torn last line were set aside in {aside}", stand.torn);
            stand.torn = 0;
            folder.append(&mut stand, &own(MENDED, about), now)?;
        }
        if let Some(last) = folder.rotate(&mut stand)? {
            let about = format!("up to {last}: the oldest file was removed, {} are kept", files::MOST_FILES);
            folder.append(&mut stand, &own(TRIMMED, about), now)?;
        }
        folder.append(&mut stand, act, now)
    }

    /// The last entries, oldest first. Lines that are none are left out: [`Audit::verify`] names them.
    pub fn read_last(&self, count: usize) -> io::Result<Vec<Entry>> {
        let mut kept = Vec::new();
        for opened in Folder::shared(&self.folder)?.open_all()?.into_iter().rev() {
            let mut here = Vec::new();
            files::lines(vec![opened], &mut |_, _, line| {
                here.extend(entry::read(line).ok());
                true
            })?;
            here.append(&mut kept);
            kept = here;
            if kept.len() >= count {
                break;
            }
        }
        Ok(kept.split_off(kept.len().saturating_sub(count)))
    }

    /// Up to `most` lines with a number above `after`, each with its entry: to be forwarded as they stand.
    pub fn read_after(&self, after: u64, most: usize) -> io::Result<Vec<(Entry, String)>> {
        let mut opened = Folder::shared(&self.folder)?.open_all()?;
        // A file bears the number of its first entry: those before the last one that begins at or before `after` are old.
        let begin = opened.iter().rposition(|(name, _, _)| files::first_of(name).is_some_and(|first| first <= after));
        let opened = opened.split_off(begin.unwrap_or(0));
        let mut found = Vec::new();
        files::lines(opened, &mut |_, _, line| {
            match entry::read(line) {
                Ok(entry) if entry.number > after => found.push((entry, String::from_utf8_lossy(line).into_owned())),
                Ok(_) | Err(_) => {}
            }
            found.len() < most
        })?;
        Ok(found)
    }

    /// Reads all of it and says whether the chain holds. The lock is held only while the files are opened.
    pub fn verify(&self) -> io::Result<Verdict> {
        let (opened, aside) = {
            let folder = Folder::shared(&self.folder)?;
            (folder.open_all()?, folder.names_aside()?)
        };
        let mut chain = verdict::Chain::default();
        let torn = files::lines(opened, &mut |file, number, line| {
            chain.next(file, number, line);
            true
        })?;
        Ok(chain.end(torn, aside))
    }

    /// Changes when an entry is added, by whichever process: cheap, and without a lock.
    pub fn size(&self) -> io::Result<u64> {
        files::size(&self.folder)
    }
}

fn own(act: &'static str, about: String) -> Act {
    Act { who: ITSELF.into(), from: None, act, about, outcome: Outcome::Done }
}
