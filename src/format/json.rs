//! The documented envelope: one JSON object to an event, `raw` last and byte for byte as the vendor sent it.
//!
//! ```text
//! {"id":"..","integration":"..","stream":"..","kind":"..","severity":"..","occurred":"..","observed":"..",
//!  "seq":N,"summary":"..","raw":{...}}
//! ```
//!
//! Of a replay, `"replayed":true` stands behind `seq`.
//!
//! Promise: the object is valid JSON and every member comes back as it was. `raw` is not looked into: what begins
//! with `{` or `[` was validated when it was queued and is written as it is; anything else (nothing, plain text) is
//! written as a JSON string. The object is one line exactly if the vendor's JSON is.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::event::Stored;
use crate::format::shortening::Extent;
use crate::format::time::{Digits, write_rfc3339};

/// Writes the envelope, without a line end; `replayed` marks an event that this receiver was handed before.
///
/// # Errors
/// Those of the writer; a `Vec` has none.
pub fn write_extent<W: Write>(w: &mut W, stored: &Stored, replayed: bool, extent: Extent) -> io::Result<()> {
    let event = &stored.event;
    w.write_all(b"{\"id\":")?;
    write_string(w, &event.id)?;
    w.write_all(b",\"integration\":")?;
    write_string(w, &event.integration)?;
    w.write_all(b",\"stream\":")?;
    write_string(w, &event.stream)?;
    w.write_all(b",\"kind\":")?;
    write_string(w, &event.kind)?;
    w.write_all(b",\"severity\":\"")?;
    w.write_all(event.severity.as_str().as_bytes())?;
    w.write_all(b"\",\"occurred\":\"")?;
    write_time(w, event.occurred)?;
    w.write_all(b"\",\"observed\":\"")?;
    write_time(w, event.observed)?;
    w.write_all(b"\",\"seq\":")?;
    write_number(w, stored.seq.0)?;
    if replayed {
        w.write_all(b",\"replayed\":true")?;
    }
    w.write_all(b",\"summary\":")?;
    write_string(w, &event.summary)?;
    w.write_all(b",\"raw\":")?;
    match extent {
        Extent::Whole if is_document(&event.raw) => w.write_all(event.raw.as_bytes())?,
        Extent::Whole => write_string(w, &event.raw)?,
        Extent::Cut { .. } | Extent::Bare { .. } => write_beginning(w, &event.raw, extent)?,
    }
    w.write_all(b"}")
}

/// Bytes that the envelope of an event is likely to have: its texts, the member names and a little escaping.
pub fn likely_len(stored: &Stored) -> usize {
    stored.event.weight() + 200
}

/// What stands for a `raw` that is too long for its receiver: a JSON object that says so, with as much of its
/// beginning, as a string, as there is room for. The whole stays in the queue (`conductor queue export`).
fn write_beginning<W: Write>(w: &mut W, raw: &str, extent: Extent) -> io::Result<()> {
    w.write_all(b"{\"bytes\":")?;
    write_number(w, raw.len() as u64)?;
    w.write_all(b",\"conductor_truncated\":true,\"start\":")?;
    write_string(w, extent.raw(raw))?;
    w.write_all(b"}")
}

/// Is `raw` a JSON document by its shape? Its contents were validated before it was queued.
fn is_document(raw: &str) -> bool {
    let raw = raw.as_bytes();
    matches!((raw.first(), raw.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
}

fn write_time<W: Write>(w: &mut W, at: Timestamp) -> io::Result<()> {
    // A year beyond four digits is written in the expanded form of ISO 8601, which is how `Timestamp` prints it.
    if write_rfc3339(w, at, Digits::Needed)? { Ok(()) } else { write!(w, "{at}") }
}

/// Writes decimal digits, without the detour that `write!` takes.
pub(super) fn write_number<W: Write>(w: &mut W, mut number: u64) -> io::Result<()> {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return w.write_all(&digits[at..]);
        }
    }
}

/// Writes a JSON string (RFC 8259 section 7), runs of plain bytes at once.
fn write_string<W: Write>(w: &mut W, text: &str) -> io::Result<()> {
    let bytes = text.as_bytes();
    w.write_all(b"\"")?;
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !ESCAPED[usize::from(byte)] {
            continue;
        }
        w.write_all(&bytes[start..at])?;
        start = at + 1;
        match byte {
            b'"' => w.write_all(b"\\\"")?,
            b'\\' => w.write_all(b"\\\\")?,
            b'\n' => w.write_all(b"\\n")?,
            b'\r' => w.write_all(b"\\r")?,
            b'\t' => w.write_all(b"\\t")?,
            other => {
                let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                w.write_all(&[b'\\', b'u', b'0', b'0', hex(other >> 4), hex(other & 15)])?;
            }
        }
    }
    w.write_all(&bytes[start..])?;
    w.write_all(b"\"")
}

/// Bytes that can't stand in a JSON string as they are; and DEL, which terminals act on.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7f] = true;
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::format::rfc5424::tests::{any_stored, sample};

    fn line(stored: &Stored) -> String {
        let mut out = Vec::new();
        write_extent(&mut out, stored, false, Extent::Whole).expect("a Vec");
        String::from_utf8(out).expect("UTF-8 in, UTF-8 out")
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Envelope<'a> {
        id: String,
        integration: String,
        stream: String,
        kind: String,
        severity: String,
        occurred: String,
        observed: String,
        seq: u64,
        summary: String,
        #[serde(borrow)]
        raw: &'a RawValue,
    }

    #[test]
    fn the_envelope_is_the_documented_one() {
        assert_eq!(
            line(&sample()),
            concat!(
                r#"{"id":"acme/threats/t-1/9f2c","integration":"acme","stream":"threats","kind":"threat","#,
                r#""severity":"high","occurred":"2026-11-20T09:08:07.500Z","observed":"2026-11-20T09:10:00Z","#,
                r#""seq":42,"summary":"Invoice \"overdue\"\n<13>1 fake","raw":{"abxMessageId": 2260288475997441017}}"#
            )
        );
    }

    #[test]
    fn raw_that_is_no_document_is_written_as_a_string() {
        let mut stored = sample();
        for (raw, expected) in [("", r#""raw":""}"#), ("a \"b\"", r#""raw":"a \"b\""}"#), ("{", r#""raw":"{"}"#)] {
            stored.event.raw = raw.into();
            assert!(line(&stored).ends_with(expected), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn every_member_comes_back_and_raw_byte_for_byte(stored in any_stored()) {
            let text = line(&stored);
            let back: Envelope<'_> = serde_json::from_str(&text).expect("valid JSON");
            let event = &stored.event;
            prop_assert_eq!(&back.id, &*event.id);
            prop_assert_eq!(&back.integration, &*event.integration);
            prop_assert_eq!(&back.stream, &*event.stream);
            prop_assert_eq!(&back.kind, &*event.kind);
            prop_assert_eq!(&back.summary, &*event.summary);
            prop_assert_eq!(&back.severity, event.severity.as_str());
            prop_assert_eq!(back.seq, stored.seq.0);
            prop_assert_eq!(back.occurred.parse::<Timestamp>().expect("a time"), event.occurred);
            prop_assert_eq!(back.observed.parse::<Timestamp>().expect("a time"), event.observed);
            prop_assert_eq!(back.raw.get(), &*event.raw);
        }
    }
}
