//! `syslog`: any event through `format` to RFC 5424 and back.
//!
//! Promise: frames part where their octet counts say; each message parses by the grammar of RFC 5424 section 6, and its
//! envelope gives the event back whole, or says that it is told short.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use conductor::event::{Event, Seq, Severity, Stored};
use conductor::format::rfc5424::{Rfc5424, facility, severity};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

/// Any event at all.
#[derive(Arbitrary, Debug)]
pub struct Fact {
    texts: [String; 5],
    raw: Raw,
    severity: u8,
    times: [(i64, i32); 2],
    seq: u64,
}

#[derive(Arbitrary, Debug)]
enum Raw {
    /// JSON where it is: what a connector hands over.
    Json(String),
    Object(String, String, u16),
    Text(String),
}

#[derive(Arbitrary, Debug)]
struct Post {
    host: String,
    app: String,
    facility: u8,
    enterprise: u32,
    /// Beside the least that settings allow.
    largest: u16,
    facts: Vec<Fact>,
}

/// The least that settings allow.
const LEAST: usize = 2 << 10;

impl Fact {
    fn stored(&self) -> Stored {
        let [id, integration, stream, kind, summary] = self.texts.each_ref().map(|text| text.as_str().into());
        let [occurred, observed] = self.times.map(|(second, nano)| {
            let second = second % 253_402_207_200;
            Timestamp::new(second, nano.unsigned_abs().min(999_999_999) as i32).unwrap_or(Timestamp::UNIX_EPOCH)
        });
        let string = |text: &str| Value::from(text).to_string();
        let raw = match &self.raw {
            Raw::Json(text) if serde_json::from_str::<&RawValue>(text).is_ok() => text.trim().to_owned(),
            Raw::Json(text) | Raw::Text(text) => string(text),
            Raw::Object(key, text, pad) => {
                format!("{{{}: {},{}\"n\":1.50}}", string(key), string(text), " ".repeat((*pad).into()))
            }
        };
        let severity = Severity::from_byte(self.severity % 8);
        let raw = raw.into();
        let event = Event { id, integration, stream, kind, severity, occurred, observed, summary, raw };
        Stored { seq: Seq(self.seq), event }
    }
}

pub fn run(data: &[u8]) {
    if let Ok(post) = Post::arbitrary_take_rest(Unstructured::new(data)) {
        post.hold();
    }
}

impl Post {
    fn hold(&self) {
        let keyword = ["local0", "user", "kern", "local7"][usize::from(self.facility % 4)];
        let facility = facility(keyword).expect("a keyword");
        let largest = LEAST + usize::from(self.largest);
        let format = Rfc5424::new(facility, &self.host, &self.app, self.enterprise).at_most(largest);
        let stored: Vec<Stored> = self.facts.iter().take(8).map(Fact::stored).collect();
        let (mut out, mut whole) = (Vec::new(), Vec::new());
        for one in &stored {
            whole.push(format.frame(&mut out, one).expect("a Vec"));
        }
        let mut rest = &out[..];
        for (one, whole) in stored.iter().zip(whole) {
            let blank = rest.iter().position(|byte| *byte == b' ').expect("an octet count");
            let digits = std::str::from_utf8(&rest[..blank]).expect("digits");
            assert!(!digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
            let length: usize = digits.parse().expect("a number");
            assert!(length <= largest, "{length} bytes where {largest} are taken");
            let (message, after) = rest[blank + 1..].split_at(length);
            rest = after;
            let message = std::str::from_utf8(message).expect("UTF-8");
            assert!(comes_back(message, one, facility as u8, self.enterprise, whole).is_some(), "{message:?}");
        }
        assert!(rest.is_empty(), "more than the frames: {rest:?}");
    }
}

/// Takes a message apart by the grammar. `None`: it does not follow it.
fn comes_back(text: &str, stored: &Stored, facility: u8, enterprise: u32, whole: bool) -> Option<()> {
    let (pri, rest) = text.strip_prefix('<')?.split_once('>')?;
    assert_eq!(pri.parse::<u8>().ok()?, facility | severity(stored.event.severity) as u8);
    let mut fields = rest.strip_prefix("1 ")?.splitn(6, ' ');
    for most in [32, 255, 48, 128, 32] {
        let field = fields.next()?;
        assert!((1..=most).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_graphic()), "{field:?}");
    }
    let id = format!("[conductor@{enterprise}");
    let mut rest = fields.next()?.strip_prefix(&id)?;
    let mut names = Vec::new();
    while let Some(param) = rest.strip_prefix(' ') {
        let (name, quoted) = param.split_once("=\"")?;
        names.push(name);
        let mut characters = quoted.char_indices();
        rest = loop {
            match characters.next()? {
                (at, '"') => break &quoted[at + 1..],
                (_, '\\') => characters.next().filter(|(_, c)| matches!(c, '"' | '\\' | ']')).map(|_| ())?,
                (_, c) if c == ']' || c.is_ascii_control() => return None,
                (_, _) => {}
            }
        };
    }
    assert_eq!(names, ["id", "integration", "stream", "seq", "severity"]);
    let msg = rest.strip_prefix("] ")?;
    let msg = msg.strip_prefix('\u{feff}').unwrap_or(msg);
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(msg).ok()?;
    assert_eq!(members.len(), 10);
    let event = &stored.event;
    let raw = members["raw"].get();
    if whole {
        let document = event.raw.starts_with(['{', '[']);
        // What is no object and no list is told as a string.
        let told = if document { raw.to_owned() } else { serde_json::from_str(raw).ok()? };
        assert_eq!(told, *event.raw, "raw byte for byte");
        let texts = [&event.id, &event.integration, &event.stream, &event.kind, &event.summary];
        for (name, text) in ["id", "integration", "stream", "kind", "summary"].into_iter().zip(texts) {
            assert_eq!(serde_json::from_str::<String>(members[name].get()).ok()?, **text, "{name}");
        }
        for (name, at) in [("occurred", event.occurred), ("observed", event.observed)] {
            let text: String = serde_json::from_str(members[name].get()).ok()?;
            assert_eq!(text.parse::<Timestamp>().ok()?, at, "{name}");
        }
    } else {
        let short: Value = serde_json::from_str(raw).ok()?;
        assert_eq!((&short["conductor_truncated"], &short["bytes"]), (&true.into(), &event.raw.len().into()));
        assert!(event.raw.starts_with(short["start"].as_str()?), "its beginning");
    }
    Some(())
}
