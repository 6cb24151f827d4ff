//! One event: what it is, what became of it at each destination, and the vendor's own JSON.
//!
//! Promise: the JSON on the page has every number and letter as it came, cut where it is long; the file has every byte.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri, header};

use super::{not_here, seq_of, trouble};
use crate::engine::ledger::{Fate, Told};
use crate::event::{Seq, Stored};
use crate::status::Snapshot;
use crate::status::sentences::bytes;
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts, shown};

/// Bytes of JSON on a page.
const MOST_SHOWN: usize = 128 << 10;

#[derive(Template)]
#[template(path = "admin/event.html")]
struct Page {
    frame: Frame,
    seq: Seq,
    heading: String,
    facts: Vec<(&'static str, String)>,
    fates: Vec<FateRow>,
    /// Who could be handed it again.
    again: Vec<String>,
    json: String,
    cut: bool,
    size: String,
}

struct FateRow {
    destination: String,
    word: &'static str,
    tone: &'static str,
    text: String,
}

pub(in super::super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let Some(seq) = seq_of(&id) else { return not_here(&desk, &visit) };
    match desk.ledger.event(seq).await {
        Ok(Some(told)) => {
            let frame = Frame::new(&desk, &visit, Place::Events, format!("Event {seq}")).said(&uri);
            frame::page(StatusCode::OK, &Page::new(frame, &told, &desk.snapshot()))
        }
        Ok(None) => not_here(&desk, &visit),
        Err(error) => trouble(&desk, &visit, &error),
    }
}

/// The vendor's JSON as a file, byte for byte.
pub(in super::super) async fn raw(State(desk): State<Desk>, visit: Visit, Path(id): Path<String>) -> Response {
    let Some(seq) = seq_of(&id) else { return not_here(&desk, &visit) };
    match desk.ledger.event(seq).await {
        Ok(Some(Told { stored: Stored { event, .. }, .. })) => {
            acts::note_look(&desk, &visit, "event export", event.id.to_string()).await;
            let headers = [
                (header::CONTENT_TYPE, "application/json".to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"event-{seq}.json\"")),
            ];
            (headers, String::from(event.raw)).into_response()
        }
        Ok(None) => not_here(&desk, &visit),
        Err(error) => trouble(&desk, &visit, &error),
    }
}

impl Page {
    fn new(frame: Frame, told: &Told, snapshot: &Snapshot) -> Page {
        let Told { stored: Stored { seq, event }, kept, fates } = told;
        let text = |text: &str| shown::visible(text).into_owned();
        let set = shown::set_out(&event.raw, MOST_SHOWN);
        let facts = [
            ("Id", text(&event.id)),
            ("Integration", text(&event.integration)),
            ("Stream", text(&event.stream)),
            ("Type", text(&event.kind)),
            ("Severity", event.severity.to_string()),
            ("Happened", format!("{} UTC", shown::second(event.occurred))),
            ("Seen by us", format!("{} UTC", shown::second(event.observed))),
            ("Kept here", format!("{} UTC", shown::second(*kept))),
            ("Place in the queue", seq.to_string()),
        ];
        let row = |(destination, fate): (&String, &Fate)| {
            let receipt = snapshot.destinations.iter().find(|one| one.name == *destination);
            let receipt = receipt.map_or("", |one| one.receipt_text.as_str());
            let (word, tone, text) = in_words(fate, receipt);
            FateRow { destination: destination.clone(), word, tone, text }
        };
        Page {
            frame,
            seq: *seq,
            heading: if event.summary.trim().is_empty() { format!("Event {seq}") } else { text(&event.summary) },
            facts: facts.into(),
            fates: fates.iter().map(row).collect(),
            again: fates.iter().filter(|(_, fate)| **fate == Fate::Behind).map(|(name, _)| name.clone()).collect(),
            json: set.text,
            cut: set.cut,
            size: bytes(event.raw.len() as u64),
        }
    }
}

/// A word, its tone, and a sentence.
fn in_words(fate: &Fate, receipt: &str) -> (&'static str, &'static str, String) {
    match fate {
        Fate::Waits => ("waits", "fair", "Its turn has not come, or the destination can't take it now.".into()),
        Fate::Behind => {
            let text = format!(
                "Behind the destination's place: taken, unless it was kept before the destination was added. {receipt}"
            );
            ("taken", "good", text.trim_end().to_owned())
        }
        Fate::Filtered => ("passed over", "plain", "The filter that is set now does not let it pass.".into()),
        Fate::Aside { reason, again: false } => {
            ("quarantined", "bad", format!("The peer will never take it: {}", shown::visible(reason)))
        }
        Fate::Aside { reason, again: true } => (
            "tried again",
            "fair",
            format!("It is tried once more. The peer had refused it: {}", shown::visible(reason)),
        ),
    }
}
