//! How an integration is shown: as a tile, as a page of its own, and as a form.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::super::changing::{self, Refused};
use super::super::form::{Form, NameField};
use super::super::frame::{self, Frame, Place};
use super::super::part::{New, Said};
use super::super::sheet::{self, Input, Shown, Wrong};
use super::super::tile::{self, Told};
use super::super::trial::Trial;
use super::super::visit::Visit;
use super::super::{Desk, part};
use crate::config::{INTEGRATION, Loaded, Mistakes, Table, Written};
use crate::status::Standing;
use crate::status::sentences::{ago, count, plural, span};
use crate::status::snapshot::{Integration, Stream};

pub(super) const ABOVE: &str = "/admin/settings/integrations";
const ADD: &str = "/admin/settings/add/integration";
/// What most people set, in this order.
const FIRST: [&str; 6] = ["title", "host", "api-key", "polling-interval", "streams", "enabled"];

#[derive(Template)]
#[template(path = "admin/integrations.html")]
struct Tiles {
    frame: Frame,
    mistakes: Vec<String>,
    tiles: Vec<Tile>,
}

struct Tile {
    name: String,
    title: String,
    about: String,
    told: Told,
    figures: String,
}

#[derive(Template)]
#[template(path = "admin/integration.html")]
struct One {
    frame: Frame,
    mistakes: Vec<String>,
    name: String,
    about: String,
    told: Told,
    enabled: bool,
    operators: bool,
    file: String,
    conditions: Vec<part::ConditionRow>,
    streams: Vec<StreamRow>,
    key_since: Option<String>,
    rows: Vec<(String, String)>,
    form: Option<Form>,
    trial: Option<Trial>,
}

struct StreamRow {
    tone: &'static str,
    name: String,
    word: &'static str,
    last: String,
    next: String,
    lag: String,
    events: String,
    deferred: String,
    fault: String,
}

pub(in crate::web::admin) async fn tiles(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    let snapshot = desk.snapshot();
    let tiles = written.iter().filter(|one| one.table == Table::Integration).map(|one| {
        let standing = snapshot.integrations.iter().find(|it| it.name == one.name);
        Tile {
            title: title(one),
            about: about(one),
            told: standing.map_or_else(|| tile::not_in_force("integrations", &one.name), tile::of_integration),
            figures: standing.map(figures).unwrap_or_default(),
            name: one.name.clone(),
        }
    });
    let frame = Frame::new(&desk, &visit, Place::Integrations, "Integrations").said(&uri);
    frame::page(StatusCode::OK, &Tiles { frame, mistakes: part::mistakes(&loaded), tiles: tiles.collect() })
}

/// The form of a new one.
pub(super) fn ask(desk: &Desk, visit: &Visit, loaded: &Result<Loaded, Mistakes>, typed: bool, said: Said) -> Response {
    let status = status(&said);
    let nothing = toml::Table::new();
    let shown = if typed { Shown::Typed(&visit.form, &nothing) } else { Shown::Written(&nothing) };
    let Refused { fields: wrong, whole } = said.refused;
    let mut form = form(shown, &wrong, loaded);
    form.action = ADD.into();
    form.test = Some(format!("{ADD}/test"));
    form.back = ABOVE.into();
    form.name = Some(NameField {
        typed: visit.form.text("name").to_owned(),
        wrong: part::about(&wrong, "name"),
        example: "acme",
        why: "every event's id holds it",
    });
    let form = form.refused(whole, &wrong);
    let frame = Frame::new(desk, visit, Place::Integrations, "Add Abnormal Security");
    let about = "Make the API key in the vendor's portal (Settings, Integrations, Abnormal REST API), and put this \
                 box's egress IP into its IP Safelist.";
    frame::page(status, &New { frame, above: "Integrations", about, form, trial: said.trial })
}

fn form(shown: Shown<'_>, wrong: &[Wrong], loaded: &Result<Loaded, Mistakes>) -> Form {
    Form::of(sheet::fields(&INTEGRATION, shown, wrong, part::other_hosts(loaded)), &FIRST)
}

fn status(said: &Said) -> StatusCode {
    let sound = said.refused.fields.is_empty() && said.refused.whole.is_empty();
    if sound { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

/// The page of one that is there.
pub(super) fn show(
    desk: &Desk,
    visit: &Visit,
    loaded: &Result<Loaded, Mistakes>,
    one: &Written,
    typed: bool,
    said: Said,
    uri: Option<&Uri>,
) -> Response {
    let status = status(&said);
    let snapshot = desk.snapshot();
    let standing = snapshot.integrations.iter().find(|it| it.name == one.name);
    let mut frame = Frame::new(desk, visit, Place::Integrations, title(one));
    if let Some(uri) = uri {
        frame = frame.said(uri);
    }
    let shown = if typed { Shown::Typed(&visit.form, &one.keys) } else { Shown::Written(&one.keys) };
    let here = format!("{ABOVE}/{}", one.name);
    let Refused { fields: wrong, whole } = said.refused;
    let form = (frame.admin && !one.operators).then(|| {
        let mut form = form(shown, &wrong, loaded);
        form.action.clone_from(&here);
        form.test = Some(format!("{here}/test"));
        form.back.clone_from(&here);
        form.refused(whole, &wrong)
    });
    let page = One {
        mistakes: part::mistakes(loaded),
        about: about(one),
        told: standing.map_or_else(|| tile::not_in_force("integrations", &one.name), tile::of_integration),
        enabled: one.keys.get("enabled").and_then(toml::Value::as_bool).unwrap_or(true),
        operators: one.operators,
        file: one.file.display().to_string(),
        conditions: part::conditions(&snapshot, &one.name),
        streams: standing
            .map(|it| it.streams.iter().map(|row| stream(row, snapshot.time)).collect())
            .unwrap_or_default(),
        key_since: standing.and_then(key_since),
        rows: part::rows(&INTEGRATION, &one.keys),
        name: one.name.clone(),
        form,
        trial: said.trial,
        frame,
    };
    frame::page(status, &page)
}

fn title(one: &Written) -> String {
    one.keys.get("title").and_then(toml::Value::as_str).unwrap_or(&one.name).to_owned()
}

fn about(one: &Written) -> String {
    let host = one.keys.get("host").and_then(toml::Value::as_str).unwrap_or("api.abnormalplatform.com");
    let whose = if one.operators { ", set in the operator's files" } else { "" };
    // Where there is a title, events bear the name all the same.
    let name = if title(one) == one.name { String::new() } else { format!("{}: ", one.name) };
    format!("{name}Abnormal Security at {host}{whose}")
}

/// What the tile's sentence does not say already.
fn figures(one: &Integration) -> String {
    let events = one.streams.iter().map(|stream| stream.events_total).sum();
    let well = one.streams.iter().filter(|stream| stream.state == Standing::Ok).count();
    let streams = format!("{well} of {} ok", plural(one.streams.len() as u64, "stream"));
    match one.state {
        Standing::Ok => streams,
        Standing::Waiting | Standing::Failing | Standing::Parked => {
            format!("{} since the start; {streams}", plural(events, "event"))
        }
        Standing::Disabled => String::new(),
    }
}

fn key_since(one: &Integration) -> Option<String> {
    let since = one.api_key_since.map(|since| format!("The API key is in use since {}", since.strftime("%Y-%m-%d")));
    let ends = one.api_key_expires.map(|day| format!("it ends on {day}"));
    match (since, ends) {
        (Some(since), Some(ends)) => Some(format!("{since}; {ends}.")),
        (Some(since), None) => Some(format!("{since}.")),
        (None, Some(ends)) => Some(format!("Of the API key: {ends}.")),
        (None, None) => None,
    }
}

fn stream(row: &Stream, now: jiff::Timestamp) -> StreamRow {
    let next = row.next_poll.filter(|next| *next > now);
    StreamRow {
        tone: tile::tone(row.state),
        name: row.name.clone(),
        word: row.state.as_str(),
        last: ago(row.last_poll, now),
        next: next.map_or_else(
            || "now".into(),
            |next| format!("in {}", span(next.duration_since(now).as_secs().unsigned_abs())),
        ),
        lag: row.lag_seconds.map_or_else(|| "unknown".into(), span),
        events: count(row.events_total),
        deferred: count(row.deferred),
        fault: row.fault.as_ref().map(|fault| fault.text.clone()).unwrap_or_default(),
    }
}
