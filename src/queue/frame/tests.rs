//! A frame gives back what was put in, and nothing else is taken for one.

use super::*;
use proptest::prelude::*;

fn event(n: usize, raw: &str) -> Event {
    Event {
        id: format!("acme/threats/{n}/v").into(),
        integration: "acme".into(),
        stream: "threats".into(),
        kind: "threat".into(),
        severity: Severity::High,
        occurred: Timestamp::new(1_700_000_000 + n as i64, 123_456_789).expect("a time"),
        observed: Timestamp::new(1_700_000_100, 0).expect("a time"),
        summary: "Betreff \u{1F4A3}\n<13>1".into(),
        raw: raw.to_owned().into(),
    }
}

fn written(events: &[Event], codec: &mut Codec) -> Vec<u8> {
    let meta = PageMeta { integration: "acme".into(), stream: "threats".into(), ..PageMeta::default() };
    let mut draft = Draft::page(&meta, events, true, codec).expect("a page");
    draft.seal(Seq(7), 42).to_vec()
}

fn read(bytes: &[u8], codec: &mut Codec) -> Option<Result<Vec<Stored>, Damage>> {
    let header = Header::parse(bytes)?;
    let payload = bytes.get(HEADER..HEADER + header.payload_len())?;
    Some(meta(&header, payload).and_then(|_| events(&header, payload, codec)))
}

#[test]
fn a_frame_gives_back_what_was_put_in_byte_for_byte() {
    let mut codec = Codec::new(newest()).expect("zstd");
    let given: Vec<Event> = (0..50).map(|n| event(n, "{\"id\":-8123456789012345678,\"s\":\"\u{1F4A3}\"}")).collect();
    let bytes = written(&given, &mut codec);
    let got = read(&bytes, &mut codec).expect("a header").expect("whole");
    assert_eq!(got.iter().map(|s| s.event.clone()).collect::<Vec<_>>(), given);
    assert_eq!((got[0].seq, got[49].seq), (Seq(7), Seq(56)));
}

#[test]
fn a_frame_of_a_later_format_is_told_from_damage() {
    let mut codec = Codec::new(newest()).expect("zstd");
    let mut bytes = written(&[], &mut codec);
    bytes[4] = newest() + 1;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    assert!(Header::parse(&bytes).is_none() && Header::is_of_a_later_format(&bytes));
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_is_seen(at in 0usize..10_000, bit in 0u8..8, many in 0usize..40) {
        let mut codec = Codec::new(newest()).expect("zstd");
        let given: Vec<Event> = (0..many).map(|n| event(n, "{\"a\":1}")).collect();
        let mut bytes = written(&given, &mut codec);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let seen = match read(&bytes, &mut codec) {
            None | Some(Err(_)) => true,
            Some(Ok(_)) => false,
        };
        prop_assert!(seen, "byte {at}");
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(mut bytes in proptest::collection::vec(any::<u8>(), 64..400)) {
        let mut codec = Codec::new(newest()).expect("zstd");
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = newest();
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        if let Some(header) = Header::parse(&bytes) {
            let _ = events(&header, &bytes[HEADER..], &mut codec);
        }
    }
}
