//! BSD syslog messages (RFC 3164) for receivers that know no other: `<PRI>Mmm dd hh:mm:ss HOST TAG: MSG`.
//!
//! The time has no year, no zone and no fraction: it is written in UTC, and the event's own stand in MSG, as does its
//! id. Promise: a message is one line of printable HOST and TAG, whatever the event holds, and MSG is the event as its
//! [`Body`] writes it; a line end between the tokens of the vendor's JSON becomes a blank.

use std::io::{self, Write};

use ::syslog::{Facility, LogFormat, Severity as SyslogSeverity};

use crate::event::Stored;
use crate::format::rfc5424::{LARGEST, octet_count, severity};
use crate::format::time::write_bsd;
use crate::format::{Body, Shape, json};

/// What is the same in every message of one destination, made once.
#[derive(Clone, Debug)]
pub struct Rfc3164 {
    facility: Facility,
    /// `HOST SP TAG: `, within their alphabets and limits.
    origin: Vec<u8>,
    /// Bytes of a message, at the most.
    largest: usize,
    body: Body,
}

impl Rfc3164 {
    /// HOST has no blanks and no colon; TAG is of at most 32 letters and digits (4.1.2, 4.1.3), and `-`, `_` and `.`
    /// beside them, which receivers take.
    pub fn new(facility: Facility, hostname: &str, app_name: &str) -> Rfc3164 {
        let mut origin = field(hostname, 255, |c| c.is_ascii_graphic() && c != ':');
        origin.push(b' ');
        origin.extend(field(app_name, 32, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
        origin.extend(b": ");
        Rfc3164 { facility, origin, largest: LARGEST, body: Body::default() }
    }

    /// The same with another limit on a message's bytes.
    pub fn at_most(self, largest: usize) -> Rfc3164 {
        Rfc3164 { largest, ..self }
    }

    /// The same with MSG in another schema.
    pub fn shaped(self, shape: Shape) -> Rfc3164 {
        Rfc3164 { body: Body { shape, ..self.body }, ..self }
    }

    /// The same for events of a replay, which MSG then tells.
    pub fn replaying(self) -> Rfc3164 {
        Rfc3164 { body: Body { replayed: true, ..self.body }, ..self }
    }

    /// Appends one octet-counted frame (RFC 6587 3.4.1). Returns whether the event was whole.
    ///
    /// # Errors
    /// None in practice: writing to a `Vec` does not fail.
    pub fn frame(&self, out: &mut Vec<u8>, stored: &Stored) -> io::Result<bool> {
        let likely = json::likely_len(stored) + self.origin.len() + 20;
        let mut whole = true;
        octet_count(out, likely.min(self.largest), |out| {
            whole = self.message(out, stored)?;
            Ok::<_, io::Error>(())
        })?;
        Ok(whole)
    }

    /// Appends one message, without a frame; one that is too long is told visibly short. Returns whether it was whole.
    ///
    /// # Errors
    /// As of [`Rfc3164::frame`].
    pub fn message(&self, out: &mut Vec<u8>, stored: &Stored) -> io::Result<bool> {
        let start = out.len();
        let header =
            |out: &mut Vec<u8>, stored: &Stored| self.write_header(out, severity(stored.event.severity), stored);
        let whole = self.body.write_behind(out, stored, self.largest, header)?;
        flatten(&mut out[start..]);
        Ok(whole)
    }

    fn write_header<W: Write>(&self, w: &mut W, severity: SyslogSeverity, stored: &Stored) -> io::Result<()> {
        w.write_all(b"<")?;
        json::write_number(w, u64::from(self.facility as u8 | severity as u8))?;
        w.write_all(b">")?;
        write_bsd(w, stored.event.occurred)?;
        w.write_all(b" ")?;
        w.write_all(&self.origin)
    }
}

impl LogFormat<&Stored> for Rfc3164 {
    /// Whole, however long it is.
    fn format<W: Write>(&self, w: &mut W, severity: SyslogSeverity, stored: &Stored) -> ::syslog::Result<()> {
        self.write_header(w, severity, stored)?;
        let mut text = Vec::new();
        self.body.write(&mut text, stored)?;
        flatten(&mut text);
        w.write_all(&text)?;
        Ok(())
    }
}

/// Line ends are written inside no text: they stand between the tokens of the vendor's own JSON alone.
fn flatten(line: &mut [u8]) {
    for byte in line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
}

fn field(text: &str, most: usize, allowed: fn(char) -> bool) -> Vec<u8> {
    let kept: Vec<u8> = text.chars().take(most).map(|c| if allowed(c) { c as u8 } else { b'_' }).collect();
    if kept.is_empty() { b"-".to_vec() } else { kept }
}

#[cfg(test)]
mod tests;
