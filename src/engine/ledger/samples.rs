//! A queue with something in it, for the tests of those who look.

use std::path::Path;

use super::*;
use crate::event::{Event, Severity};
use crate::queue::disk::RealDisk;
use crate::queue::{NewPage, Options};
use crate::status;

const SETTINGS: &str = "
    [destinations.soc]
    type = \"relp\"
    address = \"127.0.0.1:1\"
    [destinations.grave]
    type = \"relp\"
    address = \"127.0.0.1:2\"
    filter = { severity-at-least = \"critical\" }
";

/// The event with this number of a stream of `acme`.
pub(crate) fn event(stream: &str, n: u64, raw: &str) -> Event {
    Event {
        id: Event::make_id("acme", stream, &format!("t{n}"), "v"),
        integration: "acme".into(),
        stream: stream.to_owned().into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: Timestamp::UNIX_EPOCH,
        observed: Timestamp::UNIX_EPOCH,
        summary: format!("threat {n}").into(),
        raw: raw.to_owned().into(),
    }
}

/// A ledger over a queue in this folder that holds these pages, with the destinations `soc`, and `grave`, which wants
/// critical events alone. Neither has taken anything.
pub(crate) fn ledger(folder: &Path, pages: Vec<Vec<Event>>) -> Ledger {
    let file = folder.join("destinations.toml");
    std::fs::write(&file, SETTINGS).expect("written");
    let state = folder.join("state-of-the-queue").to_string_lossy().into_owned();
    let loaded = crate::config::load(&file, &|_| Some(state.clone())).expect("settings");
    let options = Options { max_bytes: 1 << 30, drop_oldest: false, keep_ms: 3_600_000, keep_bytes: 1 << 30 };
    let now_ms = || status::samples::now().as_millisecond();
    let opened = Queue::open(&folder.join("queue"), options, Arc::new(RealDisk), now_ms);
    let (queue, _) = opened.expect("the queue opens");
    for events in pages {
        let page = NewPage { integration: "acme".into(), stream: "threats".into(), events, ..NewPage::default() };
        queue.append(page).expect("kept");
    }
    queue.register("soc", true);
    queue.register("grave", true);
    let (_, settings) = watch::channel(Some(Arc::new(loaded.settings)));
    Ledger::new(Arc::new(queue), settings)
}

impl Ledger {
    /// The destination has taken everything up to here.
    pub(crate) fn took(&self, destination: &str, seq: Seq) {
        self.queue.ack(destination, seq);
    }

    /// The destination will never take this event.
    pub(crate) fn refused(&self, destination: &str, seq: Seq, reason: &str, event: &Event) {
        let (destination, id, reason) = (destination.to_owned(), event.id.to_string(), reason.to_owned());
        self.queue.put_aside(&Quarantined { destination, seq, id, reason }, event).expect("put aside");
    }
}
