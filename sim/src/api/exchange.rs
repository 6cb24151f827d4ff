//! One request and its answer, as plain values.
//!
//! Promise: no rule and no world stand behind these; whoever decides names the status and the body.

use std::time::Duration;

use jiff::Timestamp;

use super::json::{object, plain};

/// One request, as far as answers depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub path: &'a str,
    pub query: &'a str,
    /// The bearer token was right.
    pub known: bool,
    /// The header `mock-data: True` came with it.
    pub mock: bool,
    /// The caller's address, for `/ip`.
    pub peer: &'a str,
    /// Our clock.
    pub now: Timestamp,
}

/// What goes back, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
    /// The `Date` header.
    pub date: Timestamp,
}

/// How the body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Whole,
    /// One byte each `every`.
    Trickled {
        every: Duration,
    },
    /// The body again and again, so many bytes, length not told.
    Endless {
        bytes: u64,
    },
    /// Half of it, then a TCP reset.
    Reset,
    /// Not at all.
    Never,
}

pub(super) fn error(status: u16, field: &str, sentence: &str) -> Answer {
    Answer { status, ..json(object(&[(field, plain(sentence))])) }
}

pub(super) fn json(body: String) -> Answer {
    Answer { content_type: "application/json", ..text(&body) }
}

pub(super) fn html(body: &str) -> Answer {
    Answer { content_type: "text/html", ..text(body) }
}

pub(super) fn text(body: &str) -> Answer {
    Answer {
        status: 200,
        content_type: "text/plain",
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        manner: Manner::Whole,
        date: Timestamp::UNIX_EPOCH,
    }
}

/// IMF-fixdate (RFC 9110 section 5.6.7) of a Unix second.
pub(super) fn http_date(second: i64) -> String {
    // The crate panics past the year 9999; before 1970 there is nothing to say.
    let second = u64::try_from(second).unwrap_or(0).min(253_402_300_799);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(second))
}

/// To what is not there.
pub(super) fn not_found() -> Answer {
    error(404, "detail", "Not Found")
}

/// To a token without the permission.
pub(super) fn not_permitted() -> Answer {
    error(403, "error", "The token has no permission for this resource")
}

/// To a token that is missing, wrong, ended or of the other region: the API tells these apart for nobody.
pub(super) fn not_known() -> Answer {
    error(401, "message", "The bearer token is missing, invalid or expired")
}
