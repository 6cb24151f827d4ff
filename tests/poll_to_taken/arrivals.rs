//! What a receiver has written, followed as it grows.
//!
//! Promise: each line is judged as it is read; a line that a killed receiver left half-written is counted.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::receivers::Received;
use crate::world::{Judge, Truth};

/// The file of one receiver.
pub struct Arrivals {
    file: PathBuf,
    truth: Arc<Truth>,
    offset: u64,
    rest: Vec<u8>,
    pub judge: Judge,
    /// Lines that a killed receiver left half-written and then went on behind.
    pub torn: usize,
}

impl Arrivals {
    /// Follows what the receiver of this folder writes.
    pub fn of(name: &'static str, folder: &Path, truth: &Arc<Truth>) -> Arrivals {
        let (file, judge) = (folder.join("messages"), Judge::new(name));
        Arrivals { file, truth: truth.clone(), offset: 0, rest: Vec::new(), judge, torn: 0 }
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
        let lines = std::mem::replace(&mut self.rest, after);
        // A kill may have torn a line within a character; in a whole one, what is no UTF-8 is nothing that there ever was.
        String::from_utf8_lossy(&lines).lines().for_each(|line| self.take(line));
        self.judge.events()
    }

    /// Has every event come?
    pub fn complete(&mut self) -> bool {
        self.look() >= self.truth.events()
    }

    fn take(&mut self, line: &str) {
        let received: Received = serde_json::from_str(line).unwrap_or_else(|error| {
            // The new process went on right behind what the old one had half-written.
            let begins = [r#"{"pri":"#, r#"{"timestamp":"#, r#"{"structured-data":"#, r#"{"raw":"#];
            let begin = begins.iter().filter_map(|begin| line.rfind(begin)).max().unwrap_or_default();
            self.torn += 1;
            serde_json::from_str(&line[begin..]).unwrap_or_else(|_| panic!("no JSON ({error}): {line}"))
        });
        let header = (received.hostname.as_str(), received.app_name.as_str());
        assert_eq!(header, ("box", "conductor"), "{}", received.raw);
        let kinds = ["THREAT", "CASE", "CAMPAIGN", "VENDOR-CASE", "AUDIT", "NOT-ANALYZED"];
        assert!(kinds.contains(&received.msg_id.as_str()), "{}", received.raw);
        self.judge.take(&self.truth, received.text(), received.raw.len() as u64);
    }
}
