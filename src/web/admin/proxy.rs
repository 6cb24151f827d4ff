//! The proxy towards the vendor, as a page sets it: `[egress] proxy`.
//!
//! Promise: what is typed may hold a password, so it is never shown again; what the operator's own files name is shown and
//! not changed.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::changing::{self, Applied};
use super::form::Form;
use super::frame::{self, Frame, Place};
use super::sheet::{Field, Input};
use super::visit::Visit;
use super::{Desk, acts, part};
use crate::config::{self, Unchanged};
use crate::engine::way_out;
use crate::values::Secret;

const ABOUT: &str = "The way to the vendor. Destinations are dialled directly, or by a proxy of their own.";

pub(super) async fn form(State(desk): State<Desk>, visit: Visit) -> Response {
    page(&desk, &visit, StatusCode::OK, Vec::new(), Vec::new())
}

pub(super) async fn save(State(desk): State<Desk>, visit: Visit) -> Response {
    let typed = visit.form.text("proxy").trim();
    let wanted = match (visit.form.has("none"), typed.is_empty()) {
        (true, true) => None,
        (false, false) => Some(Secret::new(typed)),
        (true, false) => return wrong(&desk, &visit, "A proxy was typed, and \"none\" was ticked: choose one."),
        (false, true) => return frame::see("/admin/network"),
    };
    let (act, main) = (if wanted.is_some() { "proxy set" } else { "proxy remove" }, desk.settings.clone());
    let changed = tokio::task::spawn_blocking(move || {
        config::change_proxy(&main, &|name| std::env::var(name).ok(), wanted.as_ref())
    });
    let changed = changed.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    acts::note(&desk, &visit, act, String::new(), changed.is_ok()).await;
    match changed {
        Ok(_) => match changing::reload(&desk).await {
            Applied::InForce => frame::see("/admin/network?said=saved"),
            Applied::UnderWay => frame::see("/admin/network?said=under-way"),
            Applied::NotTaken(why) => whole(&desk, &visit, why),
        },
        // The mistakes name keys and rules, and repeat no value.
        Err(Unchanged::Wrong(mistakes)) => wrong(&desk, &visit, &mistakes.to_string()),
        Err(Unchanged::Operators(path)) => whole(
            &desk,
            &visit,
            format!("{} names the proxy, which is the operator's: change it there.", path.display()),
        ),
        Err(Unchanged::Disk { path, source }) => {
            whole(&desk, &visit, format!("{} can't be written: {source}.", path.display()))
        }
        Err(Unchanged::Absent | Unchanged::Taken(_)) => whole(&desk, &visit, "No page has set a proxy.".into()),
    }
}

fn wrong(desk: &Desk, visit: &Visit, sentence: &str) -> Response {
    page(desk, visit, StatusCode::UNPROCESSABLE_ENTITY, vec![sentence.to_owned()], Vec::new())
}

fn whole(desk: &Desk, visit: &Visit, sentence: String) -> Response {
    page(desk, visit, StatusCode::UNPROCESSABLE_ENTITY, Vec::new(), vec![sentence])
}

fn page(desk: &Desk, visit: &Visit, status: StatusCode, wrong: Vec<String>, whole: Vec<String>) -> Response {
    let now = desk.ledger.settings().map(|settings| way_out::proxy_in_words(&settings.egress).replace('`', ""));
    let hint = format!(
        "As in `http://proxy.example:3128`, with `user:password@` before the host where it asks for that. Now: {}. Empty: it \
         stays.",
        now.as_deref().unwrap_or("not known").replace('`', "")
    );
    let marked: Vec<_> = wrong.iter().map(|sentence| ("proxy".to_owned(), sentence.clone())).collect();
    let field = |name: &str, label: &str, hint: &str, input, wrong| Field {
        name: name.into(),
        label: label.into(),
        hint: hint.split('`').map(str::to_owned).collect(),
        input,
        required: false,
        wrong,
    };
    let line = Input::Line { value: String::new(), usual: String::new() };
    let fields = vec![
        field("proxy", "Proxy", &hint, line, wrong),
        field("none", "No proxy", "Takes out what this page has set.", Input::Flag { on: false }, Vec::new()),
    ];
    let mut form = Form::of(fields, &["proxy", "none"]).refused(whole, &marked);
    (form.action, form.back) = ("/admin/network/proxy".into(), "/admin/network".into());
    let frame = Frame::new(desk, visit, Place::Network, "Proxy towards the vendor");
    frame::page(status, &part::New { frame, above: "Egress & network", about: ABOUT, form, trial: None })
}
