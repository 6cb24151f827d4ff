//! One request to Abnormal's REST API, and what its answer means.
//!
//! Promise: a status other than 200 becomes a fault with a sentence that says what to do, here and nowhere
//! else, and no text made here holds the token, not even when the peer sends it back.

use std::sync::Arc;

use bytestring::ByteString;
use serde::Deserialize;

use crate::fault::{Fault, FaultKind};
use crate::net::http::{Answer, Get};
use crate::values::{Secret, hex};

/// Bytes of a foreign answer that a sentence quotes.
const QUOTED: usize = 80;

/// A token shorter than this is none of the vendor's, and may stand in an answer by chance.
const KEY: usize = 16;

/// What a request asks for: the same status means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A filtered list.
    List,
    /// The detail of a listed item.
    Item,
    /// A first question, to learn whether anybody answers.
    Probe,
}

/// The API of one host with one token.
#[derive(Clone)]
pub struct Api {
    base: String,
    http: Arc<dyn Get>,
    token: Secret,
}

impl Api {
    pub fn new(host: &str, http: Arc<dyn Get>, token: Secret) -> Api {
        Api { base: format!("https://{host}/v1"), http, token }
    }

    /// Asks for `path`, which begins with `/` and has its query encoded. `Ok` is a 200 and nothing else.
    /// No `Soar-Integration-Origin` is sent: it changes answers.
    pub async fn ask(&self, path: &str, asked: Asked) -> Result<Answer, Fault> {
        let agent = concat!("conductor/", env!("CARGO_PKG_VERSION"));
        let headers = [("Accept", "application/json"), ("User-Agent", agent)];
        let answer = self.http.get(&format!("{}{path}", self.base), &headers, Some(&self.token)).await?;
        if answer.status != 200 {
            return Err(self.refusal(&answer, asked));
        }
        // As an id or a subject it would stand in events, checkpoints and logs.
        let token = self.token.reveal().as_bytes();
        if token.len() >= KEY && find(&answer.body, token).is_some() {
            let text =
                "the answer holds our own API token, which Abnormal's API never sends: somebody on the way echoes it";
            return Err(Fault::new(FaultKind::Unreadable, text).with_status(200));
        }
        Ok(answer)
    }

    /// Reads a JSON answer of a known shape.
    pub fn read<'a, T: Deserialize<'a>>(&self, body: &'a [u8]) -> Result<T, Fault> {
        let foreign = || {
            let text = format!("the answer is not Abnormal's API (begins with \"{}\")", self.quote(body));
            Fault::new(FaultKind::Unreadable, text).with_status(200)
        };
        let text = std::str::from_utf8(body).map_err(|error| foreign().caused_by(error))?;
        serde_json::from_str(text).map_err(|error| foreign().caused_by(Break::of(&error)))
    }

    /// What a status other than 200 means.
    fn refusal(&self, answer: &Answer, asked: Asked) -> Fault {
        let status = answer.status;
        let said = match self.quote(&answer.body) {
            quote if quote.is_empty() => String::new(),
            quote => format!("; it said \"{quote}\""),
        };
        let (kind, text) = match (status, asked) {
            (400, Asked::List) if speaks_of_retention(&answer.body) => {
                (FaultKind::OutOfRetention, "the vendor no longer keeps the time that was asked for".to_owned())
            }
            (401, _) => (
                FaultKind::Refused,
                "the vendor refused the API token (401): it is missing, wrong, expired or of the other region; \
                 make a new one in the Abnormal portal under Settings > Integrations > Abnormal REST API, and set it"
                    .to_owned(),
            ),
            (402, _) => (
                FaultKind::Unlicensed,
                "the vendor says that this customer is not licensed for what was asked (402)".to_owned(),
            ),
            (403, _) => (
                FaultKind::Refused,
                "the vendor refused us (403): our address is not in the portal's IP Safelist, or the token lacks \
                 permission for this endpoint, or the feature is off"
                    .to_owned(),
            ),
            (404, Asked::List) => (
                FaultKind::Unreadable,
                format!(
                    "filter refused: the vendor does not understand the list's filter, or the host is wrong (404){said}"
                ),
            ),
            (404, Asked::Item) => {
                (FaultKind::Unreadable, "the vendor lists this item but does not have it (404)".to_owned())
            }
            (404, Asked::Probe) => {
                (FaultKind::Unreadable, format!("the host does not know Abnormal's API (404): check `host`{said}"))
            }
            (407, _) => (
                FaultKind::Refused,
                "the proxy wants a name and a password (407): set them in `proxy` under [egress]".to_owned(),
            ),
            (429, _) => (FaultKind::Throttled, "the vendor asks for fewer requests (429)".to_owned()),
            (408 | 425 | 500.., _) => (FaultKind::Unavailable, format!("the vendor answered {status}{said}")),
            (300..=399, _) => (
                FaultKind::Unreadable,
                format!("the host answered with a redirect ({status}), which is never followed: check `host`"),
            ),
            (0..=499, _) => (
                FaultKind::Unreadable,
                format!("the vendor answered {status}, which its API does not for this request: check `host`{said}"),
            ),
        };
        Fault::new(kind, text).with_status(status).retry_after(answer.retry_after)
    }

    /// The beginning of a foreign text, escaped, without the token.
    fn quote(&self, body: &[u8]) -> String {
        let token = self.token.reveal().as_bytes();
        let (mut rest, mut clean) = (body, Vec::with_capacity(2 * QUOTED));
        while clean.len() < QUOTED && !rest.is_empty() {
            // What is quoted of the rest, and so much more that a token that begins in it is whole. Each token found
            // makes room for more of the rest: it is shorter when it is told.
            let look = &rest[..rest.len().min(QUOTED - clean.len() + token.len())];
            let Some(at) = find(look, token) else {
                clean.extend_from_slice(look);
                break;
            };
            clean.extend_from_slice(&look[..at]);
            clean.extend_from_slice(b"[secret]");
            rest = &rest[at + token.len()..];
        }
        clean.truncate(QUOTED);
        clean.escape_ascii().to_string()
    }
}

/// An answer that was read as JSON, as the text of an event.
pub fn text(answer: &Answer) -> Result<ByteString, Fault> {
    let foreign = |error| Fault::new(FaultKind::Unreadable, "the answer is not text").caused_by(error);
    // A copy of its own: an event must not keep the buffer of a connection in memory.
    std::str::from_utf8(&answer.body).map(|text| ByteString::from(text.trim())).map_err(foreign)
}

/// Encodes one part of a path or a query (RFC 3986: all but unreserved characters).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.extend(hex::upper(byte));
            }
        }
    }
    out
}

fn speaks_of_retention(body: &[u8]) -> bool {
    find(&body[..body.len().min(4_096)].to_ascii_lowercase(), b"retention").is_some()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    if what.is_empty() {
        return None;
    }
    // Every answer is searched for the token whole: byte by byte, that was a third of what reading a page costs.
    memchr::memmem::find(text, what)
}

/// Where a JSON text breaks. serde's own words may quote it, and with it what must not be told.
#[derive(Debug)]
pub struct Break {
    what: &'static str,
    line: usize,
    column: usize,
}

impl Break {
    pub fn of(error: &serde_json::Error) -> Break {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Data => "it has another shape",
            serde_json::error::Category::Io => "it can't be read",
        };
        Break { what, line: error.line(), column: error.column() }
    }
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for Break {}
