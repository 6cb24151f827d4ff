//! A message of a threat becomes an [`Event`].
//!
//! Promise: `raw` is the message's bytes as the vendor sent them, and no field's shape, missing or strange,
//! can keep a message from becoming an event.

use bytestring::ByteString;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::api::scalar;
use crate::event::{Event, Severity};

/// Characters of one field in the summary.
const FIELD: usize = 120;
/// A native id is at most this long; a longer one, or one with spaces, is replaced by its hash.
const NATIVE: usize = 128;

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

/// Whose event it is, and when it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub integration: &'a str,
    pub stream: &'a str,
    /// The id that the list gave.
    pub threat: &'a str,
    pub now: Timestamp,
}

/// The fields that we look at, as raw JSON: a field of an unexpected type can't spoil the others.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named<'a> {
    #[serde(borrow)]
    abx_message_id_str: Option<&'a RawValue>,
    #[serde(borrow)]
    abx_message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    internet_message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    recipient_address: Option<&'a RawValue>,
    #[serde(borrow)]
    received_time: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_time: Option<&'a RawValue>,
    #[serde(borrow)]
    attack_type: Option<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
    #[serde(borrow)]
    from_address: Option<&'a RawValue>,
    #[serde(borrow)]
    remediation_status: Option<&'a RawValue>,
    #[serde(borrow)]
    remediation_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    customer_override: Option<&'a RawValue>,
}

/// The event of one message. `raw` is taken over as it is, without a copy where the caller shares its frame.
pub fn message(origin: &Origin<'_>, raw: ByteString) -> Event {
    let named: Named<'_> = serde_json::from_str(&raw).unwrap_or_default();
    let attack = text(named.attack_type);
    let id = Event::make_id(
        origin.integration,
        origin.stream,
        &format!("{}:{}", origin.threat, native(&named, &raw)),
        &version(&named),
    );
    let occurred = [named.received_time, named.sent_time].into_iter().find_map(time).unwrap_or(origin.now);
    Event {
        id,
        integration: origin.integration.into(),
        stream: origin.stream.into(),
        kind: "threat".into(),
        severity: severity(&attack),
        occurred,
        observed: origin.now,
        summary: summary(&named, &attack).into(),
        raw,
    }
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
        let recipient = named.recipient_address.map_or("", RawValue::get);
        scalar(named.internet_message_id).map(|id| format!("{id}:{}", &hash([recipient])[..8]))
    };
    let id = scalar(named.abx_message_id_str).or_else(number).or_else(mail).unwrap_or_else(|| hash([raw]));
    if id.len() > NATIVE || id.chars().any(|c| c.is_whitespace() || c.is_control()) { hash([id.as_str()]) } else { id }
}

/// A late remediation or another judgement is a new version; that somebody read the mail is not.
fn version(named: &Named<'_>) -> String {
    let fields = [named.remediation_status, named.remediation_timestamp, named.source, named.customer_override];
    hash(fields.map(|field| field.map_or("", RawValue::get)))
}

/// The first 16 hex digits of a SHA-256 over parts that are kept apart.
fn hash<const N: usize>(parts: [&str; N]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339 with 0 to 9 digits and any offset; without an offset it is UTC.
fn time(raw: Option<&RawValue>) -> Option<Timestamp> {
    let text = text(raw);
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// One line of attack type, subject, sender and recipient.
fn summary(named: &Named<'_>, attack: &str) -> String {
    let part = |text: &str| one_line(text, FIELD);
    let mut line = part(if attack.is_empty() { "Threat" } else { attack });
    for (word, field) in [(": ", named.subject), (" from ", named.from_address), (" to ", named.recipient_address)] {
        let text = part(&text(field));
        if !text.is_empty() {
            line.push_str(word);
            line.push_str(&text);
        }
    }
    line
}

/// The text in one line of at most `most` characters: what would break a line or hide becomes a space.
fn one_line(text: &str, most: usize) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let mut line: String = text.trim().chars().map(|c| if breaks(c) { ' ' } else { c }).take(most).collect();
    if text.trim().chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// A field's text: of a string its content, of anything else its JSON, of nothing the empty text.
fn text(raw: Option<&RawValue>) -> String {
    let Some(raw) = raw.map(RawValue::get) else { return String::new() };
    // A lone surrogate has no content in UTF-8: its escape is shown as the vendor wrote it.
    serde_json::from_str(raw).unwrap_or_else(|_| raw.trim_matches('"').to_owned())
}
