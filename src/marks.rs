//! What evidence needs of an event, in the few bytes that the queue's book keeps beside the event's id.
//!
//! A connector makes [`Marks`] of an event as it is kept, the book holds their bytes without knowing what they mean, and
//! the evidence room reads them again, long after the event itself has left the queue. Promise: any bytes decode to
//! marks or to nothing; those of a later version are nothing, so that their event still counts by its id.

use jiff::Timestamp;

use crate::event::{Gap, Severity};

/// The first byte. Another layout gets another one.
const FORMAT: u8 = 1;
/// Bytes of a kind, at the most; the rest is cut.
const KIND: usize = 32;
/// Bytes of an attack type, at the most.
pub const ATTACK: usize = 64;
/// Bytes of a judgement, at the most.
pub const JUDGEMENT: usize = 48;
/// Bytes of a gap's reason, at the most.
const REASON: usize = 160;

/// What has become of an attack, by the vendor's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remediation {
    /// The vendor tells nothing, or a word that we don't know.
    Unknown,
    Remediated,
    /// It was tried, and whether it worked is not told.
    Attempted,
    /// The vendor only watches here: it would have acted.
    WouldRemediate,
    NotRemediated,
    /// The vendor says that nothing is to be done.
    NotNeeded,
}

impl Remediation {
    /// All, in the order of reports.
    pub const ALL: [Remediation; 6] = [
        Remediation::Remediated,
        Remediation::Attempted,
        Remediation::WouldRemediate,
        Remediation::NotRemediated,
        Remediation::NotNeeded,
        Remediation::Unknown,
    ];

    /// 0 is kept for "does not apply".
    fn byte(self) -> u8 {
        match self {
            Remediation::Unknown => 1,
            Remediation::Remediated => 2,
            Remediation::Attempted => 3,
            Remediation::WouldRemediate => 4,
            Remediation::NotRemediated => 5,
            Remediation::NotNeeded => 6,
        }
    }

    fn from_byte(byte: u8) -> Option<Remediation> {
        Remediation::ALL.into_iter().find(|each| each.byte() == byte)
    }
}

/// A range that can't be collected, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapMark {
    pub integration: String,
    pub stream: String,
    pub gap: Gap,
}

/// The marks of one event. Times are kept to the millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The event's kind: `threat`, `case`, `gap`.
    pub kind: String,
    pub severity: Severity,
    pub occurred: Timestamp,
    pub observed: Timestamp,
    /// The vendor's word; empty: not told.
    pub attack: String,
    /// The vendor's word; empty: not told.
    pub judgement: String,
    /// `None`: nothing is ever remediated about such an event.
    pub remediation: Option<Remediation>,
    /// When it was remediated, where the vendor tells.
    pub remediated: Option<Timestamp>,
    pub gap: Option<GapMark>,
    /// It adds to another item, as a list of links does to its threat: an event, but no item of its own.
    pub part: bool,
}

impl Marks {
    /// The bytes that the book keeps. Texts that are too long are cut.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let remediation = self.remediation.map_or(0, Remediation::byte);
        let flags = u8::from(self.remediated.is_some()) | u8::from(self.gap.is_some()) << 1 | u8::from(self.part) << 2;
        out.extend([FORMAT, self.severity as u8, remediation, flags]);
        put_text(&mut out, &self.kind, KIND);
        let occurred = self.occurred.as_millisecond();
        put_number(&mut out, occurred);
        put_number(&mut out, self.observed.as_millisecond() - occurred);
        put_text(&mut out, &self.attack, ATTACK);
        put_text(&mut out, &self.judgement, JUDGEMENT);
        if let Some(at) = self.remediated {
            put_number(&mut out, at.as_millisecond() - occurred);
        }
        if let Some(mark) = &self.gap {
            put_text(&mut out, &mark.integration, ATTACK);
            put_text(&mut out, &mark.stream, ATTACK);
            put_number(&mut out, mark.gap.from.as_millisecond());
            put_number(&mut out, mark.gap.to.as_millisecond());
            put_text(&mut out, &mark.gap.reason, REASON);
        }
        out
    }

    /// Reads them again.
    pub fn decode(bytes: &[u8]) -> Option<Marks> {
        let mut rest = bytes;
        let [format, severity, remediation, flags] = *take(&mut rest, 4)? else { return None };
        if format != FORMAT {
            return None;
        }
        let remediation = if remediation == 0 { None } else { Some(Remediation::from_byte(remediation)?) };
        let kind = text(&mut rest)?;
        let occurred = number(&mut rest)?;
        let observed = time(occurred.checked_add(number(&mut rest)?)?)?;
        let (attack, judgement) = (text(&mut rest)?, text(&mut rest)?);
        let remediated = if flags & 1 == 0 { None } else { Some(time(occurred.checked_add(number(&mut rest)?)?)?) };
        let gap = if flags & 2 == 0 { None } else { Some(gap(&mut rest)?) };
        let (severity, occurred) = (Severity::from_byte(severity), time(occurred)?);
        Some(Marks {
            kind,
            severity,
            occurred,
            observed,
            attack,
            judgement,
            remediation,
            remediated,
            gap,
            part: flags & 4 != 0,
        })
    }
}

fn gap(rest: &mut &[u8]) -> Option<GapMark> {
    let (integration, stream) = (text(rest)?, text(rest)?);
    let (from, to) = (time(number(rest)?)?, time(number(rest)?)?);
    Some(GapMark { integration, stream, gap: Gap { from, to, reason: text(rest)? } })
}

fn time(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()
}

fn take<'b>(rest: &mut &'b [u8], bytes: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

fn put_text(out: &mut Vec<u8>, text: &str, most: usize) {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push(u8::try_from(end).unwrap_or(0));
    out.extend(&text.as_bytes()[..end]);
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = *take(rest, 1)?.first()?;
    String::from_utf8(take(rest, usize::from(length))?.to_vec()).ok()
}

/// Seven bits a byte, the sign in the lowest: times that lie close take few bytes.
fn put_number(out: &mut Vec<u8>, number: i64) {
    let mut left = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    while left >= 0x80 {
        out.push(left as u8 & 0x7f | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn number(rest: &mut &[u8]) -> Option<i64> {
    let mut found = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        found |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((found >> 1).cast_signed() ^ -(found & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    fn marks() -> Marks {
        Marks {
            kind: "threat".into(),
            severity: Severity::High,
            occurred: at(1_795_000_000_120),
            observed: at(1_795_000_090_000),
            attack: "Invoice/Payment Fraud (BEC)".into(),
            judgement: "Attack".into(),
            remediation: Some(Remediation::Remediated),
            remediated: Some(at(1_795_000_003_000)),
            gap: None,
            part: false,
        }
    }

    #[test]
    fn the_marks_of_a_usual_threat_take_few_bytes() {
        let bytes = marks().encode();
        assert!(bytes.len() <= 64, "{}", bytes.len());
        assert_eq!(Marks::decode(&bytes), Some(marks()));
    }

    #[test]
    fn marks_of_a_later_version_and_cut_ones_are_nothing() {
        let bytes = marks().encode();
        let mut later = bytes.clone();
        later[0] = FORMAT + 1;
        assert_eq!(Marks::decode(&later), None);
        for end in 0..bytes.len() {
            assert_eq!(Marks::decode(&bytes[..end]), None, "{end}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = Marks { attack: "é".repeat(60) + "x", ..marks() };
        let read = Marks::decode(&long.encode()).expect("marks");
        assert_eq!(read.attack, "é".repeat(32));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Marks::decode(&bytes);
            let _ = Marks::decode(&[&[FORMAT, 5, 2, 3], &bytes[..]].concat());
        }

        #[test]
        fn what_was_marked_comes_back(
            severity in 0u8..6,
            remediation in 0u8..7,
            occurred in 0i64..4_000_000_000_000,
            later in -9_000_000_000i64..9_000_000_000,
            word in "\\PC{0,8}",
            gap in any::<bool>(),
        ) {
            let gap = gap.then(|| GapMark {
                integration: word.clone(),
                stream: "threats".into(),
                gap: Gap { from: at(occurred), to: at(occurred + 1), reason: word.clone() },
            });
            let remediation = Remediation::from_byte(remediation);
            let marks = Marks {
                kind: word.clone(),
                severity: Severity::from_byte(severity),
                occurred: at(occurred),
                observed: at(occurred + later),
                attack: word.clone(),
                judgement: word,
                remediation,
                remediated: remediation.map(|_| at(occurred - later)),
                gap,
                part: later % 2 == 1,
            };
            prop_assert_eq!(Marks::decode(&marks.encode()), Some(marks));
        }
    }
}
