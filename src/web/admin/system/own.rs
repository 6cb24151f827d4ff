//! What users do about themselves: their password, their second factor.
//!
//! Promise: nothing that was typed comes back; a new password is a new session, and ends the others.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use crate::access::Denied;
use crate::audit::Outcome;
use crate::values::Secret;
use crate::web::admin::frame::{self, Frame, Place};
use crate::web::admin::login::{told, with_cookie};
use crate::web::admin::qr::{self, Drawing};
use crate::web::admin::visit::Visit;
use crate::web::admin::{Desk, acts};

#[derive(Template)]
#[template(path = "admin/password.html")]
struct PasswordPage {
    frame: Frame,
    denied: String,
}

#[derive(Template)]
#[template(path = "admin/second-factor.html")]
struct FactorPage {
    frame: Frame,
    denied: String,
    step: Step,
}

/// How far a second factor is.
enum Step {
    /// There is none.
    None,
    /// The key is in the app, perhaps; a code of it is to prove that.
    Prove(Option<Shown>),
    /// It is set: these let in without the app, once each. Shown now and never again.
    Codes(Vec<Secret>),
    /// There is one.
    Set,
}

/// A key, shown once.
struct Shown {
    key: Secret,
    uri: Secret,
    drawing: Option<Drawing>,
}

fn form(desk: &Desk, visit: &Visit, denied: &Denied) -> (StatusCode, Frame, String) {
    let (status, denied) = told(denied);
    (status, Frame::new(desk, visit, Place::System, "Your password"), denied)
}

pub(in crate::web::admin) async fn password_page(State(desk): State<Desk>, visit: Visit) -> Response {
    let frame = Frame::new(&desk, &visit, Place::System, "Your password");
    frame::page(StatusCode::OK, &PasswordPage { frame, denied: String::new() })
}

pub(in crate::web::admin) async fn change_password(State(desk): State<Desk>, visit: Visit) -> Response {
    if visit.form.text("new") != visit.form.text("again") {
        let denied = Denied::Refused("The two new passwords are not the same. Nothing was changed.".into());
        let (status, frame, denied) = form(&desk, &visit, &denied);
        return frame::page(status, &PasswordPage { frame, denied });
    }
    let (access, posted, now) = (desk.access.clone(), visit.form.clone(), desk.now());
    let Some(cookie) = visit.cookie.clone() else { return frame::see("/admin/login") };
    let changed = tokio::task::spawn_blocking(move || {
        access.change_password(cookie.reveal(), posted.text("old"), posted.text("new"), now)
    });
    match changed.await {
        Ok(Ok(opened)) => {
            acts::note(&desk, &visit, "user password", opened.about.clone(), true).await;
            with_cookie(frame::see("/admin/system?said=password-changed"), &opened.cookie)
        }
        Ok(Err(denied)) => {
            refused(&desk, &visit, "user password", &denied).await;
            let (status, frame, denied) = form(&desk, &visit, &denied);
            frame::page(status, &PasswordPage { frame, denied })
        }
        Err(error) => frame::broken(&error),
    }
}

/// Wrong tries are recorded, few of one user; what was typed is not, nor what was refused before it was a try.
async fn refused(desk: &Desk, visit: &Visit, act: &'static str, denied: &Denied) {
    let outcome = match denied {
        Denied::Wrong | Denied::SecondFactor => Outcome::Refused,
        Denied::Later(_) | Denied::Refused(_) => return,
        Denied::Broken(_) => Outcome::Failed,
    };
    let who = visit.session.as_ref().map_or("nobody", |session| &session.user).to_owned();
    acts::note_refusal(desk, visit, who, act, "own".into(), outcome).await;
}

fn factor(desk: &Desk, visit: &Visit, denied: String, step: Step) -> FactorPage {
    FactorPage { frame: Frame::new(desk, visit, Place::System, "Your second factor"), denied, step }
}

pub(in crate::web::admin) async fn factor_page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let set = visit.session.as_ref().is_some_and(|session| session.second_factor);
    let mut page = factor(&desk, &visit, String::new(), if set { Step::Set } else { Step::None });
    page.frame = page.frame.said(&uri);
    frame::page(StatusCode::OK, &page)
}

pub(in crate::web::admin) async fn begin_factor(State(desk): State<Desk>, visit: Visit) -> Response {
    let (access, posted, now) = (desk.access.clone(), visit.form.clone(), desk.now());
    let Some(cookie) = visit.cookie.clone() else { return frame::see("/admin/login") };
    let begun =
        tokio::task::spawn_blocking(move || access.begin_second_factor(cookie.reveal(), posted.text("password"), now));
    match begun.await {
        Ok(Ok(enrolment)) => {
            let uri = enrolment.uri(&desk.snapshot().agent.name);
            let drawing = qr::draw(uri.reveal());
            let step = Step::Prove(Some(Shown { key: enrolment.key, uri, drawing }));
            frame::page(StatusCode::OK, &factor(&desk, &visit, String::new(), step))
        }
        Ok(Err(denied)) => {
            refused(&desk, &visit, "user second factor", &denied).await;
            let (status, denied) = told(&denied);
            frame::page(status, &factor(&desk, &visit, denied, Step::None))
        }
        Err(error) => frame::broken(&error),
    }
}

pub(in crate::web::admin) async fn confirm_factor(State(desk): State<Desk>, visit: Visit) -> Response {
    let (access, posted, now) = (desk.access.clone(), visit.form.clone(), desk.now());
    let Some(cookie) = visit.cookie.clone() else { return frame::see("/admin/login") };
    let confirmed = tokio::task::spawn_blocking(move || {
        access.confirm_second_factor(cookie.reveal(), posted.text("code").trim(), now)
    });
    match confirmed.await {
        Ok(Ok(codes)) => {
            acts::note(&desk, &visit, "user second factor", "own second factor set".into(), true).await;
            frame::page(StatusCode::OK, &factor(&desk, &visit, String::new(), Step::Codes(codes.0)))
        }
        Ok(Err(Denied::Wrong)) => {
            let denied = "That is not the code that the app should show now. Type the next one; see that the phone's clock \
                          and this box's are right.";
            let page = factor(&desk, &visit, denied.into(), Step::Prove(None));
            frame::page(StatusCode::FORBIDDEN, &page)
        }
        Ok(Err(denied)) => {
            let (status, denied) = told(&denied);
            frame::page(status, &factor(&desk, &visit, denied, Step::None))
        }
        Err(error) => frame::broken(&error),
    }
}

pub(in crate::web::admin) async fn drop_factor(State(desk): State<Desk>, visit: Visit) -> Response {
    let (access, posted, now) = (desk.access.clone(), visit.form.clone(), desk.now());
    let Some(cookie) = visit.cookie.clone() else { return frame::see("/admin/login") };
    let dropped =
        tokio::task::spawn_blocking(move || access.drop_second_factor(cookie.reveal(), posted.text("password"), now));
    match dropped.await {
        Ok(Ok(done)) => {
            acts::note(&desk, &visit, "user second factor", done.about, true).await;
            frame::see("/admin/system/second-factor?said=factor-dropped")
        }
        Ok(Err(denied)) => {
            refused(&desk, &visit, "user second factor", &denied).await;
            let (status, denied) = told(&denied);
            frame::page(status, &factor(&desk, &visit, denied, Step::Set))
        }
        Err(error) => frame::broken(&error),
    }
}
