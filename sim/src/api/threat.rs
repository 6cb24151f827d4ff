//! Threats as the vendor's API tells them: the record, and its JSON.
//!
//! Promise: the JSON is written byte by byte here, never through a number type or a map, so that what the real
//! API sends (64-bit ids, nine digits of a second, four shapes of `toAddresses`) goes out exactly so.

use std::fmt::Write;

use jiff::Timestamp;

/// One threat: a campaign, with one message for each recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Threat {
    /// A UUID.
    pub id: String,
    pub messages: Vec<Message>,
}

/// One message of a threat, to one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// `abxMessageId` and `abxMessageIdStr`: beyond 2^53, often negative.
    pub id: i64,
    pub subject: String,
    pub from_address: String,
    pub from_name: String,
    pub to: Addresses,
    pub recipient: String,
    pub received: Moment,
    pub sent: Moment,
    pub remediated: Remediated,
    /// `remediationStatus`, such as `Auto-Remediated`.
    pub status: String,
    pub attack_type: String,
    pub strategy: String,
    pub vector: String,
    pub attacked_party: String,
    pub impersonated_party: String,
    pub is_read: bool,
    pub internet_message_id: String,
    pub return_path: Option<String>,
    pub sender_ip: Option<String>,
    pub attachments: Vec<String>,
    pub urls: Vec<String>,
    pub insights: Vec<String>,
    /// The judgement, such as `Attack`; absent when `None`.
    pub source: Option<String>,
    /// Name and JSON of further fields, such as `customerOverride`.
    pub extra: Vec<(String, String)>,
    /// Write what is not ASCII as `\u` escapes: both spellings occur.
    pub escaped: bool,
}

/// A time and how many digits of its second are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: Timestamp,
    /// 0 to 9.
    pub digits: u8,
}

/// `toAddresses`: four shapes occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// One text, separated by commas.
    Text(String),
    List(Vec<String>),
    Empty,
    Missing,
}

/// `remediationTimestamp`: "empty if not remediated", in three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remediated {
    At(Moment),
    Empty,
    Null,
    Missing,
}

impl Moment {
    /// Whole seconds.
    pub fn seconds(at: Timestamp) -> Moment {
        Moment { at, digits: 0 }
    }

    /// RFC 3339 in UTC.
    pub fn text(self) -> String {
        format!("{:.*}", usize::from(self.digits.min(9)), self.at)
    }
}

impl Remediated {
    /// The time, if there is one.
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Remediated::At(moment) => Some(moment.at),
            Remediated::Empty | Remediated::Null | Remediated::Missing => None,
        }
    }
}

impl Threat {
    /// The latest remediation of any message: what `latestTimeRemediated` filters by.
    pub fn latest_remediation(&self) -> Option<Timestamp> {
        self.messages.iter().filter_map(|message| message.remediated.at()).max()
    }
}

impl Message {
    /// The object as `/v1/threats/{id}` holds it (facts: SPEC `ThreatMessage`).
    pub fn json(&self, threat: &str) -> String {
        let text = |text: &str| quoted(text, self.escaped);
        let list = |items: &[String]| format!("[{}]", items.iter().map(|i| text(i)).collect::<Vec<_>>().join(","));
        let or_null = |value: &Option<String>| value.as_deref().map_or("null".to_owned(), text);
        let mut fields: Vec<(&str, String)> = vec![
            ("threatId", text(threat)),
            ("abxMessageId", self.id.to_string()),
            ("abxMessageIdStr", format!("\"{}\"", self.id)),
            ("abxPortalUrl", format!("\"https://portal.example.test/r/{}\"", self.id)),
            ("subject", text(&self.subject)),
            ("fromAddress", text(&self.from_address)),
            ("fromName", text(&self.from_name)),
            ("recipientAddress", text(&self.recipient)),
            ("receivedTime", format!("\"{}\"", self.received.text())),
            ("sentTime", format!("\"{}\"", self.sent.text())),
            ("remediationStatus", text(&self.status)),
            ("autoRemediated", self.status.starts_with("Auto").to_string()),
            ("postRemediated", self.status.starts_with("Post").to_string()),
            ("isRead", self.is_read.to_string()),
            ("attackType", text(&self.attack_type)),
            ("attackStrategy", text(&self.strategy)),
            ("attackVector", text(&self.vector)),
            ("attackedParty", text(&self.attacked_party)),
            ("impersonatedParty", text(&self.impersonated_party)),
            ("internetMessageId", text(&self.internet_message_id)),
            ("returnPath", or_null(&self.return_path)),
            ("senderIpAddress", or_null(&self.sender_ip)),
            ("attachmentCount", self.attachments.len().to_string()),
            ("urlCount", self.urls.len().to_string()),
            ("ccEmails", "[]".to_owned()),
            ("replyToEmails", "[]".to_owned()),
            ("attachmentNames", list(&self.attachments)),
            ("urls", list(&self.urls)),
            ("summaryInsights", list(&self.insights)),
        ];
        match &self.to {
            Addresses::Text(addresses) => fields.push(("toAddresses", text(addresses))),
            Addresses::List(addresses) => fields.push(("toAddresses", list(addresses))),
            Addresses::Empty => fields.push(("toAddresses", "\"\"".to_owned())),
            Addresses::Missing => {}
        }
        match self.remediated {
            Remediated::At(moment) => fields.push(("remediationTimestamp", format!("\"{}\"", moment.text()))),
            Remediated::Empty => fields.push(("remediationTimestamp", "\"\"".to_owned())),
            Remediated::Null => fields.push(("remediationTimestamp", "null".to_owned())),
            Remediated::Missing => {}
        }
        if let Some(source) = &self.source {
            fields.push(("source", text(source)));
        }
        fields.extend(self.extra.iter().map(|(name, json)| (name.as_str(), json.clone())));
        object(&fields)
    }
}

/// An object of names and JSON values, in this order.
pub(super) fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, json)| format!("{}:{json}", quoted(name, false))).collect();
    format!("{{{}}}", fields.join(","))
}

/// A JSON string (RFC 8259 section 7). With `escaped`, all that is not ASCII becomes `\u` escapes, beyond the
/// basic plane in pairs of surrogates.
pub fn quoted(text: &str, escaped: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            plain if (' '..='\u{7e}').contains(&plain) || (!escaped && plain > '\u{9f}') => out.push(plain),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing into a String can't fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_reads_back_as_itself_in_both_spellings() {
        let text = "a\n]\"\\\u{1F4A3}\0\u{85}\u{7f}\u{fc}\u{2028}<13>1 ";
        for escaped in [false, true] {
            let json = quoted(text, escaped);
            assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
            assert_eq!(json.contains("\\ud83d\\udca3"), escaped, "{json}");
            assert!(json.contains("\\u0000") && !json.contains('\n'));
        }
    }

    #[test]
    fn a_time_is_written_with_the_digits_asked_for() {
        let at: Timestamp = "2026-11-19T08:14:02.120000001Z".parse().expect("a time");
        assert_eq!(Moment::seconds(at).text(), "2026-11-19T08:14:02Z");
        assert_eq!(Moment { at, digits: 6 }.text(), "2026-11-19T08:14:02.120000Z");
        assert_eq!(Moment { at, digits: 9 }.text(), "2026-11-19T08:14:02.120000001Z");
    }
}
