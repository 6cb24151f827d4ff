//! Corruption: every file of a real queue is damaged in every way, one at a time.
//!
//! Promise: the queue opens by itself, tells exactly what was lost, hands on the rest in order, and sends the streams
//! back so that what was lost is fetched again.

#[path = "queue/support.rs"]
#[allow(dead_code, reason = "shared with the queue's other tests")]
mod support;

#[path = "queue/small_disk.rs"]
mod small_disk;

mod corruption {
    mod damage;
    mod oracle;
    mod template;
    mod walk;
}
