//! A body in the vendor's shape, or nearly: what random bytes alone would hardly ever be.
//!
//! Promise: one shape answers every question, a list's and an item's, of every stream, so that a fuzzer finds its way
//! past the parsers; it can still be cut off, or be anything at all.

use std::fmt::Write;

use arbitrary::{Arbitrary, Unstructured};

/// What an API may send as a body.
#[derive(Debug)]
pub enum Body {
    Shape(Shape),
    /// A shape that ends too early, or goes on.
    Broken(Shape, u16, String),
    Any(Vec<u8>),
}

/// Mostly a shape: whatever else is sent, a stream soon has nothing left to do.
impl<'a> Arbitrary<'a> for Body {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Body> {
        Ok(match u.arbitrary()? {
            0..224u8 => Body::Shape(u.arbitrary()?),
            224..240 => Body::Broken(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?),
            240.. => Body::Any(u.arbitrary()?),
        })
    }
}

/// At most so many: the usual coin after each item would make them few.
pub fn some<'a, T: Arbitrary<'a>>(u: &mut Unstructured<'a>, most: usize) -> arbitrary::Result<Vec<T>> {
    let count = u.int_in_range(0..=most)?;
    (0..count).map_while(|_| if u.is_empty() { None } else { Some(u.arbitrary()) }).collect()
}

/// A list and an item in one.
#[derive(Arbitrary, Debug)]
pub struct Shape {
    #[arbitrary(with = |u: &mut Unstructured<'_>| some(u, 4))]
    rows: Vec<Row>,
    /// The rows come a few times more, each time with other ids; past 249, so often that no page holds them.
    repeat: u8,
    next: Next,
    judged: Word,
    /// KiB of one row's text.
    long: Option<u8>,
    /// The members that the answer does not have.
    without: u8,
}

#[derive(Arbitrary, Debug)]
struct Row {
    id: Id,
    time: Word,
    words: [Word; 2],
}

#[derive(Arbitrary, Debug)]
enum Id {
    Small(u8),
    Text(u8),
    Strange(Word),
    Missing,
}

#[derive(Arbitrary, Debug)]
enum Next {
    None,
    Page(u8),
    Far(u32),
    Strange(Word),
}

/// A value of a field.
#[derive(Arbitrary, Debug)]
enum Word {
    Known(u8),
    Number(i64),
    Text(String),
}

/// JSON of fields as they come, and as they should not; the scene's token among them.
const KNOWN: [&str; 24] = [
    "null",
    "\"\"",
    "\"Scanning\"",
    "\"Malicious\"",
    "\"2026-11-20T11:59:00Z\"",
    "\"2026-11-20 11:59:00.031000+00:00\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"-009999-01-02T01:59:59Z\"",
    "\"a/b%2F../c?d#e\"",
    "\"..\"",
    "\"\\u0000\\n\\u2028\\u202e <13>1\"",
    "\"\\ud800\"",
    "\"CANARY-5f1c-8a6e0f1b\"",
    "{\"email\":\"a@b\"}",
    "{}",
    "[]",
    "[[[[[[[[{\"a\":[]}]]]]]]]]",
    "true",
    "-0",
    "1e400",
    "1.0",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "\"\u{1F4A3}\u{feff}\"",
];

impl Word {
    fn json(&self) -> String {
        match self {
            Word::Known(which) => KNOWN[usize::from(*which) % KNOWN.len()].to_owned(),
            Word::Number(number) => number.to_string(),
            Word::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        }
    }
}

impl Body {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Body::Shape(shape) => shape.json().into_bytes(),
            Body::Broken(shape, at, more) => {
                let mut bytes = shape.json().into_bytes();
                bytes.truncate(usize::from(*at));
                bytes.extend_from_slice(more.as_bytes());
                bytes
            }
            Body::Any(bytes) => bytes.clone(),
        }
    }
}

impl Shape {
    fn json(&self) -> String {
        let mut rows = Vec::new();
        let times = match self.repeat {
            few @ 0..250 => 1 + usize::from(few % 8),
            250.. => 2_200 / self.rows.len().max(1),
        };
        for turn in 0..times {
            rows.extend(self.rows.iter().map(|row| row.json(turn)));
        }
        if let (Some(kib), Some(row)) = (self.long, rows.last_mut()) {
            *row = format!("{{\"long\":\"{}\",{}", "x".repeat(usize::from(kib) << 10), &row[1..]);
        }
        let rows = rows.join(",");
        let mut out = String::from("{");
        let members = [
            "threats",
            "cases",
            "campaigns",
            "vendorCases",
            "auditLogs",
            "results",
            "messages",
            "attachments",
            "links",
        ];
        for (at, member) in members.into_iter().enumerate() {
            if self.without == 0 || at != usize::from(self.without) % 16 {
                let _ = write!(out, "\"{member}\":[{rows}],");
            }
        }
        let _ = match &self.next {
            Next::None => Ok(()),
            Next::Page(page) => write!(out, "\"nextPageNumber\":{page},"),
            Next::Far(page) => write!(out, "\"nextPageNumber\":\"{page}\","),
            Next::Strange(word) => write!(out, "\"nextPageNumber\":{},", word.json()),
        };
        let judged = self.judged.json();
        if self.without % 16 != 15 {
            let _ = write!(out, "\"caseId\":1,\"campaignId\":1,\"vendorCaseId\":1,");
        }
        let _ = write!(out, "\"judgementStatus\":{judged},\"case_status\":{judged},\"insights\":[{judged}]}}");
        out
    }
}

impl Row {
    fn json(&self, turn: usize) -> String {
        let id = match &self.id {
            Id::Small(id) => Some((usize::from(*id) + 256 * turn).to_string()),
            Id::Text(id) => Some(format!("\"t{id}-{turn}\"")),
            Id::Strange(word) => Some(word.json()),
            Id::Missing => None,
        };
        let mut out = String::from("{");
        if let Some(id) = id {
            for name in ["threatId", "caseId", "campaignId", "vendorCaseId", "abx_message_id", "abxMessageIdStr"] {
                let _ = write!(out, "\"{name}\":{id},");
            }
        }
        let (time, [first, second]) = (self.time.json(), self.words.each_ref().map(Word::json));
        let _ = write!(out, "\"timestamp\":{time},\"receivedTime\":{time},\"reported_datetime\":{time},");
        let _ =
            write!(out, "\"subject\":{first},\"action\":{first},\"remediationStatus\":{second},\"user\":{second}}}");
        out
    }
}
