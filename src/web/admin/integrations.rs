//! Integrations: adding, changing, testing and removing; how they are shown is told in [`shown`].
//!
//! Promise: an API key goes in and is shown to nobody; what the operator's files define is shown and not changed.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};

use super::changing::{self, Applied, Refused, Wanted};
use super::frame::{Frame, Place};
use super::part::Said;
use super::visit::Visit;
use super::{Desk, part, sheet, trial};
use crate::config::{Change, INTEGRATION, Loaded, Mistakes, Settings, Table, Written};
use crate::values::Name;

mod shown;

pub(super) use shown::tiles;
use shown::{ABOVE, ask, show};

pub(super) async fn one(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>, uri: Uri) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    match changing::find(&written, Table::Integration, &name) {
        Some(one) => show(&desk, &visit, &loaded, one, false, Said::default(), Some(&uri)),
        None => part::absent(&desk, &visit, "integration", ABOVE),
    }
}

pub(super) async fn new(State(desk): State<Desk>, visit: Visit) -> Response {
    let (loaded, _) = changing::look(&desk).await;
    ask(&desk, &visit, &loaded, false, Said::default())
}

pub(super) async fn add(State(desk): State<Desk>, visit: Visit) -> Response {
    let (loaded, _) = changing::look(&desk).await;
    let (name, sheet) = match typed_new(&desk, &visit, &loaded) {
        Ok(read) => read,
        Err(refused) => return ask(&desk, &visit, &loaded, true, Said { refused, trial: None }),
    };
    let (act, change) = ("integration add", Change::Add(sheet.keys.clone()));
    let wanted = Wanted { act, table: Table::Integration, name: name.clone(), change };
    match changing::apply(&desk, &visit, wanted, Some(sheet), &INTEGRATION).await {
        Ok(applied) => done(&desk, &visit, &applied, name.as_str(), "added"),
        Err(refused) => ask(&desk, &visit, &loaded, true, Said { refused, trial: None }),
    }
}

pub(super) async fn save(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    let Some(one) = changing::find(&written, Table::Integration, &name) else {
        return part::absent(&desk, &visit, "integration", ABOVE);
    };
    let again = |refused| show(&desk, &visit, &loaded, one, true, Said { refused, trial: None }, None);
    let (name, sheet) = match typed(&desk, &visit, &loaded, one) {
        Ok(read) => read,
        Err(refused) => return again(refused),
    };
    let (act, change) = ("integration set", Change::Set(sheet.keys.clone()));
    let wanted = Wanted { act, table: Table::Integration, name: name.clone(), change };
    match changing::apply(&desk, &visit, wanted, Some(sheet), &INTEGRATION).await {
        Ok(applied) => done(&desk, &visit, &applied, name.as_str(), "saved"),
        Err(refused) => again(refused),
    }
}

pub(super) async fn enable(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    switch(&desk, &visit, &name, "integration enable", Change::Enable(true), "enabled").await
}

pub(super) async fn disable(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    switch(&desk, &visit, &name, "integration disable", Change::Enable(false), "disabled").await
}

pub(super) async fn removing(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    let (_, written) = changing::look(&desk).await;
    if changing::find(&written, Table::Integration, &name).is_none() {
        return part::absent(&desk, &visit, "integration", ABOVE);
    }
    let forfeits = vec![
        "Nothing more is collected from it. What it collected stays, and is handed to every destination all the same.".into(),
        "Its place in each stream is kept with the queue: an integration that is added under the same name goes on from \
         there, as long as the vendor still holds what lies between."
            .into(),
        "An API key that was typed here is taken out of this box; revoke it in the vendor's portal as well.".into(),
    ];
    let frame = Frame::new(&desk, &visit, Place::Integrations, format!("Remove {name}?"));
    part::remove_page(frame, &name, format!("{ABOVE}/{name}"), forfeits, 0)
}

pub(super) async fn remove(State(desk): State<Desk>, visit: Visit, Path(name): Path<String>) -> Response {
    switch(&desk, &visit, &name, "integration remove", Change::Remove, "removed").await
}

/// Of what is typed, for one that is not there yet.
pub(super) async fn test_new(State(desk): State<Desk>, visit: Visit, headers: HeaderMap) -> Response {
    let (loaded, _) = changing::look(&desk).await;
    let read = typed_new(&desk, &visit, &loaded);
    let read = read.map(|(name, sheet)| (name, Change::Add(sheet.keys.clone()), sheet));
    match try_out(&desk, read).await {
        Ok(running) if trial::wants_lines(&headers) => running.stream(),
        Ok(running) => {
            let trial = Some(running.whole().await);
            ask(&desk, &visit, &loaded, true, Said { refused: Refused::default(), trial })
        }
        Err(refused) if trial::wants_lines(&headers) => trial::nothing(&part::sentences(&refused)),
        Err(refused) => ask(&desk, &visit, &loaded, true, Said { refused, trial: None }),
    }
}

/// Of what is typed over one that is there; an operator's own as it is.
pub(super) async fn test(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (loaded, written) = changing::look(&desk).await;
    let Some(one) = changing::find(&written, Table::Integration, &name) else {
        return part::absent(&desk, &visit, "integration", ABOVE);
    };
    let running = if one.operators {
        as_it_is(&desk, &loaded, &name)
    } else {
        let read = typed(&desk, &visit, &loaded, one);
        try_out(&desk, read.map(|(name, sheet)| (name, Change::Set(sheet.keys.clone()), sheet))).await
    };
    let again = |said| show(&desk, &visit, &loaded, one, !one.operators, said, None);
    match running {
        Ok(running) if trial::wants_lines(&headers) => running.stream(),
        Ok(running) => again(Said { refused: Refused::default(), trial: Some(running.whole().await) }),
        Err(refused) if trial::wants_lines(&headers) => trial::nothing(&part::sentences(&refused)),
        Err(refused) => again(Said { refused, trial: None }),
    }
}

fn as_it_is(desk: &Desk, loaded: &Result<Loaded, Mistakes>, name: &str) -> Result<trial::Running, Refused> {
    let found = loaded.as_ref().ok().zip(name.parse::<Name>().ok());
    let found = found.and_then(|(loaded, name)| Some((&loaded.settings, loaded.settings.integrations.get(&name)?)));
    let (settings, integration) =
        found.ok_or_else(|| part::whole("The settings do not hold as they are written now."))?;
    trial::of_integration(desk, settings, integration.clone(), None).map_err(part::whole)
}

/// Tests what is typed, as if it were saved.
async fn try_out(desk: &Desk, read: Result<(Name, Change, sheet::Sheet), Refused>) -> Result<trial::Running, Refused> {
    let (name, change, sheet) = read?;
    let wanted = Wanted { act: "", table: Table::Integration, name: name.clone(), change };
    let settings: Settings = changing::rehearse(desk, &wanted, &INTEGRATION).await?;
    let integration = settings.integrations.get(&name).cloned();
    let integration = integration.ok_or_else(|| part::whole("It could not be read back: please report this."))?;
    let mut integration = integration;
    // What was pasted is kept only with what is saved.
    let pasted = sheet.files.into_iter().find(|(path, _)| integration.ca.as_ref() == Some(path));
    let lent = match pasted {
        Some((_, text)) => Some(
            changing::lend(desk, text)
                .await
                .map_err(|error| part::whole(format!("The certificate can't be tried: {error}")))?,
        ),
        None => None,
    };
    if let Some(lent) = &lent {
        integration.ca = Some(lent.path().to_owned());
    }
    let key = sheet.secrets.into_iter().next().map(|(_, key)| key);
    let running = trial::of_integration(desk, &settings, integration, key).map_err(part::whole)?;
    Ok(running.with(lent))
}

async fn switch(
    desk: &Desk,
    visit: &Visit,
    name: &str,
    act: &'static str,
    change: Change,
    said: &'static str,
) -> Response {
    let Ok(parsed) = name.parse::<Name>() else { return part::absent(desk, visit, "integration", ABOVE) };
    let wanted = Wanted { act, table: Table::Integration, name: parsed, change };
    match changing::apply(desk, visit, wanted, None, &INTEGRATION).await {
        Ok(applied) => done(desk, visit, &applied, name, said),
        Err(refused) => part::not_done(desk, visit, &refused, ABOVE),
    }
}

fn done(desk: &Desk, visit: &Visit, applied: &Applied, name: &str, said: &'static str) -> Response {
    let to = if said == "removed" { ABOVE.to_owned() } else { format!("{ABOVE}/{name}") };
    part::done(desk, visit, applied, &to, said)
}

/// What was typed into the form of a new one.
fn typed_new(desk: &Desk, visit: &Visit, loaded: &Result<Loaded, Mistakes>) -> Result<(Name, sheet::Sheet), Refused> {
    let name = part::new_name(visit);
    let of = name.as_ref().map_or("x", Name::as_str);
    let mut sheet = sheet::read(&INTEGRATION, &visit.form, &toml::Table::new(), of, &changing::certificates(desk));
    sheet.keys.insert("connector".into(), toml::Value::String("abnormal-security".into()));
    if sheet.secrets.is_empty() && !sheet.wrong.iter().any(|(field, _)| field == "api-key") {
        sheet.wrong.push(("api-key".into(), "It is needed: make one in the vendor's portal, under REST API.".into()));
    }
    // Everything that is wrong is told at once, the name first.
    match (name, checked(sheet, loaded)) {
        (Ok(name), Ok(sheet)) => Ok((name, sheet)),
        (Err(refused), Ok(_)) | (Ok(_), Err(refused)) => Err(refused),
        (Err(name), Err(rest)) => {
            Err(Refused { fields: name.fields.into_iter().chain(rest.fields).collect(), whole: rest.whole })
        }
    }
}

/// What was typed over one that is there.
fn typed(
    desk: &Desk,
    visit: &Visit,
    loaded: &Result<Loaded, Mistakes>,
    one: &Written,
) -> Result<(Name, sheet::Sheet), Refused> {
    let name = one.name.parse::<Name>().map_err(part::whole)?;
    let sheet = sheet::read(&INTEGRATION, &visit.form, &one.keys, name.as_str(), &changing::certificates(desk));
    checked(sheet, loaded).map(|sheet| (name, sheet))
}

/// A page is a door for whoever has a session: what it names is the vendor's, unless the operator's file opens it.
fn checked(mut sheet: sheet::Sheet, loaded: &Result<Loaded, Mistakes>) -> Result<sheet::Sheet, Refused> {
    part::set_by_page(&mut sheet.keys, &INTEGRATION);
    let host = sheet.keys.get("host").and_then(toml::Value::as_str);
    let vendors = host.is_none_or(|host| {
        crate::config::regions().iter().any(|region| region.answers_at(host) || region.name == host.to_lowercase())
    });
    if !vendors && !part::other_hosts(loaded) {
        let sentence =
            "It must be one of the vendor's. Another host may stand in a settings file of the operator's own.";
        sheet.wrong.push(("host".into(), sentence.into()));
    }
    if sheet.wrong.is_empty() { Ok(sheet) } else { Err(Refused { fields: sheet.wrong, whole: Vec::new() }) }
}
