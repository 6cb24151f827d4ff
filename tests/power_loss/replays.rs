//! Replays under power cuts: what the workload does with them, and what must hold of them afterwards.
//!
//! Promise: one that was begun stands, no further back than the book's last barrier, until it is through or cancelled;
//! what it has still to hand over is here; none stands that nobody asked for.

use std::collections::BTreeMap;

use conductor::event::Seq;
use conductor::queue::{Queue, Replaying, Wanted};

use super::history::{Fact, History};
use super::oracle::{Verdict, hold};
use super::workload::Workload;

impl Workload {
    pub fn replay(&mut self) {
        let cursors: Vec<(String, u64)> = self.cursors().into_iter().collect();
        let Some((name, cursor)) = self.rng.choice(cursors) else { return };
        match self.queue().replaying(&name) {
            None => self.begin_replay(name, cursor),
            Some(_) if self.rng.u8(0..6) == 0 => self.cancel_replay(name),
            Some(standing) => self.move_replay(standing),
        }
    }

    fn begin_replay(&mut self, destination: String, cursor: u64) {
        let oldest = self.queue().oldest().0;
        if oldest > cursor {
            return; // nothing that it took is here
        }
        let first = self.rng.u64(oldest..=cursor);
        let last = self.rng.u64(first..=cursor);
        let replay = Replaying {
            destination,
            from_ms: 0,
            to_ms: i64::MAX,
            wanted: Wanted::default(),
            first: Seq(first),
            last: Seq(last),
            next: Seq(first),
            events: last + 1 - first,
            handed: 0,
            gone: 0,
            began_ms: self.history.steps.len() as i64,
        };
        self.tried(Fact::ReplayBegun { replay: replay.clone() }, |own| {
            let well = own.queue().begin_replay(&replay).is_ok();
            assert_eq!(own.queue().replaying(&replay.destination).is_some(), well, "what was refused does not stand");
            well
        });
    }

    fn move_replay(&mut self, standing: Replaying) {
        let next = self.rng.u64(standing.next.0..=standing.last.0 + 1);
        let handed = standing.handed + next - standing.next.0;
        let replay = Replaying { next: Seq(next), handed, ..standing };
        self.tried(Fact::ReplayMoved { replay: replay.clone() }, |own| {
            assert!(own.queue().replay_moved(&replay), "it stands");
            true
        });
    }

    fn cancel_replay(&mut self, destination: String) {
        self.tried(Fact::ReplayCancelled { destination: destination.clone() }, |own| {
            own.queue().cancel_replay(&destination).is_ok()
        });
    }
}

/// A replay as the history knows it.
struct Known<'h> {
    replay: &'h Replaying,
    /// It can't be missing.
    sure: bool,
    floor: Seq,
    most: Seq,
}

/// By destination; where the queue has answered that none stands, none is known.
fn known<'h>(history: &'h History, cut: usize) -> BTreeMap<&'h str, Vec<Known<'h>>> {
    let mut all: BTreeMap<&str, Vec<Known<'_>>> = BTreeMap::new();
    for step in history.steps.iter().filter(|step| step.begun <= cut) {
        let done = step.done <= cut;
        match &step.fact {
            Fact::ReplayBegun { replay } => {
                let known = Known { replay, sure: done, floor: replay.first, most: replay.first };
                all.entry(&replay.destination).or_default().push(known);
            }
            Fact::ReplayMoved { replay } => {
                let of = all.entry(&replay.destination).or_default();
                for known in of.iter_mut().filter(|known| known.replay.is(replay)) {
                    known.most = replay.next;
                    known.sure &= !replay.is_through();
                }
            }
            Fact::ReplayCancelled { destination } | Fact::Forgotten { name: destination } => {
                let of = all.entry(destination).or_default();
                if done { of.clear() } else { of.iter_mut().for_each(|known| known.sure = false) }
            }
            Fact::Booked { replays, .. } if done => {
                for of in all.values_mut() {
                    of.retain_mut(|known| {
                        let Some(stood) = replays.iter().find(|stood| known.replay.is(stood)) else { return false };
                        (known.sure, known.floor) = (true, stood.next);
                        true
                    });
                }
            }
            Fact::BookLost => all.values_mut().flatten().for_each(|known| known.sure = false),
            Fact::Registered { .. }
            | Fact::Acked { .. }
            | Fact::Aside { .. }
            | Fact::AsideDue { .. }
            | Fact::AsideRefused { .. }
            | Fact::AsideDropped { .. }
            | Fact::LetGo { .. }
            | Fact::Booked { .. }
            | Fact::Opened => {}
        }
    }
    all
}

pub fn judge(queue: &Queue, history: &History, cut: usize) -> Verdict {
    if history.opening(cut) {
        return Ok(()); // of a book that is being damaged an older state may be all that is left
    }
    let known = known(history, cut);
    for (name, of) in &known {
        let stands = queue.replaying(name);
        let Some(standing) = stands else {
            hold!(of.iter().all(|known| !known.sure), "the replay to {name} is gone: {:?}", of[0].replay);
            continue;
        };
        let Some(own) = of.iter().find(|known| known.replay.is(&standing)) else {
            return Err(format!("a replay stands that was not begun, or was ended: {standing:?}"));
        };
        let next = standing.next;
        hold!(
            own.floor <= next && next <= own.most,
            "the replay to {name} stands at {next}, not between {} and {}",
            own.floor,
            own.most
        );
        let sure: Vec<u64> =
            history.pages.iter().filter(|p| p.confirmed <= cut).flat_map(|p| p.seqs()).map(|(seq, _)| seq).collect();
        let wanted = sure.into_iter().filter(|seq| (next.0..=standing.last.0).contains(seq)).min();
        let here = history.options.drop_oldest || wanted.is_none_or(|seq| queue.oldest().0 <= seq);
        hold!(here, "{wanted:?} of the replay to {name} was let go: {standing:?}");
    }
    let all = queue.facts().replays;
    hold!(all.iter().all(|replay| known.contains_key(replay.destination.as_str())), "nobody asked for one of {all:?}");
    Ok(())
}
