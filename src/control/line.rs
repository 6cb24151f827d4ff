//! Lines of NDJSON: what `export` writes and `import` reads. Pure.
//!
//! Promise: a line that `export` wrote keeps its identity, its times and its raw bytes; any other JSON object
//! becomes an event of the integration `import` whose `raw` is the line and whose id is a hash of it.

use std::borrow::Cow;

use bytestring::ByteString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::event::{Event, Severity, Stored};
use crate::values::hex;

/// How a line of ours begins: what tells it from others without parsing them twice.
const OURS: &str = "{\"conductor_export\":1,";

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    conductor_export: u8,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    integration: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    severity: Severity,
    occurred: Timestamp,
    observed: Timestamp,
    #[serde(borrow)]
    summary: Cow<'a, str>,
    /// The seq on the box that wrote it: for people, not kept.
    #[serde(default)]
    seq: u64,
    #[serde(borrow)]
    raw: &'a RawValue,
}

/// One line, without its end. An event whose raw is not one line of JSON is written as the vendor sent it, with
/// its line ends taken out (they can only stand between tokens).
pub fn write(out: &mut Vec<u8>, stored: &Stored) -> Result<(), serde_json::Error> {
    let event = &stored.event;
    let flat: Cow<'_, str> = if event.raw.contains(['\n', '\r']) {
        event.raw.replace(['\n', '\r'], " ").into()
    } else {
        Cow::Borrowed(&event.raw)
    };
    let line = Line {
        conductor_export: 1,
        id: Cow::Borrowed(&event.id),
        integration: Cow::Borrowed(&event.integration),
        stream: Cow::Borrowed(&event.stream),
        kind: Cow::Borrowed(&event.kind),
        severity: event.severity,
        occurred: event.occurred,
        observed: event.observed,
        summary: Cow::Borrowed(&event.summary),
        seq: stored.seq.0,
        raw: serde_json::from_str(&flat)?,
    };
    serde_json::to_writer(out, &line)
}

/// An event from a line; the texts share the memory that `line` is part of. The error is a sentence.
pub fn read(line: ByteString, now: Timestamp) -> Result<Event, String> {
    if line.starts_with(OURS) {
        return read_ours(&line);
    }
    if !line.trim_start().starts_with('{') {
        return Err("it is not a JSON object".into());
    }
    if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(&line) {
        return Err(format!("it is not JSON ({e})"));
    }
    let hash = Sha256::digest(line.as_bytes());
    Ok(Event {
        id: import_id(&hash),
        integration: ByteString::from_static("import"),
        stream: ByteString::from_static("import"),
        kind: ByteString::from_static("import"),
        severity: Severity::Unknown,
        occurred: now,
        observed: now,
        summary: ByteString::from_static(""),
        raw: line,
    })
}

/// 128 bits of the hash: two different lines never share an id in practice, and equal ones always do.
fn import_id(hash: &[u8]) -> ByteString {
    let mut id = String::with_capacity(49);
    id.push_str("import/import/");
    hex::push(&mut id, &hash[..16]);
    id.push_str("/1");
    id.into()
}

fn read_ours(line: &ByteString) -> Result<Event, String> {
    let found: Line<'_> =
        serde_json::from_str(line).map_err(|e| format!("it is not a whole line of an export ({e})"))?;
    let text = |t: &Cow<'_, str>| match t {
        Cow::Borrowed(part) => line.slice_ref(part),
        Cow::Owned(own) => ByteString::from(own.clone()),
    };
    Ok(Event {
        id: text(&found.id),
        integration: text(&found.integration),
        stream: text(&found.stream),
        kind: text(&found.kind),
        severity: found.severity,
        occurred: found.occurred,
        observed: found.observed,
        summary: text(&found.summary),
        raw: line.slice_ref(found.raw.get()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seq;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::new(1_790_000_000, 0).expect("a time")
    }

    #[test]
    fn any_object_becomes_an_event_whose_raw_is_the_line() {
        let text = r#"{"eseq":17, "n": 9007199254740993, "s":"ü"}"#;
        let event = read(ByteString::from(text), now()).expect("an event");
        assert_eq!(&*event.raw, text);
        assert_eq!((&*event.integration, &*event.kind), ("import", "import"));
        let again = read(ByteString::from(text), now()).expect("an event");
        assert_eq!(event.id, again.id);
        let other = read(ByteString::from(r#"{"eseq":18}"#), now()).expect("an event");
        assert_ne!(event.id, other.id);
    }

    #[test]
    fn what_is_not_an_object_is_refused_with_a_sentence() {
        for bad in ["[1]", "17", "{\"a\":", "{\"a\":1} x", "nonsense", "{\"conductor_export\":1,\"id\":3}"] {
            read(ByteString::from(bad), now()).expect_err(bad);
        }
    }

    proptest! {
        #[test]
        fn what_was_exported_comes_back_as_it_was(
            summary in "\\PC{0,40}|[\n\"\\\\\u{1F4A3}<]{0,20}",
            native in "[a-z0-9:]{1,20}",
            value in "\\PC{0,40}",
            seconds in 0i64..4_000_000_000,
        ) {
            let event = Event {
                id: Event::make_id("acme", "threats", &native, "v1"),
                integration: "acme".into(),
                stream: "threats".into(),
                kind: "threat".into(),
                severity: Severity::High,
                occurred: Timestamp::new(seconds, 120_000_001).expect("a time"),
                observed: now(),
                summary: summary.into(),
                raw: serde_json::json!({"value": value, "id": -8_123_456_789_012_345_678i64}).to_string().into(),
            };
            let mut out = Vec::new();
            write(&mut out, &Stored { seq: Seq(3), event: event.clone() }).expect("written");
            let line = ByteString::try_from(out).expect("UTF-8");
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(read(line, now()).expect("read"), event);
        }
    }
}
