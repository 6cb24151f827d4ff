//! Whether the chain holds, and the first entry that does not fit. Pure: it is handed lines.
//!
//! Promise: a changed, moved, added or missing line is named with its file and line, and by what it does not fit; what
//! can't be seen from here (entries cut off at the end) is left to who was sent them.

use super::TRIMMED;
use super::entry::{self, Entry, NOTHING_BEFORE, Unfit};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that fit.
    pub entries: u64,
    /// The number of the first one: above 1 where older files left the disk.
    pub first: Option<u64>,
    /// Number and hash of the last one that fits.
    pub last: Option<(u64, String)>,
    /// The first line that does not fit.
    pub misfit: Option<Misfit>,
    /// Bytes after the last end of line; the next entry sets them aside.
    pub torn: u64,
    /// Files of torn ends that were set aside.
    pub aside: Vec<String>,
}

impl Verdict {
    /// As `audit verify --json` tells it.
    pub fn to_json(&self) -> serde_json::Value {
        let misfit = self.misfit.as_ref().map(|misfit| {
            serde_json::json!({"file": misfit.file, "line": misfit.line, "number": misfit.number, "why": misfit.why})
        });
        let (last, hash) = self.last.clone().unzip();
        serde_json::json!({
            "holds": self.misfit.is_none(), "entries": self.entries, "first": self.first, "last": last,
            "last_hash": hash, "misfit": misfit, "torn_bytes": self.torn, "set_aside": self.aside,
        })
    }
}

/// A line that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The number that it bears, where it is an entry at all.
    pub number: Option<u64>,
    /// A sentence.
    pub why: String,
}

/// The chain as it is followed.
#[derive(Default)]
pub struct Chain {
    found: Verdict,
    before: Option<Entry>,
    /// The first entry is none of the beginning: is there a later one that says so?
    missing_up_to: Option<(u64, Misfit)>,
}

impl Chain {
    /// One more line.
    pub fn next(&mut self, file: &str, line: usize, bytes: &[u8]) {
        if self.found.misfit.is_some() {
            return;
        }
        let misfit = |number, why: String| Misfit { file: file.to_owned(), line, number, why };
        let entry = match entry::read(bytes) {
            Ok(entry) => entry,
            Err(unfit) => {
                let after = self.before.as_ref().map_or(0, |entry| entry.number);
                let why = match unfit {
                    Unfit::Form => format!("it is no entry; it stands after entry {after}"),
                    Unfit::Hash => {
                        format!("it was changed: its hash is not of what it says; it stands after entry {after}")
                    }
                };
                self.found.misfit = Some(misfit(None, why));
                return;
            }
        };
        let number = entry.number;
        match &self.before {
            Some(before) if number != before.number + 1 => {
                let why =
                    format!("it follows entry {}: entries between are missing, or lines were moved", before.number);
                self.found.misfit = Some(misfit(Some(number), why));
                return;
            }
            Some(before) if entry.before != before.hash => {
                let why = format!(
                    "it does not continue entry {} as that stands here: one of the two was replaced",
                    before.number
                );
                self.found.misfit = Some(misfit(Some(number), why));
                return;
            }
            None if number == 1 && entry.before != NOTHING_BEFORE => {
                self.found.misfit = Some(misfit(Some(1), "the first entry continues another one".into()));
                return;
            }
            None if number != 1 => {
                let why = format!("it is the first one here: entries 1 to {} are missing", number.saturating_sub(1));
                self.missing_up_to = Some((number.saturating_sub(1), misfit(Some(number), why)));
            }
            Some(_) | None => {}
        }
        if let Some((up_to, _)) = &self.missing_up_to
            && entry.act == TRIMMED
            && entry.about.starts_with(&format!("up to {up_to}:"))
        {
            self.missing_up_to = None;
        }
        self.found.entries += 1;
        self.found.first.get_or_insert(number);
        self.found.last = Some((number, entry.hash.clone()));
        self.before = Some(entry);
    }

    pub fn end(self, torn: u64, aside: Vec<String>) -> Verdict {
        let misfit = self.found.misfit.or(self.missing_up_to.map(|(_, misfit)| misfit));
        Verdict { misfit, torn, aside, ..self.found }
    }
}
