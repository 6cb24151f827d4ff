//! The quarantine in the model: put aside, listed, tried again, let go one by one and all at once.
//!
//! Promise: what is listed is what was put aside and not let go, each event whole; an act touches what it names alone.

use std::collections::BTreeSet;

use conductor::control::{Act, Reply, Request};
use conductor::event::Seq;
use conductor::queue::Quarantined;
use proptest::prelude::*;

use super::{DESTINATIONS, Pair, name};

/// What a list says of one whose reason went with the book.
pub const FORGOTTEN: &str = "the book that knew why was lost";

#[derive(Clone, Copy, Debug)]
pub enum Aside {
    /// The event that this destination gets next is refused.
    Refuse {
        destination: u8,
    },
    /// `conductor queue quarantine retry`; `pick` chooses one of its events.
    Retry {
        destination: u8,
        pick: u8,
    },
    /// What is due is tried: the peer takes it, or refuses it once more.
    Try {
        destination: u8,
        taken: bool,
    },
    Drop {
        destination: u8,
        pick: u8,
    },
    /// All that this destination refused.
    Forget {
        destination: u8,
    },
    /// A seq that was never put aside: nothing is done.
    Unknown {
        destination: u8,
    },
}

pub fn aside(destinations: u8) -> impl Strategy<Value = Aside> {
    let destination = 0..destinations;
    let picked = (destination.clone(), any::<u8>());
    prop_oneof![
        5 => destination.clone().prop_map(|destination| Aside::Refuse { destination }),
        3 => picked.clone().prop_map(|(destination, pick)| Aside::Retry { destination, pick }),
        3 => (destination.clone(), any::<bool>()).prop_map(|(destination, taken)| Aside::Try { destination, taken }),
        2 => picked.prop_map(|(destination, pick)| Aside::Drop { destination, pick }),
        1 => destination.clone().prop_map(|destination| Aside::Forget { destination }),
        1 => destination.prop_map(|destination| Aside::Unknown { destination }),
    ]
}

impl Pair {
    pub fn quarantine(&mut self, aside: Aside) {
        match aside {
            Aside::Refuse { destination } => self.refuse(name(destination)),
            Aside::Retry { destination, pick } => {
                if let Some(seq) = self.picked(&name(destination), pick) {
                    self.act_on(Act::Retry, &name(destination), &[seq]);
                    self.model.due.insert((name(destination), seq));
                }
            }
            Aside::Try { destination, taken } => self.try_due(&name(destination), taken),
            Aside::Drop { destination, pick } => {
                if let Some(seq) = self.picked(&name(destination), pick) {
                    self.act_on(Act::Drop, &name(destination), &[seq]);
                    self.gone(&name(destination), seq);
                }
            }
            Aside::Forget { destination } => {
                self.act_on(Act::Drop, &name(destination), &[]);
                self.model.quarantined.retain(|(whose, _), _| *whose != name(destination));
                self.model.due.retain(|(whose, _)| *whose != name(destination));
            }
            Aside::Unknown { destination } => {
                let seqs = vec![Seq(u64::MAX >> 1)];
                let told = self.ask(Request::Act { act: Act::Drop, destination: name(destination), seqs });
                assert!(told.is_err_and(|why| why.contains("nothing was done")));
            }
        }
    }

    /// As the engine does: the event aside, then the cursor past it.
    fn refuse(&mut self, destination: String) {
        let Some(cursor) = self.model.cursors.get(&destination).copied() else { return };
        let queue = self.queue.as_ref().expect("it is open");
        let next = queue.read_after(Seq(cursor), 1, 1).expect("readable").events.into_iter().next();
        let Some(stored) = next else { return };
        let (id, reason) = (stored.event.id.to_string(), format!("refused in step {}", self.step));
        let entry =
            Quarantined { destination: destination.clone(), seq: stored.seq, id: id.clone(), reason: reason.clone() };
        assert_eq!(queue.put_aside(&entry, &stored.event).expect("kept"), 0, "there is room");
        queue.ack(&destination, stored.seq);
        self.model.cursors.insert(destination.clone(), stored.seq.0);
        self.model.quarantined.insert((destination, stored.seq.0), (id, reason));
    }

    fn picked(&self, destination: &str, pick: u8) -> Option<u64> {
        let own: Vec<u64> =
            self.model.quarantined.keys().filter(|(whose, _)| whose == destination).map(|(_, seq)| *seq).collect();
        (!own.is_empty()).then(|| own[usize::from(pick) % own.len()])
    }

    /// `seqs`: none means all.
    fn act_on(&self, act: Act, destination: &str, seqs: &[u64]) {
        let all = self.model.quarantined.keys().filter(|(whose, _)| whose == destination).count();
        let events = if seqs.is_empty() { all } else { seqs.len() } as u64;
        let seqs = seqs.iter().copied().map(Seq).collect();
        let told = self.ask(Request::Act { act, destination: destination.to_owned(), seqs });
        assert!(told.expect("done").contains(&Reply::Acted { acted: act, events }));
    }

    fn try_due(&mut self, destination: &str, taken: bool) {
        let queue = self.queue.as_ref().expect("it is open");
        let Some(seq) = queue.due_aside(destination).into_iter().next() else { return };
        let (id, _) = self.model.quarantined[&(destination.to_owned(), seq.0)].clone();
        if taken {
            queue.drop_aside(destination, seq).expect("gone");
            return self.gone(destination, seq.0);
        }
        let reason = format!("refused again in step {}", self.step);
        let entry = Quarantined { destination: destination.to_owned(), seq, id: id.clone(), reason: reason.clone() };
        queue.refused_again(&entry);
        self.model.due.remove(&(destination.to_owned(), seq.0));
        self.model.quarantined.insert((destination.to_owned(), seq.0), (id, reason));
    }

    fn gone(&mut self, destination: &str, seq: u64) {
        self.model.due.remove(&(destination.to_owned(), seq));
        self.model.quarantined.remove(&(destination.to_owned(), seq));
    }

    pub fn check_quarantine(&self) {
        let listed = self.ask(Request::Quarantine { destination: None, events: false }).expect("listed");
        let listed: Vec<Quarantined> = listed
            .into_iter()
            .filter_map(|reply| match reply {
                Reply::Quarantined { quarantined } => Some(quarantined),
                _ => None,
            })
            .collect();
        let wanted = self.model.quarantined.iter().map(|((destination, seq), (id, reason))| Quarantined {
            destination: destination.clone(),
            seq: Seq(*seq),
            id: id.clone(),
            reason: reason.clone(),
        });
        assert_eq!(listed, wanted.collect::<Vec<_>>());
        let due = (0..DESTINATIONS).flat_map(|destination| {
            let of = self.queue().due_aside(&name(destination)).into_iter();
            of.map(move |seq| (name(destination), seq.0))
        });
        assert_eq!(due.collect::<BTreeSet<_>>(), self.model.due);
        for entry in listed {
            let stored = self.queue().aside(&entry.destination, entry.seq).expect("readable");
            assert_eq!(stored.map(|stored| stored.event.id.to_string()), Some(entry.id), "whole");
        }
    }
}
