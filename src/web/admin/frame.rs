//! What stands around every page: its head, its navigation, who is logged in; and the small answers that are no page.
//!
//! Promise: templates escape every value. What a redirect says on the next page is one of our own sentences, never a
//! text of the address.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};

use super::posted::Posted;
use super::visit::Visit;
use super::{Desk, tile};
use crate::access::Role;

/// The pages of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Integrations,
    Destinations,
    Events,
    Network,
    System,
    /// In none of them: login, claim, refusals.
    Outside,
}

/// What was done before this page was shown: the word after `?said=`, and its sentence.
const SAID: &[(&str, &str)] = &[
    ("logged-out", "You are logged out."),
    (
        "replay-begun",
        "The events are handed over again; the destination's tile and conductor status tell what is left.",
    ),
    ("replay-empty", "Nothing that the destination took since then is meant for it: nothing was begun."),
    ("replay-counting", "The events are still being counted; the replay begins by itself."),
    ("nothing-ticked", "No event was ticked: nothing was done."),
    ("aside-retried", "The events are tried again; one that is refused once more stays here with the newer reason."),
    ("aside-dropped", "The events were dropped."),
    ("added", "Added, and the agent has taken it up."),
    ("saved", "Saved, and the agent has taken it up."),
    ("enabled", "Enabled, and the agent has taken it up."),
    ("disabled", "Disabled, and the agent has taken it up."),
    ("removed", "Removed, and the agent has taken it up."),
    ("under-way", "Written. The agent is still taking it up: it ends what is under way in order."),
    ("network-kept", "The system keeps these settings; it takes note of that within seconds."),
    ("network-back", "The system goes back to the settings before; this connection may end with them."),
    ("network-over", "No trial was waiting for that word: nothing was done."),
    ("password-changed", "Your password was changed, and your other sessions have ended."),
    ("factor-dropped", "A login of yours needs no second factor any more."),
    (
        "update-taken",
        "The update is with the system. If it is signed for this box and newer, the box restarts into it.",
    ),
    ("restored", "The settings were restored, and the agent has taken them up."),
    ("as-it-is", "All of it is as it is here: nothing was changed."),
    ("user-added", "The user was added."),
    ("user-changed", "That was done, and the user's sessions have ended."),
];

/// One line of the navigation.
pub(super) struct Item {
    pub path: &'static str,
    pub words: &'static str,
    pub here: bool,
}

pub(super) struct User {
    pub name: String,
    pub role: &'static str,
    pub csrf: String,
}

/// Handed to every template as `frame`.
pub(super) struct Frame {
    pub title: String,
    pub agent: String,
    pub state: &'static str,
    pub state_class: &'static str,
    pub user: Option<User>,
    /// May this user change anything? What may not is not offered either.
    pub admin: bool,
    pub said: Option<&'static str>,
    place: Place,
}

impl Frame {
    pub(super) fn new(desk: &Desk, visit: &Visit, place: Place, title: impl Into<String>) -> Frame {
        let snapshot = desk.snapshot();
        let user = visit.session.as_ref().map(|session| User {
            name: session.user.clone(),
            role: match session.role {
                Role::Admin => "administrator",
                Role::Viewer => "viewer",
            },
            csrf: session.csrf.clone(),
        });
        Frame {
            title: title.into(),
            agent: snapshot.agent.name,
            state: snapshot.state.as_str(),
            state_class: tile::state_tone(snapshot.state),
            admin: visit.session.as_ref().is_some_and(|session| session.role == Role::Admin),
            user,
            said: None,
            place,
        }
    }

    /// With the sentence that the redirect to this page asked for.
    pub(super) fn said(mut self, uri: &Uri) -> Frame {
        let query = Posted::read(uri.query().unwrap_or("").as_bytes());
        self.said = SAID.iter().find(|(word, _)| *word == query.text("said")).map(|(_, sentence)| *sentence);
        self
    }

    /// The token that a form of this page carries.
    pub(super) fn csrf(&self) -> &str {
        self.user.as_ref().map_or("", |user| &user.csrf)
    }

    pub(super) fn navigation(&self) -> [Item; 6] {
        let item = |place, path, words| Item { path, words, here: self.place == place };
        [
            item(Place::Overview, "/admin", "Overview"),
            item(Place::Integrations, "/admin/settings/integrations", "Integrations"),
            item(Place::Destinations, "/admin/settings/destinations", "Destinations"),
            item(Place::Events, "/admin/events", "Events"),
            item(Place::Network, "/admin/network", "Egress & network"),
            item(Place::System, "/admin/system", "System"),
        ]
    }
}

#[derive(Template)]
#[template(path = "admin/message.html")]
struct Message<'a> {
    frame: Frame,
    text: &'a str,
    way_on: &'a str,
    way_on_words: &'a str,
}

/// A page as an answer.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => broken(&error),
    }
}

/// A page that says one thing; `way_on` is a path and the words for it.
pub(super) fn message(
    desk: &Desk,
    visit: &Visit,
    status: StatusCode,
    title: &str,
    text: &str,
    (way_on, way_on_words): (&str, &str),
) -> Response {
    let frame = Frame::new(desk, visit, Place::Outside, title);
    page(status, &Message { frame, text, way_on, way_on_words })
}

/// To another page, by GET.
pub(super) fn see(path: &str) -> Response {
    match HeaderValue::try_from(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(error) => broken(&error),
    }
}

/// The login's path, which leads back to this one.
pub(super) fn login_for(uri: &Uri) -> String {
    let asked = uri.path_and_query().map_or("/admin", |asked| asked.as_str());
    if asked == "/admin" {
        return "/admin/login".into();
    }
    let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", asked).finish();
    format!("/admin/login?{next}")
}

/// Our own fault: the log says what it was.
pub(super) fn broken(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "a page could not be made");
    (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made; the log says why.\n").into_response()
}

pub(super) async fn style(State(_): State<Desk>) -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], concat!(include_str!("style.css"), include_str!("views.css")))
        .into_response()
}

pub(super) async fn script(State(_): State<Desk>) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("script.js")).into_response()
}

/// The same for everybody: who may not come in learns nothing about which paths there are.
pub(super) async fn unknown_path() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There is no such page. Begin at /admin.\n")
}
