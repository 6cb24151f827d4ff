//! Users, for administrators: added, given another role or password, removed.
//!
//! Promise: the last administrator stays one; what is done to somebody ends their sessions, and is recorded. Each of it takes
//! the administrator's own password: an open session must not make itself another way in.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, Uri};

use super::UserRow;
use super::proof::proved;
use crate::access::{Access, Denied, Done, Role};
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::login::told;
use crate::web::admin::posted::Posted;
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts};

/// The field of who does it.
const MINE: &str = "mine";

#[derive(Template)]
#[template(path = "admin/user-new.html")]
struct NewPage {
    frame: Frame,
    denied: String,
    name: String,
    admin: bool,
}

#[derive(Template)]
#[template(path = "admin/user.html")]
struct UserPage {
    frame: Frame,
    denied: String,
    user: UserRow,
    admin: bool,
    second_factor: bool,
    /// It is who looks.
    me: bool,
}

pub(in crate::web::admin) async fn new_page(State(desk): State<Desk>, visit: Visit) -> Response {
    let frame = Frame::new(&desk, &visit, Place::System, "Add a user");
    frame::page(StatusCode::OK, &NewPage { frame, denied: String::new(), name: String::new(), admin: false })
}

pub(in crate::web::admin) async fn add(State(desk): State<Desk>, visit: Visit) -> Response {
    let (posted, now) = (visit.form.clone(), desk.now());
    let role = role_of(&posted);
    let add_page = |status, denied| {
        let frame = Frame::new(&desk, &visit, Place::System, "Add a user");
        let page = NewPage { frame, denied, name: posted.text("name").to_owned(), admin: role == Role::Admin };
        frame::page(status, &page)
    };
    if let Err((status, denied)) = proved(&desk, &visit, posted.text(MINE), "user add").await {
        return add_page(status, denied);
    }
    let done = if posted.text("password") == posted.text("again") {
        let (access, posted) = (desk.access.clone(), posted.clone());
        blocking(move || access.add_user(posted.text("name"), posted.text("password"), role, now)).await
    } else {
        Err(Denied::Refused("The two passwords are not the same. Nothing was added.".into()))
    };
    match done {
        Ok(done) => {
            acts::note(&desk, &visit, "user add", about(&done), true).await;
            frame::see("/admin/system?said=user-added")
        }
        Err(denied) => {
            let (status, denied) = told(&denied);
            add_page(status, denied)
        }
    }
}

pub(in crate::web::admin) async fn user_page(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
    uri: Uri,
) -> Response {
    page_of(&desk, &visit, &name, StatusCode::OK, String::new(), Some(&uri)).await
}

async fn page_of(
    desk: &Desk,
    visit: &Visit,
    name: &str,
    status: StatusCode,
    denied: String,
    uri: Option<&Uri>,
) -> Response {
    let access = desk.access.clone();
    let users = match tokio::task::spawn_blocking(move || access.users()).await {
        Ok(Ok(users)) => users,
        Ok(Err(error)) => return frame::broken(&error),
        Err(error) => return frame::broken(&error),
    };
    let Some(user) = users.iter().find(|user| user.name == name) else {
        let text = "There is no user of that name; perhaps it was removed meanwhile.";
        return frame::message(desk, visit, StatusCode::NOT_FOUND, "No such user", text, ("/admin/system", "System"));
    };
    let mut frame = Frame::new(desk, visit, Place::System, format!("User {name}"));
    if let Some(uri) = uri {
        frame = frame.said(uri);
    }
    let page = UserPage {
        frame,
        denied,
        user: UserRow::new(user),
        admin: user.role == Role::Admin,
        second_factor: user.second_factor,
        me: visit.session.as_ref().is_some_and(|session| session.user == name),
    };
    frame::page(status, &page)
}

pub(in crate::web::admin) async fn set_role(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
) -> Response {
    let role = role_of(&visit.form);
    change(desk, visit, name, "user role", move |access, name, _| access.set_role(name, role)).await
}

pub(in crate::web::admin) async fn reset_password(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
) -> Response {
    if visit.form.text("password") != visit.form.text("again") {
        let denied = "The two passwords are not the same. Nothing was changed.".into();
        return page_of(&desk, &visit, &name, StatusCode::UNPROCESSABLE_ENTITY, denied, None).await;
    }
    let now = desk.now();
    change(desk, visit, name, "user reset-password", move |access, name, posted| {
        access.reset_password(name, posted.text("password"), now)
    })
    .await
}

pub(in crate::web::admin) async fn reset_factor(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
) -> Response {
    change(desk, visit, name, "user drop-second-factor", |access, name, _| access.reset_second_factor(name)).await
}

pub(in crate::web::admin) async fn remove(
    State(desk): State<Desk>,
    visit: Visit,
    Path(name): Path<String>,
) -> Response {
    if visit.form.text("sure") != "yes" {
        let denied = "Tick that you are sure. Nothing was changed.".into();
        return page_of(&desk, &visit, &name, StatusCode::UNPROCESSABLE_ENTITY, denied, None).await;
    }
    change(desk, visit, name, "user remove", |access, name, _| access.remove_user(name)).await
}

/// Does it, records it, and says what came of it.
async fn change(
    desk: Desk,
    visit: Visit,
    name: String,
    act: &'static str,
    work: impl FnOnce(&Access, &str, &Posted) -> Result<Done, Denied> + Send + 'static,
) -> Response {
    if let Err((status, denied)) = proved(&desk, &visit, visit.form.text(MINE), act).await {
        return page_of(&desk, &visit, &name, status, denied, None).await;
    }
    let done = blocking({
        let (access, posted, name) = (desk.access.clone(), visit.form.clone(), name.clone());
        move || work(&access, &name, &posted)
    });
    match done.await {
        Ok(done) => {
            acts::note(&desk, &visit, act, about(&done), true).await;
            // Who changed itself has no session any more, and the login tells.
            frame::see("/admin/system?said=user-changed")
        }
        Err(denied) => {
            let (status, denied) = told(&denied);
            page_of(&desk, &visit, &name, status, denied, None).await
        }
    }
}

async fn blocking(work: impl FnOnce() -> Result<Done, Denied> + Send + 'static) -> Result<Done, Denied> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn about(done: &Done) -> String {
    format!("{}: {}", done.user, done.about)
}

fn role_of(posted: &Posted) -> Role {
    // Whoever names no role gets the lesser one.
    posted.text("role").parse().unwrap_or(Role::Viewer)
}
