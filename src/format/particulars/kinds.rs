//! The vendor's JSON, kind by kind.
//!
//! Promise: each kind's fields stand here once, under the names of the vendor's API; every other file speaks of
//! [`Particulars`].

use serde::Deserialize;

use super::values::{Raw, address, entries, flag, inner, mail_list, object, pairs, text, texts, time};
use super::{Matter, Origin, Particulars};

/// Declares the fields of an object as raw JSON: one of an unexpected type can't spoil the others.
macro_rules! fields {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $json:literal),* $(,)? })*) => { $(
        $(#[$meta])*
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct $name<'a> { $(#[serde(borrow, rename = $json)] $field: Raw<'a>),* }
    )* };
}

fields! {
    /// A message of a threat.
    Message {
        threat: "threatId", id: "abxMessageIdStr", number: "abxMessageId", mail: "internetMessageId",
        subject: "subject", from: "fromAddress", from_name: "fromName", domain: "senderDomain",
        return_path: "returnPath", ip: "senderIpAddress", recipient: "recipientAddress", to: "toAddresses",
        cc: "ccEmails", reply_to: "replyToEmails", received: "receivedTime", sent: "sentTime", read: "isRead",
        urls: "urls", attachments: "attachmentNames", kind: "attackType", strategy: "attackStrategy",
        vector: "attackVector", attacked: "attackedParty", impersonated: "impersonatedParty", source: "source",
        insights: "summaryInsights", status: "remediationStatus", remediated: "remediationTimestamp",
        portal: "abxPortalUrl", tenant_id: "tenantId", tenant: "tenantName",
    }
    /// Attachments or links of a threat, as the connector joins them.
    Parts { threat: "threatId", attachments: "attachments", links: "links" }
    Attachment { name: "attachmentName" }
    Link { url: "linkUrl" }
    /// A case, as the connector joins the vendor's three answers.
    Case { list: "list", detail: "detail", analysis: "analysis" }
    CaseEntry { id: "caseId", description: "description", confidence: "confidence", tenant: "tenant" }
    CaseDetail {
        id: "caseId", status: "case_status", remediation: "remediation_status", confidence: "confidence",
        analysis: "analysis", employee: "affectedEmployee", first: "firstObserved", threats: "threatIds",
        summary: "genai_summary", tenant: "tenant",
    }
    CaseAnalysis { insights: "insights", timeline: "eventTimeline" }
    Insight { signal: "signal", highlight: "highlight", description: "description" }
    CaseStep { ip: "ip_address", sender: "sender", recipient: "recipient" }
    Campaign {
        id: "campaignId", first: "firstReported", message: "messageId", subject: "subject", from_name: "fromName",
        from: "fromAddress", recipient: "recipientAddress", judged: "judgementStatus", overall: "overallStatus",
        kind: "attackType",
    }
    Row {
        id: "abx_message_id", subject: "subject", recipient: "recipient", reporter: "reporter",
        reason: "not_analyzed_reason",
    }
    Person { name: "name", email: "email" }
    VendorCase {
        id: "vendorCaseId", domain: "vendorDomain", first: "firstObservedTime", insights: "insights",
        timeline: "timeline",
    }
    VendorStep { sender: "senderAddress", recipient: "recipientAddress", threat: "threatId" }
    Entry {
        action: "action", details: "actionDetails", category: "category", ip: "sourceIp", status: "status",
        tenant: "tenantName", user: "user",
    }
    Details { message: "messageId", reason: "providedReason" }
}

pub(super) fn threat(raw: &str) -> Particulars<'_> {
    let of: Message<'_> = object(raw);
    Particulars {
        subject_id: text(of.threat),
        message_id: text(of.id).or_else(|| text(of.number)),
        internet_message_id: text(of.mail),
        subject: text(of.subject),
        from: text(of.from),
        from_name: text(of.from_name),
        sender_domain: text(of.domain),
        return_path: text(of.return_path),
        recipient: text(of.recipient),
        to: mail_list(of.to),
        cc: mail_list(of.cc),
        reply_to: mail_list(of.reply_to),
        received: time(of.received),
        sent: time(of.sent),
        is_read: flag(of.read),
        urls: texts(of.urls),
        attachments: texts(of.attachments),
        attack_type: text(of.kind),
        attack_strategy: text(of.strategy),
        attack_vector: text(of.vector),
        attacked_party: text(of.attacked),
        impersonated_party: text(of.impersonated),
        judgement: text(of.source),
        insights: texts(of.insights),
        remediation: text(of.status),
        remediated: time(of.remediated),
        portal: text(of.portal),
        addresses: address(of.ip).into_iter().collect(),
        tenant_id: text(of.tenant_id),
        tenant: text(of.tenant),
        ..abnormal(Matter::Threat)
    }
}

pub(super) fn threat_parts(raw: &str) -> Particulars<'_> {
    let of: Parts<'_> = object(raw);
    let name = |entry| text(inner::<Attachment<'_>>(entry).name);
    let url = |entry| text(inner::<Link<'_>>(entry).url);
    Particulars {
        subject_id: text(of.threat),
        attachments: entries(of.attachments).into_iter().flatten().filter_map(name).collect(),
        urls: entries(of.links).into_iter().flatten().filter_map(url).collect(),
        ..abnormal(Matter::ThreatParts)
    }
}

pub(super) fn case(raw: &str) -> Particulars<'_> {
    let of: Case<'_> = object(raw);
    let (entry, detail): (CaseEntry<'_>, CaseDetail<'_>) = (inner(of.list), inner(of.detail));
    let analysis: CaseAnalysis<'_> = inner(of.analysis);
    let steps = || entries(analysis.timeline).into_iter().flatten().map(inner::<CaseStep<'_>>);
    let mut insights = texts(detail.summary);
    insights.extend(pairs(analysis.insights, |insight: Insight<'_>| [insight.signal, insight.description]));
    Particulars {
        subject_id: text(detail.id).or_else(|| text(entry.id)),
        attack_type: text(entry.description),
        category: text(detail.analysis),
        status: text(detail.status),
        remediation: text(detail.remediation),
        confidence: text(detail.confidence).or_else(|| text(entry.confidence)),
        first_seen: time(detail.first),
        user: text(detail.employee),
        threats: texts(detail.threats),
        insights,
        addresses: steps().filter_map(|step| address(step.ip)).collect(),
        people: steps().flat_map(|step| [text(step.sender), text(step.recipient)]).flatten().collect(),
        tenant: text(detail.tenant).or_else(|| text(entry.tenant)),
        ..abnormal(Matter::Case)
    }
}

pub(super) fn campaign(raw: &str) -> Particulars<'_> {
    let of: Campaign<'_> = object(raw);
    let kind = text(of.kind).map(|kind| match kind.strip_prefix("Attack Type: ") {
        Some(word) => word.to_owned().into(),
        None => kind,
    });
    Particulars {
        subject_id: text(of.id),
        message_id: text(of.message),
        subject: text(of.subject),
        from: text(of.from),
        from_name: text(of.from_name),
        recipient: text(of.recipient),
        attack_type: kind,
        judgement: text(of.judged),
        remediation: text(of.overall),
        first_seen: time(of.first),
        ..abnormal(Matter::Campaign)
    }
}

pub(super) fn not_analyzed(raw: &str) -> Particulars<'_> {
    let of: Row<'_> = object(raw);
    let (recipient, reporter): (Person<'_>, Person<'_>) = (inner(of.recipient), inner(of.reporter));
    Particulars {
        message_id: text(of.id),
        subject: text(of.subject),
        recipient: text(recipient.email),
        reporter: text(reporter.email).or_else(|| text(reporter.name)),
        reason: text(of.reason),
        ..abnormal(Matter::NotAnalyzed)
    }
}

pub(super) fn vendor_case(raw: &str) -> Particulars<'_> {
    let of: VendorCase<'_> = object(raw);
    let steps = || entries(of.timeline).into_iter().flatten().map(inner::<VendorStep<'_>>);
    Particulars {
        subject_id: text(of.id),
        vendor_domain: text(of.domain),
        first_seen: time(of.first),
        insights: pairs(of.insights, |insight: Insight<'_>| [insight.highlight, insight.description]),
        people: steps().flat_map(|step| [text(step.sender), text(step.recipient)]).flatten().collect(),
        threats: steps().filter_map(|step| text(step.threat)).collect(),
        ..abnormal(Matter::VendorCase)
    }
}

pub(super) fn audit(raw: &str) -> Particulars<'_> {
    let of: Entry<'_> = object(raw);
    let details: Details<'_> = inner(of.details);
    Particulars {
        message_id: text(details.message),
        action: text(of.action),
        category: text(of.category),
        outcome: text(of.status),
        // The vendor writes the word where nobody gave a reason.
        reason: text(details.reason).filter(|reason| reason != "null"),
        user: text(inner::<Person<'_>>(of.user).email),
        addresses: address(of.ip).into_iter().collect(),
        tenant: text(of.tenant),
        ..abnormal(Matter::Audit)
    }
}

fn abnormal<'a>(matter: Matter) -> Particulars<'a> {
    Particulars { origin: Origin::Abnormal, matter, ..Particulars::default() }
}
