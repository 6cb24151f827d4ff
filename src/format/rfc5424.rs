//! RFC 5424 messages for one event each, and the octet counting that frames them on a stream (RFC 5425, RFC 6587).
//!
//! [`Rfc5424`] implements the `syslog` crate's `LogFormat` for a [`Stored`] event. That crate's own formatter stamps the
//! time of sending, allows only numbers as MSGID and checks no field, so only its trait, severities and facilities are
//! used. Promise: a message is well formed whatever the event holds; MSG is the event as its [`Body`] writes it, whole.

use std::io::{self, Write};

use ::syslog::{Facility, LogFormat, Severity as SyslogSeverity};

use crate::event::{Severity, Stored};
use crate::format::time::{Digits, write_rfc3339};
use crate::format::{Body, Shape, json};

/// What is the same in every message of one destination, made once.
#[derive(Clone, Debug)]
pub struct Rfc5424 {
    facility: Facility,
    /// `HOSTNAME SP APP-NAME SP`, within their alphabets and limits.
    origin: Vec<u8>,
    /// `[conductor@32473 id="`.
    sd_start: Vec<u8>,
    /// Bytes of a message, at the most.
    largest: usize,
    body: Body,
}

/// The byte order mark in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What receivers take unless they are told otherwise: syslog-ng closes the connection on anything longer, for ever.
pub const LARGEST: usize = 64 << 10;

impl Rfc5424 {
    /// `enterprise_number` is the private enterprise number of the SD-ID (RFC 5424 6.3.2, 7.2.2).
    pub fn new(facility: Facility, hostname: &str, app_name: &str, enterprise_number: u32) -> Rfc5424 {
        let mut origin = Vec::new();
        push_header(&mut origin, hostname, 255, printable);
        origin.push(b' ');
        push_header(&mut origin, app_name, 48, word);
        origin.push(b' ');
        let sd_start = format!("[conductor@{enterprise_number} id=\"").into_bytes();
        Rfc5424 { facility, origin, sd_start, largest: LARGEST, body: Body::default() }
    }

    /// The same with another limit on a message's bytes.
    pub fn at_most(self, largest: usize) -> Rfc5424 {
        Rfc5424 { largest, ..self }
    }

    /// The same with MSG in another schema.
    pub fn shaped(self, shape: Shape) -> Rfc5424 {
        Rfc5424 { body: Body { shape, ..self.body }, ..self }
    }

    /// The same for events of a replay: `replayed="true"` in the structured data, and in the envelope.
    pub fn replaying(self) -> Rfc5424 {
        Rfc5424 { body: Body { replayed: true, ..self.body }, ..self }
    }

    /// Appends one octet-counted frame. Returns whether the event was whole: see [`Rfc5424::message`].
    ///
    /// # Errors
    /// None in practice: writing to a `Vec` does not fail.
    pub fn frame(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, ::syslog::Error> {
        let likely = json::likely_len(stored) + stored.event.id.len() + self.origin.len() + 150;
        let mut whole = true;
        octet_count(out, likely.min(self.largest), |out| {
            whole = self.message(out, stored)?;
            Ok::<_, ::syslog::Error>(())
        })?;
        Ok(whole)
    }

    /// Appends one message, without a frame. An event whose message would be longer than the limit is told visibly
    /// short (see [`shortening`](crate::format::shortening)): the receiver gets its id, its time and its beginning, and
    /// one long message stops no feed. Returns whether it was whole.
    ///
    /// # Errors
    /// As of [`Rfc5424::frame`].
    pub fn message(&self, out: &mut Vec<u8>, stored: &Stored) -> Result<bool, ::syslog::Error> {
        let start = out.len();
        self.format(out, severity(stored.event.severity), stored)?;
        if out.len() - start <= self.largest {
            return Ok(true);
        }
        out.truncate(start);
        let header = |out: &mut Vec<u8>, stored: &Stored| {
            self.write_header(out, severity(stored.event.severity), stored)?;
            // Whatever is left of it, its receiver may read it as UTF-8.
            out.write_all(if self.is_marked() { BOM } else { b"" })
        };
        Ok(self.body.write_behind(out, stored, self.largest, header)?)
    }

    /// May MSG begin with the byte order mark? What reads CEF and LEEF looks for their name at its beginning: they go
    /// as MSG-ANY (RFC 5424 6.4), which has none.
    fn is_marked(&self) -> bool {
        self.body.shape.is_json()
    }

    fn write_header<W: Write>(&self, w: &mut W, severity: SyslogSeverity, stored: &Stored) -> io::Result<()> {
        let event = &stored.event;
        // The facilities of the crate are shifted already.
        w.write_all(b"<")?;
        json::write_number(w, u64::from(self.facility as u8 | severity as u8))?;
        w.write_all(b">1 ")?;
        if !write_rfc3339(w, event.occurred, Digits::Six)? {
            w.write_all(b"-")?;
        }
        w.write_all(b" ")?;
        w.write_all(&self.origin)?;
        write_header::<_, 128>(w, &event.stream, |byte| byte)?;
        w.write_all(b" ")?;
        write_header::<_, 32>(w, &event.kind, |byte| byte.to_ascii_uppercase())?;
        w.write_all(b" ")?;

        w.write_all(&self.sd_start)?;
        write_sd_value(w, &event.id)?;
        w.write_all(b"\" integration=\"")?;
        write_sd_value(w, &event.integration)?;
        w.write_all(b"\" stream=\"")?;
        write_sd_value(w, &event.stream)?;
        w.write_all(b"\" seq=\"")?;
        json::write_number(w, stored.seq.0)?;
        w.write_all(b"\" severity=\"")?;
        w.write_all(event.severity.as_str().as_bytes())?;
        if self.body.replayed {
            w.write_all(b"\" replayed=\"true")?;
        }
        w.write_all(b"\"] ")
    }
}

/// The facility of RFC 5424 by its keyword, such as `local0`; `None` if there is no such keyword.
pub fn facility(keyword: &str) -> Option<Facility> {
    keyword.parse().ok()
}

/// Our severities in syslog's (RFC 5424 6.2.1): critical → 2, high → 3, medium → 4, low → 5, info and unknown → 6.
/// Emergency and alert are left to those whose own house is on fire.
pub fn severity(of: Severity) -> SyslogSeverity {
    match of {
        Severity::Critical => SyslogSeverity::LOG_CRIT,
        Severity::High => SyslogSeverity::LOG_ERR,
        Severity::Medium => SyslogSeverity::LOG_WARNING,
        Severity::Low => SyslogSeverity::LOG_NOTICE,
        Severity::Info | Severity::Unknown => SyslogSeverity::LOG_INFO,
    }
}

impl LogFormat<&Stored> for Rfc5424 {
    fn format<W: Write>(&self, w: &mut W, severity: SyslogSeverity, stored: &Stored) -> ::syslog::Result<()> {
        self.write_header(w, severity, stored)?;
        // MSG-UTF8 begins with the byte order mark, MSG-ANY does not (6.4); pure ASCII needs none.
        if self.body.shape == Shape::Json {
            let event = &stored.event;
            let texts = [&event.id, &event.integration, &event.stream, &event.kind, &event.summary, &event.raw];
            if !texts.into_iter().all(|text| text.is_ascii()) {
                w.write_all(BOM)?;
            }
            self.body.write(w, stored)?;
            return Ok(());
        }
        // The other schemas unfold what JSON wrote as escapes: only their text tells.
        let mut text = Vec::new();
        self.body.write(&mut text, stored)?;
        if self.is_marked() && !text.is_ascii() {
            w.write_all(BOM)?;
        }
        w.write_all(&text)?;
        Ok(())
    }
}

/// Appends `MSG-LEN SP` and what `write` appends. The length stands before the message but is known after it: room is
/// left for as many digits as `likely` has, and the message is moved only when it turns out to need more or fewer.
///
/// # Errors
/// Those of `write`; nothing is appended then.
pub fn octet_count<E>(
    out: &mut Vec<u8>,
    likely: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    let room = digits(likely);
    out.resize(start + room + 1, b' ');
    let body = out.len();
    if let Err(error) = write(out) {
        out.truncate(start);
        return Err(error);
    }
    let mut length = out.len() - body;
    let needed = digits(length);
    if needed > room {
        let end = out.len();
        out.resize(end + needed - room, 0);
        out.copy_within(body..end, body + needed - room);
    } else if needed < room {
        out.copy_within(body.., body - (room - needed));
        out.truncate(out.len() - (room - needed));
    }
    out[start + needed] = b' ';
    for place in out[start..start + needed].iter_mut().rev() {
        *place = b'0' + (length % 10) as u8;
        length /= 10;
    }
    Ok(())
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn push_header(out: &mut Vec<u8>, text: &str, most: usize, reduce: fn(char) -> u8) {
    let start = out.len();
    out.extend(text.chars().take(most).map(reduce));
    if out.len() == start {
        out.push(b'-');
    }
}

/// A header field: PRINTUSASCII, at most `MOST` characters, `-` for nothing.
fn write_header<W: Write, const MOST: usize>(w: &mut W, text: &str, case: impl Fn(u8) -> u8) -> io::Result<()> {
    let mut field = [0; MOST];
    let mut len = 0;
    for (place, character) in field.iter_mut().zip(text.chars()) {
        *place = case(word(character));
        len += 1;
    }
    w.write_all(if len == 0 { b"-" } else { &field[..len] })
}

/// A character of PRINTUSASCII (33 to 126) as it is, any other as `_`.
fn printable(character: char) -> u8 {
    if character.is_ascii_graphic() { character as u8 } else { b'_' }
}

/// The same without `:`, which parsers that also know RFC 3164 take for the end of its TAG.
fn word(character: char) -> u8 {
    if character == ':' { b'_' } else { printable(character) }
}

/// A PARAM-VALUE (6.3.3): `"`, `\` and `]` behind a backslash; control characters as the pictures that Unicode has
/// for them (U+2400), since line-based receivers would break there.
fn write_sd_value<W: Write>(w: &mut W, text: &str) -> io::Result<()> {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if !matches!(byte, b'"' | b'\\' | b']' | 0..=0x1f | 0x7f) {
            continue;
        }
        w.write_all(&text.as_bytes()[start..at])?;
        start = at + 1;
        match byte {
            // U+2400 + c is E2 90 80+c in UTF-8, for DEL U+2421.
            0x7f => w.write_all(&[0xE2, 0x90, 0xA1])?,
            control @ 0..=0x1f => w.write_all(&[0xE2, 0x90, 0x80 + control])?,
            other => w.write_all(&[b'\\', other])?,
        }
    }
    w.write_all(&text.as_bytes()[start..])
}

#[cfg(test)]
pub(crate) mod tests;
