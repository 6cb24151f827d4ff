//! `[destinations.NAME]` of the types that are spoken to by HTTP.
//!
//! Promise: what passes can be asked: its URL leads somewhere, its headers can be sent, and nothing that is secret
//! stands in it.

use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method};
use toml::de::DeValue;

use super::files::{Files, reference};
use super::grammar::{Read, WebPlace, Wrong, said, web_place};
use super::link;
use super::reader::{TableReader, text};
use super::settings::{Link, Transport};
use super::spelling::nearest;
use crate::connectors::abnormal::STREAMS;
use crate::destinations::http::settings::{
    Auth, Batching, Common, Compression, HeaderText, Layout, PerStream, Settings,
};
use crate::destinations::{elastic, http as over_http, splunk_hec};

/// A receiver's URL, taken apart.
pub(super) struct Place {
    pub link: Link,
    web: WebPlace,
}

/// The longest `timeout`: a call of the engine has 90 s.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The way to a receiver that is named by its URL.
pub(super) fn place(reader: &mut TableReader<'_, '_, '_>, files: &mut Files) -> Option<Place> {
    let web = reader.text("url", web_place);
    let way = link::way(reader, files);
    let web = web?;
    let transport = if web.secure { Transport::Tls } else { Transport::Tcp };
    let link = Link { address: web.address.clone(), transport, ..way };
    if link.is_open() && !link.insecure {
        reader.wrong(
            "url",
            "must begin with https://",
            "http:// lets whoever is on the way read events and tokens: only towards loopback, or with insecure = true",
        );
        return None;
    }
    link::without_effect(reader, &link);
    Some(Place { link, web })
}

pub(super) fn http(
    reader: &mut TableReader<'_, '_, '_>,
    files: &mut Files,
    place: Option<&Place>,
) -> Option<over_http::Settings> {
    let auth = auth(reader, files, "bearer", "Bearer");
    let headers = headers(reader, files);
    let method = reader.choice("method").and_then(|word| word.parse::<Method>().ok());
    let layout = reader.choice("body");
    let common = common(reader, auth, place);
    let layout = if layout? == "array" { Layout::Array } else { Layout::Lines };
    Some(Settings { common: common?, method: method?, headers: headers?, layout })
}

pub(super) fn splunk_hec(
    reader: &mut TableReader<'_, '_, '_>,
    files: &mut Files,
    place: Option<&Place>,
) -> Option<splunk_hec::Settings> {
    let token = files.secret(reader, "token");
    let ack = reader.flag("ack");
    let ack_timeout = reader.duration("ack-timeout");
    let channel = reader.text("channel", guid);
    let [index, source, sourcetype, host] =
        ["index", "source", "sourcetype", "host"].map(|name| per_stream(reader, name));
    let auth = token.map(|secret| Auth::Token { scheme: "Splunk", secret });
    let common = common(reader, auth, place);
    let routing = splunk_hec::Routing { index: index?, source: source?, sourcetype: sourcetype?, host: host? };
    Some(splunk_hec::Settings { common: common?, ack: ack?, ack_timeout: ack_timeout?, channel, routing })
}

pub(super) fn elastic(
    reader: &mut TableReader<'_, '_, '_>,
    files: &mut Files,
    place: Option<&Place>,
) -> Option<elastic::Settings> {
    let auth = auth(reader, files, "api-key", "ApiKey");
    let index = per_stream(reader, "index");
    if index.as_ref().is_some_and(|index| index.default.is_none()) {
        reader.wrong(
            "index",
            "must have default beside the streams",
            "events of other streams (heartbeats, gaps) need a data stream too",
        );
    }
    let common = common(reader, auth, place);
    Some(elastic::Settings { common: common?, index: index? })
}

/// What the three share.
fn common(reader: &mut TableReader<'_, '_, '_>, auth: Option<Auth>, place: Option<&Place>) -> Option<Common> {
    let events = reader.count("batch-events");
    let bytes = reader.size("batch-size");
    let age = reader.duration("batch-age");
    let compression = reader.choice("compression");
    let timeout = reader.duration("timeout");
    if timeout.is_some_and(|timeout| timeout > LONGEST_TIMEOUT) {
        reader.wrong("timeout", "must be at most 60s", "a receiver that needs longer should take smaller batches");
        return None;
    }
    let web = &place?.web;
    let batching =
        Batching { events: usize::try_from(events?).ok()?, bytes: usize::try_from(bytes?.0).ok()?, age: age? };
    let compression = match compression? {
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        _ => Compression::None,
    };
    let (authority, path) = (web.authority.clone(), web.path.clone());
    Some(Common { authority, path, auth: auth?, batching, compression, timeout: timeout? })
}

/// `{ bearer = SECRET }`, or `{ user = "..", password = SECRET }`; not written: nobody.
fn auth(
    reader: &mut TableReader<'_, '_, '_>,
    files: &mut Files,
    token: &'static str,
    scheme: &'static str,
) -> Option<Auth> {
    if !reader.has("auth") {
        return Some(Auth::Nobody);
    }
    let read = reader.take("auth", |value, _| {
        let table = value.as_table().ok_or(Wrong::Form)?;
        let mut parts = (None, None, None);
        for (name, value) in table.iter() {
            match name.get_ref().as_ref() {
                "user" => parts.0 = Some(user(text(value.get_ref())?)?),
                "password" => parts.1 = Some(reference("password", value.get_ref())?),
                word if word == token => parts.2 = Some(reference(token, value.get_ref())?),
                // What stands here in place of a known word may be the secret.
                _ => return Err(Wrong::Form),
            }
        }
        match parts {
            (None, None, Some(secret)) => Ok(Auth::Token { scheme, secret }),
            (Some(user), Some(password), None) => Ok(Auth::Basic { user, password }),
            (Some(_) | None, Some(_) | None, Some(_) | None) => Err(Wrong::Form),
        }
    })?;
    Some(match read {
        Auth::Nobody => Auth::Nobody,
        Auth::Token { scheme, secret } => Auth::Token { scheme, secret: files.placed(reader, "auth", secret) },
        Auth::Basic { user, password } => Auth::Basic { user, password: files.placed(reader, "auth", password) },
    })
}

fn user(text: &str) -> Read<String> {
    if text.is_empty() || text.contains(|c: char| c == ':' || c.is_control()) {
        return said("has a user that can't be one", "a user has no colon, no control characters, and is not empty");
    }
    Ok(text.to_owned())
}

fn headers(reader: &mut TableReader<'_, '_, '_>, files: &mut Files) -> Option<Vec<(String, HeaderText)>> {
    if !reader.has("headers") {
        return Some(Vec::new());
    }
    let read = reader.take("headers", |value, _| {
        let table = value.as_table().ok_or(Wrong::Form)?;
        table.iter().map(|(name, value)| header(name.get_ref(), value.get_ref())).collect::<Read<Vec<_>>>()
    })?;
    let placed = read.into_iter().map(|(name, text)| match text {
        HeaderText::Plain(text) => (name, HeaderText::Plain(text)),
        HeaderText::Secret(secret) => (name, HeaderText::Secret(files.placed(reader, "headers", secret))),
    });
    Some(placed.collect())
}

fn header(name: &str, value: &DeValue<'_>) -> Read<(String, HeaderText)> {
    let lower = name.to_ascii_lowercase();
    let known = HeaderName::from_bytes(lower.as_bytes()).map_err(|_| Wrong::Form)?;
    if over_http::request::is_ours(&known) {
        return said(
            "names a header that makes the request itself",
            "take it out; for Authorization there is `auth`, for compression `compression`",
        );
    }
    let text = match value.as_str() {
        Some(plain) if HeaderValue::from_str(plain).is_ok() => HeaderText::Plain(plain.to_owned()),
        Some(_) => return said("has a text that no header can hold", "take line ends and control characters out"),
        None => HeaderText::Secret(reference("headers", value)?),
    };
    Ok((lower, text))
}

/// A text for all streams, or a table; not written and without a default: nothing.
fn per_stream(reader: &mut TableReader<'_, '_, '_>, name: &str) -> Option<PerStream> {
    let told = reader.key(name).is_some_and(|key| !matches!(key.default, super::keys::Fallback::Value(_)));
    if told && !reader.has(name) {
        return Some(PerStream::default());
    }
    let read = reader.take(name, |value, _| {
        if let Some(text) = value.as_str() {
            return template(text).map(|text| PerStream::all(&text));
        }
        let table = value.as_table().ok_or(Wrong::Form)?;
        let mut read = PerStream::default();
        for (stream, value) in table.iter() {
            let text = template(text(value.get_ref())?)?;
            match stream.get_ref().as_ref() {
                "default" => read.default = Some(text),
                stream => read.streams.push((stream.to_owned(), text)),
            }
        }
        Ok(read)
    })?;
    for (stream, _) in read.streams.iter().filter(|(stream, _)| !STREAMS.contains(&stream.as_str())) {
        if let Some(meant) = nearest(stream, STREAMS.iter().copied()) {
            reader.warn(name, &format!("names a stream that no integration has: did you mean {meant:?}?"));
        }
    }
    Some(read)
}

fn template(text: &str) -> Read<String> {
    let rest = text.replace("{stream}", "").replace("{integration}", "");
    let sound = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if !sound || rest.contains(['{', '}']) {
        return said(
            "must be 1 to 255 printable ASCII characters without blanks",
            "in braces only {stream} and {integration} may stand",
        );
    }
    Ok(text.to_owned())
}

/// `8-4-4-4-12` hexadecimal digits.
fn guid(text: &str) -> Read<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hex = parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex && lengths == [8, 4, 4, 4, 12] {
        Ok(text.to_ascii_lowercase())
    } else {
        said("must be a GUID", "as in channel = \"3f1a7c52-6d0e-4b8b-9a55-0c2d1e4f6a7b\"")
    }
}
