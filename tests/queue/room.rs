//! Making room while others make room too.

use std::sync::{Arc, Barrier};

use conductor::queue::{NewPage, Options};

use super::small_disk::{SmallDisk, folder};
use super::support::{ROOMY, event, ids, open_on, page, read_all};

const MIB: u64 = 1 << 20;

#[test]
fn appends_that_make_room_at_the_same_time_let_go_nothing_that_was_not_taken() {
    const TOGETHER: u64 = 6;
    let heavy = |first: u64| {
        let events = (first..first + 10).map(|n| event("threats", n, 20_000)).collect();
        NewPage { events, keyed: false, ..page("threats", [], "x") }
    };
    for round in 0..10 {
        let dir = folder();
        let options = Options { max_bytes: 2 * MIB, ..ROOMY };
        let queue = open_on(dir.path(), options, Arc::new(SmallDisk(1024 * MIB))).expect("it opens");
        queue.register("soc", true);
        let mut ends = Vec::new();
        while let Ok(kept) = queue.append(heavy(ends.len() as u64 * 10)) {
            ends.push(kept.last);
        }
        // A third is taken: as much as all of them need, and not let go yet.
        let taken = ends[ends.len() / 3];
        queue.ack("soc", taken);
        let wanted = ids(&read_all(&queue, taken));
        let start = Barrier::new(TOGETHER as usize);
        std::thread::scope(|scope| {
            for thread in 0..TOGETHER {
                let (queue, start) = (&queue, &start);
                scope.spawn(move || {
                    start.wait();
                    let kept = queue.append(heavy(10_000 + thread * 10));
                    assert!(kept.as_ref().err().is_none_or(|error| error.is_full()), "{kept:?}");
                });
            }
        });
        let found = ids(&read_all(&queue, taken));
        assert_eq!(found[..wanted.len()], wanted, "round {round}");
        assert!(queue.facts().damage.is_empty(), "round {round}");
    }
}

#[test]
fn an_ack_that_passes_the_end_of_a_segment_is_news_and_no_other_is() {
    let dir = folder();
    let queue = open_on(dir.path(), ROOMY, Arc::new(SmallDisk(4 * MIB))).expect("it opens");
    queue.register("soc", true);
    let passed = queue.passed();
    let heavy = |first: u64| {
        let events = (first..first + 10).map(|n| event("threats", n, 10_000)).collect();
        NewPage { events, keyed: false, ..page("threats", [], "x") }
    };
    let mut ends = Vec::new();
    for n in 0..30 {
        ends.push(queue.append(heavy(n * 10)).expect("kept").last);
    }
    let segments = std::fs::read_dir(dir.path().join("queue/journal")).expect("it is there").count() as u64;
    assert!(segments > 2, "{segments}");
    ends.iter().for_each(|end| queue.ack("soc", *end));
    assert_eq!(*passed.borrow(), segments - 1, "the newest one has not ended");
    queue.ack("soc", ends[0]);
    assert_eq!(*passed.borrow(), segments - 1, "nothing moves back");
}
