//! Evidence from the queue's book: a walk over the ids that it remembers.
//!
//! Promise: the walk holds the book for a thousand ids at a time and the memory of its counts alone; a report is whole
//! or it is refused.

use jiff::Timestamp;

use crate::evidence::{Asked, Entry, Memory, Report, Tally};
use crate::queue::{Queue, QueueError};

/// Ids read while the book is held: a few milliseconds.
const CHUNK: usize = 1000;
/// What our own integration calls its gaps, as ids begin.
const GAPS: &str = "conductor/gaps/";

/// Counts everything that is asked for; the error is a sentence.
pub fn report(
    queue: &Queue,
    asked: Asked,
    agent: &str,
    now: Timestamp,
    stopped: &dyn Fn() -> bool,
) -> Result<Report, String> {
    let told = |error: QueueError| format!("the queue's book can't be read: {error}");
    let prefix = asked.integration.as_ref().map(|name| format!("{name}/"));
    let mut tally = Tally::new(asked);
    let mut places = queue.places();
    places.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    for (integration, stream, place) in &places {
        tally.enter_stream(integration, stream, &place.deferred);
    }
    // Of one integration its own ids, and the gaps of all: theirs are told apart as they are counted.
    let walks = match &prefix {
        Some(prefix) => vec![GAPS, prefix],
        None => vec![""],
    };
    for prefix in walks {
        let mut after = String::new();
        loop {
            if stopped() {
                return Err("the agent is stopping: say it again when it runs, or has ended".into());
            }
            let chunk = queue.known_after(prefix, &after, CHUNK).map_err(told)?;
            for known in &chunk {
                tally.enter(Entry { id: &known.id, seq: known.seq, day: known.day, marks: &known.marks });
            }
            match chunk.last() {
                Some(last) => after.clone_from(&last.id),
                None => break,
            }
        }
    }
    let memory = queue.memory().map_err(told)?;
    let begun = memory.begun_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(tally.finish(agent, now, Memory { days: memory.days, begun, rebuilt: memory.rebuilt }))
}
