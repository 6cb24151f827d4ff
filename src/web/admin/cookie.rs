//! The session's cookie, in and out.
//!
//! Promise: `__Host-` binds it to this host, this path and HTTPS; no script reads it, and no other site's request carries
//! it (RFC 6265bis, 4.1.3).

use http::{HeaderMap, HeaderValue, header};

use crate::values::Secret;

pub(super) const NAME: &str = "__Host-conductor";

/// The cookie that came with a request. Two of the name are none: one of them is not ours.
pub(super) fn of(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
    let (Some(value), None) = (ours.next(), ours.next()) else { return None };
    Some(Secret::new(value))
}

/// Sets it, until the browser is closed: how long it counts is ours to say, not the browser's.
pub(super) fn set(cookie: &Secret) -> Option<HeaderValue> {
    let line = format!("{NAME}={}; Path=/; Secure; HttpOnly; SameSite=Strict", cookie.reveal());
    let mut line = HeaderValue::try_from(line).ok()?;
    line.set_sensitive(true);
    Some(line)
}

/// Takes it back.
pub(super) fn end() -> HeaderValue {
    HeaderValue::from_static("__Host-conductor=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_cookie_of_our_name_is_read_and_two_are_none() {
        let with = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            of(&headers)
        };
        assert_eq!(with(&["a=1; __Host-conductor=xyz; b=2"]), Some(Secret::new("xyz")));
        assert_eq!(with(&["__Host-conductor=x; __Host-conductor=y"]), None);
        assert_eq!(with(&["__Host-conductor=x", "__Host-conductor=y"]), None);
        assert_eq!(with(&["conductor=x; __host-conductor=x"]), None);
    }

    #[test]
    fn it_is_set_for_this_host_https_and_no_script() {
        let line = set(&Secret::new("xyz")).expect("a header");
        assert_eq!(line.to_str().ok(), Some("__Host-conductor=xyz; Path=/; Secure; HttpOnly; SameSite=Strict"));
        assert!(line.is_sensitive() && !format!("{line:?}").contains("xyz"));
        assert!(set(&Secret::new("x\ny")).is_none());
        assert!(end().to_str().is_ok_and(|line| line.starts_with(NAME) && line.ends_with("Max-Age=0")));
    }
}
