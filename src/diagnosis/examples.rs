//! What will come, out of the vendor's own examples: the same polls as the agent's, answered by the vendor with examples.
//!
//! Promise: no live data is asked for and nothing is queued; a stream that the vendor has no examples of is not asked.

use jiff::Timestamp;
use tokio::time::timeout;

use super::LIMIT;
use crate::config::{Egress, Integration};
use crate::connectors::PollContext;
use crate::engine::trial::{self, Data};
use crate::event::Event;
use crate::fault::{Fault, FaultKind};
use crate::values::Secret;

/// Polls of one stream, at the most: a first may only list.
const POLLS: usize = 3;

/// The examples of one stream.
#[derive(Debug)]
pub struct Examples {
    pub stream: String,
    /// As the agent would queue them.
    pub events: Vec<Event>,
    pub ended: Ended,
}

/// How the asking ended.
#[derive(Debug)]
pub enum Ended {
    /// The vendor was asked.
    Asked,
    /// The vendor has none for this stream: it would answer with live data.
    NoneOffered,
    /// What stopped it; events before it count all the same.
    Fault(Fault),
}

/// Asks for the examples of each enabled stream; `tell` gets each as it comes.
///
/// # Errors
/// `Misconfigured`: the settings make no client.
pub async fn look(
    integration: &Integration,
    egress: &Egress,
    token: Secret,
    now: Timestamp,
    tell: &mut (dyn FnMut(Examples) + Send),
) -> Result<(), Fault> {
    let connector = trial::connector(integration, egress, token, Data::Examples)?;
    for stream in connector.streams() {
        let mut examples = Examples { stream, events: Vec::new(), ended: Ended::NoneOffered };
        if connector.has_examples(&examples.stream) {
            examples.ended = Ended::Asked;
            let mut checkpoint = None;
            for _ in 0..POLLS {
                let context = PollContext { now, round: true, known: &|_| false, kept: &|_| false, spare: &|_| true };
                let poll = connector.poll(&examples.stream, checkpoint.as_ref(), &context);
                let Ok(page) = timeout(2 * LIMIT, poll).await else {
                    let text = format!("no answer within {} s", 2 * LIMIT.as_secs());
                    examples.ended = Ended::Fault(Fault::new(FaultKind::Unavailable, text));
                    break;
                };
                examples.events.extend(page.events);
                if let Some(fault) = page.fault {
                    examples.ended = Ended::Fault(fault);
                    break;
                }
                if !page.more || !examples.events.is_empty() {
                    break;
                }
                checkpoint = page.next;
            }
        }
        tell(examples);
    }
    Ok(())
}
