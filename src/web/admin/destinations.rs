//! Destinations: the tiles, each one's page, adding, changing, testing and removing.
//!
//! Promise: one is removed only after a page has counted what it has not taken, and nothing goes that was not counted;
//! its secrets go in and are shown to nobody.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};

use super::changing::{self, Refused, Wanted};
use super::frame::{Frame, Place};
use super::part::Said;
use super::trial;
use super::visit::Visit;
use super::{Desk, acts, part, sheet};
use crate::config::{Change, Loaded, Mistakes, Section, TYPES, Table, Written};
use crate::status::Code;
use crate::status::sentences::plural;
use crate::values::Name;

mod shown;

pub(super) use shown::tiles;
use shown::{ABOVE, ask, show};

/// The keys of a type, and the word itself as ours.
fn section(kind: &str) -> Option<(&'static str, &'static Section)> {
    TYPES.iter().find(|(word, _)| *word == kind).map(|(word, section)| (*word, *section))
}

/// The type that is written.
fn section_of(one: &Written) -> Option<(&'static str, &'static Section)> {
    section(one.keys.get("type").and_then(toml::Value::as_str).unwrap_or(""))
}

pub(super) async fn one(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>, uri: Uri) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    match changing::find(&written, Table::Destination, &name) {
        Some(one) => show(&desk, &visit, &loaded, one, false, Said::default(), Some(&uri)),
        None => part::absent(&desk, &visit, "destination", ABOVE),
    }
}

pub(super) async fn new(State(desk): State<Desk>, visit: Visit, Path(kind): Path<String>) -> Response {
    match section(&kind) {
        Some(of_type) => ask(&desk, &visit, of_type, false, Refused::default()),
        None => part::absent(&desk, &visit, "type of destination", ABOVE),
    }
}

pub(super) async fn add(State(desk): State<Desk>, visit: Visit, Path(kind): Path<String>) -> Response {
    let Some(of_type) = section(&kind) else { return part::absent(&desk, &visit, "type of destination", ABOVE) };
    let (kind, section) = of_type;
    let before = toml::Table::from_iter([("type".to_owned(), toml::Value::String(kind.to_owned()))]);
    let read = part::new_name(&visit).and_then(|name| typed(&desk, &visit, section, &before, name));
    let (name, sheet) = match read {
        Ok(read) => read,
        Err(refused) => return ask(&desk, &visit, of_type, true, refused),
    };
    let (act, change) = ("destination add", Change::Add(sheet.keys.clone()));
    let wanted = Wanted { act, table: Table::Destination, name: name.clone(), change };
    match changing::apply(&desk, &visit, wanted, Some(sheet), section).await {
        Ok(applied) => part::done(&desk, &visit, &applied, &format!("{ABOVE}/{name}"), "added"),
        Err(refused) => ask(&desk, &visit, of_type, true, refused),
    }
}

pub(super) async fn save(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    let one = changing::find(&written, Table::Destination, &name);
    let Some((one, (_, section))) = one.and_then(|one| Some((one, section_of(one)?))) else {
        return part::absent(&desk, &visit, "destination", ABOVE);
    };
    let again = |refused| show(&desk, &visit, &loaded, one, true, Said { refused, trial: None }, None);
    let read = name.parse().map_err(part::whole).and_then(|name| typed(&desk, &visit, section, &one.keys, name));
    let (name, sheet) = match read {
        Ok(read) => read,
        Err(refused) => return again(refused),
    };
    let (act, change) = ("destination set", Change::Set(sheet.keys.clone()));
    let wanted = Wanted { act, table: Table::Destination, name: name.clone(), change };
    match changing::apply(&desk, &visit, wanted, Some(sheet), section).await {
        Ok(applied) => part::done(&desk, &visit, &applied, &format!("{ABOVE}/{name}"), "saved"),
        Err(refused) => again(refused),
    }
}

pub(super) async fn enable(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    switch(&desk, &visit, &name, ("destination enable", Change::Enable(true)), "enabled").await
}

pub(super) async fn disable(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    switch(&desk, &visit, &name, ("destination disable", Change::Enable(false)), "disabled").await
}

async fn switch(
    desk: &Desk,
    visit: &Visit,
    name: &str,
    (act, change): (&'static str, Change),
    said: &'static str,
) -> Response {
    let (_, written) = changing::look(desk).await;
    let one = changing::find(&written, Table::Destination, name);
    let Some((name, (_, section))) = one.and_then(|one| Some((name.parse::<Name>().ok()?, section_of(one)?))) else {
        return part::absent(desk, visit, "destination", ABOVE);
    };
    let to = format!("{ABOVE}/{name}");
    match changing::apply(desk, visit, Wanted { act, table: Table::Destination, name, change }, None, section).await {
        Ok(applied) => part::done(desk, visit, &applied, &to, said),
        Err(refused) => part::not_done(desk, visit, &refused, &to),
    }
}

/// Events that wait for it, as far as the agent has counted.
fn waiting(desk: &Desk, name: &str) -> u64 {
    desk.snapshot().destinations.iter().find(|one| one.name == name).map_or(0, |one| one.depth)
}

pub(super) async fn removing(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    let (_, written) = changing::look(&desk).await;
    if changing::find(&written, Table::Destination, &name).is_none() {
        return part::absent(&desk, &visit, "destination", ABOVE);
    }
    let depth = waiting(&desk, &name);
    let forfeits = vec![
        match depth {
            0 => "It has taken every event: nothing is forfeited.".to_owned(),
            1 => "1 event that it has not taken is forfeited.".to_owned(),
            depth => format!("{} that it has not taken are forfeited.", plural(depth, "event")),
        },
        "Other destinations get theirs all the same. What was typed here as its secrets is taken out of this box."
            .into(),
    ];
    let frame = Frame::new(&desk, &visit, Place::Destinations, format!("Remove {name}?"));
    part::remove_page(frame, &name, format!("{ABOVE}/{name}"), forfeits, depth)
}

pub(super) async fn remove(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    let (_, written) = changing::look(&desk).await;
    let one = changing::find(&written, Table::Destination, &name);
    let Some((parsed, (_, section))) = one.and_then(|one| Some((name.parse::<Name>().ok()?, section_of(one)?))) else {
        return part::absent(&desk, &visit, "destination", ABOVE);
    };
    // More wait than the page had counted: what was agreed to is not what would go.
    let (counted, now) = (visit.form.text("counted").parse::<u64>().unwrap_or(0), waiting(&desk, &name));
    if now > counted {
        let text = format!("{} wait for it by now: look again.", plural(now, "event"));
        return part::not_done(&desk, &visit, &part::whole(text), &format!("{ABOVE}/{name}/remove"));
    }
    let wanted =
        Wanted { act: "destination remove", table: Table::Destination, name: parsed.clone(), change: Change::Remove };
    match changing::apply(&desk, &visit, wanted, None, section).await {
        Ok(applied) => {
            give_up(&desk, &visit, &parsed).await;
            part::done(&desk, &visit, &applied, ABOVE, "removed")
        }
        Err(refused) => part::not_done(&desk, &visit, &refused, &format!("{ABOVE}/{name}")),
    }
}

/// What it had not taken, and its place. Where the agent is still at it, it stays: a condition tells of it then.
async fn give_up(desk: &Desk, visit: &Visit, name: &Name) {
    match desk.ledger.forfeit(name.to_string()).await {
        Ok(Some(events)) => {
            desk.board.clear(Code::NoDestination, name.as_str());
            acts::note(desk, visit, "queue forget", format!("{name}: {}", plural(events, "event")), true).await;
        }
        Ok(None) => {}
        Err(trouble) => tracing::warn!(destination = %name, "its place in the queue is kept: {trouble}"),
    }
}

/// Of what is saved: the event goes as the agent would send it.
pub(super) async fn test(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    let Some(one) = changing::find(&written, Table::Destination, &name) else {
        return part::absent(&desk, &visit, "destination", ABOVE);
    };
    let again = |said| show(&desk, &visit, &loaded, one, false, said, None);
    match begin(&desk, &loaded, &name) {
        Ok(running) if trial::wants_lines(&headers) => running.stream(),
        Ok(running) => again(Said { refused: Refused::default(), trial: Some(running.whole().await) }),
        Err(refused) if trial::wants_lines(&headers) => trial::nothing(&part::sentences(&refused)),
        Err(refused) => again(Said { refused, trial: None }),
    }
}

fn begin(desk: &Desk, loaded: &Result<Loaded, Mistakes>, name: &str) -> Result<trial::Running, Refused> {
    let found = loaded.as_ref().ok().zip(name.parse::<Name>().ok());
    let found = found.and_then(|(loaded, name)| Some((&loaded.settings, loaded.settings.destinations.get(&name)?)));
    let (settings, destination) =
        found.ok_or_else(|| part::whole("The settings do not hold as they are written now."))?;
    trial::of_destination(desk, settings, destination.clone()).map_err(part::whole)
}

/// What was typed.
fn typed(
    desk: &Desk,
    visit: &Visit,
    section: &'static Section,
    before: &toml::Table,
    name: Name,
) -> Result<(Name, sheet::Sheet), Refused> {
    let mut sheet = sheet::read(section, &visit.form, before, name.as_str(), &changing::certificates(desk));
    part::set_by_page(&mut sheet.keys, section);
    if sheet.wrong.is_empty() { Ok((name, sheet)) } else { Err(Refused { fields: sheet.wrong, whole: Vec::new() }) }
}
