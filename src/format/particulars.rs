//! What the vendor's JSON tells of an event, for the schemas that have places for it.
//!
//! [`kinds`] reads the JSON of each kind, [`values`] a single field. Promise: total and tolerant. A field that is missing,
//! empty or of a strange type is left out, never invented, and spoils no other; of a kind that we don't know nothing is
//! read. Field names and their traps are those of the vendor's API description.

mod kinds;
mod values;

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;

/// A text of the vendor's, never empty.
pub type Text<'a> = Cow<'a, str>;

/// Whose facts these are: what the schemas call vendor and product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Abnormal Security, by its REST API.
    Abnormal,
    /// Conductor itself, and what it does not know (lines of an import).
    #[default]
    Conductor,
}

impl Origin {
    /// The vendor's name.
    pub fn vendor(self) -> &'static str {
        match self {
            Origin::Abnormal => "Abnormal Security",
            Origin::Conductor => "Conductor",
        }
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matter {
    /// A message of a threat.
    Threat,
    /// The attachments or links of a threat.
    ThreatParts,
    /// An account takeover case.
    Case,
    /// A mail that employees reported, with a verdict or while it is waited for.
    Campaign,
    /// A reported mail that nobody looked into.
    NotAnalyzed,
    /// A partner whose mail has turned suspicious.
    VendorCase,
    /// What somebody did in the vendor's portal.
    Audit,
    /// Heartbeats, gaps, imported lines: what has no fields that a schema knows.
    #[default]
    Other,
}

/// Where something found stands in the course of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    New,
    InProgress,
    Resolved,
}

/// What an event tells. Each is left out where the vendor tells nothing.
#[derive(Debug, Default)]
pub struct Particulars<'a> {
    pub origin: Origin,
    pub matter: Matter,
    /// The vendor's id of the threat, case or campaign, all messages of which share it.
    pub subject_id: Option<Text<'a>>,

    /// The vendor's id of the message (`abxMessageIdStr`), digits of 64 bits with a sign.
    pub message_id: Option<Text<'a>>,
    /// The mail's own id (`Message-ID`).
    pub internet_message_id: Option<Text<'a>>,
    /// The mail's subject.
    pub subject: Option<Text<'a>>,
    pub from: Option<Text<'a>>,
    pub from_name: Option<Text<'a>>,
    pub sender_domain: Option<Text<'a>>,
    pub return_path: Option<Text<'a>>,
    /// Whose mailbox it came to.
    pub recipient: Option<Text<'a>>,
    pub to: Vec<Text<'a>>,
    pub cc: Vec<Text<'a>>,
    pub reply_to: Vec<Text<'a>>,
    pub received: Option<Timestamp>,
    pub sent: Option<Timestamp>,
    pub is_read: Option<bool>,
    pub urls: Vec<Text<'a>>,
    /// Names of files.
    pub attachments: Vec<Text<'a>>,

    pub attack_type: Option<Text<'a>>,
    pub attack_strategy: Option<Text<'a>>,
    pub attack_vector: Option<Text<'a>>,
    pub attacked_party: Option<Text<'a>>,
    pub impersonated_party: Option<Text<'a>>,
    /// `Attack`, `Malicious`, `Spam`, `Safe` ...
    pub judgement: Option<Text<'a>>,
    /// Why it was found, in the vendor's words.
    pub insights: Vec<Text<'a>>,
    /// `LOW`, `MEDIUM`, `HIGH`.
    pub confidence: Option<Text<'a>>,

    /// What became of it, in the vendor's words: of a message, a case, a campaign.
    pub remediation: Option<Text<'a>>,
    pub remediated: Option<Timestamp>,
    /// A case's own status.
    pub status: Option<Text<'a>>,
    pub first_seen: Option<Timestamp>,
    /// The vendor's page about it.
    pub portal: Option<Text<'a>>,

    /// Whose account it is about, or who acted: a name or an address.
    pub user: Option<Text<'a>>,
    /// Who reported a mail.
    pub reporter: Option<Text<'a>>,
    /// Threats that a case or a vendor case is about.
    pub threats: Vec<Text<'a>>,
    pub vendor_domain: Option<Text<'a>>,
    /// Where mails or sign-ins came from; the first is the sender's or the actor's.
    pub addresses: Vec<IpAddr>,
    /// Mail addresses of a history.
    pub people: Vec<Text<'a>>,

    pub action: Option<Text<'a>>,
    /// `SUCCESS` or `FAILURE` of an action.
    pub outcome: Option<Text<'a>>,
    pub category: Option<Text<'a>>,
    /// Why a mail was not analyzed, or an action done.
    pub reason: Option<Text<'a>>,

    pub tenant_id: Option<Text<'a>>,
    pub tenant: Option<Text<'a>>,
}

impl<'a> Particulars<'a> {
    /// Reads `raw` once, by the event's kind.
    pub fn read(kind: &str, raw: &'a str) -> Particulars<'a> {
        match kind {
            "threat" => kinds::threat(raw),
            "threat-attachments" | "threat-links" => kinds::threat_parts(raw),
            "case" => kinds::case(raw),
            "campaign" => kinds::campaign(raw),
            "not-analyzed" => kinds::not_analyzed(raw),
            "vendor-case" => kinds::vendor_case(raw),
            "audit" => kinds::audit(raw),
            // Kinds are the connectors' words, an open list.
            _ => Particulars::default(),
        }
    }

    /// The same without what was read: what an event is, but nothing that it tells.
    pub fn bare(kind: &str) -> Particulars<'static> {
        let Particulars { origin, matter, .. } = Particulars::read(kind, "{}");
        Particulars { origin, matter, ..Particulars::default() }
    }

    /// Is it something found, rather than something that happened?
    pub fn is_finding(&self) -> bool {
        match self.matter {
            Matter::Threat | Matter::ThreatParts | Matter::Case | Matter::Campaign | Matter::VendorCase => true,
            Matter::NotAnalyzed | Matter::Audit | Matter::Other => false,
        }
    }

    /// Is it about a mail?
    pub fn is_mail(&self) -> bool {
        match self.matter {
            Matter::Threat | Matter::ThreatParts | Matter::Campaign | Matter::NotAnalyzed => true,
            Matter::Case | Matter::VendorCase | Matter::Audit | Matter::Other => false,
        }
    }

    /// Should somebody look at it? Of a reported mail only a bad verdict says so.
    pub fn is_alert(&self) -> bool {
        match self.matter {
            Matter::Threat | Matter::Case | Matter::VendorCase => true,
            Matter::Campaign => self.judgement.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("malicious")),
            Matter::ThreatParts | Matter::NotAnalyzed | Matter::Audit | Matter::Other => false,
        }
    }

    /// How far it is dealt with, where the vendor's words say so.
    pub fn course(&self) -> Option<Course> {
        let status = self.status.as_deref().unwrap_or_default().to_ascii_lowercase();
        let remediation = self.remediation.as_deref().unwrap_or_default().to_ascii_lowercase().replace(['-', ' '], "");
        match (status.as_str(), remediation.as_str()) {
            ("acknowledged (attack resolved)" | "acknowledged (not an attack)", _) => Some(Course::Resolved),
            ("acknowledged (in progress)", _) => Some(Course::InProgress),
            ("action required", _) => Some(Course::New),
            (_, "autoremediated" | "postremediated" | "remediated" | "noactionneeded") => Some(Course::Resolved),
            (_, "remediationattempted") => Some(Course::InProgress),
            (_, "noactiondone" | "notremediated" | "wouldremediate") => Some(Course::New),
            _ => None,
        }
    }

    /// Every mail address it names, each once, the sender's first.
    pub fn mail_addresses(&self) -> Vec<&str> {
        let ones = [&self.from, &self.recipient, &self.return_path, &self.reporter, &self.user];
        let lists = [&self.to, &self.cc, &self.reply_to, &self.people];
        let all = ones.into_iter().flatten().chain(lists.into_iter().flatten());
        let mut found: Vec<&str> = Vec::new();
        for address in all.map(|text| &**text).filter(|text| is_mail_address(text)) {
            if !found.contains(&address) {
                found.push(address);
            }
        }
        found
    }
}

/// Does it look as a mail address does in the schemas (OCSF `email_t`): something, an `@`, a name with a dot?
pub fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let in_domain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let in_local = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let labels = domain.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty());
    !local.is_empty() && local.bytes().all(in_local) && labels && domain.bytes().all(in_domain)
}

#[cfg(test)]
mod tests;
