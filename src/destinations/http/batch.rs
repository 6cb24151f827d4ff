//! What waits to be sent, and where it is cut into batches: pure, with the time as an argument.
//!
//! Promise: events leave in order, and one that a receiver calls bad is found by halving what holds it. A batch whose
//! fate is unknown is cut at the same borders again, as long as its events come again in this process, so that a
//! receiver that remembers batches knows it.

use std::collections::VecDeque;

use bytestring::ByteString;
use tokio::time::Instant;

use super::settings::Batching;
use crate::event::Seq;

/// One event, written as its receiver wants it.
#[derive(Clone, Debug)]
pub struct Item {
    pub seq: Seq,
    pub id: ByteString,
    pub text: Vec<u8>,
    /// A heartbeat: not of the queue, so it never waits and is never put aside.
    pub beat: bool,
}

/// What waits, oldest first.
#[derive(Debug)]
pub struct Feed {
    limits: Batching,
    waiting: VecDeque<Item>,
    bytes: usize,
    /// When the oldest began to wait.
    since: Option<Instant>,
    /// Among this many of the first there is one that the receiver called bad.
    suspects: usize,
    /// The peer has said where: so many stand before the bad one.
    before_bad: Option<usize>,
    /// First and last of a batch whose fate is unknown.
    border: Option<(Seq, Seq)>,
    /// The receiver found a batch too large: half of that one's bytes. It stays, because the receiver's limit does.
    narrowed: Option<usize>,
}

/// What became of a batch that was too much in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The next try is smaller.
    Smaller,
    /// It was one event: there is nothing to cut.
    Single,
}

impl Feed {
    pub fn new(limits: Batching) -> Feed {
        Feed {
            limits,
            waiting: VecDeque::new(),
            bytes: 0,
            since: None,
            suspects: 0,
            before_bad: None,
            border: None,
            narrowed: None,
        }
    }

    pub fn push(&mut self, item: Item, now: Instant) {
        self.bytes += item.text.len();
        self.since.get_or_insert(now);
        self.waiting.push_back(item);
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The first `n`, in order.
    pub fn first(&self, n: usize) -> impl ExactSizeIterator<Item = &Item> + Clone {
        self.waiting.iter().take(n)
    }

    /// How many of the first go next; `None`: nothing waits, or what waits may wait for more. `flush`: nothing may wait.
    pub fn next(&self, flush: bool, now: Instant) -> Option<usize> {
        if self.waiting.is_empty() {
            return None;
        }
        if let Some(before) = self.before_bad {
            return Some(before.clamp(1, self.waiting.len()));
        }
        if self.suspects > 0 {
            return Some((self.suspects / 2).clamp(1, self.waiting.len()));
        }
        if let Some(n) = self.same_again() {
            return Some(n);
        }
        let (n, full) = self.full();
        let old = self.since.is_some_and(|since| now.saturating_duration_since(since) >= self.limits.age);
        (full || flush || old || self.waiting.iter().any(|item| item.beat)).then_some(n)
    }

    /// The batch whose fate is unknown, if just its events are the first ones.
    fn same_again(&self) -> Option<usize> {
        let (first, last) = self.border?;
        let begins = self.waiting.front().is_some_and(|item| item.seq == first);
        let end = self.waiting.iter().position(|item| item.seq == last)?;
        begins.then_some(end + 1)
    }

    /// As many as one batch holds, and whether it is full.
    fn full(&self) -> (usize, bool) {
        let most = self.narrowed.unwrap_or(usize::MAX).min(self.limits.bytes);
        let (mut n, mut bytes) = (0, 0usize);
        for item in &self.waiting {
            bytes = bytes.saturating_add(item.text.len());
            if n == self.limits.events.max(1) || n > 0 && bytes > most {
                return (n, true);
            }
            n += 1;
        }
        (n, n >= self.limits.events || bytes >= most)
    }

    /// The first `n` are with the receiver. Returns the last one's place.
    pub fn done(&mut self, n: usize, now: Instant) -> Option<Seq> {
        let mut last = None;
        for item in self.waiting.drain(..n.min(self.waiting.len())) {
            self.bytes -= item.text.len();
            last = Some(item.seq);
        }
        self.suspects = self.suspects.saturating_sub(n);
        self.before_bad = None;
        self.border = None;
        self.since = (!self.waiting.is_empty()).then_some(now);
        last
    }

    /// One of the first `n` is bad; `at` where the peer says which, counted from 0.
    pub fn bad(&mut self, n: usize, at: Option<usize>) -> Cut {
        self.border = None;
        if n <= 1 {
            return Cut::Single;
        }
        // A place beyond the batch is none.
        match at.filter(|at| *at < n) {
            Some(0) => (self.before_bad, self.suspects) = (None, 1),
            Some(at) => (self.before_bad, self.suspects) = (Some(at), at + 1),
            None => (self.before_bad, self.suspects) = (None, n),
        }
        Cut::Smaller
    }

    /// The first `n` were too large together.
    pub fn too_large(&mut self, n: usize) -> Cut {
        self.border = None;
        if n <= 1 {
            return Cut::Single;
        }
        let bytes: usize = self.first(n).map(|item| item.text.len()).sum();
        self.narrowed = Some(bytes / 2);
        (self.before_bad, self.suspects) = (None, 0);
        Cut::Smaller
    }

    /// Nobody knows whether the first `n` arrived.
    pub fn unknown(&mut self, n: usize) {
        let ends = self.waiting.front().zip(self.waiting.get(n.saturating_sub(1)));
        self.border = ends.map(|(first, last)| (first.seq, last.seq));
    }

    /// Lets the first one go: a heartbeat that nobody wants.
    pub fn skip(&mut self, now: Instant) {
        self.done(1, now);
    }

    /// The engine hands all of it over again. What was learned of borders and sizes stays.
    pub fn clear(&mut self) {
        self.waiting.clear();
        (self.bytes, self.since, self.suspects, self.before_bad) = (0, None, 0, None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn feed(events: usize, bytes: usize) -> Feed {
        Feed::new(Batching { events, bytes, age: Duration::from_secs(1) })
    }

    fn put(feed: &mut Feed, seqs: std::ops::RangeInclusive<u64>, bytes: usize, now: Instant) {
        for seq in seqs {
            let id = format!("e{seq}").into();
            feed.push(Item { seq: Seq(seq), id, text: vec![b'x'; bytes], beat: false }, now);
        }
    }

    #[test]
    fn a_batch_goes_when_it_is_full_by_count_or_bytes_or_old_and_not_before() {
        let now = Instant::now();
        let mut by_count = feed(3, 1000);
        put(&mut by_count, 1..=2, 10, now);
        assert_eq!(by_count.next(false, now), None, "it may wait for a third");
        assert_eq!(by_count.next(true, now), Some(2), "unless it is asked for");
        assert_eq!(by_count.next(false, now + Duration::from_secs(1)), Some(2), "or is old");
        put(&mut by_count, 3..=4, 10, now);
        assert_eq!(by_count.next(false, now), Some(3));
        assert_eq!(by_count.done(3, now), Some(Seq(3)));
        assert_eq!(by_count.next(false, now + Duration::from_millis(999)), None, "the rest waits from then on");
        let mut by_bytes = feed(100, 25);
        put(&mut by_bytes, 1..=3, 10, now);
        assert_eq!(by_bytes.next(false, now), Some(2));
        let mut giant = feed(100, 25);
        put(&mut giant, 1..=1, 1000, now);
        assert_eq!(giant.next(false, now), Some(1), "one that is larger goes by itself");
    }

    #[test]
    fn a_heartbeat_takes_along_what_waits() {
        let now = Instant::now();
        let mut feed = feed(100, 1000);
        put(&mut feed, 1..=2, 10, now);
        feed.push(Item { seq: Seq(2), id: "beat".into(), text: vec![b'x'], beat: true }, now);
        assert_eq!(feed.next(false, now), Some(3));
    }

    /// Sends by the feed's cuts to a receiver that refuses every batch with one of `bad` in it. Returns what was put
    /// aside, what was taken, and how many requests it cost.
    fn bisect(count: u64, bad: &[u64], told: bool) -> (Vec<u64>, Vec<u64>, usize) {
        let now = Instant::now();
        let (mut aside, mut taken, mut requests) = (Vec::new(), Vec::new(), 0);
        let mut feed = feed(1000, 1 << 20);
        put(&mut feed, 1..=count, 10, now);
        while let Some(n) = feed.next(true, now) {
            requests += 1;
            let seqs: Vec<u64> = feed.first(n).map(|item| item.seq.0).collect();
            match seqs.iter().position(|seq| bad.contains(seq)) {
                None => {
                    taken.extend(seqs);
                    feed.done(n, now);
                }
                Some(at) => {
                    if feed.bad(n, told.then_some(at)) == Cut::Single {
                        aside.extend(&seqs);
                        // As the engine does: all behind it comes again.
                        feed.clear();
                        put(&mut feed, seqs[0] + 1..=count, 10, now);
                    }
                }
            }
            assert!(requests < 500, "no end");
        }
        (aside, taken, requests)
    }

    #[test]
    fn halving_finds_just_the_bad_events_and_what_is_good_arrives_once_and_in_order() {
        for bad in [&[1][..], &[64], &[100], &[37, 38], &[1, 50, 100]] {
            for told in [false, true] {
                let (aside, taken, requests) = bisect(100, bad, told);
                let good: Vec<u64> = (1..=100).filter(|seq| !bad.contains(seq)).collect();
                assert_eq!((aside.as_slice(), taken), (bad, good), "told: {told}");
                let per_event = if told { 3 } else { 16 };
                assert!(requests <= per_event * bad.len() + 1, "{requests} requests for {bad:?}, told: {told}");
            }
        }
    }

    #[test]
    fn a_batch_that_was_too_large_is_halved_and_later_ones_stay_that_small() {
        let now = Instant::now();
        let mut feed = feed(1000, 1 << 20);
        put(&mut feed, 1..=100, 10, now);
        assert_eq!(feed.next(true, now), Some(100));
        assert_eq!(feed.too_large(100), Cut::Smaller);
        assert_eq!(feed.next(true, now), Some(50));
        feed.done(50, now);
        assert_eq!(feed.next(false, now), Some(50));
        assert_eq!(feed.too_large(1), Cut::Single, "one event can't be halved");
        feed.clear();
        put(&mut feed, 51..=200, 10, now);
        assert_eq!(feed.next(true, now), Some(50));
    }

    #[test]
    fn a_batch_of_unknown_fate_is_cut_at_the_same_borders_when_it_comes_again() {
        let now = Instant::now();
        let mut feed = feed(50, 1 << 20);
        put(&mut feed, 11..=17, 10, now);
        feed.unknown(7);
        feed.clear();
        put(&mut feed, 11..=100, 10, now);
        assert_eq!(feed.next(true, now), Some(7));
        feed.done(7, now);
        assert_eq!(feed.next(true, now), Some(50));
        feed.unknown(50);
        feed.clear();
        put(&mut feed, 12..=100, 10, now);
        assert_eq!(feed.next(true, now), Some(50), "another beginning is another batch");
    }
}
