//! Goldens, and any event at all through two parsers: one strict and our own, one lenient and in wide use.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::event::{Event, Seq};

/// An event with a nasty subject.
pub(crate) fn sample() -> Stored {
    let event = Event {
        id: "acme/threats/t-1/9f2c".into(),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: "2026-11-20T09:08:07.5Z".parse().expect("a time"),
        observed: "2026-11-20T09:10:00Z".parse().expect("a time"),
        summary: "Invoice \"overdue\"\n<13>1 fake".into(),
        raw: r#"{"abxMessageId": 2260288475997441017}"#.into(),
    };
    Stored { seq: Seq(42), event }
}

fn nasty_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9/-]{0,40}",
        Just("<13>1 2026-01-01T00:00:00Z h a - - - fake".to_owned()),
        Just("a\nb\r\0c\u{7f}\u{1F4A3} [x] \"q\" \\ ] 12 <34>".to_owned()),
        Just("\u{feff}]\u{2028}\u{85}".to_owned()),
    ]
}

/// Any event: any text anywhere, raw a JSON document in the vendor's spacing.
pub(crate) fn any_stored() -> impl Strategy<Value = Stored> {
    let texts = [(); 5].map(|()| nasty_text());
    let raw = (nasty_text(), nasty_text(), any::<u64>(), 0usize..3000).prop_map(|(key, text, number, pad)| {
        let key = serde_json::to_string(&key).expect("a string");
        let text = serde_json::to_string(&text).expect("a string");
        format!("{{ {key} :{text},\n\t\"n\":{number}.50{}}}", " ".repeat(pad))
    });
    let times = [(); 2].map(|()| (-62_000_000_000i64..253_000_000_000, 0i32..1_000_000_000));
    (texts, raw, times, any::<u64>(), 0u8..6).prop_map(|(texts, raw, times, seq, severity)| {
        let [id, integration, stream, kind, summary] = texts.map(Into::into);
        let [occurred, observed] = times.map(|(second, nano)| {
            Timestamp::new(second, 0).expect("in range") + jiff::SignedDuration::from_nanos(i64::from(nano))
        });
        let severity = Severity::from_byte(severity);
        let raw = raw.into();
        let event = Event { id, integration, stream, kind, severity, occurred, observed, summary, raw };
        Stored { seq: Seq(seq), event }
    })
}

fn formatter() -> Rfc5424 {
    Rfc5424::new(facility("local0").expect("a keyword"), "acme-mel-1", "conductor", 32473)
}

fn message(stored: &Stored) -> String {
    let mut out = Vec::new();
    formatter().format(&mut out, severity(stored.event.severity), stored).expect("a Vec");
    String::from_utf8(out).expect("UTF-8")
}

/// A message taken apart by the grammar of RFC 5424 section 6, and nothing else.
#[derive(Debug, PartialEq)]
pub(crate) struct Parsed<'a> {
    pri: u8,
    header: [&'a str; 5],
    sd_id: &'a str,
    params: Vec<(&'a str, String)>,
    bom: bool,
    pub(crate) msg: &'a str,
}

pub(crate) fn parse(text: &str) -> Option<Parsed<'_>> {
    let (pri, rest) = text.strip_prefix('<')?.split_once('>')?;
    let rest = rest.strip_prefix("1 ")?;
    let mut fields = rest.splitn(6, ' ');
    let header = [fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let limits = [32, 255, 48, 128, 32];
    for (field, most) in header.iter().zip(limits) {
        if field.is_empty() || field.len() > most || !field.bytes().all(|b| (33..=126).contains(&b)) {
            return None;
        }
    }
    let mut rest = fields.next()?.strip_prefix('[')?;
    let end = rest.find([' ', ']'])?;
    let sd_id = &rest[..end];
    rest = &rest[end..];
    let mut params = Vec::new();
    while let Some(param) = rest.strip_prefix(' ') {
        let (name, quoted) = param.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let after = loop {
            match characters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(characters.next().filter(|(_, c)| matches!(c, '"' | '\\' | ']'))?.1),
                (_, ']') => return None,
                (_, c) if c.is_ascii_control() => return None,
                (_, c) => value.push(c),
            }
        };
        params.push((name, value));
        rest = &quoted[after..];
    }
    let msg = rest.strip_prefix("] ")?;
    let (bom, msg) = msg.strip_prefix('\u{feff}').map_or((false, msg), |msg| (true, msg));
    Some(Parsed { pri: pri.parse().ok()?, header, sd_id, params, bom, msg })
}

#[test]
fn the_message_is_the_documented_one() {
    let text = message(&sample());
    let (before, msg) = text.split_once("] ").expect("structured data");
    assert_eq!(
        before,
        concat!(
            "<131>1 2026-11-20T09:08:07.500000Z acme-mel-1 conductor threats THREAT [conductor@32473 ",
            r#"id="acme/threats/t-1/9f2c" integration="acme" stream="threats" seq="42" severity="high""#
        )
    );
    assert!(msg.starts_with(r#"{"id":"#), "pure ASCII has no byte order mark");
}

#[test]
fn a_message_beyond_ascii_begins_with_the_byte_order_mark() {
    let mut stored = sample();
    stored.event.summary = "\u{1F4A3}".into();
    assert!(message(&stored).contains("] \u{feff}{\"id\":"));
}

#[test]
fn severities_map_as_documented() {
    let table = [(0, 6), (1, 6), (2, 5), (3, 4), (4, 3), (5, 2)];
    for (ours, theirs) in table {
        assert_eq!(severity(Severity::from_byte(ours)) as u8, theirs);
    }
}

#[test]
fn header_fields_are_cut_to_their_alphabet_and_length_and_never_empty() {
    let mut stored = sample();
    stored.event.stream = "a b\nü".into();
    stored.event.kind = "".into();
    let long = Rfc5424::new(facility("user").expect("a keyword"), &"h".repeat(300), "", 1);
    let mut out = Vec::new();
    long.format(&mut out, SyslogSeverity::LOG_INFO, &stored).expect("a Vec");
    let text = String::from_utf8(out).expect("UTF-8");
    let parsed = parse(&text).expect("well formed");
    assert_eq!(parsed.header[1..], ["h".repeat(255).as_str(), "-", "a_b__", "-"]);
}

#[test]
fn a_kind_with_a_colon_is_not_taken_for_rfc_3164() {
    let mut stored = sample();
    stored.event.kind = ":".into();
    stored.event.stream = "a:b".into();
    let text = message(&stored);
    let parsed = syslog_loose::parse_message(&text, syslog_loose::Variant::Either);
    assert_eq!((parsed.protocol, parsed.msgid), (syslog_loose::Protocol::RFC5424(1), Some("_")));
}

#[test]
fn control_characters_in_structured_data_are_made_visible() {
    let mut stored = sample();
    stored.event.id = "a\nb\0c\u{7f}]\"\\".into();
    let text = message(&stored);
    assert!(text.contains(r#"id="a␊b␀c␡\]\"\\" integration"#), "{text}");
}

#[test]
fn octets_are_counted_whatever_length_was_expected() {
    for (likely, len) in [(1, 9), (9, 10), (5000, 12), (5, 5000), (999, 999), (0, 0), (100_000, 3)] {
        let mut out = b"before".to_vec();
        let body = vec![b'x'; len];
        octet_count(&mut out, likely, |out| {
            out.extend_from_slice(&body);
            Ok::<_, ()>(())
        })
        .expect("written");
        assert_eq!(out, [b"before".as_slice(), format!("{len} ").as_bytes(), &body].concat(), "{likely} {len}");
    }
    let mut out = b"before".to_vec();
    let failing = |out: &mut Vec<u8>| {
        out.push(b'x');
        Err("no")
    };
    assert_eq!(octet_count(&mut out, 10, failing), Err("no"));
    assert_eq!(out, b"before");
}

proptest! {
    #[test]
    fn any_event_parses_strictly_and_its_id_and_raw_come_back_whole(stored in any_stored()) {
        let text = message(&stored);
        let parsed = parse(&text);
        prop_assert!(parsed.is_some(), "{text:?}");
        let parsed = parsed.expect("just seen");
        prop_assert_eq!(parsed.sd_id, "conductor@32473");
        prop_assert_eq!(parsed.pri, (16 << 3) | severity(stored.event.severity) as u8);
        let names: Vec<_> = parsed.params.iter().map(|(name, _)| *name).collect();
        prop_assert_eq!(names, ["id", "integration", "stream", "seq", "severity"]);
        prop_assert_eq!(parsed.bom, !parsed.msg.is_ascii());
        let mut json = Vec::new();
        Body::default().write(&mut json, &stored).expect("a Vec");
        prop_assert_eq!(parsed.msg.as_bytes(), json.as_slice());
    }

    #[test]
    fn any_event_of_a_replay_differs_by_its_two_marks_alone(stored in any_stored()) {
        let mut again = Vec::new();
        let written = formatter().replaying().format(&mut again, severity(stored.event.severity), &stored);
        prop_assert!(written.is_ok());
        let again = String::from_utf8(again).expect("UTF-8");
        let parsed = parse(&again).expect("it parses strictly");
        prop_assert_eq!(parsed.params.last().map(|(name, value)| (*name, value.as_str())), Some(("replayed", "true")));
        let envelope: serde_json::Value = serde_json::from_str(parsed.msg).expect("JSON");
        prop_assert_eq!(&envelope["replayed"], &serde_json::Value::Bool(true));
        let unmarked = again.replacen("\" replayed=\"true\"]", "\"]", 1);
        let seq = format!("\"seq\":{},", stored.seq.0);
        prop_assert_eq!(unmarked.replacen(&format!("{seq}\"replayed\":true,"), &seq, 1), message(&stored));
    }

    #[test]
    fn any_event_parses_as_rfc_5424_by_syslog_loose(stored in any_stored()) {
        let text = message(&stored);
        let parsed = syslog_loose::parse_message(&text, syslog_loose::Variant::Either);
        prop_assert_eq!(parsed.protocol, syslog_loose::Protocol::RFC5424(1));
        let micros = i64::try_from(stored.event.occurred.as_nanosecond().div_euclid(1000)).expect("in range");
        prop_assert_eq!(parsed.timestamp.map(|at| at.timestamp_micros()), Some(micros));
        prop_assert_eq!(parsed.structured_data.len(), 1);
        prop_assert_eq!(parsed.hostname, Some("acme-mel-1"));
        let msg = parsed.msg.trim_start_matches('\u{feff}');
        let back: serde_json::Value = serde_json::from_str(msg).expect("the envelope");
        prop_assert_eq!(back["id"].as_str(), Some(&*stored.event.id));
        let end = format!("{}}}", stored.event.raw);
        prop_assert!(msg.ends_with(&end));
    }

    #[test]
    fn frames_follow_each_other_and_come_apart_again(batch in proptest::collection::vec(any_stored(), 1..4)) {
        let mut out = Vec::new();
        for stored in &batch {
            formatter().frame(&mut out, stored).expect("a Vec");
        }
        let mut rest = out.as_slice();
        for stored in &batch {
            let space = rest.iter().position(|b| *b == b' ').expect("MSG-LEN SP");
            let count = std::str::from_utf8(&rest[..space]).expect("digits");
            prop_assert!(!count.starts_with('0'));
            let count: usize = count.parse().expect("a number");
            let alone = message(stored);
            prop_assert_eq!(&rest[space + 1..space + 1 + count], alone.as_bytes());
            rest = &rest[space + 1 + count..];
        }
        prop_assert!(rest.is_empty());
    }
}

#[test]
fn an_event_too_long_for_its_receiver_is_sent_visibly_short_and_keeps_its_id() {
    let body = "\"\\\u{1F4A3}\u{1}ä".repeat(20_000);
    let raw = serde_json::json!({ "body": body }).to_string();
    let mut long = sample();
    long.event.id = "acme/threats/t:m/v".into();
    long.event.raw = raw.clone().into();
    let format = Rfc5424::new(facility("local0").expect("known"), "box", "conductor", 32473).at_most(8192);
    let mut out = Vec::new();
    assert!(!format.frame(&mut out, &long).expect("written"));
    let text = String::from_utf8(out).expect("UTF-8");
    let (length, message) = text.split_once(' ').expect("a length");
    assert_eq!(length.parse(), Ok(message.len()));
    assert!(message.len() <= 8192 && message.len() > 7000, "{}", message.len());
    let json = &message[message.find('{').expect("an object")..];
    let told: serde_json::Value = serde_json::from_str(json).expect("whole JSON");
    assert_eq!(told["id"], "acme/threats/t:m/v");
    assert_eq!(told["raw"]["conductor_truncated"], true);
    assert_eq!(told["raw"]["bytes"], raw.len());
    assert!(raw.starts_with(told["raw"]["start"].as_str().expect("text")));

    long.event.raw = "{}".into();
    let mut out = Vec::new();
    assert!(format.frame(&mut out, &long).expect("written"), "what fits is whole");
}

#[test]
fn no_text_of_an_event_makes_a_message_longer_than_the_limit() {
    let format = Rfc5424::new(facility("local0").expect("known"), "box", "conductor", 32473).at_most(8192);
    let long = "\u{1F4A3}\"]\\\u{7f}".repeat(20_000);
    let mut all = sample();
    all.event.raw = format!("{{\"a\":{}}}", serde_json::json!(long)).into();
    (all.event.id, all.event.summary) = (long.clone().into(), long.clone().into());
    (all.event.integration, all.event.stream, all.event.kind) =
        (long.clone().into(), long.clone().into(), long.clone().into());
    let (mut id, mut summary) = (sample(), sample());
    id.event.id = long.clone().into();
    summary.event.summary = long.into();
    for stored in [all, id, summary] {
        let mut out = Vec::new();
        assert!(!format.frame(&mut out, &stored).expect("written"));
        let text = String::from_utf8(out).expect("UTF-8");
        let (_, message) = text.split_once(' ').expect("a length");
        assert!(message.len() <= 8192, "{}", message.len());
        assert!(parse(message).is_some(), "{message}");
    }
}
