//! What the workload has asked of the queue, and how far the log was when it asked and when it was answered.

use std::collections::{BTreeMap, BTreeSet};

/// Never answered, as far as the log goes.
pub const NEVER: usize = usize::MAX;

/// A page, or a stream's going back to its beginning (`checkpoint: None`).
#[derive(Clone, Debug)]
pub struct Page {
    pub stream: String,
    pub numbers: Vec<u64>,
    /// Of its first event, or of the one that would have come.
    pub first: u64,
    pub checkpoint: Option<String>,
    pub keyed: bool,
    pub begun: usize,
    pub confirmed: usize,
}

impl Page {
    pub fn seqs(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.first..).zip(self.numbers.iter().copied())
    }
}

#[derive(Clone, Debug)]
pub enum Fact {
    Registered {
        name: String,
        at: u64,
    },
    Forgotten {
        name: String,
    },
    Acked {
        name: String,
        seq: u64,
    },
    Quarantined {
        seq: u64,
    },
    /// Everything up to here may go.
    Trimmed {
        upto: u64,
    },
    /// The book has made these cursors durable.
    Booked {
        cursors: BTreeMap<String, u64>,
    },
    /// Its files were overwritten.
    BookLost,
    Opened,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub fact: Fact,
    pub begun: usize,
    pub done: usize,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub pages: Vec<Page>,
    pub steps: Vec<Step>,
}

impl History {
    /// Those that the settings name now.
    pub fn destinations(&self) -> BTreeSet<&str> {
        self.destinations_at(NEVER)
    }

    pub fn destinations_at(&self, cut: usize) -> BTreeSet<&str> {
        let mut known = BTreeSet::new();
        for fact in self.done(cut) {
            match fact {
                Fact::Registered { name, .. } => drop(known.insert(name.as_str())),
                Fact::Forgotten { name } => drop(known.remove(name.as_str())),
                Fact::Acked { .. }
                | Fact::Quarantined { .. }
                | Fact::Trimmed { .. }
                | Fact::Booked { .. }
                | Fact::BookLost
                | Fact::Opened => {}
            }
        }
        known
    }

    /// Steps that were answered before the cut.
    pub fn done(&self, cut: usize) -> impl DoubleEndedIterator<Item = &Fact> {
        self.steps.iter().filter(move |step| step.done <= cut).map(|step| &step.fact)
    }

    /// Steps that were asked before the cut, answered or not.
    pub fn begun(&self, cut: usize) -> impl DoubleEndedIterator<Item = &Fact> {
        self.steps.iter().filter(move |step| step.begun <= cut).map(|step| &step.fact)
    }

    /// Was the queue being opened at the cut?
    pub fn opening(&self, cut: usize) -> bool {
        let within = |step: &&Step| matches!(step.fact, Fact::Opened | Fact::BookLost);
        self.steps.iter().filter(within).any(|step| step.begun <= cut && cut < step.done)
    }
}
