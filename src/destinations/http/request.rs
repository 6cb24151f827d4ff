//! What is sent: the head that every request has, and a batch as its body.
//!
//! Promise: no header that somebody set can add another or take the place of ours, and the same events give the same
//! `Idempotency-Key`.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use sha2::{Digest, Sha256};

use super::batch::Item;
use super::settings::{Auth, Common, Compression, Given};
use crate::fault::{Fault, FaultKind};
use crate::values::{Secret, hex};

/// What stands before, between and behind the events of a body.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub open: &'static str,
    pub between: &'static str,
    pub close: &'static str,
}

/// What all requests to one receiver have. Its headers print no secret: they are marked as sensitive.
#[derive(Clone, Debug)]
pub struct Head {
    pub method: Method,
    headers: HeaderMap,
    compression: Compression,
    /// What no error may hold.
    secrets: Vec<Secret>,
}

impl Head {
    /// # Errors
    /// What the resolver says of a secret; `Keyless` for one that no header can hold; `Misconfigured` for a URL's host
    /// that can't be sent.
    pub fn new(common: &Common, content_type: &'static str, given: &Given<'_>) -> Result<Head, Fault> {
        let mut head = Head {
            method: Method::POST,
            headers: HeaderMap::new(),
            compression: common.compression,
            secrets: Vec::new(),
        };
        let host = HeaderValue::from_str(&common.authority).map_err(|error| {
            Fault::new(FaultKind::Misconfigured, "the host of `url` can't be sent: correct it").caused_by(error)
        })?;
        head.headers.insert(HOST, host);
        head.headers.insert(USER_AGENT, HeaderValue::from_static(concat!("conductor/", env!("CARGO_PKG_VERSION"))));
        head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        match &common.auth {
            Auth::Nobody => {}
            Auth::Token { scheme, secret } => {
                let token = (given.resolve)(secret)?;
                head.keep_secret(AUTHORIZATION, &format!("{scheme} {}", token.reveal()), token)?;
            }
            Auth::Basic { user, password } => {
                let password = (given.resolve)(password)?;
                let pair = Secret::new(STANDARD.encode(format!("{user}:{}", password.reveal())));
                head.keep_secret(AUTHORIZATION, &format!("Basic {}", pair.reveal()), password)?;
                head.secrets.push(pair);
            }
        }
        Ok(head)
    }

    /// Adds a header of the operator's; `secret` where its text is one.
    ///
    /// # Errors
    /// `Misconfigured` or `Keyless` for a text that no header can hold.
    pub fn add(&mut self, name: &str, text: &str, secret: Option<Secret>) -> Result<(), Fault> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !is_ours(name)).ok_or_else(|| {
            Fault::new(FaultKind::Misconfigured, format!("{name:?} can't be set in `headers`: take it out"))
        })?;
        match secret {
            Some(secret) => self.keep_secret(name, text, secret),
            None => {
                let value = HeaderValue::from_str(text).map_err(|_| {
                    let sentence = format!("the header {name} would hold characters that no header can");
                    Fault::new(FaultKind::Misconfigured, sentence)
                })?;
                self.headers.insert(name, value);
                Ok(())
            }
        }
    }

    fn keep_secret(&mut self, name: HeaderName, text: &str, secret: Secret) -> Result<(), Fault> {
        // The cause is not kept: no error on this way may hold a piece of the secret.
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            let sentence = format!("the secret for the header {name} holds characters that no header can");
            Fault::new(FaultKind::Keyless, sentence)
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.secrets.push(secret);
        Ok(())
    }

    /// What no error may hold.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(Secret::reveal)
    }

    /// A body compressed as it was set, ready for as many requests as it takes.
    ///
    /// # Errors
    /// `Unreadable` where compressing fails, which memory never does.
    pub fn pack(&self, body: Vec<u8>) -> Result<Bytes, Fault> {
        compressed(self.compression, body)
            .map(Bytes::from)
            .map_err(|error| Fault::new(FaultKind::Unreadable, "a batch can't be compressed").caused_by(error))
    }

    /// One request with a body that is packed.
    ///
    /// # Errors
    /// `Misconfigured` for a path that can't be sent.
    pub fn request(
        &self,
        path: &str,
        more: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let wrong = |what: &str| Fault::new(FaultKind::Misconfigured, format!("{what} can't be sent: correct `url`"));
        let uri: Uri = path.parse().map_err(|error| wrong("the path of the URL").caused_by(error))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        match self.compression {
            Compression::None => {}
            Compression::Gzip => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"))),
            Compression::Zstd => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"))),
        }
        for (name, text) in more {
            let value = HeaderValue::from_str(text).map_err(|error| wrong(name).caused_by(error))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(request)
    }
}

/// Headers that make a request what it is: nobody else sets them.
pub fn is_ours(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING, ACCEPT_ENCODING, CONNECTION, AUTHORIZATION]
        .contains(name)
        || [IDEMPOTENCY_KEY, "upgrade", "te", "trailer", "expect", "keep-alive"].contains(&name.as_str())
}

/// The header by which a receiver knows a batch that it has seen.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The same for the same events in the same order. A replay is meant to arrive, so it has keys of its own.
pub fn idempotency_key<'a>(batch: impl Iterator<Item = &'a Item>, replayed: bool) -> String {
    let mut hash = Sha256::new();
    hash.update([u8::from(replayed)]);
    for item in batch {
        hash.update((item.id.len() as u64).to_be_bytes());
        hash.update(item.id.as_bytes());
    }
    hex::text(&hash.finalize()[..16])
}

/// A batch as one body, in one piece of memory: growing it would move megabytes.
pub fn body<'a>(batch: impl Iterator<Item = &'a Item> + Clone, frame: Frame) -> Vec<u8> {
    let each = batch.clone().map(|item| item.text.len() + frame.between.len());
    let mut body = Vec::with_capacity(each.sum::<usize>() + frame.open.len() + frame.close.len());
    body.extend_from_slice(frame.open.as_bytes());
    for (at, item) in batch.enumerate() {
        if at > 0 {
            body.extend_from_slice(frame.between.as_bytes());
        }
        body.extend_from_slice(&item.text);
    }
    body.extend_from_slice(frame.close.as_bytes());
    body
}

fn compressed(compression: Compression, body: Vec<u8>) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(body),
        Compression::Gzip => {
            let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
            gzip.write_all(&body)?;
            gzip.finish()
        }
        Compression::Zstd => zstd::bulk::compress(&body, 1),
    }
}

/// Makes one line of a JSON text: a line end in it can only stand between two tokens, where a blank does as well.
pub fn one_line(text: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', &text[from..]) {
        text[from + at] = b' ';
        from += at + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::event::Seq;

    fn items(ids: &[&str]) -> Vec<Item> {
        ids.iter()
            .map(|id| Item { seq: Seq(1), id: (*id).into(), text: format!("<{id}>").into_bytes(), beat: false })
            .collect()
    }

    #[test]
    fn the_same_events_have_the_same_key_and_no_others_do() {
        let key = |ids: &[&str], replayed| idempotency_key(items(ids).iter(), replayed);
        assert_eq!(key(&["a", "b"], false), key(&["a", "b"], false));
        let all = [
            key(&["a", "b"], false),
            key(&["b", "a"], false),
            key(&["ab"], false),
            key(&["a"], false),
            key(&["a", "b", "c"], false),
            key(&["a", "b"], true),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!all[at + 1..].contains(one), "{at}");
        }
    }

    #[test]
    fn a_body_holds_its_events_in_order_whatever_compresses_it() {
        let frame = Frame { open: "[", between: ",", close: "]" };
        let plain = body(items(&["a", "b"]).iter(), frame);
        assert_eq!(plain, b"[<a>,<b>]");
        assert_eq!(body(items(&["a"]).iter(), Frame { open: "", between: "\n", close: "\n" }), b"<a>\n");
        assert_eq!(compressed(Compression::None, plain.clone()).expect("memory"), plain);
        let gzip = compressed(Compression::Gzip, plain.clone()).expect("memory");
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut back).expect("gzip");
        assert_eq!(back, plain);
        let zstd = compressed(Compression::Zstd, plain.clone()).expect("memory");
        assert_eq!(zstd::bulk::decompress(&zstd, 100).expect("zstd"), plain);
    }

    #[test]
    fn json_on_several_lines_becomes_one_line_of_the_same_meaning() {
        let mut text = b"{\r\n \"a\":\n1}".to_vec();
        one_line(&mut text);
        assert_eq!(text, b"{   \"a\": 1}");
    }

    #[test]
    fn headers_that_make_the_request_are_nobody_elses() {
        for ours in ["Host", "content-length", "Transfer-Encoding", "authorization", "Idempotency-Key", "Expect"] {
            assert!(is_ours(&ours.to_lowercase().parse().expect("a name")), "{ours}");
        }
        assert!(!is_ours(&HeaderName::from_static("x-tenant")) && !is_ours(&CONTENT_TYPE));
    }
}
