//! Events: what the queue still holds, searched; one event with all that is known of it; replays and the quarantine.
//!
//! Promise: everything that a vendor or a mail wrote is shown as text; a search that is not through says how far it came.

mod again;
mod aside;
mod detail;
mod query;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::frame::{self, Frame, Place};
use super::posted::Posted;
use super::visit::Visit;
use super::{Desk, shown};
use crate::engine::ledger::{Found, Hit, MOST_HITS, Trouble};
use crate::event::Seq;
use crate::status::sentences::plural;
use query::Query;

pub(super) use again::{ask as ask_replay, begin as begin_replay};
pub(super) use aside::{drop_them as drop_aside, page as quarantine, retry as retry_aside, sure as sure_to_drop};
pub(super) use detail::{page as event, raw};

#[derive(Template)]
#[template(path = "admin/events.html")]
struct Page {
    frame: Frame,
    query: Query,
    /// For the choices of the form.
    integrations: Vec<String>,
    streams: Vec<String>,
    rows: Vec<Row>,
    told: String,
    /// Where the search goes on, and its words.
    next: Option<(String, &'static str)>,
    newest: String,
    /// Why there is no answer.
    trouble: String,
}

/// A row of results.
struct Row {
    seq: Seq,
    occurred: String,
    kind: String,
    subject: String,
    sender: String,
    place: String,
    severity: &'static str,
}

impl Row {
    fn new(hit: &Hit) -> Row {
        let text = |text: &str| shown::visible(text).into_owned();
        Row {
            seq: hit.seq,
            occurred: shown::second(hit.occurred),
            kind: if hit.attack.is_empty() {
                text(&hit.kind)
            } else {
                format!("{}: {}", text(&hit.kind), text(&hit.attack))
            },
            subject: if hit.subject.trim().is_empty() { "(no subject)".into() } else { text(&hit.subject) },
            sender: text(&hit.sender),
            place: format!("{}/{}", text(&hit.integration), text(&hit.stream)),
            severity: hit.severity.as_str(),
        }
    }
}

/// The search and its results.
pub(super) async fn page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let frame = Frame::new(&desk, &visit, Place::Events, "Events").said(&uri);
    let query = Query::read(&Posted::read(uri.query().unwrap_or("").as_bytes()));
    let snapshot = desk.snapshot();
    let mut streams: Vec<String> =
        snapshot.integrations.iter().flat_map(|one| one.streams.iter().map(|stream| stream.name.clone())).collect();
    streams.sort();
    streams.dedup();
    let mut page = Page {
        frame,
        integrations: snapshot.integrations.iter().map(|one| one.name.clone()).collect(),
        streams,
        rows: Vec::new(),
        told: String::new(),
        next: None,
        newest: query.before.map_or_else(String::new, |_| query.path(None)),
        trouble: String::new(),
        query,
    };
    let Some(asked) = page.query.asked() else {
        return frame::page(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    match desk.ledger.search(asked).await {
        Ok(found) => {
            page.rows = found.hits.iter().map(Row::new).collect();
            page.told = told(&found);
            page.next = found.next.map(|next| {
                let words = if found.hits.len() == MOST_HITS { "Older ones" } else { "Go on searching" };
                (page.query.path(Some(next)), words)
            });
            frame::page(StatusCode::OK, &page)
        }
        Err(trouble) => {
            page.trouble = trouble.to_string();
            frame::page(status(&trouble), &page)
        }
    }
}

/// How far the search came, in a sentence.
fn told(found: &Found) -> String {
    let number = plural(found.hits.len() as u64, "event");
    let back = found
        .back_to
        .map_or_else(String::new, |time| format!(", back to what was kept at {} UTC", shown::second(time)));
    let unread = match found.unreadable {
        0 => String::new(),
        some => format!(" {} of the queue did not check out, and could not be searched.", plural(some, "part")),
    };
    match (found.next, found.hits.is_empty()) {
        (Some(_), _) => format!("{number}{back}; there is more behind that.{unread}"),
        (None, true) => format!("Nothing was found in all that is kept.{unread}"),
        (None, false) => format!("{number}; nothing older is kept.{unread}"),
    }
}

/// The status that goes with it.
fn status(trouble: &Trouble) -> StatusCode {
    match trouble {
        Trouble::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Trouble::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A page that says what went wrong.
fn trouble(desk: &Desk, visit: &Visit, trouble: &Trouble) -> Response {
    let text = trouble.to_string();
    frame::message(desk, visit, status(trouble), "That did not work", &text, ("/admin/events", "Events"))
}

/// The place in the queue that a path names.
fn seq_of(id: &str) -> Option<Seq> {
    id.parse().ok().map(Seq)
}

fn not_here(desk: &Desk, visit: &Visit) -> Response {
    let text = "The queue does not hold this event: every destination took it and it was let go, or it never was.";
    frame::message(desk, visit, StatusCode::NOT_FOUND, "No such event", text, ("/admin/events", "Events"))
}

#[cfg(test)]
mod tests;
