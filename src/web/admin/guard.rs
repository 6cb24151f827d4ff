//! Who is let in: one decision over facts, and the layer that gathers the facts of a request.
//!
//! Promise: before the box is claimed there is the claim's page and nothing else; what changes something is taken from our
//! own origin alone, and with the session's own token; every answer, refusals included, carries the security headers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};

use super::posted::{self, Posted};
use super::routes::{Needs, Takes};
use super::upload::{self, Uploaded};
use super::visit::{UNKNOWN, Visit};
use super::{Desk, cookie, frame};
use crate::access::Role;
use crate::values::Secret;
use crate::web::{Caller, Patience};

/// What the decision hangs on.
#[derive(Clone, Copy, Debug)]
struct Facts {
    needs: Needs,
    /// There is an administrator.
    claimed: bool,
    /// Of the session; `None`: there is none.
    role: Option<Role>,
    /// The method changes something.
    unsafe_method: bool,
    /// Origin names this host, over HTTPS.
    own_origin: bool,
    /// The form holds the session's token.
    token: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Enter,
    /// To the claim's page: there is no administrator yet.
    Claim,
    /// To the login.
    Login,
    /// Sent from another place than our own pages.
    Foreign,
    /// The page that it was sent from is of an earlier session.
    Stale,
    /// For administrators alone.
    Forbidden,
}

/// The rules. Pure.
fn decide(facts: Facts) -> Decision {
    if facts.needs == Needs::Nothing {
        return Decision::Enter;
    }
    if facts.unsafe_method && !facts.own_origin {
        return Decision::Foreign;
    }
    match (facts.needs, facts.claimed, facts.role) {
        (Needs::Nothing | Needs::Claim, _, _) | (Needs::Door, true, _) => Decision::Enter,
        (Needs::Door | Needs::Glance | Needs::Session | Needs::Admin, false, _) => Decision::Claim,
        (Needs::Glance | Needs::Session | Needs::Admin, true, None) => Decision::Login,
        (Needs::Glance | Needs::Session | Needs::Admin, true, Some(_)) if facts.unsafe_method && !facts.token => {
            Decision::Stale
        }
        (Needs::Admin, true, Some(Role::Viewer)) => Decision::Forbidden,
        (Needs::Glance | Needs::Session, true, Some(Role::Viewer | Role::Admin))
        | (Needs::Admin, true, Some(Role::Admin)) => Decision::Enter,
    }
}

/// Stands around one route.
pub(super) async fn guard(
    State((needs, takes, desk)): State<(Needs, Takes, Desk)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let unsafe_method = !parts.method.is_safe();
    let (mut form, with_file) = match (takes, upload::told(&parts.headers)) {
        // Nothing of it is read before it is known who sends it.
        (Takes::File, Some(multipart)) => (Posted::default(), Some((multipart, body))),
        (Takes::File, None) | (Takes::Form, _) => {
            match read_form(unsafe_method && needs != Needs::Nothing, body).await {
                Ok(form) => (form, None),
                Err(refused) => return refused,
            }
        }
    };
    let found = cookie::of(&parts.headers);
    let (claimed, session) = {
        let (access, found, now) = (desk.access.clone(), found.clone(), desk.now());
        let session = move |cookie: Secret| match needs {
            Needs::Glance => access.glance(cookie.reveal(), now),
            Needs::Nothing | Needs::Claim | Needs::Door | Needs::Session | Needs::Admin => {
                access.session(cookie.reveal(), now)
            }
        };
        let access = desk.access.clone();
        let look = move || (access.claimed(), found.and_then(session));
        match tokio::task::spawn_blocking(look).await {
            Ok(seen) => seen,
            Err(error) => return frame::broken(&error),
        }
    };
    let mut facts = Facts {
        needs,
        claimed,
        role: session.as_ref().map(|session| session.role),
        unsafe_method,
        own_origin: own_origin(&parts.headers, &parts.uri),
        token: true,
    };
    if let Some((multipart, body)) = with_file.filter(|_| decide(facts) == Decision::Enter) {
        let patience = parts.extensions.get::<Patience>().cloned();
        match upload::begin(multipart, body, &parts.headers, patience).await {
            Ok((fields, uploaded)) => {
                form = fields;
                parts.extensions.insert::<Uploaded>(uploaded);
            }
            Err(refused) => return refused,
        }
    }
    facts.token = session.as_ref().is_some_and(|session| session.csrf_matches(form.text("csrf")));
    let from = parts.extensions.get::<Caller>().map_or(UNKNOWN, |caller| caller.address.to_canonical());
    let cookie = session.as_ref().and(found);
    let visit = Visit { from, session, cookie, form: Arc::new(form) };
    match decide(facts) {
        Decision::Enter => {
            parts.extensions.insert(visit);
            next.run(Request::from_parts(parts, Body::empty())).await
        }
        Decision::Claim => frame::see("/admin/claim"),
        Decision::Login if unsafe_method || !wants_page(&parts.headers) => frame::message(
            &desk,
            &visit,
            StatusCode::UNAUTHORIZED,
            "You are not logged in",
            "The session has ended, and nothing was changed. Log in, and do it again.",
            ("/admin/login", "Log in"),
        ),
        Decision::Login => frame::see(&frame::login_for(&parts.uri)),
        Decision::Foreign => frame::message(
            &desk,
            &visit,
            StatusCode::FORBIDDEN,
            "Not sent from these pages",
            "What changes something is taken from these pages alone, asked for by the address that the browser shows. \
             Nothing was changed.",
            ("/admin", "Overview"),
        ),
        Decision::Stale => frame::message(
            &desk,
            &visit,
            StatusCode::FORBIDDEN,
            "This page was out of date",
            "It was opened in an earlier session, and nothing was changed. Open it again, and do it again.",
            ("/admin", "Overview"),
        ),
        Decision::Forbidden => frame::message(
            &desk,
            &visit,
            StatusCode::FORBIDDEN,
            "For administrators",
            "Your role is viewer: you see everything and change nothing. Ask an administrator.",
            ("/admin", "Overview"),
        ),
    }
}

/// The body as a form, within its limit.
async fn read_form(has_one: bool, body: Body) -> Result<Posted, Response> {
    if !has_one {
        return Ok(Posted::default());
    }
    match Limited::new(body, posted::LARGEST).collect().await {
        Ok(body) => Ok(Posted::read(&zeroize::Zeroizing::new(body.to_bytes().to_vec()))),
        Err(_) => Err((StatusCode::PAYLOAD_TOO_LARGE, "The form is too large, or was cut off.\n").into_response()),
    }
}

/// Does it want a page, as browsers do that follow a link? What asks for data gets a refusal that says so.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_none_or(|accept| !accept.starts_with("text/event-stream"))
}

/// Browsers name the origin of whatever they post. `Referrer-Policy: no-referrer` would make it `null` (Fetch, "append a
/// request Origin header"), so the pages say `same-origin`.
fn own_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let one = |name: HeaderName| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(only), None) => only.to_str().ok(),
            (Some(_), Some(_)) | (None, _) => None,
        }
    };
    let host = one(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
    let (Some(origin), Some(host)) = (one(header::ORIGIN), host) else { return false };
    let bare = |host: &str| host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase();
    origin.strip_prefix("https://").is_some_and(|origin| !origin.is_empty() && bare(origin) == bare(host))
}

/// One style sheet and one script of our own, forms to ourselves, and nothing else; nobody may frame, cache or sniff.
const SECURITY: [(HeaderName, HeaderValue); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// Stands around all routes.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(SECURITY.map(|(name, value)| (Some(name), value)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_say_who_enters_and_what_becomes_of_the_others() {
        use Decision::*;
        let (admin, viewer) = (Some(Role::Admin), Some(Role::Viewer));
        // needs, claimed, role, what of a GET, what of a POST from our origin with the session's token
        for (needs, claimed, role, get, post) in [
            (Needs::Nothing, false, None, Enter, Enter),
            (Needs::Claim, false, None, Enter, Enter),
            (Needs::Claim, true, None, Enter, Enter),
            (Needs::Door, false, None, Claim, Claim),
            (Needs::Door, true, None, Enter, Enter),
            (Needs::Glance, false, None, Claim, Claim),
            (Needs::Glance, true, None, Login, Login),
            (Needs::Glance, true, viewer, Enter, Enter),
            (Needs::Session, false, admin, Claim, Claim),
            (Needs::Session, true, None, Login, Login),
            (Needs::Session, true, viewer, Enter, Enter),
            (Needs::Session, true, admin, Enter, Enter),
            (Needs::Admin, false, None, Claim, Claim),
            (Needs::Admin, true, None, Login, Login),
            (Needs::Admin, true, viewer, Forbidden, Forbidden),
            (Needs::Admin, true, admin, Enter, Enter),
        ] {
            let facts = Facts { needs, claimed, role, unsafe_method: false, own_origin: false, token: false };
            assert_eq!(decide(facts), get, "{facts:?}");
            let facts = Facts { unsafe_method: true, own_origin: true, token: true, ..facts };
            assert_eq!(decide(facts), post, "{facts:?}");
            if needs != Needs::Nothing {
                assert_eq!(decide(Facts { own_origin: false, ..facts }), Foreign, "{facts:?}");
            }
            if role.is_some() && claimed {
                assert_eq!(decide(Facts { token: false, ..facts }), Stale, "{facts:?}");
            }
        }
    }

    #[test]
    fn only_our_own_https_origin_is_ours() {
        let ours = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).expect("a host"));
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).expect("an origin"));
            own_origin(&headers, &Uri::from_static("/admin"))
        };
        assert!(ours("https://box.example:8443", "box.example:8443") && ours("https://Box.example", "box.example:443"));
        for origin in ["null", "", "https://", "http://box.example:8443", "https://box.example", "https://evil.example"]
        {
            assert!(!ours(origin, "box.example:8443"), "{origin}");
        }
        let mut two = HeaderMap::new();
        two.insert(header::HOST, HeaderValue::from_static("box"));
        assert!(!own_origin(&two, &Uri::from_static("/")), "none");
        two.append(header::ORIGIN, HeaderValue::from_static("https://box"));
        assert!(own_origin(&two, &Uri::from_static("/")));
        two.append(header::ORIGIN, HeaderValue::from_static("https://box"));
        assert!(!own_origin(&two, &Uri::from_static("/")), "two");
    }
}
