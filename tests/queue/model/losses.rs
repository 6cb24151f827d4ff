//! What the model makes of a process that is killed and of a book that is lost.
//!
//! Promise: a kill leaves what the system has, never what only memory had; a lost book costs repeats.

use super::{Pair, quarantine};
use crate::queue::support::copy;

impl Pair {
    /// What a process that is killed leaves behind: the files as the system has them, and nothing of its memory.
    pub fn crash(&mut self) {
        self.killed();
        self.open();
    }

    /// A copy, and in it the slate of the kill before: what a power cut may leave of a file that is never made durable.
    pub fn crash_without_slate(&mut self) {
        let older = self.slate.take();
        self.killed();
        let path = self.dir.join("queue/cursors");
        match &older {
            Some(bytes) => std::fs::write(path, bytes).expect("written"),
            None => std::fs::remove_file(path).expect("removed"),
        }
        self.slate = older;
        self.open();
        let known = self.queue.as_ref().expect("it is open").facts().cursors;
        for (name, cursor) in &mut self.model.cursors {
            let found = known.get(name).expect("known to the book").0;
            assert!(found <= *cursor, "it may repeat, never skip: {name} at {found} instead of {cursor}");
            *cursor = found;
        }
    }

    fn killed(&mut self) {
        let next = self.dir.with_extension(self.step.to_string());
        copy(&self.dir.join("queue"), &next.join("queue"));
        self.queue = None;
        std::fs::remove_dir_all(&self.dir).expect("removed");
        self.dir = next;
        self.slate = Some(std::fs::read(self.dir.join("queue/cursors")).expect("the slate"));
    }

    fn has_journal(&self) -> bool {
        std::fs::read_dir(self.dir.join("queue/journal")).expect("the journal's folder").next().is_some()
    }

    pub fn lose_book(&mut self) {
        self.queue = None;
        std::fs::remove_dir_all(self.dir.join("queue/book")).expect("lost");
        self.open();
        self.model.replays.clear();
        self.model.due.clear();
        for (_, reason) in self.model.quarantined.values_mut() {
            *reason = quarantine::FORGOTTEN.into();
        }
        let known = self.queue().facts().cursors;
        if !self.has_journal() {
            // Nothing was ever kept for them: they register again, and begin where they began.
            self.model.cursors.clear();
        }
        for (name, cursor) in &mut self.model.cursors {
            let found = known.get(name).expect("known to the journal").0;
            assert!(found <= *cursor, "a lost book may repeat, never skip");
            *cursor = found;
        }
        // Ids of what has been let go are forgotten: a repeat, no loss.
        let queue = self.queue.as_ref().expect("it is open");
        self.model.known.retain(|id| queue.has(id));
    }
}
