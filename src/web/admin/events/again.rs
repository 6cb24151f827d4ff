//! Replay from an event on: first the question, with how many there are, then the order.
//!
//! Promise: nothing is handed over again before somebody saw how many events that may be.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::{not_here, seq_of, trouble};
use crate::engine::ledger::{ShowReplay, Trouble};
use crate::event::Seq;
use crate::status::sentences::count;
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::posted::Posted;
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts, shown};

/// How long a page waits for a count: the listener ends it at ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "admin/replay.html")]
struct Page {
    frame: Frame,
    seq: Seq,
    destination: String,
    since: String,
    most: String,
}

/// The question.
pub(in super::super) async fn ask(
    State(desk): State<Desk>,
    visit: Visit,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let query = Posted::read(uri.query().unwrap_or("").as_bytes());
    let destination = query.text("destination").to_owned();
    let (seq, kept) = match kept(&desk, &id).await {
        Ok(Some(found)) => found,
        Ok(None) => return not_here(&desk, &visit),
        Err(error) => return trouble(&desk, &visit, &error),
    };
    match desk.ledger.since(destination.clone(), kept).await {
        Ok(most) => {
            let frame = Frame::new(&desk, &visit, Place::Events, format!("Replay to {destination}"));
            let page = Page { frame, seq, destination, since: shown::second(kept), most: count(most) };
            frame::page(StatusCode::OK, &page)
        }
        Err(error) => trouble(&desk, &visit, &error),
    }
}

/// The order. A count that takes long goes on by itself, and so does the replay then.
pub(in super::super) async fn begin(State(desk): State<Desk>, visit: Visit, Path(id): Path<String>) -> Response {
    let destination = visit.form.text("destination").to_owned();
    let (seq, kept) = match kept(&desk, &id).await {
        Ok(Some(found)) => found,
        Ok(None) => return not_here(&desk, &visit),
        Err(error) => return trouble(&desk, &visit, &error),
    };
    let order = tokio::spawn({
        let (desk, visit) = (desk.clone(), visit.clone());
        async move {
            let outcome = desk.ledger.replay(destination.clone(), kept, desk.now()).await;
            let about = format!("{destination}, what was kept since {kept}: {}", in_words(&outcome));
            acts::note(&desk, &visit, "queue replay", about, outcome.is_ok()).await;
            outcome
        }
    });
    match tokio::time::timeout(PATIENCE, order).await {
        Ok(Ok(Ok(show))) if show.begun => frame::see(&format!("/admin/events/{seq}?said=replay-begun")),
        Ok(Ok(Ok(_))) => frame::see(&format!("/admin/events/{seq}?said=replay-empty")),
        Ok(Ok(Err(error))) => trouble(&desk, &visit, &error),
        Ok(Err(error)) => frame::broken(&error),
        Err(_) => frame::see(&format!("/admin/events/{seq}?said=replay-counting")),
    }
}

/// Where the event stands, and when it was kept.
async fn kept(desk: &Desk, id: &str) -> Result<Option<(Seq, Timestamp)>, Trouble> {
    let Some(seq) = seq_of(id) else { return Ok(None) };
    Ok(desk.ledger.event(seq).await?.map(|told| (seq, told.kept)))
}

fn in_words(outcome: &Result<ShowReplay, Trouble>) -> String {
    match outcome {
        Ok(show) => format!("{} events (seq {} to {})", show.events, show.first, show.last),
        Err(trouble) => trouble.to_string(),
    }
}
