//! Accidents of messages: ids, times, shapes and texts.

use bytestring::ByteString;
use proptest::prelude::*;

use super::super::feed::Origin;
use super::super::message::message;
use super::*;
use crate::event::Severity;

fn event(raw: &str) -> Event {
    let origin = Origin { integration: "acme", stream: "threats", now: time(NOW) };
    message(&origin, "t", ByteString::from(raw))
}

fn native(raw: &str) -> String {
    event(raw).id.split('/').nth(2).expect("a native id").to_owned()
}

fn version(raw: &str) -> String {
    event(raw).id.split('/').nth(3).expect("a version").to_owned()
}

#[test]
fn a_64_bit_id_keeps_every_digit() {
    assert_eq!(
        native(r#"{"abxMessageId":-8123456789012345678,"abxMessageIdStr":"-8123456789012345679"}"#),
        "t:-8123456789012345679"
    );
    assert_eq!(native(r#"{"abxMessageId": -8123456789012345678}"#), "t:-8123456789012345678");
    let raw = r#"{"abxMessageId" : -8123456789012345678, "n": 1.10, "é":"\u00e9"}"#;
    assert_eq!(event(raw).raw, raw, "byte for byte");
}

#[tokio::test]
async fn raw_is_what_the_vendor_sent_byte_for_byte() {
    const ODD: &str = "{ \"abxMessageId\":9007199254740993 ,\n\t\"x\":1E400, \"subject\":\"\\ud83d\\udca3 \u{1F4A3}\", \"new\":{\"b\":1,\"a\":0.10} }";
    let mut bench = Bench::new(|ask| match ask {
        Ask::List { .. } => list(&["a"], None),
        Ask::Item { .. } => detail(&[ODD], None),
        Ask::Other(_) => status(404, ""),
    });
    bench.round().await;
    assert_eq!(bench.events[0].raw, ODD);
    assert_eq!(bench.natives(), ["a:9007199254740993"]);
}

#[test]
fn copies_of_one_mail_without_ids_stay_apart_by_recipient() {
    let one = native(r#"{"internetMessageId":"<a@b","recipientAddress":"ana@x.example"}"#);
    let other = native(r#"{"internetMessageId":"<a@b","recipientAddress":"bob@x.example"}"#);
    assert!(one.starts_with("t:<a@b:") && one != other);
    assert_ne!(native(r#"{"subject":"a"}"#), native(r#"{"subject":"b"}"#));
    assert!(!native(r#"{"abxMessageIdStr":"two words\n"}"#).contains(char::is_whitespace));
}

#[test]
fn a_remediation_or_another_judgement_is_a_new_version_and_a_reader_is_not() {
    let plain = version(r#"{"abxMessageIdStr":"1","isRead":false}"#);
    assert_eq!(plain, version(r#"{"isRead":true,"abxMessageIdStr":"1","remediationStatus":null}"#));
    let changed = [
        r#"{"remediationStatus":"Remediated"}"#,
        r#"{"remediationTimestamp":"Remediated"}"#,
        r#"{"source":"Attack"}"#,
        r#"{"customerOverride":{"overrideType":"x"}}"#,
    ];
    let mut versions: Vec<String> = changed.map(version).to_vec();
    versions.push(plain);
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 5);
    assert!(versions.iter().all(|text| text.len() == 16));
}

#[test]
fn times_with_nanoseconds_offsets_or_nothing_are_read() {
    let table = [
        (r#"{"receivedTime":"2026-11-19T08:14:02Z"}"#, "2026-11-19T08:14:02Z"),
        (r#"{"receivedTime":"2026-11-19T08:14:02.120000001Z"}"#, "2026-11-19T08:14:02.120000001Z"),
        (r#"{"receivedTime":"2026-11-19T08:14:02.417000+00:00"}"#, "2026-11-19T08:14:02.417Z"),
        (r#"{"receivedTime":"2026-11-18T22:05:00-08:00"}"#, "2026-11-19T06:05:00Z"),
        (r#"{"receivedTime":"2026-11-19 09:12:44.031"}"#, "2026-11-19T09:12:44.031Z"),
        (r#"{"receivedTime":"","sentTime":"2026-11-19T08:13:58Z"}"#, "2026-11-19T08:13:58Z"),
        (r#"{"receivedTime":null,"sentTime":"soon"}"#, NOW),
        (r#"{"receivedTime":17}"#, NOW),
        (r#"{}"#, NOW),
    ];
    for (raw, expected) in table {
        assert_eq!(event(raw).occurred, time(expected), "{raw}");
        assert_eq!(event(raw).observed, time(NOW));
    }
}

#[test]
fn attack_types_have_their_severity_in_any_case_and_unknown_ones_are_unknown() {
    let table = [
        ("Invoice/Payment Fraud (BEC)", Severity::High),
        ("Phishing: Credential", Severity::High),
        ("MALWARE", Severity::High),
        ("Internal-to-Internal Attacks (Email Account Takeover)", Severity::High),
        ("Scam", Severity::Medium),
        ("Extortion", Severity::Medium),
        ("Attack Type: Spam", Severity::Low),
        ("graymail", Severity::Low),
        ("Other", Severity::Unknown),
        ("", Severity::Unknown),
    ];
    for (attack, severity) in table {
        assert_eq!(event(&format!("{{\"attackType\":\"{attack}\"}}")).severity, severity, "{attack}");
    }
}

#[test]
fn the_summary_is_one_bounded_line_of_whatever_the_mail_says() {
    let raw = r#"{"attackType":"Scam","subject":"a\n<13>1 fake\u2028]\"\ud83d\udca3","fromAddress":"x@y.example","recipientAddress":"ana@harbor.example"}"#;
    assert_eq!(event(raw).summary, "Scam: a <13>1 fake ]\"\u{1F4A3} from x@y.example to ana@harbor.example");
    let long = event(&format!("{{\"subject\":\"{}\"}}", "💣".repeat(10_000)));
    assert!(long.summary.chars().count() < 150 && long.summary.ends_with('…'));
    assert_eq!(event(r#"{"subject":"\ud83d alone"}"#).summary, r"Threat: \ud83d alone");
    assert_eq!(event(r#"{"subject":["a",1]}"#).summary, r#"Threat: ["a",1]"#);
}

#[test]
fn recipients_as_a_string_an_array_an_empty_string_or_missing_are_no_trouble() {
    for to in [r#""a@x, b@x""#, r#"["a@x","b@x"]"#, r#""""#, "null", "17", "{}"] {
        let raw =
            format!("{{\"abxMessageIdStr\":\"1\",\"toAddresses\":{to},\"senderIpAddress\":null,\"isRead\":\"true\"}}");
        assert_eq!(event(&raw).raw, raw);
        assert_eq!(native(&raw), "t:1");
    }
}

proptest! {
    #[test]
    fn no_message_can_keep_itself_from_becoming_an_event(raw in "\\PC{0,80}", id in "\\PC{0,40}", at in "[0-9TZ:. +-]{0,40}") {
        event(&raw);
        let field = |text: &str| serde_json::to_string(text).expect("a string is JSON");
        let event = event(&format!("{{\"abxMessageIdStr\":{},\"receivedTime\":{}}}", field(&id), field(&at)));
        prop_assert_eq!(event.id.split('/').count(), 4);
        prop_assert!(!event.summary.contains('\n'));
    }
}
