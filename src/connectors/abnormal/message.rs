//! A message of a threat becomes an [`Event`].
//!
//! Promise: `raw` is the message's bytes as the vendor sent them, and no field's shape, missing or strange,
//! can keep a message from becoming an event.

use bytestring::ByteString;
use serde::Deserialize;

use super::feed::{Facts, Origin};
use super::fields::{self, Raw, hash, json, line, scalar, text, time};
use crate::event::{Event, Severity};

/// Attack types by a part of their name, in order; the first that fits counts. The vendor's list is open, so
/// a type that nothing fits is [`Severity::Unknown`], never mild.
const SEVERITIES: [(&str, Severity); 18] = [
    ("takeover", Severity::High),
    ("bec", Severity::High),
    ("business email", Severity::High),
    ("credential", Severity::High),
    ("malware", Severity::High),
    ("ransom", Severity::High),
    ("invoice", Severity::High),
    ("payment", Severity::High),
    ("phish", Severity::High),
    ("impersonation", Severity::High),
    ("social engineering", Severity::High),
    ("internal-to-internal", Severity::High),
    ("extortion", Severity::Medium),
    ("reconnaissance", Severity::Medium),
    ("scam", Severity::Medium),
    ("spam", Severity::Low),
    ("graymail", Severity::Low),
    ("grey mail", Severity::Low),
];

/// The fields that we look at, as raw JSON: a field of an unexpected type can't spoil the others.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named<'a> {
    #[serde(borrow)]
    abx_message_id_str: Raw<'a>,
    #[serde(borrow)]
    abx_message_id: Raw<'a>,
    #[serde(borrow)]
    internet_message_id: Raw<'a>,
    #[serde(borrow)]
    recipient_address: Raw<'a>,
    #[serde(borrow)]
    received_time: Raw<'a>,
    #[serde(borrow)]
    sent_time: Raw<'a>,
    #[serde(borrow)]
    attack_type: Raw<'a>,
    #[serde(borrow)]
    subject: Raw<'a>,
    #[serde(borrow)]
    from_address: Raw<'a>,
    #[serde(borrow)]
    remediation_status: Raw<'a>,
    #[serde(borrow)]
    remediation_timestamp: Raw<'a>,
    #[serde(borrow)]
    source: Raw<'a>,
    #[serde(borrow)]
    customer_override: Raw<'a>,
}

/// The event of one message of `threat`. `raw` is taken over as it is, without a copy where the caller shares its frame.
pub fn message(origin: &Origin<'_>, threat: &str, raw: ByteString) -> Event {
    let named: Named<'_> = serde_json::from_str(&raw).unwrap_or_default();
    let attack = text(named.attack_type);
    let first = if attack.is_empty() { "Threat" } else { &attack };
    let summary = line(
        first,
        [(": ", text(named.subject)), (" from ", text(named.from_address)), (" to ", text(named.recipient_address))],
    );
    origin.event(Facts {
        kind: "threat",
        native: &format!("{}:{}", fields::native(threat.to_owned()), native(&named, &raw)),
        version: &version(&named),
        severity: severity(&attack),
        occurred: [named.received_time, named.sent_time].into_iter().find_map(time),
        summary,
        raw: raw.clone(),
    })
}

/// How grave an attack type is.
fn severity(attack: &str) -> Severity {
    let attack = attack.to_lowercase();
    SEVERITIES.iter().find(|(part, _)| attack.contains(part)).map(|(_, severity)| *severity).unwrap_or_default()
}

/// What tells a message from the others of its threat: the id as a string, the deprecated 64-bit number by its
/// digits, else the mail's own id with the recipient (all copies of a mail share it), else a hash of all.
fn native(named: &Named<'_>, raw: &str) -> String {
    let number = || scalar(named.abx_message_id).filter(|digits| digits.parse::<i64>().is_ok());
    let mail = || {
        let recipient = json(named.recipient_address);
        scalar(named.internet_message_id).map(|id| format!("{id}:{}", &hash([recipient])[..8]))
    };
    fields::native(scalar(named.abx_message_id_str).or_else(number).or_else(mail).unwrap_or_else(|| hash([raw])))
}

/// A late remediation or another judgement is a new version; that somebody read the mail is not.
fn version(named: &Named<'_>) -> String {
    hash([named.remediation_status, named.remediation_timestamp, named.source, named.customer_override].map(json))
}
