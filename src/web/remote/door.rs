//! Who may see what: each request is judged here, and handed to the room that its path names.
//!
//! Promise: the path that is judged is the path that is served, byte for byte: nothing is decoded, joined or folded in
//! between. Whoever is not known gets one answer to everything but `/healthz` (and the pages, which have their own
//! login).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio::time::Instant;

use super::papers::Set;
use crate::status::Certified;
use crate::web::Caller;
use crate::web::guard::{self, Refusal};

/// The health-token, as its hash alone.
#[derive(Clone)]
pub(super) struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[token]")
    }
}

impl Token {
    pub(super) fn of(text: &str) -> Token {
        Token(Sha256::digest(text.as_bytes()).into())
    }

    /// In a time that tells nothing of where the two differ: hashes are compared, and all of them.
    fn is(&self, offered: &str) -> bool {
        self.0.ct_eq(&Token::of(offered).0).into()
    }
}

/// What the pages read of a body, in bytes.
const BODY: usize = 1 << 20;

/// What the connection says of who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connected {
    /// It has shown a client certificate; the handshake has verified it.
    pub(super) certified: bool,
    /// The address that it came to.
    pub(super) local: Option<IpAddr>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wing {
    Alive,
    /// What the SOC asks, and all that is nothing.
    Told,
    Root,
    Pages,
}

impl Wing {
    fn of(path: &str) -> Wing {
        match path {
            "/healthz" => Wing::Alive,
            "/" => Wing::Root,
            "/admin" => Wing::Pages,
            below if below.starts_with("/admin/") => Wing::Pages,
            // Paths, not variants of ours.
            _ => Wing::Told,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The routes that the local listener has too.
    Tell,
    /// The pages' own router.
    Pages,
    /// To `/admin`.
    Onward,
    /// There is nothing there.
    Nothing,
    /// Who are you?
    Unknown,
}

/// `pages`: they are served here.
fn judge(wing: Wing, reads: bool, known: bool, pages: bool) -> Verdict {
    match wing {
        Wing::Alive if known || reads => Verdict::Tell,
        Wing::Told if known => Verdict::Tell,
        Wing::Pages if pages => Verdict::Pages,
        Wing::Root if pages && reads => Verdict::Onward,
        Wing::Pages | Wing::Root if known => Verdict::Nothing,
        Wing::Alive | Wing::Told | Wing::Pages | Wing::Root => Verdict::Unknown,
    }
}

/// Everything that answers.
#[derive(Clone)]
pub(super) struct Door {
    set: watch::Receiver<Arc<Set>>,
    wrong: Arc<Wrong>,
    told: Router,
    pages: Option<Router>,
}

/// The door as a service.
pub(super) fn door(set: watch::Receiver<Arc<Set>>, told: Router, pages: Option<Router>) -> Router {
    // The innermost limit counts: a page that takes more says so on its own route.
    let pages = pages.map(|pages| pages.layer(DefaultBodyLimit::max(BODY)));
    Router::new().fallback(enter).with_state(Door { set, wrong: Arc::default(), told, pages })
}

async fn enter(State(door): State<Door>, request: Request) -> Response {
    let set = Arc::clone(&door.set.borrow());
    let Some(connected) = request.extensions().get::<Connected>().copied() else {
        // The listener puts it into each request.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (uri, headers) = (request.uri(), request.headers());
    let wing = Wing::of(uri.path());
    let refused = guard::host_refusal(uri, headers, |name| set.names.admit(name, connected.local), MISDIRECTED);
    let lasting = lasting(&set, headers);
    let mut from_pages = false;
    let mut response = match refused.or_else(|| framing(headers)) {
        Some(refused) => cut(refused),
        None => {
            let known = connected.certified || set.token.as_ref().is_some_and(|token| bears(headers, token));
            if !known && headers.contains_key(header::AUTHORIZATION) {
                door.wrong.tell(request.extensions().get::<Caller>().copied(), Instant::now());
            }
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            match (judge(wing, reads, known, set.admin), door.pages) {
                (Verdict::Tell, _) => match guard::body_refusal(headers) {
                    Some(refused) => cut(refused),
                    None => ask(door.told, request).await,
                },
                (Verdict::Pages, Some(pages)) => {
                    from_pages = true;
                    ask(pages, request).await
                }
                (Verdict::Onward, _) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/admin")]).into_response(),
                (Verdict::Pages | Verdict::Nothing, _) => {
                    (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response()
                }
                (Verdict::Unknown, _) => unknown(),
            }
        }
    };
    secure(response.headers_mut(), from_pages, lasting);
    response
}

/// When a wrong token was last told: whoever guesses must not fill the log.
#[derive(Debug, Default)]
struct Wrong(Mutex<Option<Instant>>);

impl Wrong {
    fn tell(&self, caller: Option<Caller>, now: Instant) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.duration_since(last) < TOLD_EVERY) {
            return;
        }
        *last = Some(now);
        if let Some(Caller { address }) = caller {
            tracing::warn!(%address, "a wrong health-token was shown to the remote listener; more of them within a minute are not told");
        }
    }
}

const TOLD_EVERY: Duration = Duration::from_secs(60);

async fn ask(router: Router, request: Request) -> Response {
    match TowerToHyperService::new(router).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

const MISDIRECTED: &str =
    "This box is not called that. Ask it by a name of its certificate, or add the name to [remote] names.\n";

/// One answer to all that a stranger asks, so that nobody can tell what is there.
fn unknown() -> Response {
    // A body that nobody reads is not waited for.
    let more = [(header::WWW_AUTHENTICATE, "Bearer"), (header::CONNECTION, "close")];
    (StatusCode::UNAUTHORIZED, more, "Who are you? Show a client certificate or a token.\n").into_response()
}

/// What follows on such a connection is not read as a request.
fn cut((code, text): Refusal) -> Response {
    (code, [(header::CONNECTION, "close")], text).into_response()
}

/// A body is announced by its length alone: where two framings are spoken, two may disagree on where a request ends.
fn framing(headers: &HeaderMap) -> Option<Refusal> {
    headers.contains_key(header::TRANSFER_ENCODING).then_some((
        StatusCode::LENGTH_REQUIRED,
        "Send the body with a Content-Length and without a Transfer-Encoding.\n",
    ))
}

fn bears(headers: &HeaderMap, token: &Token) -> bool {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (sent.next(), sent.next()) else { return false };
    let Some((scheme, offered)) = one.to_str().ok().and_then(|text| text.split_once(' ')) else { return false };
    scheme.eq_ignore_ascii_case("bearer") && token.is(offered.trim())
}

/// Of the pages: their own style sheet, script, images and forms, and nothing from elsewhere.
const PAGES_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);
/// 30 days: who goes back to a self-signed certificate is locked out of his browser for no longer.
const LASTING: HeaderValue = HeaderValue::from_static("max-age=2592000");

/// May a browser be told to come by HTTPS only (HSTS, RFC 6797)? With a self-signed certificate it would take its user's
/// way past the warning away; under `localhost` it would shut the local listener out, which is plain HTTP.
fn lasting(set: &Set, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(guard::host_of);
    set.certified == Certified::Operator && host.is_some_and(|host| !host.eq_ignore_ascii_case("localhost"))
}

/// What a page has set itself stays. Where no page answers, nothing tells whether there are any.
fn secure(headers: &mut HeaderMap, from_pages: bool, lasting: bool) {
    let pages = from_pages.then_some((header::CONTENT_SECURITY_POLICY, PAGES_POLICY));
    let lasting = lasting.then_some((header::STRICT_TRANSPORT_SECURITY, LASTING));
    let all: Vec<(HeaderName, HeaderValue)> = pages.into_iter().chain(lasting).chain(guard::SECURITY).collect();
    for (name, value) in all {
        headers.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_gets_healthz_and_nothing_else() {
        for wing in [Wing::Alive, Wing::Told, Wing::Root, Wing::Pages] {
            for reads in [true, false] {
                let expected = if wing == Wing::Alive && reads { Verdict::Tell } else { Verdict::Unknown };
                assert_eq!(judge(wing, reads, false, false), expected, "{wing:?} {reads}");
            }
        }
        assert_eq!(judge(Wing::Pages, false, false, true), Verdict::Pages, "they have a login of their own");
        assert_eq!(judge(Wing::Root, true, false, true), Verdict::Onward);
        assert_eq!(judge(Wing::Told, true, false, true), Verdict::Unknown);
    }

    #[test]
    fn who_is_known_is_told_and_finds_no_pages_where_there_are_none() {
        assert_eq!(judge(Wing::Told, true, true, false), Verdict::Tell);
        assert_eq!(judge(Wing::Pages, true, true, false), Verdict::Nothing);
        assert_eq!(judge(Wing::Root, true, true, false), Verdict::Nothing);
    }

    #[test]
    fn only_the_very_path_leads_to_the_pages() {
        for path in ["/admin", "/admin/", "/admin/../status", "/admin//x"] {
            assert_eq!(Wing::of(path), Wing::Pages, "{path}");
        }
        for path in [
            "/administrator",
            "//admin",
            "/%61dmin",
            "/admin%2f..%2fstatus",
            "/ADMIN",
            "/status",
            "//healthz",
            "/healthz/",
        ] {
            assert_eq!(Wing::of(path), Wing::Told, "{path}");
        }
    }

    #[test]
    fn a_token_counts_in_its_header_alone_and_whole() {
        let token = Token::of("0123456789abcdef");
        let headers = |values: &[&'static str]| {
            values.iter().map(|v| (header::AUTHORIZATION, HeaderValue::from_static(v))).collect::<HeaderMap>()
        };
        assert!(bears(&headers(&["Bearer 0123456789abcdef"]), &token));
        assert!(bears(&headers(&["bearer  0123456789abcdef "]), &token));
        for wrong in [
            &[][..],
            &["Bearer 0123456789abcdeF"],
            &["Bearer 0123456789abcde"],
            &["Bearer 0123456789abcdef0"],
            &["Bearer"],
            &["Bearer "],
            &["Basic 0123456789abcdef"],
            &["0123456789abcdef"],
            &["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"],
        ] {
            assert!(!bears(&headers(wrong), &token), "{wrong:?}");
        }
        assert!(!format!("{token:?}").contains("0123"));
    }
}
