//! A day in the life of a queue, drawn from a seed: everything that writes to the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor::event::{Checkpoint, Event, Seq, Severity};
use conductor::queue::{NewPage, Options, Queue};
use fastrand::Rng;
use jiff::Timestamp;

use super::history::{Fact, History, NEVER, Page, Step};
use super::log::Log;
use super::recorder::Recorder;

const ROOMY: Options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 0, keep_bytes: 0 };
/// A few small segments: soon full, and then the oldest go.
const DROPPING: Options = Options { max_bytes: 40 << 10, drop_oldest: true, ..ROOMY };
const STEPS: usize = 80;

/// The same at all times, so that a seed makes the same bytes.
pub fn now_ms() -> i64 {
    1_790_000_000_000
}

/// In memory where the system has such a folder: what is durable is told by the log, not by the disk below.
pub fn folder() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.expect("a folder")
}

pub fn event(stream: &str, n: u64) -> Event {
    let mut rng = Rng::with_seed(n);
    let noise: String = (0..rng.usize(10..900)).map(|_| rng.alphanumeric()).collect();
    Event {
        id: Event::make_id("acme", stream, &format!("t{n}:m{n}"), "v1"),
        integration: "acme".into(),
        stream: stream.to_owned().into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: Timestamp::UNIX_EPOCH,
        observed: Timestamp::UNIX_EPOCH,
        summary: "a threat".into(),
        raw: format!("{{\"n\":{n},\"noise\":\"{noise}\"}}").into(),
    }
}

pub fn page(stream: &str, numbers: &[u64], checkpoint: &str, keyed: bool) -> NewPage {
    NewPage {
        integration: "acme".into(),
        stream: stream.into(),
        events: numbers.iter().map(|n| event(stream, *n)).collect(),
        next: Some(Checkpoint(checkpoint.into())),
        keyed,
        ..NewPage::default()
    }
}

pub struct Workload {
    pub rng: Rng,
    root: PathBuf,
    pub recorder: Recorder,
    queue: Option<Queue>,
    pub history: History,
    numbers: u64,
}

impl Workload {
    /// Runs it; what was done to the disk, and what the queue has said.
    pub fn run(seed: u64) -> (Log, History) {
        let dir = folder();
        let recorder = Recorder::on(dir.path());
        let options = if seed.is_multiple_of(3) { DROPPING } else { ROOMY };
        let mut workload = Workload {
            rng: Rng::with_seed(seed),
            root: dir.path().to_owned(),
            recorder,
            queue: None,
            history: History { options, pages: Vec::new(), steps: Vec::new() },
            numbers: 0,
        };
        workload.open();
        workload.register("soc-0");
        workload.register("soc-1");
        for _ in 0..STEPS {
            workload.step();
        }
        workload.queue().close();
        workload.recorder.len(); // what sled wrote last
        (workload.recorder.log(), workload.history)
    }

    fn step(&mut self) {
        // One fsync in some twenty steps tells an error: of the journal, of the book or of a file in quarantine.
        if self.rng.u8(0..20) == 0 {
            self.recorder.fail_next_sync();
        }
        match self.rng.u8(0..40) {
            0..=10 => self.append(),
            11 | 12 => self.append_together(),
            13 => self.append_prepared(),
            14..=18 => self.ack(),
            19..=21 => self.trim(),
            22 | 23 => self.tidy(),
            24..=27 => self.quarantine(),
            28..=32 => self.replay(),
            _ => {
                self.recorder.mend();
                self.come_and_go();
            }
        }
        self.recorder.mend();
    }

    /// What the agent does at a start or a reload. An fsync that fails there is another test's matter.
    fn come_and_go(&mut self) {
        match self.rng.u8(0..8) {
            0 | 1 => self.begin_anew(),
            2 | 3 => {
                let name = format!("soc-{}", self.rng.u8(0..4));
                self.register(&name);
            }
            4 => self.forget(),
            5 => self.reopen(),
            6 => self.lose_book(),
            _ => {
                self.queue().close();
                self.reopen();
            }
        }
    }

    pub fn queue(&self) -> &Queue {
        self.queue.as_ref().expect("it is open")
    }

    /// Does it, and notes how far the log was before and after.
    fn note(&mut self, fact: Fact, work: impl FnOnce(&mut Workload)) {
        self.tried(fact, |own| {
            work(own);
            true
        });
    }

    /// The same with what can fail: nobody knows then what became of it.
    pub fn tried(&mut self, fact: Fact, work: impl FnOnce(&mut Workload) -> bool) -> bool {
        let begun = self.recorder.len();
        let well = work(self);
        let done = if well { self.recorder.len() } else { NEVER };
        self.history.steps.push(Step { fact, begun, done });
        well
    }

    fn open(&mut self) {
        self.note(Fact::Opened, |own| {
            let disk = Arc::new(own.recorder.clone());
            let (queue, _) = Queue::open(&own.root.join("queue"), own.history.options, disk, now_ms).expect("it opens");
            assert!(queue.facts().damage.is_empty(), "no cut yet: {:?}", queue.facts().damage);
            // As the agent does: the destinations of its settings.
            let known: Vec<String> = own.history.destinations().into_iter().map(str::to_owned).collect();
            for name in known {
                queue.register(&name, false);
            }
            own.queue = Some(queue);
        });
    }

    fn reopen(&mut self) {
        self.queue = None;
        self.open();
    }

    fn lose_book(&mut self) {
        self.note(Fact::BookLost, |own| {
            own.queue = None;
            for entry in fs::read_dir(own.root.join("queue/book")).expect("the book").flatten() {
                if entry.path().is_file() {
                    fs::write(entry.path(), vec![0x5a; 4096]).expect("garbage");
                }
            }
            own.open();
        });
    }

    fn new_page(&mut self, stream: u8, most: u64) -> Page {
        let count = self.rng.u64(0..=most);
        let numbers: Vec<u64> = (self.numbers..self.numbers + count).collect();
        self.numbers += count;
        let checkpoint = Some(format!("after {} of {}", self.numbers, self.history.pages.len()));
        let stream = format!("s{stream}");
        let keyed = self.rng.u8(0..5) > 0;
        Page {
            stream,
            numbers,
            first: 0,
            checkpoint,
            keyed,
            begun: self.recorder.len(),
            confirmed: NEVER,
            refused: NEVER,
        }
    }

    fn append(&mut self) {
        let stream = self.rng.u8(0..3);
        let wanted = self.new_page(stream, 4);
        let begun = wanted.begun;
        let first = keep(self.queue(), &wanted);
        self.answered(wanted, first);
        self.let_go(begun);
    }

    fn answered(&mut self, mut page: Page, first: Option<u64>) {
        match first {
            Some(first) => (page.first, page.confirmed) = (first, self.recorder.len()),
            None => {
                assert!(self.recorder.has_failed(), "room and a disk that is well: {page:?}");
                page.refused = self.recorder.len();
            }
        }
        self.history.pages.push(page);
    }

    /// Notes what the steps since `begun` have let go, by the rule or because it was taken.
    fn let_go(&mut self, begun: usize) {
        let upto = self.queue().oldest().before().0;
        let dropped = self.queue().facts().dropped.into_iter().map(|(name, dropped)| (name, dropped.events)).collect();
        let done = self.recorder.len();
        self.history.steps.push(Step { fact: Fact::LetGo { upto, dropped }, begun, done });
    }

    /// Three streams at once: two of the pages share a barrier.
    fn append_together(&mut self) {
        // A roll in between would end the wait with a barrier of its own.
        if self.history.options.drop_oldest || self.recorder.left() < 6 << 10 {
            return self.append();
        }
        let mut wanted: Vec<Page> = (0..3).map(|stream| self.new_page(stream, 2)).collect();
        let begun = self.recorder.len();
        wanted.iter_mut().for_each(|page| page.begun = begun);
        let (queue, recorder) = (self.queue(), &self.recorder);
        recorder.hold_barriers();
        let firsts: Vec<Option<u64>> = std::thread::scope(|scope| {
            let first = scope.spawn(|| keep(queue, &wanted[0]));
            recorder.wait_until_one_is_held();
            let others: Vec<_> = wanted[1..]
                .iter()
                .map(|page| {
                    let before = recorder.writes();
                    let thread = scope.spawn(move || keep(queue, page));
                    recorder.wait_for_writes(before + 1);
                    thread
                })
                .collect();
            recorder.let_go();
            let mut firsts = vec![first.join().expect("it ends")];
            firsts.extend(others.into_iter().map(|other| other.join().expect("it ends")));
            firsts
        });
        for (page, first) in wanted.into_iter().zip(firsts) {
            self.answered(page, first);
        }
    }

    /// As an import keeps lines: several frames, one barrier; no checkpoint follows them, and no id is remembered.
    fn append_prepared(&mut self) {
        let begun = self.recorder.len();
        let mut wanted = Vec::new();
        for _ in 0..self.rng.u8(1..4) {
            let page = self.new_page(0, 3);
            wanted.push(Page { stream: "lines".into(), checkpoint: None, keyed: false, begun, ..page });
        }
        wanted.retain(|page| !page.numbers.is_empty());
        let prepared = |page: &Page| {
            let events = page.numbers.iter().map(|n| event(&page.stream, *n)).collect();
            self.queue().prepare("acme", &page.stream, events).expect("made ready")
        };
        let mut pages = wanted.iter().map(prepared).collect();
        let kept = self.queue().append_prepared(&mut pages);
        assert!(pages.is_empty() || self.recorder.has_failed(), "room: {:?}", kept.fault);
        let mut lasts = kept.last.into_iter();
        for page in wanted {
            let first = lasts.next().map(|last| last.0 + 1 - page.numbers.len() as u64);
            self.answered(page, first);
        }
        self.let_go(begun);
    }

    pub fn cursors(&self) -> BTreeMap<String, u64> {
        self.queue().facts().cursors.into_iter().map(|(name, seq)| (name, seq.0)).collect()
    }

    fn ack(&mut self) {
        let cursors: Vec<(String, u64)> = self.cursors().into_iter().collect();
        let Some((name, cursor)) = self.rng.choice(cursors) else { return };
        let head = self.queue().head_now().0;
        let seq = self.rng.u64(cursor..=head);
        self.note(Fact::Acked { name: name.clone(), seq }, |own| own.queue().ack(&name, Seq(seq)));
    }

    fn trim(&mut self) {
        let begun = self.recorder.len();
        let held = self.queue().facts().replays.iter().map(|replay| replay.next.before().0).min();
        let taken = self.cursors().values().min().copied();
        let was = self.queue().oldest().before().0;
        if let Err(error) = self.queue().trim() {
            assert!(self.recorder.has_failed(), "{error}");
        }
        let upto = self.queue().oldest().before().0;
        let may = held.into_iter().chain(taken).min().unwrap_or(0).max(was);
        let kept = self.history.pages.iter().filter(|page| page.confirmed < NEVER).flat_map(Page::seqs);
        let early: Vec<u64> = kept.map(|(seq, _)| seq).filter(|seq| may < *seq && *seq <= upto).collect();
        assert!(early.is_empty(), "{early:?} were let go; taken and not wanted again is what is up to {may}");
        self.let_go(begun);
    }

    fn tidy(&mut self) {
        let cursors = self.cursors();
        let replays = self.queue().facts().replays;
        self.tried(Fact::Booked { cursors, replays }, |own| {
            own.queue().pack_ids();
            own.queue().tidy_book();
            own.queue().facts().book_fault.is_none()
        });
    }

    fn begin_anew(&mut self) {
        let stream = format!("s{}", self.rng.u8(0..3));
        let begun = self.recorder.len();
        self.queue().begin_anew("acme", &stream).expect("kept");
        let (first, confirmed) = (self.queue().head_now().0 + 1, self.recorder.len());
        let (numbers, refused) = (Vec::new(), NEVER);
        let page = Page { stream, numbers, first, checkpoint: None, keyed: false, begun, confirmed, refused };
        self.history.pages.push(page);
    }

    fn register(&mut self, name: &str) {
        let at = if self.cursors().contains_key(name) { return } else { self.queue().head_now().0 };
        self.note(Fact::Registered { name: name.to_owned(), at }, |own| {
            own.queue().register(name, false);
        });
    }

    fn forget(&mut self) {
        let name = "soc-3".to_owned();
        if self.cursors().contains_key(&name) {
            self.tried(Fact::Forgotten { name: name.clone() }, |own| {
                own.queue().forget(&name);
                own.queue().facts().book_fault.is_none()
            });
        }
    }
}

/// Appends; the seq of the first event, or of the one that would come. Nothing where it was refused.
fn keep(queue: &Queue, wanted: &Page) -> Option<u64> {
    let checkpoint = wanted.checkpoint.as_deref().unwrap_or_default();
    let kept = queue.append(page(&wanted.stream, &wanted.numbers, checkpoint, wanted.keyed)).ok()?;
    assert_eq!(kept.kept, wanted.numbers.len());
    Some(kept.last.0 + 1 - kept.kept as u64)
}
