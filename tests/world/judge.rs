//! Holds what a receiver got against the truth, message by message.
//!
//! Promise: an invented id, a changed byte, a hole or a wrong order of first appearances ends the test where it
//! shows. What comes again is counted, and how far the agent went back for it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{IMPORT, Truth};

/// Our envelope, as far as it matters here.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    raw: &'a RawValue,
}

/// The account of one receiver.
#[derive(Debug, Default)]
pub struct Judge {
    name: &'static str,
    /// Event ids, as they first came.
    pub order: Vec<String>,
    /// By id: the seq under which it first came.
    seqs: HashMap<String, u64>,
    /// By seq, from 1 on: the id, and the bytes of all messages up to it.
    queue: Vec<(String, u64)>,
    last: u64,
    /// Messages whose seq had come before, and their bytes.
    pub repeats: usize,
    pub repeated_bytes: u64,
    /// Lines that an importer sent again, because nobody had confirmed them: new seqs, known ids.
    pub imported_again: usize,
    /// Bytes between the newest event and the one that the agent went back to: the most of all times.
    pub furthest_back: u64,
    /// How often it went back.
    pub times_back: usize,
}

impl Judge {
    pub fn new(name: &'static str) -> Judge {
        Judge { name, ..Judge::default() }
    }

    /// One message: its MSG and the bytes of its frame.
    pub fn take(&mut self, truth: &Truth, text: &str, bytes: u64) {
        let envelope: Envelope<'_> = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("{}: MSG is not our envelope ({error}): {text}", self.name));
        let (id, seq) = (envelope.id.into_owned(), envelope.seq);
        assert!(truth.holds(&id, envelope.raw.get()), "{}: there never was {id}: {text}", self.name);
        let (newest, sent) = (self.queue.len() as u64, self.bytes_to(self.queue.len()));
        let went_back = seq <= newest && seq <= self.last;
        self.last = seq;
        if let Some((known, _)) = self.queue.get(index(seq)) {
            assert_eq!(*known, id, "{}: seq {seq} came again as another event", self.name);
            self.repeats += 1;
            self.repeated_bytes += bytes;
            if went_back {
                self.times_back += 1;
                self.furthest_back = self.furthest_back.max(sent - self.bytes_to(index(seq)));
            }
            return;
        }
        assert_eq!(seq, newest + 1, "{}: after seq {newest} came {seq} ({id})", self.name);
        self.queue.push((id.clone(), sent + bytes));
        if self.seqs.contains_key(&id) {
            assert!(id.starts_with(IMPORT), "{}: {id} is in the queue twice", self.name);
            self.imported_again += 1;
            return;
        }
        self.seqs.insert(id.clone(), seq);
        self.order.push(id);
    }

    /// The newest seq: all up to it have come.
    pub fn newest(&self) -> u64 {
        self.queue.len() as u64
    }

    /// What has come under this seq.
    pub fn at(&self, seq: u64) -> Option<&str> {
        self.queue.get(index(seq)).map(|(id, _)| id.as_str())
    }

    /// The seq under which an event first came.
    pub fn seq_of(&self, id: &str) -> Option<u64> {
        self.seqs.get(id).copied()
    }

    /// Different events so far.
    pub fn events(&self) -> usize {
        self.order.len()
    }

    fn bytes_to(&self, count: usize) -> u64 {
        count.checked_sub(1).and_then(|at| self.queue.get(at)).map_or(0, |(_, bytes)| *bytes)
    }

    /// The figures in a line.
    pub fn told(&self) -> String {
        format!(
            "{}: {} events, 0 missing, {} repeats ({} bytes), back {} times, by at most {} bytes, {} imported again",
            self.name,
            self.events(),
            self.repeats,
            self.repeated_bytes,
            self.times_back,
            self.furthest_back,
            self.imported_again
        )
    }
}

/// Seqs begin at 1.
fn index(seq: u64) -> usize {
    usize::try_from(seq).expect("it fits").checked_sub(1).expect("seqs begin at 1")
}
