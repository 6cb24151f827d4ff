//! The pages asked without a socket: who gets in where, from the one table.

mod network;
mod settings;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::routes::{Needs, ROUTES};
use super::*;
use crate::access::{Access, Role};
use crate::audit::Audit;
use crate::engine::ledger;
use crate::secrets::SecretSources;
use crate::status::samples;
use crate::web::Caller;

/// An agent with pages, in a folder of its own.
pub(super) struct Site {
    pub folder: tempfile::TempDir,
    pub desk: Desk,
    pub router: Router,
    /// Whoever answers reloads; kept, so that they wait rather than fail.
    pub reloads: Option<Reloads>,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

pub(super) const PASSWORD: &str = "correct horse battery staple";

impl Site {
    pub(super) fn new() -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let (reload, reloads) = reload_bell();
        let settings = folder.path().join("conductor.toml");
        let state_dir = folder.path().join("state");
        std::fs::create_dir(&state_dir).expect("made");
        std::fs::write(&settings, format!("[agent]\nname = \"box\"\nstate-dir = {state_dir:?}\n")).expect("written");
        let desk = Desk {
            board: samples::degraded(),
            clock: Arc::new(samples::now),
            access: Access::open(state_dir.join("access")).expect("an empty folder"),
            audit: Some(Audit::open(&state_dir.join("audit")).expect("an empty folder")),
            settings,
            secrets: SecretSources { credentials_dir: None, state_dir },
            ledger: ledger::samples::ledger(folder.path(), Vec::new()),
            reload,
            turns: Turns::default(),
            rations: Rations::default(),
            version_file: folder.path().join("appliance-version"),
        };
        Site { folder, router: router(desk.clone()), desk, reloads: Some(reloads) }
    }

    /// One whose first administrator is there, and that one's session.
    pub(super) fn claimed() -> (Site, Visitor) {
        let it = Site::new();
        let from = IpAddr::from([192, 0, 2, 1]);
        let code = it.desk.access.new_claim(samples::now()).expect("a code");
        let opened = it.desk.access.claim(code.code.reveal(), "ada", PASSWORD, from, samples::now()).expect("claimed");
        let visitor = Visitor { cookie: opened.cookie.reveal().to_owned(), csrf: opened.session.csrf };
        (it, visitor)
    }

    pub(super) fn viewer(&self) -> Visitor {
        let (access, now) = (&self.desk.access, samples::now());
        access.add_user("vic", PASSWORD, Role::Viewer, now).expect("added");
        let opened = access.login("vic", PASSWORD, None, IpAddr::from([192, 0, 2, 2]), now).expect("let in");
        Visitor { cookie: opened.cookie.reveal().to_owned(), csrf: opened.session.csrf }
    }

    pub(super) async fn ask(&self, asked: Asked<'_>) -> Answer {
        let mut answer = self.begin(asked).await;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).expect("text") }
    }

    /// The answer with its body unread.
    pub(super) async fn begin(&self, asked: Asked<'_>) -> Response {
        let mut request = Request::builder().method(asked.method).uri(asked.path).header(header::HOST, "box.example");
        if let Some(origin) = asked.origin {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(accept) = asked.accept {
            request = request.header(header::ACCEPT, accept);
        }
        if let Some(cookie) = asked.cookie {
            request = request.header(header::COOKIE, format!("{}={cookie}", cookie::NAME));
        }
        let mut request = request.body(Body::from(asked.form)).expect("a request");
        request.extensions_mut().insert(Caller { address: IpAddr::from([192, 0, 2, 1]) });
        self.router.clone().oneshot(request).await.expect("infallible")
    }
}

/// Who asks, by a session.
#[derive(Clone)]
pub(super) struct Visitor {
    pub cookie: String,
    pub csrf: String,
}

impl Visitor {
    pub(super) fn get<'a>(&'a self, path: &'a str) -> Asked<'a> {
        Asked { cookie: Some(&self.cookie), ..Asked::get(path) }
    }

    /// As a form of our own pages posts it.
    pub(super) fn post<'a>(&'a self, path: &'a str, fields: &[(&str, &str)]) -> Asked<'a> {
        let token = ("csrf", self.csrf.as_str());
        Asked { cookie: Some(&self.cookie), ..Asked::post(path, &[fields, &[token]].concat()) }
    }
}

pub(super) struct Asked<'a> {
    pub method: Method,
    pub path: &'a str,
    pub cookie: Option<&'a str>,
    pub origin: Option<&'a str>,
    pub accept: Option<&'a str>,
    pub form: String,
}

impl<'a> Asked<'a> {
    pub(super) fn get(path: &'a str) -> Asked<'a> {
        Asked { method: Method::GET, path, cookie: None, origin: None, accept: None, form: String::new() }
    }

    pub(super) fn post(path: &'a str, fields: &[(&str, &str)]) -> Asked<'a> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Asked { method: Method::POST, path, cookie: None, origin: Some("https://box.example"), accept: None, form }
    }
}

/// A path of the table with its parameters filled in.
fn filled(path: &str) -> String {
    path.replace("{name}", "acme").replace("{id}", "1").replace("{kind}", "syslog")
}

/// The route with this session, as a browser would ask for it.
fn ask_of<'a>(route: &routes::Route, path: &'a str, visitor: Option<&'a Visitor>) -> Asked<'a> {
    match (route.method == Method::GET, visitor) {
        (true, None) => Asked::get(path),
        (true, Some(visitor)) => visitor.get(path),
        (false, None) => Asked::post(path, &[]),
        (false, Some(visitor)) => visitor.post(path, &[]),
    }
}

fn location(answer: &Response) -> &str {
    answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("")
}

#[tokio::test]
async fn until_the_box_is_claimed_there_is_the_claims_page_alone() {
    let it = Site::new();
    for route in ROUTES {
        let path = filled(route.path);
        let answer = it.begin(ask_of(route, &path, None)).await;
        match route.needs {
            Needs::Nothing | Needs::Claim => assert_ne!(location(&answer), "/admin/claim", "{path}"),
            Needs::Door | Needs::Glance | Needs::Session | Needs::Admin => {
                assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, "/admin/claim"), "{path}");
            }
        }
    }
    let page = it.ask(Asked::get("/admin/claim")).await;
    assert!(page.status == StatusCode::OK && page.body.contains("Claim this box"), "{}", page.body);
    assert!(!page.body.contains("Overview"), "no navigation for a stranger");
}

#[tokio::test]
async fn without_a_session_every_path_leads_to_the_login_or_is_refused() {
    let (it, _) = Site::claimed();
    let stranger = Visitor { cookie: "A".repeat(43), csrf: "B".repeat(43) };
    for route in ROUTES.iter().filter(|route| matches!(route.needs, Needs::Glance | Needs::Session | Needs::Admin)) {
        let path = filled(route.path);
        for visitor in [None, Some(&stranger)] {
            let answer = it.begin(ask_of(route, &path, visitor)).await;
            if route.method == Method::GET {
                assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
                assert!(location(&answer).starts_with("/admin/login"), "{path} leads to {}", location(&answer));
            } else {
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_viewer_changes_nothing_that_the_table_keeps_for_administrators() {
    let (it, _) = Site::claimed();
    let viewer = it.viewer();
    for route in ROUTES.iter().filter(|route| route.needs == Needs::Admin) {
        let path = filled(route.path);
        assert_eq!(it.begin(ask_of(route, &path, Some(&viewer))).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(it.ask(viewer.get("/admin")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_changes_something_is_taken_from_our_own_pages_of_this_session_alone() {
    let (it, ada) = Site::claimed();
    let viewer = it.viewer();
    for route in ROUTES.iter().filter(|route| route.method != Method::GET) {
        let path = filled(route.path);
        for origin in [None, Some("https://evil.example"), Some("null"), Some("http://box.example")] {
            let asked = Asked { origin, ..ada.post(&path, &[]) };
            assert_eq!(it.begin(asked).await.status(), StatusCode::FORBIDDEN, "{path} from {origin:?}");
        }
        if matches!(route.needs, Needs::Glance | Needs::Session | Needs::Admin) {
            for csrf in ["", "A", viewer.csrf.as_str()] {
                let stale = Visitor { csrf: csrf.to_owned(), ..ada.clone() };
                let answer = it.ask(stale.post(&path, &[])).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with {csrf:?}");
                assert!(answer.body.contains("out of date"), "{path}: {}", answer.body);
            }
        }
    }
    // None of these ended the session: the last to post anything would have been the logout.
    assert_eq!(it.ask(ada.get("/admin")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_form_of_a_sensible_size_is_refused_unread() {
    let (it, ada) = Site::claimed();
    let asked = ada.post("/admin/logout", &[("x", &"x".repeat(posted::LARGEST))]);
    assert_eq!(it.ask(asked).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(it.ask(ada.get("/admin")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let (it, ada) = Site::claimed();
    let mut answers = vec![it.begin(Asked::get("/admin/nowhere")).await, it.begin(Asked::get("/admin")).await];
    for route in ROUTES.iter().filter(|route| route.path != "/admin/logout") {
        answers.push(it.begin(ask_of(route, &filled(route.path), Some(&ada))).await);
    }
    for answer in answers {
        for (name, value) in [
            ("content-security-policy", "default-src 'none'; style-src 'self'; script-src 'self'"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            let found: Vec<_> = answer.headers().get_all(name).iter().collect();
            assert!(matches!(found.as_slice(), [one] if one.to_str().is_ok_and(|v| v.starts_with(value))), "{name}");
        }
        let policy = answer.headers().get("content-security-policy").and_then(|v| v.to_str().ok()).unwrap_or("");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn a_box_is_claimed_left_and_entered_again() {
    let it = Site::new();
    let code = it.desk.access.new_claim(samples::now()).expect("a code");
    let code = code.code.reveal().to_owned();
    let fields = [("code", code.as_str()), ("name", "ada"), ("password", PASSWORD), ("again", "other")];
    let answer = it.ask(Asked::post("/admin/claim", &fields)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("not the same") && answer.body.contains("value=\"ada\""), "{}", answer.body);
    assert!(!answer.body.contains(PASSWORD) && !answer.body.contains(&code));

    let fields = [("code", code.as_str()), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)];
    let ada = let_in(&it.begin(Asked::post("/admin/claim", &fields)).await, "/admin");
    let page = it.ask(Asked { cookie: Some(&ada), ..Asked::get("/admin") }).await;
    assert!(page.status == StatusCode::OK && page.body.contains("<h1>Overview</h1>"), "{}", page.body);
    assert!(page.body.contains("aria-current=\"page\""));

    // The form on the page is what logs out.
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let visitor = Visitor { cookie: ada.clone(), csrf: csrf.expect("a token").to_owned() };
    let out = it.begin(visitor.post("/admin/logout", &[])).await;
    assert!(out.headers()[header::SET_COOKIE].to_str().is_ok_and(|line| line.contains("Max-Age=0")));
    assert_eq!(it.ask(visitor.get("/admin")).await.status, StatusCode::SEE_OTHER, "the session is over");

    let wrong = it.ask(Asked::post("/admin/login", &[("name", "<ada>"), ("password", "CANARY-wrong")])).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.body.contains("value=\"&#60;ada&#62;\"") && !wrong.body.contains("CANARY"), "{}", wrong.body);

    let fields = [("name", "ada"), ("password", PASSWORD), ("next", "/admin/live")];
    let again = let_in(&it.begin(Asked::post("/admin/login", &fields)).await, "/admin/live");
    assert_ne!(again, ada, "a new session");
}

/// The cookie's value of an answer that lets somebody in.
fn let_in(answer: &Response, to: &str) -> String {
    assert_eq!((answer.status(), location(answer)), (StatusCode::SEE_OTHER, to));
    let line = answer.headers()[header::SET_COOKIE].to_str().expect("text");
    let value = line.strip_prefix("__Host-conductor=").and_then(|rest| rest.split(';').next());
    value.expect("our cookie").to_owned()
}

#[tokio::test]
async fn the_live_stream_says_what_the_tiles_say_and_goes_on_when_that_changes() {
    let (it, ada) = Site::claimed();
    let answer = it.begin(ada.get("/admin/live")).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body();
    let first = body.frame().await.expect("a frame").expect("no fault").into_data().expect("data");
    let first = String::from_utf8(first.to_vec()).expect("text");
    assert!(first.starts_with("data: [{\"place\":\"agent\",\"tone\":\"fair\",\"word\":\"degraded\""), "{first}");
    for tile in tile::all(&it.desk.snapshot()) {
        assert!(first.contains(&format!("\"place\":\"{}\"", tile.place)), "{first}");
    }
}

#[tokio::test]
async fn one_session_that_opens_live_streams_without_end_gets_four_and_others_get_theirs() {
    let (it, ada) = Site::claimed();
    let vic = it.viewer();
    let mut open = Vec::new();
    for _ in 0..4 {
        let answer = it.begin(ada.get("/admin/live")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        open.push(answer);
    }
    assert_eq!(it.begin(ada.get("/admin/live")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(it.begin(vic.get("/admin/live")).await.status(), StatusCode::OK, "another session");
    // A window that is closed makes room for the next.
    open.pop();
    assert_eq!(it.begin(ada.get("/admin/live")).await.status(), StatusCode::OK);
}
