//! Replays in the model: asked for by time, stream and destination, taken bit by bit, cancelled.
//!
//! Promise: what is counted is what is there, what is handed over is what was counted, and nothing of it is let go before.

use conductor::control::{AskedReplay, Reply, Request};
use conductor::event::Seq;
use conductor::queue::{Replaying, Wanted};
use jiff::Timestamp;

use super::{BEGINNING_MS, Pair, now_ms};

fn at(share: u8) -> Timestamp {
    let span = (now_ms() - BEGINNING_MS) * i64::from(share) / 255;
    Timestamp::from_millisecond(BEGINNING_MS + span).expect("a time")
}

fn takes(wanted: &Wanted, id: &str) -> bool {
    let stream = id.split('/').nth(1).expect("ids have a stream");
    wanted.streams.is_empty() || wanted.streams.iter().any(|one| one == stream)
}

impl Pair {
    /// Seqs and ids that are still here, between two seqs.
    fn here(&self, first: u64, last: u64, wanted: &Wanted) -> Vec<(u64, String)> {
        let first = first.max(self.queue().oldest().0);
        let all = self.model.kept.iter().filter(|(seq, id)| (first..=last).contains(seq) && takes(wanted, id));
        all.map(|(seq, id)| (*seq, id.clone())).collect()
    }

    pub fn replay(&mut self, destination: &str, from: u8, to: u8, stream: Option<u8>, dry_run: bool) {
        let (from, to) = (at(from), at(to));
        let streams = stream.map(|stream| format!("s{stream}")).into_iter().collect();
        let wanted = Wanted { streams, ..Wanted::default() };
        let asked = AskedReplay {
            destination: destination.to_owned(),
            from,
            to,
            wanted: wanted.clone(),
            passes: Wanted::default(),
            dry_run,
        };
        let told = self.ask(Request::Replay { asked });
        let Some(cursor) = self.model.cursors.get(destination).copied() else {
            return assert!(told.is_err_and(|why| why.contains("knows no destination")));
        };
        if self.model.replays.contains_key(destination) && !dry_run {
            return assert!(told.is_err_and(|why| why.contains("under way")));
        }
        let show = told.expect("counted").into_iter().find_map(|reply| match reply {
            Reply::Replay { replay } => Some(replay),
            _ => None,
        });
        let show = show.expect("it is told");
        let (from_ms, to_ms) = (from.as_millisecond(), to.as_millisecond());
        let oldest = self.queue().oldest().0;
        let within = |seq: &&u64| **seq >= oldest && (from_ms..=to_ms).contains(&self.model.when[*seq]);
        let span: Vec<u64> = self.model.kept.keys().filter(within).copied().collect();
        let (first, last) = (span.first().copied().unwrap_or(u64::MAX), span.last().copied().unwrap_or(0));
        let expected = self.here(first, last.min(cursor), &wanted);
        assert_eq!(show.events, expected.len() as u64, "kept from {from} to {to}, taken up to {cursor}: {expected:?}");
        assert_eq!(show.begun, !dry_run && !expected.is_empty());
        if show.begun {
            let standing = self.queue().replaying(destination).expect("it stands");
            assert_eq!((standing.first, standing.last), (Seq(first), Seq(last.min(cursor))));
            assert_eq!((standing.next, standing.events, standing.handed), (standing.first, show.events, 0));
            self.model.replays.insert(destination.to_owned(), standing);
        }
    }

    /// As the engine does: reads on from the record's place, and moves it to what the peer has taken.
    pub fn replay_takes(&mut self, destination: &str, share: u8) {
        let Some(standing) = self.model.replays.get(destination).cloned() else { return };
        let (queue, last) = (self.queue(), standing.last.0);
        let (mut at, mut read) = (standing.next.before(), Vec::new());
        while at.0 < last {
            let batch = queue.read_after(at, 5, 1 << 20).expect("readable");
            assert!(batch.upto > at, "reading stands still at {at}");
            at = batch.upto;
            let meant = batch.events.iter().filter(|stored| stored.seq.0 <= last);
            let meant = meant.filter(|stored| standing.wanted.takes(&stored.event));
            read.extend(meant.map(|stored| (stored.seq.0, stored.event.id.to_string())));
        }
        assert_eq!(read, self.here(standing.next.0, last, &standing.wanted), "in order, none missing, none invented");
        assert_eq!(read.len() as u64, standing.left(), "all that was counted is held for it");
        let count = (read.len() * usize::from(share)).div_ceil(255);
        let next = if count == read.len() { last + 1 } else { read[count].0 };
        let moved = Replaying { next: Seq(next), handed: standing.handed + count as u64, ..standing };
        assert!(queue.replay_moved(&moved), "it stands");
        if moved.is_through() {
            self.model.replays.remove(destination);
            assert!(!self.queue().replay_moved(&moved), "it is through, once");
        } else {
            self.model.replays.insert(destination.to_owned(), moved);
        }
    }

    pub fn cancel_replay(&mut self, destination: &str) {
        let told = self.ask(Request::CancelReplay { destination: destination.to_owned() });
        match self.model.replays.remove(destination) {
            Some(standing) => {
                let cancelled = Reply::Cancelled { cancelled: destination.to_owned(), left: standing.left() };
                assert!(told.expect("ended").contains(&cancelled));
            }
            None => assert!(told.is_err_and(|why| why.contains("no replay to"))),
        }
    }
}
