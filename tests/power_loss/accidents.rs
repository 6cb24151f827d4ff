//! Power cuts and failed fsyncs that the campaign has found, each by itself.

use std::sync::Arc;

use conductor::event::Seq;
use conductor::queue::{Options, Quarantined, Queue, Replaying, Wanted};

use super::log::{Cut, Fate};
use super::recorder::Recorder;
use super::workload::{event, folder, now_ms, page};

const ROOMY: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };

/// A queue on a disk whose operations are recorded.
struct Scene {
    recorder: Recorder,
    queue: Queue,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let dir = folder();
        let recorder = Recorder::on(dir.path());
        let disk = Arc::new(recorder.clone());
        let (queue, _) = Queue::open(&dir.path().join("queue"), ROOMY, disk, now_ms).expect("it opens");
        queue.register("soc", true);
        queue.append(page("s0", &[1, 2], "c1", true)).expect("kept");
        Scene { recorder, queue, dir }
    }

    /// Another process takes over.
    fn restarted(self) -> Scene {
        let Scene { recorder, queue, dir } = self;
        drop(queue);
        let disk = Arc::new(recorder.clone());
        let (queue, _) = Queue::open(&dir.path().join("queue"), ROOMY, disk, now_ms).expect("it opens");
        Scene { recorder, queue, dir }
    }

    /// What `look` makes of the queue that a cut leaves, after so many operations.
    fn after_a_cut<T>(&self, after: usize, fate: Fate, seed: u64, look: impl FnOnce(&Queue) -> T) -> T {
        let dir = folder();
        self.recorder.log().state_after(Cut { after, fate, page: 512, seed }).write(dir.path());
        let disk = Arc::new(Recorder::on(dir.path()));
        look(&Queue::open(&dir.path().join("queue"), ROOMY, disk, now_ms).expect("it opens").0)
    }
}

fn refused(seq: u64) -> Quarantined {
    Quarantined { destination: "soc".into(), seq: Seq(seq), id: "id".into(), reason: "no".into() }
}

/// Of both events that the scene begins with.
fn replay() -> Replaying {
    Replaying {
        destination: "soc".into(),
        from_ms: 0,
        to_ms: i64::MAX,
        wanted: Wanted::default(),
        first: Seq(1),
        last: Seq(2),
        next: Seq(1),
        events: 2,
        handed: 0,
        gone: 0,
        began_ms: 17,
    }
}

#[test]
fn a_page_that_a_failed_fsync_has_refused_and_that_was_asked_for_again_is_not_there_twice_after_a_cut() {
    let scene = Scene::new();
    scene.recorder.fail_next_sync();
    scene.queue.append(page("s0", &[3, 4], "c2", true)).expect_err("its fsync has failed");
    scene.queue.append(page("s0", &[3, 4], "c2", true)).expect("asked for again");
    let all = scene.recorder.len();
    for seed in 0..40 {
        let ids = scene.after_a_cut(all, Fate::Shuffled, seed, |queue| {
            assert!(queue.facts().damage.is_empty(), "{:?}", queue.facts().damage);
            let mut at = Seq(0);
            let mut ids = Vec::new();
            while at < queue.head_now() {
                let batch = queue.read_after(at, 10, 1 << 20).expect("read");
                at = batch.upto;
                ids.extend(batch.events.iter().map(|stored| stored.event.id.to_string()));
            }
            ids
        });
        let wanted: Vec<String> = (1..=4).map(|n| event("s0", n).id.to_string()).collect();
        assert_eq!(ids, wanted);
    }
}

#[test]
fn a_segment_that_could_not_be_begun_does_not_come_back_with_a_cut_and_take_the_checkpoints_back() {
    let scene = Scene::new();
    let drained = scene.queue.append(page("s0", &(3..20).collect::<Vec<u64>>(), "c2", false)).expect("kept");
    scene.queue.ack("soc", drained.last);
    scene.recorder.fail_next_sync();
    scene.queue.trim().expect_err("the next segment could not be begun");
    scene.queue.append(page("s0", &[30], "c3", true)).expect("kept");
    for seed in 0..40 {
        let stands = scene.after_a_cut(scene.recorder.len(), Fate::Shuffled, seed, |queue| queue.place("acme", "s0"));
        assert_eq!(stands.checkpoint.map(|checkpoint| checkpoint.0).as_deref(), Some("c3"));
    }
}

#[test]
fn what_the_book_is_told_after_an_fsync_of_it_has_failed_is_durable_all_the_same() {
    let scene = Scene::new();
    let replay = replay();
    // More than one page of sled's log; how far it has taken does not matter here.
    (1..500).for_each(|seq| scene.queue.ack("soc", Seq(seq)));
    scene.recorder.fail_next_sync();
    scene.queue.tidy_book();
    assert!(scene.queue.facts().book_fault.is_some(), "its fsync has failed");
    scene.queue.tidy_book();
    assert_eq!(scene.queue.facts().book_fault, None, "mended");
    scene.queue.begin_replay(&replay).expect("durable");
    let stands = scene.after_a_cut(scene.recorder.len(), Fate::Dropped, 0, |queue| queue.replaying("soc"));
    assert_eq!(stands, Some(replay));
}

#[test]
fn an_agent_that_starts_after_an_fsync_of_the_book_has_failed_does_not_trust_what_the_kernel_holds_of_it() {
    let scene = Scene::new();
    (1..500).for_each(|seq| scene.queue.ack("soc", Seq(seq)));
    scene.recorder.fail_next_sync();
    scene.queue.tidy_book();
    let scene = scene.restarted();
    scene.queue.begin_replay(&replay()).expect("durable");
    let stands = scene.after_a_cut(scene.recorder.len(), Fate::Dropped, 0, |queue| queue.replaying("soc"));
    assert_eq!(stands, Some(replay()));
}

#[test]
fn a_replay_that_was_refused_does_not_begin_with_the_next_start_once_the_book_is_mended() {
    let scene = Scene::new();
    scene.queue.ack("soc", Seq(2));
    let replay = replay();
    scene.recorder.fail_next_sync();
    scene.queue.begin_replay(&replay).expect_err("its fsync has failed");
    scene.queue.tidy_book();
    assert_eq!(scene.after_a_cut(scene.recorder.len(), Fate::Applied, 0, |queue| queue.replaying("soc")), None);
}

#[test]
fn an_event_that_is_refused_a_second_time_is_in_quarantine_at_every_moment() {
    let scene = Scene::new();
    scene.queue.put_aside(&refused(1), &event("s0", 1)).expect("kept");
    let from = scene.recorder.len();
    scene.queue.put_aside(&refused(1), &event("s0", 1)).expect("kept");
    for after in from..=scene.recorder.len() {
        for fate in [Fate::Dropped, Fate::Applied, Fate::Torn] {
            let kept = scene.after_a_cut(after, fate, 1, |queue| queue.aside("soc", Seq(1)).expect("read"));
            assert!(kept.is_some_and(|stored| stored.event == event("s0", 1)), "gone after {after}, {fate:?}");
        }
    }
}

#[test]
fn what_was_let_go_from_the_quarantine_does_not_come_back_with_a_cut() {
    let scene = Scene::new();
    scene.queue.put_aside(&refused(1), &event("s0", 1)).expect("kept");
    scene.queue.drop_aside("soc", Seq(1)).expect("gone");
    let back = scene.after_a_cut(scene.recorder.len(), Fate::Dropped, 0, Queue::quarantined);
    assert_eq!(back, []);
}
