//! Threats as the vendor's API tells them: the record, and its JSON.
//!
//! Promise: every shape that occurs can be said here, down to the four of `toAddresses`.

use jiff::{SignedDuration, Timestamp};

use super::filter::{Bounds, Key};
use super::json::{array, object, plain, quoted};
use super::lists::Item;
use super::moment::Moment;

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

impl Threat {
    /// As if every remediation came only `after` its message's arrival: before that, none has happened.
    pub fn remediated_late(&self, now: Timestamp, after: SignedDuration) -> Threat {
        let mut threat = self.clone();
        for message in threat.messages.iter_mut().filter(|message| message.remediated.at().is_some()) {
            let at = message.received.at.saturating_add(after).unwrap_or(message.received.at);
            let (remediated, status) = if at <= now {
                (Remediated::At(Moment { at, digits: 6 }), "Post Remediated")
            } else {
                (Remediated::Empty, "No Action Done")
            };
            (message.remediated, message.status) = (remediated, status.to_owned());
        }
        threat
    }
}

impl Item for Threat {
    const LIST: &'static str = "threats";
    const KEYS: &'static [Key] = &[Key::ReceivedTime, Key::LatestTimeRemediated];
    // So does the real API (Abnormal's connector for Cortex XSOAR, `FetchTypeSpec.end_inclusive`).
    const BOUNDS: Bounds = Bounds::WholeSecondsBeforeEnd;

    fn listed(&self) -> String {
        object(&[("threatId", plain(&self.id))])
    }

    /// Any message's arrival counts, or the latest remediation.
    fn times(&self, key: Key) -> Vec<Timestamp> {
        if key == Key::LatestTimeRemediated {
            self.latest_remediation().into_iter().collect()
        } else {
            self.messages.iter().map(|message| message.received.at).collect()
        }
    }
}

impl Message {
    /// The object as `/v1/threats/{id}` holds it (facts: SPEC `ThreatMessage`).
    pub fn json(&self, threat: &str) -> String {
        let text = |text: &str| quoted(text, self.escaped);
        let list = |items: &[String]| array(items.iter().map(|item| text(item)));
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
