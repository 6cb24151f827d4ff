//! The ways in and out: login, the claim of a box, logout.
//!
//! Promise: what a stranger typed comes back on the page but for passwords and codes; which part of it was wrong is not
//! told; after a login the way leads to a page of ours and nowhere else.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri, header};

use super::frame::{self, Frame, Place};
use super::posted::Posted;
use super::visit::Visit;
use super::{Desk, acts, cookie};
use crate::access::{Denied, Opened};
use crate::audit::Outcome;
use crate::values::{Name, Secret};

#[derive(Template)]
#[template(path = "admin/login.html")]
struct LoginPage {
    frame: Frame,
    denied: String,
    name: String,
    next: String,
    /// The code is what is missing.
    second: bool,
}

#[derive(Template)]
#[template(path = "admin/claim.html")]
struct ClaimPage {
    frame: Frame,
    denied: String,
    name: String,
    claimed: bool,
}

pub(super) async fn login_page(State(desk): State<Desk>, visit: Visit, uri: Uri) -> Response {
    let query = Posted::read(uri.query().unwrap_or("").as_bytes());
    let next = way_on(query.text("next")).to_owned();
    if visit.session.is_some() {
        return frame::see(&next);
    }
    let frame = Frame::new(&desk, &visit, Place::Outside, "Log in").said(&uri);
    let (denied, name) = (String::new(), String::new());
    frame::page(StatusCode::OK, &LoginPage { frame, denied, name, next, second: false })
}

pub(super) async fn login(State(desk): State<Desk>, visit: Visit) -> Response {
    let form = visit.form.clone();
    let (access, from, now) = (desk.access.clone(), visit.from, desk.now());
    let opened = tokio::task::spawn_blocking(move || {
        let second = Some(form.text("second").trim()).filter(|code| !code.is_empty());
        access.login(form.text("name"), form.text("password"), second, from, now)
    });
    let next = way_on(visit.form.text("next")).to_owned();
    match opened.await {
        Ok(Ok(opened)) => {
            came_in(&desk, &visit, "login", &opened).await;
            enter(&opened, &next)
        }
        Ok(Err(denied)) => {
            kept_out(&desk, &visit, "login", &denied).await;
            let second = matches!(denied, Denied::SecondFactor);
            let (status, denied) = told(&denied);
            let frame = Frame::new(&desk, &visit, Place::Outside, "Log in");
            let name = visit.form.text("name").to_owned();
            frame::page(status, &LoginPage { frame, denied, name, next, second })
        }
        Err(error) => frame::broken(&error),
    }
}

pub(super) async fn claim_page(State(desk): State<Desk>, visit: Visit) -> Response {
    claim_form(&desk, &visit, StatusCode::OK, String::new()).await
}

pub(super) async fn claim(State(desk): State<Desk>, visit: Visit) -> Response {
    if visit.form.text("password") != visit.form.text("again") {
        let denied = "The two passwords are not the same. Nothing was changed, and the code counts still.";
        return claim_form(&desk, &visit, StatusCode::UNPROCESSABLE_ENTITY, denied.into()).await;
    }
    let form = visit.form.clone();
    let (access, from, now) = (desk.access.clone(), visit.from, desk.now());
    let claimed = tokio::task::spawn_blocking(move || {
        access.claim(form.text("code"), form.text("name"), form.text("password"), from, now)
    });
    match claimed.await {
        Ok(Ok(opened)) => {
            came_in(&desk, &visit, "claim", &opened).await;
            enter(&opened, "/admin")
        }
        Ok(Err(denied)) => {
            kept_out(&desk, &visit, "claim", &denied).await;
            let (status, denied) = told(&denied);
            claim_form(&desk, &visit, status, denied).await
        }
        Err(error) => frame::broken(&error),
    }
}

async fn claim_form(desk: &Desk, visit: &Visit, status: StatusCode, denied: String) -> Response {
    let access = desk.access.clone();
    let Ok(claimed) = tokio::task::spawn_blocking(move || access.claimed()).await else {
        return frame::broken(&std::io::Error::other("the users could not be looked at"));
    };
    let title = if claimed { "Use a one-time code" } else { "Claim this box" };
    let frame = Frame::new(desk, visit, Place::Outside, title);
    frame::page(status, &ClaimPage { frame, denied, name: visit.form.text("name").to_owned(), claimed })
}

pub(super) async fn logout(State(desk): State<Desk>, visit: Visit) -> Response {
    if let Some(cookie) = visit.cookie.clone() {
        let access = desk.access.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || access.logout(cookie.reveal())).await {
            return frame::broken(&error);
        }
    }
    acts::note(&desk, &visit, "logout", String::new(), true).await;
    let mut answer = frame::see("/admin/login?said=logged-out");
    answer.headers_mut().insert(header::SET_COOKIE, cookie::end());
    answer
}

async fn came_in(desk: &Desk, visit: &Visit, act: &'static str, opened: &Opened) {
    acts::note_of(desk, visit, opened.session.user.clone(), act, opened.about.clone(), Outcome::Done).await;
}

/// What was typed as a name is noted only where it can be one: it may be a password in the wrong field. What was refused
/// before it was a try, or for a while, is not, and of the others few of one name and address: a stranger would fill the
/// log.
async fn kept_out(desk: &Desk, visit: &Visit, act: &'static str, denied: &Denied) {
    match denied {
        Denied::Wrong | Denied::SecondFactor | Denied::Broken(_) => {
            let typed = visit.form.text("name").parse::<Name>();
            let about = typed.map_or_else(|_| "as nobody who can be".to_owned(), |name| format!("as {name}"));
            acts::note_refusal(desk, visit, "somebody".into(), act, about, Outcome::Refused).await;
        }
        Denied::Later(_) | Denied::Refused(_) => {}
    }
}

/// The answer that opens a session in the browser.
pub(super) fn enter(opened: &Opened, next: &str) -> Response {
    with_cookie(frame::see(next), &opened.cookie)
}

/// An answer that also gives the browser this session.
pub(super) fn with_cookie(mut answer: Response, opened: &Secret) -> Response {
    match cookie::set(opened) {
        Some(line) => {
            answer.headers_mut().insert(header::SET_COOKIE, line);
            answer
        }
        None => frame::broken(&std::io::Error::other("a session's cookie is no header")),
    }
}

/// What is told of a refusal, and the status that goes with it.
pub(super) fn told(denied: &Denied) -> (StatusCode, String) {
    match denied {
        Denied::Wrong => {
            (StatusCode::FORBIDDEN, "That is not right. Which part of it is wrong is told to nobody.".into())
        }
        Denied::Later(wait) => {
            let text = format!("Too many tries. The next one counts in {} s.", wait.as_secs().max(1));
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        Denied::SecondFactor => {
            let text = "Type the password again, and the code that the authenticator app shows now.";
            (StatusCode::FORBIDDEN, text.into())
        }
        Denied::Refused(why) => (StatusCode::UNPROCESSABLE_ENTITY, why.clone()),
        Denied::Broken(why) => {
            tracing::error!(error = %why, "who may use the pages can't be judged");
            let text = "The box can't judge it now: its log says why.";
            (StatusCode::INTERNAL_SERVER_ERROR, text.into())
        }
    }
}

/// Where a login leads: to a path of the pages, else to the first of them.
fn way_on(next: &str) -> &str {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/-_.~?=&%+:".contains(c);
    let ours = next == "/admin" || next.starts_with("/admin/") || next.starts_with("/admin?");
    if ours && next.chars().all(fits) { next } else { "/admin" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_login_the_way_leads_to_a_page_of_ours_and_nowhere_else() {
        for ours in ["/admin", "/admin/events?q=a%20b&from=2026-11-20T12:00", "/admin/settings/integrations/acme"] {
            assert_eq!(way_on(ours), ours);
        }
        for other in
            ["", "/", "//evil.example", "https://evil.example", "/administrator", "/admin\\evil", "/admin/\r\nx: y"]
        {
            assert_eq!(way_on(other), "/admin", "{other:?}");
        }
    }
}
