//! Looking back: what a search sees of the queue.

use conductor::event::{Seq, Stored};
use conductor::queue::{LookedBack, Looker, Options, Queue};

use super::small_disk::folder;
use super::support::{ROOMY, now_ms, open_with, page};

/// Takes so many events, and goes on for so many frames.
struct Asks {
    events: usize,
    frames: u64,
    seen: Vec<u64>,
}

impl Looker for Asks {
    fn see(&mut self, stored: &Stored, _: i64) -> bool {
        self.seen.push(stored.seq.0);
        self.events -= 1;
        self.events > 0
    }

    fn goes_on(&mut self, _: u64) -> bool {
        self.frames -= 1;
        self.frames > 0
    }
}

fn look(queue: &Queue, before: u64, events: usize, frames: u64) -> (Vec<u64>, LookedBack) {
    let mut asks = Asks { events, frames, seen: Vec::new() };
    let looked = queue.look_back(Seq(before), 0, &mut asks).expect("readable");
    (asks.seen, looked)
}

/// Small segments, so that a few pages fill several.
const SMALL: Options = Options { max_bytes: 64 << 10, keep_ms: 3_600_000, keep_bytes: 1 << 20, ..ROOMY };

fn filled(dir: &std::path::Path) -> Queue {
    let queue = open_with(dir, SMALL);
    for n in 0..20 {
        queue.append(page("threats", n * 5..n * 5 + 5, "c")).expect("kept");
    }
    queue
}

#[test]
fn it_goes_from_the_newest_to_the_oldest_through_all_segments_and_says_when_it_is_through() {
    let dir = folder();
    let queue = filled(dir.path());
    let files = std::fs::read_dir(dir.path().join("queue/journal")).expect("a folder").count();
    assert!(files > 2, "{files} segments");
    let (seen, looked) = look(&queue, u64::MAX, usize::MAX, u64::MAX);
    assert_eq!(seen, (1..=100).rev().collect::<Vec<_>>());
    assert!(looked.whole && looked.down_to == Seq(1) && looked.unreadable == 0, "{looked:?}");
}

#[test]
fn a_look_that_was_ended_goes_on_where_it_stood_with_nothing_twice_and_nothing_left_out() {
    let dir = folder();
    let queue = filled(dir.path());
    for (events, frames) in [(7, u64::MAX), (usize::MAX, 3), (3, 2), (1, 1)] {
        let (mut all, mut before, mut looks) = (Vec::new(), u64::MAX, 0);
        loop {
            let (seen, looked) = look(&queue, before, events, frames);
            assert!(looked.whole || looked.down_to.0 < before, "each look comes on");
            all.extend(seen);
            looks += 1;
            if looked.whole {
                break;
            }
            before = looked.down_to.0;
        }
        assert_eq!(all, (1..=100).rev().collect::<Vec<_>>(), "{events} events, {frames} frames");
        assert!(looks > 5, "{events} events, {frames} frames: {looks} looks");
    }
}

#[test]
fn what_was_kept_before_the_time_asked_for_is_passed_over_unread() {
    let dir = folder();
    let queue = filled(dir.path());
    let mut asks = Asks { events: usize::MAX, frames: u64::MAX, seen: Vec::new() };
    let looked = queue.look_back(Seq(u64::MAX), now_ms() + 60_000, &mut asks).expect("readable");
    assert!(looked.whole && looked.kept_ms.is_none() && asks.seen.is_empty(), "{looked:?}");
}

#[test]
fn a_damaged_frame_is_counted_and_all_others_are_seen() {
    let dir = folder();
    let queue = filled(dir.path());
    let journal = dir.path().join("queue/journal");
    let first = journal.join(format!("{:020}.cdj", 1));
    let mut bytes = std::fs::read(&first).expect("a segment");
    let at = bytes.len() - 20;
    bytes[at] ^= 0xff;
    std::fs::write(&first, bytes).expect("written");
    let (seen, looked) = look(&queue, u64::MAX, usize::MAX, u64::MAX);
    assert_eq!((looked.unreadable, looked.whole), (1, true));
    assert_eq!(seen.len(), 95, "one page of five is gone");
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
}

#[test]
fn one_event_is_found_by_its_place_and_one_that_is_not_here_is_none() {
    let dir = folder();
    let queue = filled(dir.path());
    for seq in [1, 5, 6, 50, 100] {
        let (stored, kept_ms) = queue.event(Seq(seq)).expect("readable").expect("is here");
        assert_eq!(stored.seq, Seq(seq));
        assert_eq!(&*stored.event.id, format!("acme/threats/t{n}:m{n}/v1", n = seq - 1));
        assert!((now_ms() - kept_ms).abs() < 600_000);
    }
    for seq in [0, 101, u64::MAX] {
        assert_eq!(queue.event(Seq(seq)).expect("readable"), None, "{seq}");
    }
}
