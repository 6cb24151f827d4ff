//! What somebody asks of what is here: a replay, or what becomes of events in quarantine. The command line and the
//! pages ask alike.
//!
//! Promise: no replay begins that was not counted, what is no longer retained is named with its seqs and its time, and an
//! act touches what was named alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Quarantined, Queue, QueueError, Replaying, Span, Wanted};
use crate::event::Seq;

/// A replay that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedReplay {
    pub destination: String,
    /// When events were kept, both ends included.
    pub from: Timestamp,
    pub to: Timestamp,
    pub wanted: Wanted,
    /// What the settings let pass to this destination anyway: the count minds it.
    pub passes: Wanted,
    pub dry_run: bool,
}

/// What there is of the range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowReplay {
    pub destination: String,
    /// Events that will be handed over again.
    pub events: u64,
    /// The seqs between which they are; none when `first > last`.
    pub first: Seq,
    pub last: Seq,
    /// What was kept before this time is no longer retained, and the range begins earlier: seqs up to `gone`.
    pub retained_from: Option<Timestamp>,
    pub gone: Seq,
    /// Places within the range that damage took along.
    pub damaged: u64,
    /// Events kept within the range that the destination has not taken yet: they come by themselves.
    pub to_come: u64,
    pub begun: bool,
}

/// What becomes of events in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Their destination is handed them again.
    Retry,
    /// They are let go.
    Drop,
}

impl Queue {
    /// Counts, and begins unless it is a rehearsal. `goes_on` is told after each batch how far of how many places the count
    /// is; false ends it.
    ///
    /// # Errors
    /// A sentence: no such destination, a replay under way, a disk that fails, a count that was ended.
    pub fn replay_asked(
        &self,
        asked: &AskedReplay,
        now: Timestamp,
        goes_on: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<ShowReplay, String> {
        let told = |error: QueueError| error.to_string();
        let name = &asked.destination;
        let Some(cursor) = self.facts().cursors.get(name).copied() else {
            return Err(format!("the queue knows no destination {name:?}"));
        };
        if let Some(standing) = self.replaying(name).filter(|_| !asked.dry_run) {
            return Err(told(QueueError::Replaying { destination: name.clone(), left: standing.left() }));
        }
        let (from_ms, to_ms) = (asked.from.as_millisecond(), asked.to.as_millisecond());
        let span = self.span(from_ms, to_ms).map_err(told)?;
        let last = span.last.min(cursor);
        let mut show = ShowReplay {
            destination: name.clone(),
            first: span.first,
            last,
            damaged: span.damaged,
            to_come: if span.first > span.last {
                0
            } else {
                span.last.0.saturating_sub(cursor.0.max(span.first.before().0))
            },
            ..ShowReplay::default()
        };
        (show.retained_from, show.gone) = self.gone(&span, from_ms);
        if span.first <= last {
            show.events = self.count(span.first, last, [&asked.wanted, &asked.passes], goes_on)?;
        }
        if !asked.dry_run && show.events > 0 {
            let record = Replaying {
                destination: name.clone(),
                from_ms,
                to_ms,
                wanted: asked.wanted.clone(),
                first: span.first,
                last,
                next: span.first,
                events: show.events,
                handed: 0,
                gone: 0,
                began_ms: now.as_millisecond(),
            };
            self.begin_replay(&record).map_err(told)?;
            show.begun = true;
        }
        Ok(show)
    }

    /// From when on events are retained and the last seq that is not, where the range begins before that.
    fn gone(&self, span: &Span, from_ms: i64) -> (Option<Timestamp>, Seq) {
        let (oldest, kept) = match span.oldest {
            Some((oldest, kept_ms)) => (oldest, Some(kept_ms)),
            None => (self.head_now().next(), None),
        };
        // With the very first event still here, nothing was ever let go.
        if oldest <= Seq(1) || kept.is_some_and(|kept_ms| kept_ms <= from_ms) {
            return (None, Seq(0));
        }
        (kept.and_then(|kept_ms| Timestamp::from_millisecond(kept_ms).ok()), oldest.before())
    }

    fn count(
        &self,
        first: Seq,
        last: Seq,
        wanted: [&Wanted; 2],
        goes_on: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<u64, String> {
        let (mut at, mut events) = (first.before(), 0);
        while at < last {
            let batch = self.read_after(at, 1024, 1 << 20).map_err(|error| error.to_string())?;
            if batch.upto <= at {
                break;
            }
            at = batch.upto;
            let meant = batch.events.iter().filter(|stored| stored.seq <= last);
            events += meant.filter(|stored| wanted.iter().all(|wanted| wanted.takes(&stored.event))).count() as u64;
            let done = at.min(last).0.saturating_sub(first.before().0);
            if !goes_on(done, last.0 - first.before().0) {
                return Err("the agent is stopping: say it again when it runs".into());
            }
        }
        Ok(events)
    }

    /// Entries of the quarantine, of one destination or of all.
    pub fn quarantined_of(&self, destination: Option<&str>) -> Vec<Quarantined> {
        let mut entries = self.quarantined();
        entries.retain(|entry| destination.is_none_or(|name| name == entry.destination));
        entries
    }

    /// Does it to these seqs of a destination; to all of them where none is named. Returns to how many.
    ///
    /// # Errors
    /// A sentence: one of them is not there (then nothing was done), or the disk or the book fails on the way.
    pub fn act_aside(&self, act: Act, destination: &str, seqs: &[Seq]) -> Result<u64, String> {
        let entries = self.quarantined_of(Some(destination));
        if let Some(unknown) = seqs.iter().find(|seq| !entries.iter().any(|entry| entry.seq == **seq)) {
            return Err(format!("the quarantine holds no event {unknown} of {destination:?}: nothing was done"));
        }
        let mut events = 0;
        for entry in entries.iter().filter(|entry| seqs.is_empty() || seqs.contains(&entry.seq)) {
            let done = match act {
                Act::Retry => self.retry_aside(destination, entry.seq),
                Act::Drop => self.drop_aside(destination, entry.seq),
            };
            done.map_err(|error| format!("{events} events were seen to, then: {error}"))?;
            events += 1;
        }
        Ok(events)
    }
}
