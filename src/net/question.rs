//! What is asked and how the answer's head is read: pure.
//!
//! Promise: nothing that a caller or a peer writes can add a header or send a token where it does not belong.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, DATE, HOST, PROXY_AUTHORIZATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Empty;
use jiff::Timestamp;

use super::dial::place;
use super::proxy::{Proxy, port_of, unbracketed};
use crate::fault::{Fault, FaultKind};
use crate::values::Secret;

/// The longest wait that a Retry-After may ask for; a longer one is a mistake or malice.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub secure: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
}

/// One GET, ready to be sent more than once.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub uri: Uri,
    pub place: Place,
    headers: HeaderMap,
}

impl Question {
    /// # Errors
    /// `Misconfigured` for a URL or header that can't be sent, `Keyless` for a token that can't; neither is repeated.
    pub fn new(
        url: &str,
        headers: &[(&str, &str)],
        bearer: Option<&Secret>,
        allow_http: bool,
    ) -> Result<Question, Fault> {
        let wrong = |text: String| Fault::new(FaultKind::Misconfigured, text);
        let uri: Uri = url.parse().map_err(|e| wrong("what was to be asked is not a URL".to_owned()).caused_by(e))?;
        let host = uri.host().map(unbracketed).filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("the URL to be asked names no host".to_owned()))?.to_owned();
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong(format!("the URL at {host} holds a user or password: leave them out")));
        }
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if allow_http && bearer.is_none() => false,
            _ => return Err(wrong(format!("{host} is asked by https:// only"))),
        };
        let port = port_of(&uri, if secure { 443 } else { 80 });
        let port = port.ok_or_else(|| wrong(format!("the URL at {host} names a port that is none")))?;
        let headers = assemble(&uri, headers, bearer)?;
        Ok(Question { place: Place { secure, host, port }, uri, headers })
    }

    /// The host as errors name it.
    pub fn host(&self) -> &str {
        &self.place.host
    }

    /// The request as it goes out. A plain one through a proxy names the whole URL (RFC 9112 3.2.2) and carries
    /// the proxy's password; every other is for the origin's eyes and does not.
    pub fn request(&self, proxy: Option<&Proxy>) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.headers_mut() = self.headers.clone();
        match proxy {
            Some(proxy) if !self.place.secure => {
                *request.uri_mut() = self.uri.clone();
                if let Some(value) = &proxy.authorization {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, value.clone());
                }
            }
            Some(_) | None => {
                *request.uri_mut() =
                    self.uri.path_and_query().map_or_else(|| Uri::from_static("/"), |p| p.clone().into());
            }
        }
        request
    }
}

fn assemble(uri: &Uri, extra: &[(&str, &str)], bearer: Option<&Secret>) -> Result<HeaderMap, Fault> {
    let wrong = |text: String| Fault::new(FaultKind::Misconfigured, text);
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("conductor/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in extra {
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("{name:?} can't name a header")))?;
        let value = HeaderValue::from_str(value).map_err(|_| {
            wrong(format!("the header {name} would hold characters that no header can, such as a line end"))
        })?;
        headers.insert(key, value);
    }
    // Ours go in last, so that no caller's can stand in their place.
    let authority = uri.authority().map(|a| a.as_str()).unwrap_or_default();
    let host =
        HeaderValue::from_str(authority).map_err(|e| wrong("the URL's host can't be sent".to_owned()).caused_by(e))?;
    headers.insert(HOST, host);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(token) = bearer {
        // The cause is not kept: no error on this way may hold a piece of the token.
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).map_err(|_| {
            let text =
                "the API key holds characters that no header can, such as a line end: store it again, on one line";
            Fault::new(FaultKind::Keyless, text)
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// The server's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// Retry-After as a wait from now (RFC 9110 10.2.3): seconds, or a date against the server's own clock, else
/// against ours. At most a day; a date gone by is no wait; nonsense is `None`.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than u64 holds is more than a day all the same.
        return Some(value.parse().map_or(LONGEST_WAIT, Duration::from_secs).min(LONGEST_WAIT));
    }
    let until = http_date(value)?.as_second();
    let since = date(headers).unwrap_or(now).as_second();
    let wait = u64::try_from(until.saturating_sub(since)).unwrap_or(0);
    Some(Duration::from_secs(wait).min(LONGEST_WAIT))
}

fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text.trim()).ok()?).ok()
}

/// A fault names a place, never a URL: its query may hold what is not ours to tell.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&place(&self.host, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn wait(retry_after_value: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after_value).expect("a header value"));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).expect("a header value"));
        }
        retry_after(&headers, NOW.parse().expect("a timestamp")).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_a_date_by_the_servers_own_clock() {
        let servers_clock = Some("Fri, 20 Nov 2026 09:00:00 GMT");
        let table = [
            ("60", None, Some(60)),
            (" 0 ", None, Some(0)),
            ("Fri, 20 Nov 2026 12:01:30 GMT", None, Some(90)),
            ("Fri, 20 Nov 2026 09:00:45 GMT", servers_clock, Some(45)),
            ("Fri, 20 Nov 2026 09:00:45 GMT", Some("not a date"), Some(0)),
            ("Thu, 19 Nov 2026 12:00:00 GMT", None, Some(0)),
            ("Sun, 20 Nov 2050 12:00:00 GMT", None, Some(86_400)),
            ("99999999999999999999999", None, Some(86_400)),
            ("-5", None, None),
            ("1.5", None, None),
            ("soon", None, None),
            ("", None, None),
        ];
        for (value, date, expected) in table {
            assert_eq!(wait(value, date), expected, "{value:?} with {date:?}");
        }
    }

    #[test]
    fn no_header_can_be_smuggled_in_and_no_error_repeats_what_was_tried() {
        let ask = |headers: &[(&str, &str)], bearer: Option<&str>| {
            Question::new("https://api.example/v1", headers, bearer.map(Secret::new).as_ref(), false)
        };
        let faults = [
            ask(&[("accept", "CANARY\r\nX-Evil: 1")], None),
            ask(&[("x-evil: 1\r\nx", "CANARY")], None),
            ask(&[], Some("CANARY\nX-Evil: 1")),
            Question::new("https://api.example/\r\nX-Evil: 1", &[], None, false),
            Question::new("https://me:CANARY@api.example/", &[], None, false),
            Question::new("https://api.example/ HTTP/1.1", &[], None, false),
        ];
        for fault in faults {
            let fault = fault.expect_err("not to be sent");
            assert!(!fault.chain().contains("CANARY"), "{}", fault.chain());
        }
        let kept = ask(&[("host", "evil.example"), ("authorization", "Basic x")], Some("CANARY")).expect("a question");
        let request = kept.request(None);
        assert_eq!(request.headers()[HOST], "api.example");
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer CANARY");
        assert!(!format!("{kept:?} {request:?}").contains("CANARY"), "Debug tells the token");
    }

    #[test]
    fn a_token_is_never_sent_in_the_clear_and_plain_http_only_where_it_is_allowed() {
        let token = Secret::new("CANARY");
        assert!(Question::new("http://a.example/", &[], Some(&token), true).is_err());
        assert!(Question::new("http://a.example/", &[], None, false).is_err());
        assert!(Question::new("ftp://a.example/", &[], None, true).is_err());
        assert!(Question::new("https://a.example:99999/", &[], None, true).is_err());
        assert!(Question::new("/path", &[], None, true).is_err());
        let plain = Question::new("http://a.example", &[], None, true).expect("allowed");
        assert_eq!((plain.place.port, plain.request(None).uri().to_string().as_str()), (80, "/"));
    }

    #[test]
    fn a_proxys_password_goes_to_the_proxy_only() {
        let proxy = Proxy::parse(&Secret::new("http://u:p@proxy.example:3128"), "x").expect("a proxy");
        let secure = Question::new("https://a.example/x?y", &[], None, true).expect("a question").request(Some(&proxy));
        assert_eq!((secure.uri().to_string().as_str(), secure.headers().get(PROXY_AUTHORIZATION)), ("/x?y", None));
        let plain = Question::new("http://a.example/x?y", &[], None, true).expect("a question").request(Some(&proxy));
        assert_eq!(plain.uri().to_string(), "http://a.example/x?y");
        assert!(plain.headers().contains_key(PROXY_AUTHORIZATION));
    }
}
