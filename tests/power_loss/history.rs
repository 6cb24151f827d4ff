//! What the workload has asked of the queue, and how far the log was when it asked and when it was answered.

use std::collections::{BTreeMap, BTreeSet};

use conductor::queue::{Options, Replaying};

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
    /// When the queue said that it could not keep it.
    pub refused: usize,
}

impl Page {
    /// Nobody has said yet what became of it.
    pub fn is_open(&self, cut: usize) -> bool {
        self.begun <= cut && cut < self.confirmed.min(self.refused)
    }

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
    /// An event that a destination refused is kept beside the journal.
    Aside {
        destination: String,
        seq: u64,
        stream: String,
        number: u64,
        /// And the book has noted why.
        explained: bool,
    },
    /// It is to be tried again.
    AsideDue {
        destination: String,
        seq: u64,
    },
    /// It was, and refused once more.
    AsideRefused {
        destination: String,
        seq: u64,
    },
    /// It was let go, for good.
    AsideDropped {
        destination: String,
        seq: u64,
    },
    ReplayBegun {
        replay: Replaying,
    },
    /// The peer has confirmed more of it; the last time, all.
    ReplayMoved {
        replay: Replaying,
    },
    ReplayCancelled {
        destination: String,
    },
    /// Everything up to here is gone; whoever had not taken it stands there now.
    LetGo {
        upto: u64,
        dropped: BTreeMap<String, u64>,
    },
    /// The book has made durable what memory holds: these cursors and replays.
    Booked {
        cursors: BTreeMap<String, u64>,
        replays: Vec<Replaying>,
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

#[derive(Clone, Debug)]
pub struct History {
    pub options: Options,
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
                | Fact::Aside { .. }
                | Fact::AsideDue { .. }
                | Fact::AsideRefused { .. }
                | Fact::AsideDropped { .. }
                | Fact::ReplayBegun { .. }
                | Fact::ReplayMoved { .. }
                | Fact::ReplayCancelled { .. }
                | Fact::LetGo { .. }
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
