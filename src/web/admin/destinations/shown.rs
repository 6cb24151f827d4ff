//! How a destination is shown: as a tile, as a page of its own, and as a form.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::super::changing::{self, Refused};
use super::super::form::{Form, NameField};
use super::super::frame::{self, Frame, Place};
use super::super::part::{New, Said};
use super::super::preview::{self, Sample};
use super::super::sheet::{self, Input, Shown};
use super::super::tile::{self, Told};
use super::super::trial::Trial;
use super::super::visit::Visit;
use super::super::{Desk, part};
use super::section_of;
use crate::config::{Loaded, Mistakes, Section, TYPES, Table, Written};
use crate::status::sentences::{ago, count, plural, span};
use crate::status::snapshot::Destination;
use crate::values::Name;

pub(super) const ABOVE: &str = "/admin/settings/destinations";
const ADD: &str = "/admin/settings/add/destination";

/// What most people set, in this order; a type has some of them.
const FIRST: [&str; 15] = [
    "address",
    "url",
    "transport",
    "ca",
    "token",
    "auth.how",
    "auth.bearer",
    "auth.api-key",
    "auth.user",
    "auth.password",
    "credentials",
    "format",
    "start",
    "filter.severity-at-least",
    "enabled",
];

#[derive(Template)]
#[template(path = "admin/destinations.html")]
struct Tiles {
    frame: Frame,
    mistakes: Vec<String>,
    kinds: Vec<(&'static str, &'static str)>,
    tiles: Vec<Tile>,
}

struct Tile {
    name: String,
    about: String,
    told: Told,
    figures: String,
}

#[derive(Template)]
#[template(path = "admin/destination.html")]
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
    figures: Vec<(&'static str, String)>,
    samples: Vec<Sample>,
    envelope: &'static str,
    rows: Vec<(String, String)>,
    form: Option<Form>,
    trial: Option<Trial>,
}

/// A type's name for people.
fn words(kind: &str) -> &'static str {
    match kind {
        "syslog" => "Syslog (RFC 5424 over TLS)",
        "relp" => "RELP (rsyslog)",
        "http" => "HTTP collector",
        "splunk-hec" => "Splunk HTTP Event Collector",
        "elastic" => "Elasticsearch or OpenSearch",
        "jetstream" => "NATS JetStream",
        _ => "Destination",
    }
}

pub(in crate::web::admin) async fn tiles(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    let snapshot = desk.snapshot();
    let tiles = written.iter().filter(|one| one.table == Table::Destination).map(|one| {
        let standing = snapshot.destinations.iter().find(|it| it.name == one.name);
        Tile {
            name: one.name.clone(),
            about: about(one),
            told: standing.map_or_else(|| tile::not_in_force("destinations", &one.name), tile::of_destination),
            figures: standing
                .map(|it| format!("{} waiting; {} taken", count(it.depth), count(it.taken_total)))
                .unwrap_or_default(),
        }
    });
    let kinds = TYPES.iter().map(|(kind, _)| (*kind, words(kind))).collect();
    let frame = Frame::new(&desk, &visit, Place::Destinations, "Destinations").said(&uri);
    frame::page(StatusCode::OK, &Tiles { frame, mistakes: part::mistakes(&loaded), kinds, tiles: tiles.collect() })
}

/// The form of a new one.
pub(super) fn ask(
    desk: &Desk,
    visit: &Visit,
    (kind, section): (&'static str, &'static Section),
    typed: bool,
    refused: Refused,
) -> Response {
    let sound = refused.fields.is_empty() && refused.whole.is_empty();
    let nothing = toml::Table::new();
    let shown = if typed { Shown::Typed(&visit.form, &nothing) } else { Shown::Written(&nothing) };
    let Refused { fields: wrong, whole } = refused;
    let mut form = Form::of(sheet::fields(section, shown, &wrong, false), &FIRST);
    form.action = format!("{ADD}/{kind}");
    form.back = ABOVE.into();
    form.kind = Some(kind);
    form.name = Some(NameField {
        typed: visit.form.text("name").to_owned(),
        wrong: part::about(&wrong, "name"),
        example: "soc",
        why: "its place in the queue is kept under it",
    });
    let form = form.refused(whole, &wrong);
    let frame = Frame::new(desk, visit, Place::Destinations, format!("Add {}", words(kind)));
    let about = "Save it, then send it a test event from its page.";
    let status = if sound { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    frame::page(status, &New { frame, above: "Destinations", about, form, trial: None })
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
    let sound = said.refused.fields.is_empty() && said.refused.whole.is_empty();
    let snapshot = desk.snapshot();
    let standing = snapshot.destinations.iter().find(|it| it.name == one.name);
    let settings = loaded.as_ref().ok().zip(one.name.parse::<Name>().ok());
    let settings = settings.and_then(|(loaded, name)| loaded.settings.destinations.get(&name));
    let mut frame = Frame::new(desk, visit, Place::Destinations, one.name.clone());
    if let Some(uri) = uri {
        frame = frame.said(uri);
    }
    let shown = if typed { Shown::Typed(&visit.form, &one.keys) } else { Shown::Written(&one.keys) };
    let here = format!("{ABOVE}/{}", one.name);
    let Refused { fields: wrong, whole } = said.refused;
    let section = section_of(one).map(|(_, section)| section);
    let form = section.filter(|_| frame.admin && !one.operators).map(|section| {
        let mut form = Form::of(sheet::fields(section, shown, &wrong, false), &FIRST);
        form.action.clone_from(&here);
        form.back.clone_from(&here);
        form.refused(whole, &wrong)
    });
    let page = One {
        mistakes: part::mistakes(loaded),
        about: about(one),
        told: standing.map_or_else(|| tile::not_in_force("destinations", &one.name), tile::of_destination),
        enabled: one.keys.get("enabled").and_then(toml::Value::as_bool).unwrap_or(true),
        operators: one.operators,
        file: one.file.display().to_string(),
        conditions: part::conditions(&snapshot, &one.name),
        figures: standing.map(|it| figures(it, snapshot.time)).unwrap_or_default(),
        samples: preview::samples(settings),
        envelope: preview::envelope(settings),
        rows: section.map(|section| part::rows(section, &one.keys)).unwrap_or_default(),
        name: one.name.clone(),
        form,
        trial: said.trial,
        frame,
    };
    frame::page(if sound { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page)
}

fn about(one: &Written) -> String {
    let text = |key: &str| one.keys.get(key).and_then(toml::Value::as_str).unwrap_or("");
    let place = if text("url").is_empty() { text("address") } else { text("url") };
    let whose = if one.operators { ", set in the operator's files" } else { "" };
    format!("{} to {place}{whose}", words(text("type")))
}

fn figures(one: &Destination, now: jiff::Timestamp) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("Waiting", plural(one.depth, "event")),
        ("Oldest of them", if one.depth == 0 { "nothing waits".into() } else { span(one.oldest_seconds) }),
        ("Taken since the start", count(one.taken_total)),
        ("Last taken", ago(one.last_taken, now)),
        ("Connection", if one.connected { "connected".into() } else { "not connected".into() }),
        ("How it confirms", one.receipt_text.clone()),
    ];
    if one.quarantined_total > 0 {
        rows.push(("Set aside", plural(one.quarantined_total, "event")));
    }
    if let Some(fault) = &one.last_fault {
        rows.push(("Last fault", format!("{}: {}", ago(Some(fault.at), now), fault.text)));
    }
    let ends = one
        .certificates
        .iter()
        .map(|end| format!("{} until {}", end.whose.in_words(), end.expires.strftime("%Y-%m-%d")));
    let ends = ends.collect::<Vec<_>>().join("; ").replace('`', "");
    if !ends.is_empty() {
        rows.push(("Certificates", ends));
    }
    rows
}
