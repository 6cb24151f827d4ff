//! The quarantine: what peers will never take, why, and what is to become of it.
//!
//! Promise: an act touches the events that were ticked and no other; what is dropped was asked for twice.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::{seq_of, trouble};
use crate::engine::ledger::{Act, Quarantined, Trouble};
use crate::event::Seq;
use crate::status::sentences::{count, plural};
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::posted::Posted;
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts, shown};

/// Rows of the list; the quarantine holds up to a thousand.
const MOST_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "admin/quarantine.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    /// That are not shown.
    more: String,
    counted_out: String,
}

struct Row {
    /// `soc@7`: what the box of the row sends.
    value: String,
    destination: String,
    seq: Seq,
    id: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "admin/drop.html")]
struct Sure {
    frame: Frame,
    number: String,
    values: Vec<String>,
}

pub(in super::super) async fn page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let aside = match desk.ledger.aside().await {
        Ok(aside) => aside,
        Err(error) => return trouble(&desk, &visit, &error),
    };
    let text = |text: &str| shown::visible(text).into_owned();
    let row = |entry: &Quarantined| Row {
        value: value(&entry.destination, entry.seq),
        destination: text(&entry.destination),
        seq: entry.seq,
        id: text(&entry.id),
        reason: text(&entry.reason),
    };
    let page = Page {
        frame: Frame::new(&desk, &visit, Place::Events, "Quarantine").said(&uri),
        rows: aside.entries.iter().take(MOST_SHOWN).map(row).collect(),
        more: match aside.entries.len().saturating_sub(MOST_SHOWN) {
            0 => String::new(),
            more => plural(more as u64, "more event"),
        },
        counted_out: if aside.counted_out == 0 { String::new() } else { count(aside.counted_out) },
    };
    frame::page(StatusCode::OK, &page)
}

/// Are they to be dropped?
pub(in super::super) async fn sure(State(desk): State<Desk>, visit: Visit) -> Response {
    let values: Vec<String> = ticked(&visit.form).into_iter().map(|(name, seq)| value(&name, seq)).collect();
    if values.is_empty() {
        return frame::see("/admin/events/quarantine?said=nothing-ticked");
    }
    let frame = Frame::new(&desk, &visit, Place::Events, "Drop events");
    frame::page(StatusCode::OK, &Sure { frame, number: plural(values.len() as u64, "event"), values })
}

pub(in super::super) async fn retry(State(desk): State<Desk>, visit: Visit) -> Response {
    act(desk, visit, Act::Retry).await
}

pub(in super::super) async fn drop_them(State(desk): State<Desk>, visit: Visit) -> Response {
    act(desk, visit, Act::Drop).await
}

async fn act(desk: Desk, visit: Visit, act: Act) -> Response {
    let ticked = ticked(&visit.form);
    if ticked.is_empty() {
        return frame::see("/admin/events/quarantine?said=nothing-ticked");
    }
    let mut names: Vec<&String> = ticked.iter().map(|(name, _)| name).collect();
    names.dedup();
    for name in names {
        let seqs: Vec<Seq> = ticked.iter().filter(|(whose, _)| whose == name).map(|(_, seq)| *seq).collect();
        let listed = seqs.iter().map(Seq::to_string).collect::<Vec<_>>().join(", ");
        let outcome = desk.ledger.act(act, name.clone(), seqs).await;
        let (done, word) = match act {
            Act::Retry => ("queue quarantine retry", "tried again"),
            Act::Drop => ("queue quarantine drop", "dropped"),
        };
        let about = match &outcome {
            Ok(number) => format!("{name}, seq {listed}: {number} {word}"),
            Err(error) => format!("{name}, seq {listed}: {error}"),
        };
        acts::note(&desk, &visit, done, about, outcome.is_ok()).await;
        if let Err(error) = outcome {
            return refused(&desk, &visit, &error);
        }
    }
    match act {
        Act::Retry => frame::see("/admin/events/quarantine?said=aside-retried"),
        Act::Drop => frame::see("/admin/events/quarantine?said=aside-dropped"),
    }
}

/// Somebody else was faster, most likely.
fn refused(desk: &Desk, visit: &Visit, error: &Trouble) -> Response {
    let way_on = ("/admin/events/quarantine", "Quarantine");
    let status = match error {
        Trouble::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Trouble::Failed(_) => StatusCode::CONFLICT,
    };
    frame::message(desk, visit, status, "That did not work", &error.to_string(), way_on)
}

fn value(destination: &str, seq: Seq) -> String {
    format!("{destination}@{seq}")
}

/// What was ticked, by destination and place, each once.
fn ticked(form: &Posted) -> Vec<(String, Seq)> {
    let read = |value: &str| {
        let (name, seq) = value.rsplit_once('@')?;
        Some((name.to_owned(), seq_of(seq)?))
    };
    let mut ticked: Vec<(String, Seq)> = form.all("event").filter_map(read).collect();
    ticked.sort();
    ticked.dedup();
    ticked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ticked_event_is_meant_once_and_what_is_none_is_left_out() {
        let form = Posted::read(b"event=soc@7&event=soc@7&event=a@b@3&event=soc@x&event=7&event=&other=soc@8");
        assert_eq!(ticked(&form), [("a@b".to_owned(), Seq(3)), ("soc".to_owned(), Seq(7))]);
    }
}
