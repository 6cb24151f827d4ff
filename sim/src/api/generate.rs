//! Items of every kind out of a seed: as many as wanted, with everything that has ever broken a reader. Threats here,
//! the others in a file each.
//!
//! Promise: the same seed, count and range give the same items, and every time that a filter finds lies in the range.

mod audit;
mod campaigns;
mod cases;
mod dice;
mod not_analyzed;
mod vendor_cases;

use fastrand::Rng;
use jiff::Timestamp;

pub use audit::audit;
pub use campaigns::campaigns;
pub use cases::cases;
pub use not_analyzed::not_analyzed;
pub use vendor_cases::vendor_cases;

use super::moment::Moment;
use super::threat::{Addresses, Message, Remediated, Threat};
use dice::{moment, shifted, uuid, wide_id};

/// Subjects that have broken readers, headers and terminals. The first is the harmless one.
pub const SUBJECTS: [&str; 10] = [
    "Rechnung 4711 \u{2013} bitte pr\u{fc}fen",
    "two\nlines\r\nand a tab\t",
    "a ] that closes an element [x@1 y=\"z\"]",
    "\"quoted\" and 'quoted'",
    "C:\\temp\\new \\\" and a last \\",
    "\u{1F4A3} astral, and \u{200b}invisible\u{202e}",
    "<13>1 2026-11-19T08:14:02Z forged app - - - owned",
    "before\u{0}after",
    "12 34 5 looks like a frame",
    "",
];

const STATUSES: [&str; 5] =
    ["Auto-Remediated", "Post Remediated", "No Action Done", "Would Remediate", "Remediation Attempted"];
const TYPES: [&str; 5] =
    ["Invoice/Payment Fraud (BEC)", "Phishing: Credential", "Malware", "Extortion", "Reconnaissance"];
const PEOPLE: [&str; 4] = ["ana", "ops", "ivo.berg", "o'neill+tag"];

/// Threats with 1 to 3 messages each, received in `from..to`.
pub fn generate(seed: u64, count: usize, from: Timestamp, to: Timestamp) -> Vec<Threat> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| threat(&mut rng, from, to)).collect()
}

/// One more message of the kind that [`generate`] makes, received at `at`.
pub fn message(seed: u64, at: Timestamp) -> Message {
    one_message(&mut Rng::with_seed(seed), at, at)
}

fn threat(rng: &mut Rng, from: Timestamp, to: Timestamp) -> Threat {
    let id = uuid(rng);
    let messages = (0..rng.usize(1..=3)).map(|_| one_message(rng, from, to)).collect();
    Threat { id, messages }
}

fn one_message(rng: &mut Rng, from: Timestamp, to: Timestamp) -> Message {
    let received = moment(rng, from, to);
    let status = STATUSES[rng.usize(..STATUSES.len())];
    let person = PEOPLE[rng.usize(..PEOPLE.len())];
    let recipient = format!("{person}@harbor.example");
    let id = wide_id(rng);
    Message {
        id,
        subject: subject(rng),
        from_address: "billing@quay-invoices.example".to_owned(),
        from_name: "Quay Billing".to_owned(),
        to: addresses(rng, &recipient),
        recipient,
        received,
        sent: Moment { at: shifted(received.at, -4), digits: [0, 9][rng.usize(..2)] },
        remediated: remediation(rng, status, received.at),
        status: status.to_owned(),
        attack_type: TYPES[rng.usize(..TYPES.len())].to_owned(),
        strategy: "Name Impersonation".to_owned(),
        vector: ["Link", "Attachment", "Text"][rng.usize(..3)].to_owned(),
        attacked_party: ["Employee (Other)", "Employee (other)", "VIP"][rng.usize(..3)].to_owned(),
        impersonated_party: "Known Partners".to_owned(),
        is_read: rng.bool(),
        // One in eight lacks its end, as some do.
        internet_message_id: format!("<{id}@mx.quay.example{}", if rng.u8(..8) == 0 { "" } else { ">" }),
        return_path: [None, Some(String::new()), Some("bounce@quay.example".to_owned())][rng.usize(..3)].clone(),
        sender_ip: [None, Some(String::new()), Some("203.0.113.24".to_owned())][rng.usize(..3)].clone(),
        attachments: if rng.bool() { vec!["inv \u{20ac}.pdf".to_owned()] } else { Vec::new() },
        urls: if rng.bool() { vec!["https://pay.example.test/x?a=1&b=\"2\"".to_owned()] } else { Vec::new() },
        insights: vec!["Unusual Sender".to_owned()],
        source: rng.bool().then(|| "Attack".to_owned()),
        extra: extra(rng),
        escaped: rng.bool(),
    }
}

fn subject(rng: &mut Rng) -> String {
    match rng.usize(..SUBJECTS.len() + 1) {
        // Longer than any datagram and than many a receiver's limit.
        long if long == SUBJECTS.len() => "very long \u{fc}".repeat(1_000),
        listed => SUBJECTS[listed].to_owned(),
    }
}

fn addresses(rng: &mut Rng, recipient: &str) -> Addresses {
    match rng.u8(..4) {
        0 => Addresses::List(vec![recipient.to_owned(), "ops@harbor.example".to_owned()]),
        1 => Addresses::Empty,
        2 => Addresses::Missing,
        _ => Addresses::Text(format!("{recipient}, ops@harbor.example")),
    }
}

fn remediation(rng: &mut Rng, status: &str, received: Timestamp) -> Remediated {
    match status {
        "Auto-Remediated" | "Post Remediated" => {
            let at = shifted(received, rng.i64(1..1_800));
            Remediated::At(Moment { at, digits: [0, 5, 6][rng.usize(..3)] })
        }
        _ => [Remediated::Empty, Remediated::Null, Remediated::Missing][rng.usize(..3)],
    }
}

fn extra(rng: &mut Rng) -> Vec<(String, String)> {
    let all = [
        ("tenantId", "77"),
        ("customerOverride", r#"{"overrideType":"Customer Blocklist","reason":"Sender Domain"}"#),
        ("notYetDocumented", r#"{"deep":[1,2.50,{"x":null}]}"#),
    ];
    all.into_iter().filter(|_| rng.u8(..3) == 0).map(|(name, json)| (name.to_owned(), json.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_threats_inside_the_range() {
        let from: Timestamp = "2026-11-19T08:00:00Z".parse().expect("a time");
        let to: Timestamp = "2026-11-19T09:00:00Z".parse().expect("a time");
        let threats = generate(7, 300, from, to);
        assert_eq!(threats, generate(7, 300, from, to));
        assert_ne!(threats, generate(8, 300, from, to));
        for message in threats.iter().flat_map(|t| &t.messages) {
            assert!((from..to).contains(&message.received.at), "{:?}", message.received);
            assert!(message.id.unsigned_abs() > 1 << 53);
        }
    }

    #[test]
    fn three_hundred_threats_hold_every_trap_and_stay_json() {
        let now: Timestamp = "2026-11-19T08:00:00Z".parse().expect("a time");
        let threats = generate(1, 300, now, now);
        let json: Vec<String> = threats.iter().flat_map(|t| t.messages.iter().map(|m| m.json(&t.id))).collect();
        for text in &json {
            serde_json::from_str::<serde_json::Value>(text).expect("each is JSON");
        }
        for trap in [
            "\\u0000",
            "<13>1 ",
            "\\ud83d\\udca3",
            "\u{1F4A3}",
            "\"abxMessageId\":-",
            "\"toAddresses\":[",
            "\"toAddresses\":\"\"",
            "\"remediationTimestamp\":null",
            "\"remediationTimestamp\":\"\"",
            "notYetDocumented",
            "\\\\\\\" and a last \\\\\"",
            "\"senderIpAddress\":null",
        ] {
            assert!(json.iter().any(|text| text.contains(trap)), "{trap}");
        }
        assert!(json.iter().any(|text| !text.contains("toAddresses")));
        assert!(json.iter().any(|text| text.len() > 10_000));
    }
}
