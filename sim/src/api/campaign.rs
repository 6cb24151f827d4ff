//! Abuse campaigns of the AI Security Mailbox: the record, and its JSON.
//!
//! Promise: a verdict that comes later changes the detail alone, never `lastReported`: so it is at the vendor, and no
//! filter finds a campaign again because it has settled.

use jiff::Timestamp;

use super::filter::Key;
use super::json::{object, plain};
use super::lists::Item;
use super::moment::Moment;

/// One campaign: a message that people reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// A UUID.
    pub id: String,
    pub first_reported: Moment,
    pub last_reported: Moment,
    /// Hours east of UTC in which the two are written; `None`: in UTC with `Z`.
    pub offset: Option<i8>,
    /// When the message arrived: a filter looks at it, no answer shows it.
    pub received: Timestamp,
    /// `messageId`: a 64-bit number, written as a text.
    pub message_id: i64,
    pub subject: String,
    pub from_name: String,
    pub from_address: String,
    pub recipient_name: String,
    pub recipient_address: String,
    pub verdict: Verdict,
    /// Until then it is `Scanning`; `None`: settled from the start.
    pub settles_at: Option<Timestamp>,
}

/// What became of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `judgementStatus`: Malicious, Spam, Safe, N/A, or Scanning.
    pub judgement: String,
    /// `overallStatus`, such as `Auto-Remediated`; empty while it is not known.
    pub overall: String,
    /// `attackType`, such as `Attack Type: Spam`; may be empty.
    pub attack_type: String,
}

impl Verdict {
    /// From the three texts.
    pub fn new(judgement: &str, overall: &str, attack_type: &str) -> Verdict {
        let [judgement, overall, attack_type] = [judgement, overall, attack_type].map(str::to_owned);
        Verdict { judgement, overall, attack_type }
    }

    /// Not yet known.
    pub fn scanning() -> Verdict {
        Verdict::new("Scanning", "", "")
    }
}

impl Item for Campaign {
    const LIST: &'static str = "campaigns";
    const KEYS: &'static [Key] = &[Key::LastReportedTime, Key::ReceivedTime];

    fn listed(&self) -> String {
        object(&[("campaignId", plain(&self.id))])
    }

    fn times(&self, key: Key) -> Vec<Timestamp> {
        vec![if key == Key::ReceivedTime { self.received } else { self.last_reported.at }]
    }
}

impl Campaign {
    /// Is the verdict out?
    pub fn settled(&self, now: Timestamp) -> bool {
        self.settles_at.is_none_or(|at| at <= now)
    }

    /// The object at `/v1/abusecampaigns/{id}`.
    pub fn detail(&self, settled: bool) -> String {
        let scanning = Verdict::scanning();
        let verdict = if settled { &self.verdict } else { &scanning };
        let time = |moment: Moment| plain(&self.offset.map_or(moment.text(), |hours| moment.with_offset(hours)));
        object(&[
            ("campaignId", plain(&self.id)),
            ("firstReported", time(self.first_reported)),
            ("lastReported", time(self.last_reported)),
            ("messageId", format!("\"{}\"", self.message_id)),
            ("subject", plain(&self.subject)),
            ("fromName", plain(&self.from_name)),
            ("fromAddress", plain(&self.from_address)),
            ("recipientName", plain(&self.recipient_name)),
            ("recipientAddress", plain(&self.recipient_address)),
            ("judgementStatus", plain(&verdict.judgement)),
            ("overallStatus", plain(&verdict.overall)),
            ("attackType", plain(&verdict.attack_type)),
        ])
    }
}
