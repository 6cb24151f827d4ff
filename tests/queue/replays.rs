//! Replays: what they hold back from being let go, and what yields all the same.

use std::sync::Arc;

use conductor::event::Seq;
use conductor::queue::{Options, Queue, QueueError, Replaying, Wanted};

use super::small_disk::{SmallDisk, folder};
use super::support::{ROOMY, now_ms, open_with, page};

/// Keeps nothing but what somebody has yet to get.
const NOTHING_KEPT: Options = Options { max_bytes: 1 << 20, ..ROOMY };

fn open_small(dir: &std::path::Path) -> Queue {
    let disk = Arc::new(SmallDisk(1 << 30));
    Queue::open(&dir.join("queue"), NOTHING_KEPT, disk, now_ms).expect("the queue opens").0
}

fn replay(first: u64, last: u64) -> Replaying {
    Replaying {
        destination: "soc".into(),
        from_ms: 0,
        to_ms: i64::MAX,
        wanted: Wanted::default(),
        first: Seq(first),
        last: Seq(last),
        next: Seq(first),
        events: last + 1 - first,
        handed: 0,
        gone: 0,
        began_ms: 17,
    }
}

/// Pages until the journal has several segments; all taken. Returns the head.
fn fill(queue: &Queue) -> Seq {
    for n in 0..40 {
        queue.append(page("threats", n * 100..n * 100 + 100, "x")).expect("room");
    }
    queue.ack("soc", queue.head_now());
    queue.head_now()
}

#[test]
fn what_a_replay_has_still_to_hand_over_outlives_its_age_and_goes_as_it_comes_through() {
    let dir = folder();
    let queue = open_small(dir.path());
    queue.register("soc", true);
    queue.append(page("threats", 10_000..10_100, "x")).expect("room");
    let standing = replay(1, 100);
    queue.begin_replay(&standing).expect("it begins");
    queue.ack("soc", queue.head_now());
    for n in 0..10 {
        queue.append(page("threats", n * 100..n * 100 + 100, "x")).expect("room");
        queue.ack("soc", queue.head_now());
    }
    queue.trim().expect("trimmed");
    assert_eq!(queue.oldest(), Seq(1), "held, though nothing is to be kept");
    let through = Replaying { next: Seq(101), handed: 100, ..standing };
    assert!(queue.replay_moved(&through));
    assert!(queue.replaying("soc").is_none() && !queue.replay_moved(&through), "it is through, once");
    queue.trim().expect("trimmed");
    assert!(queue.oldest() > Seq(100), "nothing holds it any more");
}

#[test]
fn a_replay_yields_to_new_events_when_the_quota_is_reached() {
    let dir = folder();
    let queue = open_small(dir.path());
    queue.register("soc", true);
    queue.append(page("threats", 100_000..100_100, "x")).expect("room");
    queue.begin_replay(&replay(1, 100)).expect("it begins");
    // More than the quota in all: collecting goes on.
    fill(&queue);
    while queue.oldest() == Seq(1) {
        fill_once(&queue);
    }
    assert!(queue.replaying("soc").is_some(), "it stands, and will count what is gone");
}

fn fill_once(queue: &Queue) {
    let from = queue.head_now().0 * 1000;
    queue.append(page("threats", from..from + 100, "x")).expect("new events have room");
    queue.ack("soc", queue.head_now());
}

#[test]
fn a_replay_is_found_again_by_the_next_start_where_it_stood_and_a_cancelled_one_is_not() {
    let dir = folder();
    {
        let queue = open_with(dir.path(), ROOMY);
        queue.register("soc", true);
        let head = fill(&queue);
        queue.begin_replay(&replay(1, head.0)).expect("it begins");
        let second = queue.begin_replay(&replay(5, 6)).expect_err("one at a time");
        assert!(matches!(second, QueueError::Replaying { .. }), "{second}");
        assert!(queue.replay_moved(&Replaying { next: Seq(801), handed: 800, ..replay(1, head.0) }));
        // Not closed: as a kill leaves it.
    }
    let queue = open_with(dir.path(), ROOMY);
    let standing = queue.replaying("soc").expect("it stands");
    assert_eq!((standing.next, standing.handed), (Seq(801), 800));
    assert_eq!(queue.cancel_replay("soc").expect("durable").map(|ended| ended.left()), Some(standing.events - 800));
    drop(queue);
    let queue = open_with(dir.path(), ROOMY);
    assert!(queue.replaying("soc").is_none());
    queue.begin_replay(&replay(1, 9)).expect("it begins");
    queue.forget("soc");
    assert!(queue.replaying("soc").is_none(), "a destination that is forgotten is handed nothing again");
}

#[test]
fn a_range_of_time_is_what_was_kept_within_it() {
    let dir = folder();
    let queue = open_with(dir.path(), ROOMY);
    queue.register("soc", true);
    let before = now_ms();
    let none = queue.span(0, i64::MAX).expect("read");
    assert!(none.first > none.last && none.oldest.is_none());
    let head = fill(&queue);
    let all = open_span(&queue, before, now_ms());
    assert_eq!((all.0, all.1, all.2), (Seq(1), head, Some(Seq(1))));
    let past = open_span(&queue, 0, before - 1);
    assert!(past.0 > past.1, "nothing was kept then");
}

fn open_span(queue: &Queue, from: i64, to: i64) -> (Seq, Seq, Option<Seq>) {
    let span = queue.span(from, to).expect("read");
    (span.first, span.last, span.oldest.map(|(seq, _)| seq))
}
