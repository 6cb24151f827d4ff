//! Opening the queue as the agent does, for the agent and for verbs that run without one.
//!
//! Promise: whoever opens the queue to write gives each event the same marks, so that what evidence tells does not
//! depend on who had the queue open.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::own;
use crate::config;
use crate::connectors;
use crate::event::Event;
use crate::queue::disk::RealDisk;
use crate::queue::{self, OpenReport, Queue, QueueError, Standing};

/// Opens the queue in this folder, with the system's clock and disk.
pub fn open_queue(dir: &Path, settings: &config::Queue) -> Result<(Queue, OpenReport), QueueError> {
    let clock = || Timestamp::now().as_millisecond();
    Queue::open_marking(dir, queue_options(settings), Arc::new(RealDisk), clock, marks, standing())
}

/// The queue's options from the settings.
pub fn queue_options(settings: &config::Queue) -> queue::Options {
    queue::Options {
        max_bytes: settings.max_size.0,
        drop_oldest: settings.when_full == config::WhenFull::DropOldest,
        keep_ms: i64::try_from(settings.keep.as_millis()).unwrap_or(i64::MAX),
        keep_bytes: settings.keep_size.0,
    }
}

/// The appliance's mark of a version that its gate has not judged: `$CONDUCTOR_TRIAL` names a file, and it is there.
fn standing() -> Standing {
    match std::env::var_os("CONDUCTOR_TRIAL") {
        Some(mark) if Path::new(&mark).exists() => Standing::OnTrial,
        Some(_) | None => Standing::Settled,
    }
}

/// The bytes that the book keeps of an event for evidence.
pub fn marks(event: &Event) -> Option<Vec<u8>> {
    let marks = if event.integration == own::INTEGRATION { own::marks(event) } else { connectors::marks(event) };
    marks.map(|marks| marks.encode())
}
