//! Power loss: the queue's file operations are recorded, and every state that a cut may leave behind is tried.
//!
//! What is recorded: each operation of the journal, and each fsync, removal and move of the book's files, at the seam.
//! sled writes its files by itself: its folder is looked at before each recorded operation, and what has changed is
//! recorded as writes of 4 KiB pages, creations and moves that no fsync has covered yet. An fsync that sled makes by
//! itself does not count.
//!
//! Promise: what a test calls durable is what an fsync covered before the cut; the rest may be there, in part, or not.

mod power_loss {
    mod accidents;
    mod campaign;
    mod history;
    mod log;
    mod oracle;
    mod quarantine;
    mod recorder;
    mod replays;
    mod tree;
    mod workload;
}
