//! A clock that is set while the queue is open: what is kept for search and replay is not let go by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use conductor::event::Seq;
use conductor::queue::disk::RealDisk;
use conductor::queue::{NewPage, Options, Queue};

use super::support::{event, read_all};

const DAY: i64 = 24 * 60 * 60 * 1000;
const KEEPING: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: DAY, keep_bytes: 512 << 20 };

/// The queue takes a plain function for a clock.
static NOW: AtomicI64 = AtomicI64::new(1_790_000_000_000);

fn now() -> i64 {
    NOW.load(Ordering::SeqCst)
}

/// A page of its own segment: a MiB that does not compress to less than half.
fn large(n: u64) -> NewPage {
    NewPage {
        integration: "acme".into(),
        stream: "threats".into(),
        events: (0..20).map(|i| event("threats", n * 100 + i, 1 << 17)).collect(),
        keyed: true,
        ..NewPage::default()
    }
}

#[test]
fn a_clock_that_jumps_by_years_lets_nothing_go_early_that_is_kept_for_replay() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { max_bytes: 8 << 20, ..KEEPING };
    let open = || Queue::open(&dir.path().join("queue"), options, Arc::new(RealDisk), now).expect("it opens").0;
    let queue = open();
    queue.register("soc", true);
    for n in 0..3 {
        queue.append(large(n)).expect("kept");
    }
    let head = queue.head_now();
    queue.ack("soc", head);
    queue.trim().expect("trimmed");
    assert_eq!(read_all(&queue, Seq(0)).len(), 60, "kept for a day");
    for jump in [9 * 365 * DAY, -9 * 365 * DAY, 20 * 365 * DAY] {
        NOW.fetch_add(jump, Ordering::SeqCst);
        queue.trim().expect("trimmed");
        queue.forget_old_ids();
        assert_eq!(read_all(&queue, Seq(0)).len(), 60, "the clock moved by {jump} ms");
        assert!(queue.knows("acme", "threats", "t0"), "ids are not forgotten either");
    }
    drop(queue);
    // Set between two runs: nobody can tell it from a box that was off for long.
    NOW.fetch_add(9 * 365 * DAY, Ordering::SeqCst);
    let queue = open();
    queue.trim().expect("trimmed");
    queue.forget_old_ids();
    assert_eq!(read_all(&queue, Seq(0)).len(), 60);
    assert!(queue.knows("acme", "threats", "t0"));
}
