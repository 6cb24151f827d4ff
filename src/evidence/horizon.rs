//! What a report can know, and the sentences that say what it can not.
//!
//! Promise: a period that reaches behind what is remembered is never shown as a quiet one.

use jiff::{Timestamp, ToSpan};

use super::words::plural;
use super::{Asked, Horizon};

/// How far back the book remembers.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub days: u32,
    /// When it was begun; `None`: not noted.
    pub begun: Option<Timestamp>,
    pub rebuilt: bool,
}

impl Horizon {
    pub fn new(asked: &Asked, now: Timestamp, memory: Memory) -> Horizon {
        let remembered = now.checked_sub((i64::from(memory.days) * 24).hours()).unwrap_or(Timestamp::MIN);
        let known_since = memory.begun.map(|begun| begun.max(remembered));
        let covers_period = match known_since {
            Some(since) => Some(since <= asked.from),
            None if asked.from < remembered => Some(false),
            None => None,
        };
        Horizon { days: memory.days, known_since, rebuilt: memory.rebuilt, covers_period }
    }

    /// What limits the report. `unmarked` items and gaps are known by their ids alone.
    pub fn notes(&self, unmarked: u64, gaps_without_range: u64) -> Vec<String> {
        let mut notes = Vec::new();
        if self.rebuilt {
            notes.push(
                "The queue's book was lost and made again: of what was kept before, only what the queue still held then \
                 is counted."
                    .to_owned(),
            );
        }
        match self.covers_period {
            Some(true) => {}
            Some(false) => notes.push(
                "The period begins before what this agent knows: counts of that part are missing, not zero.".to_owned(),
            ),
            None => notes.push(
                "It is not known since when this agent counts: an early part of the period may be missing.".to_owned(),
            ),
        }
        if unmarked > 0 {
            let (items, were) = (plural(unmarked, "item"), if unmarked == 1 { "was" } else { "were" });
            notes.push(format!(
                "{items} {were} kept by a version that noted nothing but ids: counted by stream and day alone."
            ));
        }
        if gaps_without_range > 0 {
            let (gaps, were) =
                (plural(gaps_without_range, "gap"), if gaps_without_range == 1 { "was" } else { "were" });
            notes.push(format!(
                "{gaps} {were} told by a version that did not note the range here: look at the receiver for events of \
                 the stream gaps."
            ));
        }
        notes
    }
}
