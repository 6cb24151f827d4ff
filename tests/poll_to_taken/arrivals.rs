//! What a receiver has written, followed as it grows: which events, in which order, how often.
//!
//! Promise: each line is held against the truth as it is read: an invented id, a changed byte or a wrong order ends
//! the test there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::receivers::Received;
use crate::world::Truth;

/// Our envelope, as far as it matters here.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    raw: &'a RawValue,
}

/// The file of one receiver.
pub struct Arrivals {
    name: &'static str,
    file: PathBuf,
    truth: Arc<Truth>,
    offset: u64,
    rest: Vec<u8>,
    /// Event ids, as they first came.
    pub order: Vec<String>,
    seqs: HashMap<String, u64>,
    /// The highest seq so far.
    pub highest: u64,
    /// Messages that had come before.
    pub repeats: usize,
    /// Bytes of their frames.
    pub repeated_bytes: u64,
    /// Lines that a killed receiver left half-written and then went on behind.
    pub torn: usize,
}

impl Arrivals {
    /// Follows what the receiver of this folder writes.
    pub fn of(name: &'static str, folder: &Path, truth: &Arc<Truth>) -> Arrivals {
        Arrivals {
            name,
            file: folder.join("messages"),
            truth: truth.clone(),
            offset: 0,
            rest: Vec::new(),
            order: Vec::new(),
            seqs: HashMap::new(),
            highest: 0,
            repeats: 0,
            repeated_bytes: 0,
            torn: 0,
        }
    }

    /// The truth has grown: what came before stays judged.
    pub fn expect(&mut self, truth: &Arc<Truth>) {
        self.truth = truth.clone();
    }

    /// Reads what was written since the last look. Returns how many different events have come.
    pub fn look(&mut self) -> usize {
        if let Ok(mut file) = File::open(&self.file) {
            file.seek(SeekFrom::Start(self.offset)).expect("the file is there");
            let read = file.read_to_end(&mut self.rest).expect("readable");
            self.offset += read as u64;
        }
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let after = self.rest.split_off(whole);
        let lines = String::from_utf8(std::mem::replace(&mut self.rest, after)).expect("receivers write UTF-8");
        lines.lines().for_each(|line| self.take(line));
        self.order.len()
    }

    /// Has every event come?
    pub fn complete(&mut self) -> bool {
        self.look() >= self.truth.events()
    }

    fn take(&mut self, line: &str) {
        let received: Received = match serde_json::from_str(line) {
            Ok(received) => received,
            Err(error) => {
                // The new process went on right behind what the old one had half-written.
                let whole = [r#"{"pri":"#, r#"{"timestamp":"#, r#"{"structured-data":"#];
                let begin = whole.iter().filter_map(|begin| line.rfind(begin)).max().unwrap_or_default();
                self.torn += 1;
                serde_json::from_str(&line[begin..])
                    .unwrap_or_else(|_| panic!("{}: no JSON ({error}): {line}", self.name))
            }
        };
        let header = (received.hostname.as_str(), received.app_name.as_str(), received.msg_id.as_str());
        assert_eq!(header, ("box", "conductor", "THREAT"), "{}: {}", self.name, received.raw);
        let text = received.text();
        let envelope: Envelope<'_> = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("{}: MSG is not our envelope ({error}): {text}", self.name));
        let (id, seq) = (envelope.id.into_owned(), envelope.seq);
        assert!(self.truth.holds(&id, envelope.raw.get()), "{}: the API never held {id}: {text}", self.name);
        if let Some(first) = self.seqs.get(&id) {
            assert_eq!(*first, seq, "{}: {id} came again under another seq", self.name);
            self.repeats += 1;
            self.repeated_bytes += received.raw.len() as u64;
            return;
        }
        assert!(seq > self.highest, "{}: seq {seq} ({id}) came after {}", self.name, self.highest);
        self.highest = seq;
        self.seqs.insert(id.clone(), seq);
        self.order.push(id);
    }
}
