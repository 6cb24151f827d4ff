//! The quarantine under power cuts: what the workload does with it, and what must hold of it afterwards.
//!
//! Promise: an event that was put aside is there, whole, until it was let go; what was let go does not come back.

use std::collections::{BTreeMap, BTreeSet};

use conductor::event::Seq;
use conductor::queue::{Quarantined, Queue};

use super::history::{Fact, History};
use super::oracle::{Verdict, hold};
use super::workload::{Workload, event};

const REASON: &str = "too odd";

fn entry(destination: &str, seq: u64, reason: &str) -> Quarantined {
    Quarantined { destination: destination.into(), seq: Seq(seq), id: format!("id-{seq}"), reason: reason.into() }
}

impl Workload {
    pub fn quarantine(&mut self) {
        let aside: Vec<Quarantined> = self.queue().quarantined();
        let chosen = self.rng.choice(aside);
        match (self.rng.u8(0..8), chosen) {
            (0 | 1, Some(old)) => self.retry(&old),
            (2, Some(old)) => {
                let (destination, seq) = (old.destination.clone(), old.seq.0);
                self.tried(Fact::AsideRefused { destination, seq }, |own| {
                    own.queue().refused_again(&Quarantined { reason: REASON.into(), ..old });
                    own.queue().facts().book_fault.is_none()
                });
            }
            (3 | 4, Some(old)) => {
                let (destination, seq) = (old.destination.clone(), old.seq.0);
                self.tried(Fact::AsideDropped { destination, seq }, |own| {
                    own.queue().drop_aside(&old.destination, old.seq).is_ok()
                });
            }
            _ => self.put_aside(),
        }
    }

    fn retry(&mut self, old: &Quarantined) {
        let (destination, seq) = (old.destination.clone(), old.seq.0);
        self.tried(Fact::AsideDue { destination, seq }, |own| {
            own.queue().retry_aside(&old.destination, old.seq).is_ok()
        });
    }

    /// Any event of the queue: one that was handed over again may be refused a second time.
    fn put_aside(&mut self) {
        let pages = self.history.pages.iter().rev().filter(|page| page.confirmed < super::history::NEVER).take(4);
        let all: Vec<(u64, String, u64)> =
            pages.flat_map(|page| page.seqs().map(|(seq, n)| (seq, page.stream.clone(), n))).collect();
        let Some((seq, stream, number)) = self.rng.choice(all) else { return };
        let destination = format!("soc-{}", self.rng.u8(0..2));
        let fact =
            Fact::Aside { destination: destination.clone(), seq, stream: stream.clone(), number, explained: false };
        self.tried(fact, |own| {
            own.queue().put_aside(&entry(&destination, seq, REASON), &event(&stream, number)).is_ok()
        });
        let well = self.queue().facts().book_fault.is_none();
        if let Some(Fact::Aside { explained, .. }) = self.history.steps.last_mut().map(|step| &mut step.fact) {
            *explained = well;
        }
    }
}

/// What the history knows of one event.
#[derive(Default)]
struct Known {
    /// Its id, once it was put aside well and nobody has begun to let it go.
    sure: Option<String>,
    /// It may be there.
    maybe: bool,
    due: bool,
    maybe_due: bool,
    /// The book that knows why is not lost.
    reason: bool,
}

pub fn judge(queue: &Queue, history: &History, cut: usize) -> Verdict {
    let mut all: BTreeMap<(&str, u64), Known> = BTreeMap::new();
    for step in history.steps.iter().filter(|step| step.begun <= cut) {
        let done = step.done <= cut;
        match &step.fact {
            Fact::Aside { destination, seq, stream, number, explained } => {
                let known = all.entry((destination, *seq)).or_default();
                known.maybe = true;
                if done {
                    known.sure = Some(event(stream, *number).id.to_string());
                    known.reason |= *explained;
                }
            }
            Fact::AsideDropped { destination, seq } => {
                let known = all.entry((destination, *seq)).or_default();
                *known = Known { maybe: known.maybe && !done, maybe_due: known.maybe_due && !done, ..Known::default() };
            }
            Fact::AsideDue { destination, seq } => {
                let known = all.entry((destination, *seq)).or_default();
                (known.due, known.maybe_due) = (known.due || done, true);
            }
            Fact::AsideRefused { destination, seq } => {
                let known = all.entry((destination, *seq)).or_default();
                (known.due, known.maybe_due) = (false, known.maybe_due && !done);
            }
            Fact::BookLost => {
                for known in all.values_mut() {
                    (known.due, known.reason) = (false, false);
                    // While it is being damaged, an older state of it may be all that is left.
                    (known.maybe, known.maybe_due) = (known.maybe || !done, known.maybe_due || !done);
                }
            }
            Fact::Registered { .. }
            | Fact::Forgotten { .. }
            | Fact::Acked { .. }
            | Fact::ReplayBegun { .. }
            | Fact::ReplayMoved { .. }
            | Fact::ReplayCancelled { .. }
            | Fact::LetGo { .. }
            | Fact::Booked { .. }
            | Fact::Opened => {}
        }
    }
    let listed = queue.quarantined();
    for ((name, seq), known) in &all {
        let kept = queue.aside(name, Seq(*seq)).map_err(|e| e.to_string())?.map(|stored| stored.event.id.to_string());
        let told = listed.iter().find(|entry| entry.destination == **name && entry.seq.0 == *seq);
        if let Some(id) = &known.sure {
            hold!(kept.as_ref() == Some(id), "event {seq} that {name} refused is gone: {kept:?}");
            hold!(told.is_some(), "event {seq} that {name} refused is not listed");
            let reason = told.map(|entry| entry.reason.as_str());
            hold!(!known.reason || reason == Some(REASON), "why {name} refused {seq} is forgotten: {reason:?}");
        }
        hold!(known.maybe || kept.is_none() && told.is_none(), "event {seq} that {name} let go is back: {told:?}");
        let due = queue.due_aside(name).contains(&Seq(*seq));
        hold!(due || !known.due, "{name} is to be handed {seq} once more, and nobody knows");
        hold!(known.maybe_due || !due, "{name} is to be handed {seq} once more, and nobody asked for it");
    }
    let asked: BTreeSet<(&str, u64)> = all.keys().copied().collect();
    let invented = listed.iter().find(|entry| !asked.contains(&(entry.destination.as_str(), entry.seq.0)));
    hold!(invented.is_none(), "never put aside: {invented:?}");
    Ok(())
}
