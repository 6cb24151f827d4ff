//! Who may ask, and under which name: the Host check, the refusal of bodies, the security headers.
//!
//! Promise: a page from elsewhere that points its own name at 127.0.0.1 (DNS rebinding) gets 421 and
//! nothing else; every answer, refusals included, carries the security headers.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

/// The names under which this listener may be asked, with any port: a tunnel changes the port, not the name.
#[derive(Clone, Copy, Debug)]
pub struct Hosts {
    bound: Option<IpAddr>,
}

impl Hosts {
    /// localhost, 127.0.0.1, [::1] and the bound address. A wildcard address is nobody's name.
    pub fn bound_to(address: Option<IpAddr>) -> Hosts {
        Hosts { bound: address.filter(|address| !address.is_unspecified()) }
    }

    /// Is this `host[:port]` one of ours?
    pub fn admit(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else { return false };
        if host.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let local = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        host.parse::<IpAddr>().is_ok_and(|address| local.contains(&address) || self.bound == Some(address))
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`, without brackets; `None` if it is none of these.
pub(super) fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            // Only an address of version 6 stands in brackets.
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { "" } else { port.strip_prefix(':')? })
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    (port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Why a request is not looked at, before anybody looks at its path.
pub(super) type Refusal = (StatusCode, &'static str);

/// Is the request for us, under a name that `ours` admits? `misdirected` says what those names are.
pub(super) fn host_refusal(
    uri: &Uri,
    headers: &HeaderMap,
    ours: impl Fn(&str) -> bool,
    misdirected: &'static str,
) -> Option<Refusal> {
    let mut names = headers.get_all(header::HOST).iter();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Some((StatusCode::BAD_REQUEST, "The request must have one Host header.\n"));
    };
    // An absolute request target (as towards a proxy) names a host of its own: it must be ours as well.
    let named = uri.authority().map(|authority| authority.as_str());
    let ours = name.to_str().is_ok_and(&ours) && named.is_none_or(&ours);
    (!ours).then_some((StatusCode::MISDIRECTED_REQUEST, misdirected))
}

/// Does it bring a body to where none is taken?
pub(super) fn body_refusal(headers: &HeaderMap) -> Option<Refusal> {
    let length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    (length || headers.contains_key(header::TRANSFER_ENCODING))
        .then_some((StatusCode::PAYLOAD_TOO_LARGE, "This listener takes no request bodies.\n"))
}

const MISDIRECTED: &str = "This listener answers to localhost, 127.0.0.1, [::1] and the address it is bound to only. \
                           Ask it by one of these names.\n";

/// The pages need one style sheet of their own and nothing else; nobody may frame, cache or sniff them.
pub(super) const SECURITY: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Stands around all routes.
pub async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    let refusal = host_refusal(uri, headers, |name| hosts.admit(name), MISDIRECTED).or_else(|| body_refusal(headers));
    let mut response = match refusal {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    };
    response.headers_mut().extend(SECURITY.map(|(name, value)| (Some(name), value)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_admitted_with_any_port() {
        let hosts = Hosts::bound_to(Some(IpAddr::from([127, 0, 0, 9])));
        for ours in ["localhost", "LocalHost:9614", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:9614", "127.0.0.9:1"] {
            assert!(hosts.admit(ours), "{ours}");
        }
        for foreign in [
            "",
            "evil.example",
            "evil.example:9614",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.8",
            "user@localhost",
            "localhost@evil.example",
            "localhost:evil",
            "localhost:80:80",
            "localhost:999999",
            "::1",
            "[::1",
            "[::1]x",
            "[::2]",
            "[localhost]",
            "0.0.0.0",
            "0x7f000001",
            " localhost",
        ] {
            assert!(!hosts.admit(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_wildcard_address_is_nobodys_name() {
        let hosts = Hosts::bound_to(Some(IpAddr::from([0, 0, 0, 0])));
        assert!(!hosts.admit("0.0.0.0:9614") && hosts.admit("localhost:9614"));
    }
}
