//! A queue that has been at work, as the bytes of its files and as what it holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor::event::{Event, Seq, Stored};
use conductor::queue::{OpenReport, Quarantined, Queue, QueueError, Replaying, Wanted};

use super::damage::is_segment;
use crate::small_disk::{SmallDisk, folder, now_ms};
use crate::support::{ROOMY, page};

pub fn open(dir: &Path) -> Result<(Queue, OpenReport), QueueError> {
    Queue::open(&dir.join("queue"), ROOMY, Arc::new(SmallDisk(64 << 10)), now_ms)
}

/// One page of it.
#[derive(Clone, Debug)]
pub struct Kept {
    pub stream: String,
    pub numbers: Vec<u64>,
    pub first: u64,
    pub checkpoint: String,
}

/// A frame of the journal: its file, where it stands there, and its events.
#[derive(Clone, Debug)]
pub struct Frame {
    pub file: PathBuf,
    pub from: usize,
    pub to: usize,
    pub seqs: std::ops::Range<u64>,
}

#[derive(Debug)]
pub struct Template {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    folders: Vec<PathBuf>,
    /// What comes before has been let go.
    oldest: u64,
    pub pages: Vec<Kept>,
    pub frames: Vec<Frame>,
    pub cursors: BTreeMap<String, u64>,
    /// What is in quarantine, each with its event.
    pub aside: Vec<(Quarantined, Event)>,
    /// Destination and seq of what is to be tried again.
    pub due: Vec<(String, Seq)>,
    pub replay: Replaying,
}

/// The file of an event in quarantine.
pub fn aside_file(entry: &Quarantined) -> PathBuf {
    Path::new("queue/quarantine").join(format!("{}@{:020}.cdj", entry.destination, entry.seq.0))
}

impl Template {
    /// `tidy`: it was trimmed, and the agent has closed it; else the agent was killed.
    pub fn made(tidy: bool) -> Template {
        let dir = folder();
        let (queue, _) = open(dir.path()).expect("it opens");
        queue.register("slow", true);
        queue.register("quick", true);
        let mut pages = Vec::new();
        let mut number = 0;
        for n in 0..54_u64 {
            let stream = format!("s{}", n % 3);
            let count = if n == 53 { 3 } else { n % 5 };
            let numbers: Vec<u64> = (number..number + count).collect();
            number += count;
            let checkpoint = format!("c{n}");
            let kept = queue.append(page(&stream, numbers.iter().copied(), &checkpoint)).expect("kept");
            pages.push(Kept { stream, first: kept.last.0 + 1 - count, numbers, checkpoint });
            if n % 10 == 9 {
                queue.ack("quick", Seq(kept.last.0 - 2));
                queue.tidy_book();
            }
        }
        let first = queue.read_after(Seq(0), 5, 1 << 20).expect("read").events;
        queue.ack("slow", Seq(if tidy { 40 } else { 5 }));
        if tidy {
            queue.trim().expect("trimmed");
            assert!(queue.oldest().0 > 1, "the first segment has been let go");
            queue.close();
        }
        let aside = put_aside(&queue, &first);
        queue.retry_aside("slow", aside[0].0.seq).expect("due");
        let replay = replay(41);
        queue.begin_replay(&replay).expect("it begins");
        let oldest = queue.oldest().0;
        let cursors = queue.facts().cursors.into_iter().map(|(name, seq)| (name, seq.0)).collect();
        drop(queue);
        let mut template = Template {
            files: BTreeMap::new(),
            folders: Vec::new(),
            oldest,
            pages,
            frames: Vec::new(),
            cursors,
            due: vec![("slow".into(), aside[0].0.seq)],
            aside,
            replay,
        };
        template.read(dir.path());
        template
    }

    fn read(&mut self, root: &Path) {
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let name = entry.path().strip_prefix(root).expect("below it").to_owned();
                if entry.path().is_dir() {
                    folders.push(entry.path());
                    self.folders.push(name);
                } else {
                    self.files.insert(name, fs::read(entry.path()).expect("a file"));
                }
            }
        }
        self.folders.sort();
        let segments = self.files.iter().filter(|(path, _)| is_segment(path));
        self.frames = segments.flat_map(|(path, bytes)| frames(path, bytes)).collect();
    }

    pub fn write(&self, root: &Path) {
        for folder in &self.folders {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        for (path, bytes) in &self.files {
            fs::write(root.join(path), bytes).expect("a file");
        }
    }

    /// What each seq bears that is still there.
    pub fn events(&self) -> BTreeMap<u64, (String, u64)> {
        self.all_events().into_iter().filter(|(seq, _)| *seq >= self.oldest).collect()
    }

    /// What each seq has ever borne.
    pub fn all_events(&self) -> BTreeMap<u64, (String, u64)> {
        let of = |page: &Kept| {
            let stream = page.stream.clone();
            (page.first..).zip(page.numbers.clone()).map(move |(seq, n)| (seq, (stream.clone(), n)))
        };
        self.pages.iter().flat_map(of).collect()
    }
}

/// Two destinations have refused the same event, one of them another too.
fn put_aside(queue: &Queue, events: &[Stored]) -> Vec<(Quarantined, Event)> {
    let put = |(destination, at): (&str, usize)| {
        let Stored { seq, event } = events[at].clone();
        let (id, reason) = (event.id.to_string(), format!("too odd for {destination}"));
        let entry = Quarantined { destination: destination.into(), seq, id, reason };
        queue.put_aside(&entry, &event).expect("kept");
        (entry, event)
    };
    vec![put(("slow", 3)), put(("slow", 2)), put(("quick", 2))]
}

fn replay(first: u64) -> Replaying {
    Replaying {
        destination: "quick".into(),
        from_ms: 0,
        to_ms: i64::MAX,
        wanted: Wanted::default(),
        first: Seq(first),
        last: Seq(first + 20),
        next: Seq(first),
        events: 21,
        handed: 0,
        gone: 0,
        began_ms: 17,
    }
}

fn frames(path: &Path, bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let word = |at: usize| u32::from_le_bytes(bytes[from + at..from + at + 4].try_into().expect("four"));
        let first = u64::from(word(8));
        let to = from + 64 + (word(20) + word(24)) as usize;
        found.push(Frame { file: path.to_owned(), from, to, seqs: first..first + u64::from(word(16)) });
        from = to;
    }
    found
}
