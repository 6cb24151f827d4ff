//! Random actions on the queue and on a plain model, side by side.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor::control::{Reply, Request, answer};
use conductor::event::{Checkpoint, Seq};
use conductor::queue::disk::{Disk, RealDisk};
use conductor::queue::{NewPage, Queue, Replaying};
use proptest::prelude::*;

use quarantine::Aside;

use super::small_disk::{SmallDisk, folder};
use super::support::{ROOMY, event};

mod losses;
mod quarantine;
mod replays;

const DESTINATIONS: u8 = 3;
const BEGINNING_MS: i64 = 1_790_000_000_000;

thread_local! {
    /// A second a step: replays are asked for by time.
    static CLOCK: Cell<i64> = const { Cell::new(BEGINNING_MS) };
}

fn now_ms() -> i64 {
    CLOCK.get()
}

#[derive(Clone, Debug)]
enum Action {
    /// `from` and `count` overlap with what came before, so that ids repeat.
    Append {
        stream: u8,
        from: u64,
        count: u64,
        heavy: bool,
        keyed: bool,
    },
    /// As an import keeps lines: pages made ready first, then kept together.
    AppendPrepared {
        pages: u64,
        count: u64,
        heavy: bool,
    },
    /// A page that was asked for before the stream was sent back.
    AppendStale {
        stream: u8,
    },
    BeginAnew {
        stream: u8,
    },
    Read {
        destination: u8,
        max: usize,
    },
    Ack {
        destination: u8,
        share: u8,
    },
    Register {
        destination: u8,
        oldest: bool,
    },
    Forget {
        destination: u8,
    },
    /// Over the control verbs, as `conductor queue replay` asks; times are shares of all time so far.
    Replay {
        destination: u8,
        from: u8,
        to: u8,
        stream: Option<u8>,
        dry_run: bool,
    },
    /// The peer takes a share of what is left of its replay.
    ReplayTakes {
        destination: u8,
        share: u8,
    },
    CancelReplay {
        destination: u8,
    },
    Quarantine(Aside),
    Trim,
    Tidy,
    /// In order.
    Close,
    /// The process is killed.
    Crash,
    LoseBook,
    /// The process is killed, and of the slate an older one is there than it had, or none.
    CrashWithoutSlate,
}

fn action() -> impl Strategy<Value = Action> {
    let append = (0u8..3, 0u64..40, 0u64..6, prop::bool::weighted(0.5), prop::bool::weighted(0.9));
    let destination = 0..DESTINATIONS;
    prop_oneof![
        24 => append.prop_map(|(stream, from, count, heavy, keyed)| Action::Append { stream, from, count, heavy, keyed }),
        4 => (1u64..4, 1u64..6, prop::bool::weighted(0.5)).prop_map(|(pages, count, heavy)| Action::AppendPrepared { pages, count, heavy }),
        1 => (0u8..3).prop_map(|stream| Action::AppendStale { stream }),
        2 => (0u8..3).prop_map(|stream| Action::BeginAnew { stream }),
        12 => (destination.clone(), 1usize..12).prop_map(|(destination, max)| Action::Read { destination, max }),
        16 => (destination.clone(), any::<u8>()).prop_map(|(destination, share)| Action::Ack { destination, share }),
        3 => (destination.clone(), any::<bool>()).prop_map(|(destination, oldest)| Action::Register { destination, oldest }),
        1 => destination.clone().prop_map(|destination| Action::Forget { destination }),
        4 => (destination.clone(), 0u8..6, 3u8..=8, prop::option::weighted(0.3, 0u8..3), prop::bool::weighted(0.2)).prop_map(
            |(destination, from, to, stream, dry_run)| Action::Replay { destination, from: 32 * from, to: (32 * u16::from(to)).min(255) as u8, stream, dry_run }
        ),
        5 => (destination.clone(), any::<u8>()).prop_map(|(destination, share)| Action::ReplayTakes { destination, share }),
        1 => destination.prop_map(|destination| Action::CancelReplay { destination }),
        6 => quarantine::aside(DESTINATIONS).prop_map(Action::Quarantine),
        6 => Just(Action::Trim),
        3 => Just(Action::Tidy),
        1 => Just(Action::Close),
        2 => Just(Action::Crash),
        1 => Just(Action::LoseBook),
        1 => Just(Action::CrashWithoutSlate),
    ]
}

#[derive(Default)]
struct Model {
    /// Every event that is kept, by its seq.
    kept: BTreeMap<u64, String>,
    /// When it was kept, milliseconds since 1970.
    when: BTreeMap<u64, i64>,
    head: u64,
    /// What has an id is not kept again, whether it is still there or not.
    known: BTreeSet<String>,
    checkpoints: BTreeMap<String, Option<String>>,
    generations: BTreeMap<String, u64>,
    cursors: BTreeMap<String, u64>,
    replays: BTreeMap<String, Replaying>,
    /// By destination and seq: the id, and why.
    quarantined: BTreeMap<(String, u64), (String, String)>,
    /// To be tried again.
    due: BTreeSet<(String, u64)>,
}

fn name(destination: u8) -> String {
    format!("soc-{destination}")
}

struct Pair {
    /// Where the queue is: another folder after each kill.
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    queue: Option<Queue>,
    model: Model,
    step: u64,
    /// The slate as the kill before found it.
    slate: Option<Vec<u8>>,
}

impl Pair {
    fn queue(&self) -> &Queue {
        self.queue.as_ref().expect("it is open")
    }

    fn open(&mut self) {
        self.queue = None;
        let opened = Queue::open(&self.dir.join("queue"), ROOMY, Arc::clone(&self.disk), now_ms);
        self.queue = Some(opened.expect("it opens").0);
        // Of the process, not of the queue.
        self.model.generations.clear();
    }

    /// Asks as the command line does. What was answered; an error in words.
    fn ask(&self, request: Request) -> Result<Vec<Reply>, String> {
        let mut output = Vec::new();
        answer(self.queue(), request, std::io::empty(), &mut output, &|| false).expect("memory takes it");
        let text = String::from_utf8(output).expect("UTF-8");
        let replies: Vec<Reply> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        match replies.last() {
            Some(Reply::Failed { failed }) => Err(failed.clone()),
            _ => Ok(replies),
        }
    }

    fn append(&mut self, stream: u8, from: u64, count: u64, heavy: bool, keyed: bool) {
        let stream = format!("s{stream}");
        let checkpoint = format!("cp-{}", self.step);
        let size = if heavy { 2000 } else { 20 };
        let events: Vec<_> = (from..from + count).map(|n| event(&stream, n, size)).collect();
        let model = &mut self.model;
        let new: Vec<String> =
            events.iter().map(|e| e.id.to_string()).filter(|id| !keyed || !model.known.contains(id)).collect();
        let page = NewPage {
            integration: "acme".into(),
            stream: stream.clone(),
            events,
            next: Some(Checkpoint(checkpoint.clone())),
            keyed,
            generation: Some(model.generations.get(&stream).copied().unwrap_or(0)),
            ..NewPage::default()
        };
        let kept = self.queue.as_ref().expect("it is open").append(page).expect("kept");
        assert_eq!((kept.kept, kept.duplicates), (new.len(), count as usize - new.len()));
        if kept.kept > 0 {
            let first = kept.last.0 + 1 - kept.kept as u64;
            assert!(first > model.head, "{first} was given out before");
            model.head = kept.last.0;
            model.kept.extend((first..).zip(new.iter().cloned()));
            model.when.extend((first..=model.head).map(|seq| (seq, now_ms())));
        }
        if keyed {
            model.known.extend(new);
        }
        model.checkpoints.insert(stream, Some(checkpoint));
    }

    fn append_prepared(&mut self, pages: u64, count: u64, heavy: bool) {
        let size = if heavy { 2000 } else { 20 };
        let numbers = |page: u64| (0..count).map(move |n| page * count + n);
        let page = |page| {
            let events = numbers(page).map(|n| event("lines", n, size)).collect();
            self.queue().prepare("acme", "lines", events).expect("made ready")
        };
        let kept = self.queue().append_prepared(&mut (0..pages).map(page).collect());
        assert!(kept.fault.is_none() && kept.last.len() as u64 == pages, "{kept:?}");
        for (page, last) in (0..pages).zip(kept.last) {
            let first = last.0 + 1 - count;
            assert!(first > self.model.head, "{first} was given out before");
            self.model.head = last.0;
            let ids = numbers(page).map(|n| event("lines", n, 1).id.to_string());
            self.model.kept.extend((first..).zip(ids));
            self.model.when.extend((first..=last.0).map(|seq| (seq, now_ms())));
        }
    }

    fn append_stale(&mut self, stream: u8) {
        let stream = format!("s{stream}");
        let old = self.model.generations.get(&stream).copied().unwrap_or(0).wrapping_sub(1);
        let page = NewPage { integration: "acme".into(), stream, generation: Some(old), ..NewPage::default() };
        self.queue().append(page).expect_err("stale");
    }

    fn begin_anew(&mut self, stream: u8) {
        let stream = format!("s{stream}");
        self.queue().begin_anew("acme", &stream).expect("kept");
        self.model.checkpoints.insert(stream.clone(), None);
        *self.model.generations.entry(stream).or_default() += 1;
    }

    fn read(&self, destination: u8, max: usize) {
        let Some(cursor) = self.model.cursors.get(&name(destination)).copied() else { return };
        let (mut at, mut got) = (Seq(cursor), Vec::new());
        while at < self.queue().head_now() {
            let batch = self.queue().read_after(at, max, 1 << 20).expect("readable");
            assert!(batch.upto > at, "reading stands still at {at}");
            at = batch.upto;
            got.extend(batch.events.iter().map(|stored| (stored.seq.0, stored.event.id.to_string())));
        }
        let wanted = self.model.kept.range(cursor + 1..).map(|(seq, id)| (*seq, id.clone()));
        assert_eq!(got, wanted.collect::<Vec<_>>(), "in order, none missing, none invented");
    }

    fn ack(&mut self, destination: u8, share: u8) {
        let Some(cursor) = self.model.cursors.get_mut(&name(destination)) else { return };
        *cursor += self.model.head.saturating_sub(*cursor) * u64::from(share) / 255;
        let seq = Seq(*cursor);
        self.queue().ack(&name(destination), seq);
        self.queue().ack(&name(destination), seq.before()); // back it never goes
    }

    fn register(&mut self, destination: u8, oldest: bool) {
        let found = self.queue().register(&name(destination), oldest).0;
        if let Some(known) = self.model.cursors.insert(name(destination), found) {
            assert_eq!(found, known, "who is known keeps its place");
        } else if oldest {
            assert!(found < self.queue().oldest().0, "it gets all that is kept");
            self.model.kept.retain(|seq, _| *seq > found || self.model.cursors.values().any(|cursor| cursor < seq));
        } else {
            assert_eq!(found, self.queue().head_now().0);
        }
    }

    fn check(&self) {
        let (queue, model) = (self.queue(), &self.model);
        assert!(queue.head_now().0 >= model.head);
        for (stream, checkpoint) in &model.checkpoints {
            let now = queue.place("acme", stream).checkpoint.map(|c| c.0);
            assert_eq!(now, *checkpoint, "of {stream}");
        }
        let facts = queue.facts();
        let cursors: BTreeMap<String, u64> = facts.cursors.into_iter().map(|(name, seq)| (name, seq.0)).collect();
        assert_eq!(cursors, model.cursors);
        assert!(facts.damage.is_empty(), "{:?}", facts.damage);
        assert!(facts.book_fault.is_none(), "{:?}", facts.book_fault);
        let replays: BTreeMap<String, Replaying> =
            facts.replays.into_iter().map(|replay| (replay.destination.clone(), replay)).collect();
        assert_eq!(replays, model.replays);
        self.check_quarantine();
        if let Some(slowest) = model.cursors.values().min() {
            assert!(
                queue.oldest().0 <= slowest + 1 || queue.oldest().0 <= model.head + 1,
                "untaken events were let go"
            );
            assert!(facts.waiting >= model.kept.range(slowest + 1..).count() as u64);
        }
    }

    fn act(&mut self, action: &Action) {
        self.step += 1;
        CLOCK.set(CLOCK.get() + 1000);
        match *action {
            Action::Append { stream, from, count, heavy, keyed } => self.append(stream, from, count, heavy, keyed),
            Action::AppendPrepared { pages, count, heavy } => self.append_prepared(pages, count, heavy),
            Action::AppendStale { stream } => self.append_stale(stream),
            Action::BeginAnew { stream } => self.begin_anew(stream),
            Action::Read { destination, max } => self.read(destination, max),
            Action::Ack { destination, share } => self.ack(destination, share),
            Action::Register { destination, oldest } => self.register(destination, oldest),
            Action::Forget { destination } => {
                self.queue().forget(&name(destination));
                self.model.cursors.remove(&name(destination));
                self.model.replays.remove(&name(destination));
            }
            Action::Replay { destination, from, to, stream, dry_run } => {
                self.replay(&name(destination), from, to, stream, dry_run);
            }
            Action::ReplayTakes { destination, share } => self.replay_takes(&name(destination), share),
            Action::CancelReplay { destination } => self.cancel_replay(&name(destination)),
            Action::Quarantine(aside) => self.quarantine(aside),
            Action::Trim => self.queue().trim().expect("trimmed"),
            Action::Tidy => {
                self.queue().pack_ids();
                self.queue().tidy_book();
            }
            Action::Close => {
                self.queue().close();
                self.open();
            }
            Action::Crash => self.crash(),
            Action::CrashWithoutSlate => self.crash_without_slate(),
            Action::LoseBook => self.lose_book(),
        }
        self.check();
    }
}

fn run(disk: Arc<dyn Disk>, dir: &Path, actions: &[Action]) {
    CLOCK.set(BEGINNING_MS);
    let mut pair = Pair { dir: dir.join("agent"), disk, queue: None, model: Model::default(), step: 0, slate: None };
    pair.open();
    pair.register(0, true);
    pair.register(1, true);
    for action in actions {
        pair.act(action);
    }
    (0..DESTINATIONS).for_each(|destination| pair.read(destination, 5));
    (0..DESTINATIONS).for_each(|destination| pair.replay_takes(&name(destination), 255));
    pair.open();
    pair.check();
}

/// `CONDUCTOR_MODEL_CASES`: how many sequences each of the tests draws.
fn cases(ordinary: u32) -> ProptestConfig {
    let cases = std::env::var("CONDUCTOR_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(ordinary);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(6500))]

    #[test]
    fn the_queue_behaves_as_its_model(actions in prop::collection::vec(action(), 1..40)) {
        run(Arc::new(SmallDisk(32 << 10)), folder().path(), &actions);
    }
}

proptest! {
    #![proptest_config(cases(3500))]

    #[test]
    fn the_queue_behaves_as_its_model_over_a_longer_life(actions in prop::collection::vec(action(), 30..70)) {
        run(Arc::new(SmallDisk(32 << 10)), folder().path(), &actions);
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn the_queue_behaves_as_its_model_on_a_real_disk(actions in prop::collection::vec(action(), 1..40)) {
        run(Arc::new(RealDisk), tempfile::tempdir().expect("a folder").path(), &actions);
    }
}
