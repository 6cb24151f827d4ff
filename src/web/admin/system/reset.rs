//! Factory reset, where this box is an appliance: asked of the system, which does what its console's key R does.
//!
//! Promise: it takes the box's name, typed, and the administrator's password, once more; it is recorded before it is asked
//! for. The record is wiped with the rest: what a destination takes before the box restarts is what stays of it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::proof::proved;
use crate::appliance::update;
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts};

#[derive(Template)]
#[template(path = "admin/reset.html")]
struct Page {
    frame: Frame,
    appliance: bool,
    denied: String,
}

async fn page_of(desk: &Desk, visit: &Visit, status: StatusCode, denied: String) -> Response {
    let frame = Frame::new(desk, visit, Place::System, "Factory reset");
    frame::page(status, &Page { frame, appliance: is_appliance(desk).await, denied })
}

async fn is_appliance(desk: &Desk) -> bool {
    let version_file = desk.version_file.clone();
    tokio::task::spawn_blocking(move || update::appliance(&version_file).is_some()).await.unwrap_or_default()
}

pub(in crate::web::admin) async fn reset_page(State(desk): State<Desk>, visit: Visit) -> Response {
    page_of(&desk, &visit, StatusCode::OK, String::new()).await
}

pub(in crate::web::admin) async fn reset(State(desk): State<Desk>, visit: Visit) -> Response {
    if !is_appliance(&desk).await {
        return page_of(&desk, &visit, StatusCode::CONFLICT, String::new()).await;
    }
    let name = desk.snapshot().agent.name;
    if visit.form.text("name").trim() != name {
        let denied = "That is not the name of this box. Nothing was done.".to_owned();
        return page_of(&desk, &visit, StatusCode::UNPROCESSABLE_ENTITY, denied).await;
    }
    let Some(session) = visit.session.clone() else { return frame::see("/admin/login") };
    if let Err((status, denied)) = proved(&desk, &visit, visit.form.text("password"), "factory reset").await {
        return page_of(&desk, &visit, status, denied).await;
    }
    // Before it is asked for: afterwards there is nothing left to write into.
    acts::note(&desk, &visit, "factory reset", format!("asked of the system of {name}"), true).await;
    let (state_dir, who) = (desk.secrets.state_dir.clone(), format!("{} from {}", session.user, visit.from));
    match tokio::task::spawn_blocking(move || update::ask_reset(&state_dir, &who)).await {
        Ok(Ok(())) => frame::message(
            &desk,
            &visit,
            StatusCode::ACCEPTED,
            "The box is being reset",
            "The system wipes keys, queue, settings and users, and restarts. Then the box waits to be claimed: its console \
             shows the address, and a code by key c. Revoke the API keys where they were made.",
            ("/admin/claim", "Claim it"),
        ),
        Ok(Err(error)) => frame::broken(&error),
        Err(error) => frame::broken(&error),
    }
}
