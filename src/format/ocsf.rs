//! OCSF 1.6.0: an event as one JSON object of the class Detection Finding (2004), Email Activity (4009) or Base Event (0).
//!
//! Findings (threats, cases, reported mails, vendor cases) are Detection Findings; a threat's message is an Email
//! Activity where the operator wants that. What is no finding (the audit log, heartbeats, gaps, imported lines) is a
//! Base Event: whoever counts findings shall not count those. Promise: every field that the class requires is there, with
//! a value of its enumeration; what the schema has no place for stands in `unmapped`, the vendor's JSON in `raw_data`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::object::{self, text, texts};
use super::particulars::{Course, Matter, Particulars, Text, is_mail_address};
use super::severity::Severities;
use super::shortening::Extent;
use crate::event::{Event, Stored};

/// The version of the schema that is written.
pub const VERSION: &str = "1.6.0";

/// The class of a threat's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    #[default]
    DetectionFinding,
    EmailActivity,
}

impl Class {
    /// By its word in the settings.
    pub fn from_word(word: &str) -> Option<Class> {
        match word {
            "detection-finding" => Some(Class::DetectionFinding),
            "email-activity" => Some(Class::EmailActivity),
            _ => None,
        }
    }
}

/// Writes the object, without a line end.
///
/// # Errors
/// Those of the writer; a `Vec` has none.
pub fn write<W: Write>(
    w: &mut W,
    stored: &Stored,
    severities: &Severities,
    threats: Class,
    replayed: bool,
    extent: Extent,
) -> io::Result<()> {
    let event = &stored.event;
    let told = extent.particulars(event);
    let severity_id = severities.number(event.severity).unwrap_or_default();
    let mail = mail(&told, extent);
    let is_activity = threats == Class::EmailActivity && told.matter == Matter::Threat && !mail.is_null();
    let is_finding = told.is_finding() && !is_activity;
    let mut object = json!({
        "severity_id": severity_id,
        "severity": severity(severity_id),
        "time": event.occurred.as_millisecond(),
        "message": *event.summary,
        "metadata": metadata(stored, &told, replayed, extent),
        "observables": observables(&told, extent),
        "raw_data": extent.raw(&event.raw),
        "raw_data_size": if extent.is_whole() { Value::Null } else { event.raw.len().into() },
        "unmapped": unmapped(event, &told, is_finding, is_activity || is_finding && !mail.is_null(), replayed, extent),
    });
    let own = if is_activity {
        email_activity(&told, mail, extent)
    } else if is_finding {
        finding(event, &told, mail, extent)
    } else {
        json!({
            "activity_id": 99, "activity_name": told.action.as_deref().unwrap_or(&event.kind),
            "category_uid": 0, "category_name": "Uncategorized",
            "class_uid": 0, "class_name": "Base Event",
            "type_uid": 99, "type_name": "Base Event: Other",
        })
    };
    if let (Value::Object(object), Value::Object(own)) = (&mut object, own) {
        object.extend(own);
    }
    object::write(w, object)
}

/// Detection Finding. The agent can't know what its receiver has seen before, so each state of a finding is a Create
/// until the vendor calls it closed; `finding_info.uid` stays the same through all of them.
fn finding(event: &Event, told: &Particulars<'_>, mail: Value, extent: Extent) -> Value {
    let course = told.course();
    let (status_id, status) = match course {
        None => (0, "Unknown"),
        Some(Course::New) => (1, "New"),
        Some(Course::InProgress) => (2, "In Progress"),
        Some(Course::Resolved) => (4, "Resolved"),
    };
    let closed = told.matter == Matter::Case && course == Some(Course::Resolved);
    let (activity_id, activity) = if closed { (3, "Close") } else { (1, "Create") };
    let confidence = match told.confidence.as_deref().map(str::to_ascii_uppercase).as_deref() {
        Some("LOW") => Some((1, "Low")),
        Some("MEDIUM") => Some((2, "Medium")),
        Some("HIGH") => Some((3, "High")),
        Some(_) | None => None,
    };
    let threats = told.threats.iter().take(extent.entries()).filter_map(|id| extent.field(id));
    json!({
        "activity_id": activity_id, "activity_name": activity,
        "category_uid": 2, "category_name": "Findings",
        "class_uid": 2004, "class_name": "Detection Finding",
        "type_uid": 200_400 + activity_id, "type_name": format!("Detection Finding: {activity}"),
        "status_id": status_id, "status": status,
        "status_detail": text(if told.status.is_some() { &told.status } else { &told.remediation }, extent),
        "is_alert": told.is_alert(),
        "confidence_id": confidence.map(|(id, _)| id), "confidence": confidence.map(|(_, word)| word),
        "finding_info": {
            "uid": identity(&event.id), "uid_alt": text(&told.subject_id, extent),
            "title": *event.summary, "types": [text(&told.attack_type, extent)],
            "first_seen_time": told.first_seen.or(told.received).map(|at| at.as_millisecond()),
            "src_url": text(&told.portal, extent),
            "related_events": threats.map(|uid| json!({ "uid": uid })).collect::<Value>(),
        },
        "evidences": evidences(told, mail, extent),
    })
}

fn email_activity(told: &Particulars<'_>, mail: Value, extent: Extent) -> Value {
    json!({
        "activity_id": 3, "activity_name": "Scan",
        "category_uid": 4, "category_name": "Network Activity",
        "class_uid": 4009, "class_name": "Email Activity",
        "type_uid": 400_903, "type_name": "Email Activity: Scan",
        // The vendor does not tell which way a mail went.
        "direction_id": 0, "direction": "Unknown",
        "email": mail,
        "from": address(&told.return_path, extent),
        "to": [address(&told.recipient, extent)],
        "src_endpoint": { "ip": told.addresses.first() },
    })
}

/// An event id without its version: what stays the same through all states of a thing.
fn identity(id: &str) -> &str {
    match id.rsplit_once('/') {
        Some((identity, _)) if !identity.is_empty() => identity,
        Some(_) | None if id.is_empty() => "unknown",
        Some(_) | None => id,
    }
}

fn severity(id: u8) -> &'static str {
    match id {
        1 => "Informational",
        2 => "Low",
        3 => "Medium",
        4 => "High",
        5 => "Critical",
        6 => "Fatal",
        _ => "Unknown",
    }
}

fn metadata(stored: &Stored, told: &Particulars<'_>, replayed: bool, extent: Extent) -> Value {
    let event = &stored.event;
    json!({
        "version": VERSION,
        "product": { "vendor_name": told.origin.vendor(), "name": told.origin.vendor() },
        "uid": *event.id,
        // The schema's integers have a sign.
        "sequence": i64::try_from(stored.seq.0).ok(),
        "event_code": *event.kind,
        "log_name": *event.stream,
        "log_provider": format!("conductor {}", crate::VERSION),
        "logged_time": event.observed.as_millisecond(),
        "correlation_uid": text(&told.subject_id, extent),
        "tenant_uid": text(&told.tenant_id, extent),
        "labels": if replayed { json!(["replayed"]) } else { Value::Null },
        "is_truncated": if extent.is_whole() { Value::Null } else { true.into() },
    })
}

/// The `email` object; null where it would have neither of `from` and `to`, of which it needs one.
fn mail(told: &Particulars<'_>, extent: Extent) -> Value {
    if !told.is_mail() {
        return Value::Null;
    }
    let one = |of: &Option<Text<'_>>| address(of, extent);
    let list = |of: &[Text<'_>]| -> Vec<Value> {
        let fitting = of.iter().filter(|address| is_mail_address(address)).take(extent.entries());
        fitting.filter_map(|address| extent.field(address)).map(Value::from).collect()
    };
    let (from, mut to) = (one(&told.from), list(&told.to));
    let recipient = one(&told.recipient);
    if to.is_empty() && !recipient.is_null() {
        to.push(recipient.clone());
    }
    if from.is_null() && to.is_empty() {
        return Value::Null;
    }
    let mailbox = match (&told.from_name, &told.from) {
        (Some(name), Some(from)) => extent.field(&format!("{name} <{from}>")).map(Value::from),
        (None, Some(one)) | (Some(one), None) => extent.field(one).map(Value::from),
        (None, None) => None,
    };
    json!({
        "uid": text(&told.message_id, extent),
        "message_uid": text(&told.internet_message_id, extent),
        "subject": text(&told.subject, extent),
        "from": from, "from_mailbox": mailbox, "to": to, "cc": list(&told.cc),
        "reply_to_list": list(&told.reply_to), "return_path": one(&told.return_path), "delivered_to": recipient,
        "is_read": told.is_read,
        "x_originating_ip": told.addresses.iter().take(extent.entries()).collect::<Vec<_>>(),
        "urls": urls(told, extent), "files": files(told, extent),
    })
}

/// What is an address in the schema's eyes, too; null else.
fn address(of: &Option<Text<'_>>, extent: Extent) -> Value {
    let kept = of.as_deref().filter(|text| is_mail_address(text)).and_then(|text| extent.field(text));
    kept.map(Value::from).unwrap_or_default()
}

fn urls(told: &Particulars<'_>, extent: Extent) -> Vec<Value> {
    let urls = told.urls.iter().take(extent.entries()).filter_map(|url| extent.field(url));
    urls.map(|url| json!({ "url_string": url })).collect()
}

fn files(told: &Particulars<'_>, extent: Extent) -> Vec<Value> {
    let names = told.attachments.iter().take(extent.entries()).filter_map(|name| extent.field(name));
    names.map(|name| json!({ "name": name, "type_id": 1, "type": "Regular File" })).collect()
}

/// A mail with its links and files is one evidence; what comes without a mail is one each.
fn evidences(told: &Particulars<'_>, mail: Value, extent: Extent) -> Vec<Value> {
    let mut found = Vec::new();
    if mail.is_null() {
        found.extend(urls(told, extent).into_iter().map(|url| json!({ "url": url })));
        found.extend(files(told, extent).into_iter().map(|file| json!({ "file": file })));
    } else {
        found.push(json!({ "email": mail, "src_endpoint": { "ip": told.addresses.first() } }));
    }
    if let Some(user) = told.user.as_deref().and_then(|user| extent.field(user)) {
        found.push(json!({ "user": { "name": user, "email_addr": is_mail_address(&user).then_some(&user) } }));
    }
    if !told.is_mail() {
        let addresses = told.addresses.iter().take(extent.entries());
        found.extend(addresses.map(|ip| json!({ "src_endpoint": { "ip": ip } })));
    }
    found
}

/// What to pivot by, each with its type of the `observable` dictionary.
fn observables(told: &Particulars<'_>, extent: Extent) -> Vec<Value> {
    let most = extent.entries();
    let value = |id: u8, kind: &str, value: &str| {
        extent.field(value).map(|value| json!({ "type_id": id, "type": kind, "value": value }))
    };
    let mut found = Vec::new();
    found.extend(told.mail_addresses().into_iter().take(most).filter_map(|at| value(5, "Email Address", at)));
    found.extend(told.addresses.iter().take(most).filter_map(|ip| value(2, "IP Address", &ip.to_string())));
    found.extend(told.urls.iter().take(most).filter_map(|url| value(6, "URL String", url)));
    found.extend(told.attachments.iter().take(most).filter_map(|name| value(7, "File Name", name)));
    let hosts = [&told.sender_domain, &told.vendor_domain];
    found.extend(hosts.into_iter().flatten().filter_map(|host| value(1, "Hostname", host)));
    found
}

/// What the schema has no place for; a finding has places for a little more, and some classes have none for a mail.
fn unmapped(
    event: &Event,
    told: &Particulars<'_>,
    is_finding: bool,
    has_mail: bool,
    replayed: bool,
    extent: Extent,
) -> Value {
    let of_mail = |of| if has_mail { Value::Null } else { text(of, extent) };
    json!({
        "conductor": {
            "integration": *event.integration,
            "severity": event.severity.as_str(),
            "replayed": replayed.then_some(true),
        },
        "abnormal": {
            "attack_type": if is_finding { Value::Null } else { text(&told.attack_type, extent) },
            "subject": of_mail(&told.subject),
            "message_id": of_mail(&told.message_id),
            "internet_message_id": of_mail(&told.internet_message_id),
            "from": of_mail(&told.from),
            "recipient": of_mail(&told.recipient),
            "attack_strategy": text(&told.attack_strategy, extent),
            "attack_vector": text(&told.attack_vector, extent),
            "attacked_party": text(&told.attacked_party, extent),
            "impersonated_party": text(&told.impersonated_party, extent),
            "judgement": text(&told.judgement, extent),
            "insights": texts(&told.insights, extent),
            "remediation_status": text(&told.remediation, extent),
            "remediation_time": told.remediated.map(|at| at.to_string()),
            "sent_time": told.sent.map(|at| at.to_string()),
            "category": text(&told.category, extent),
            "outcome": text(&told.outcome, extent),
            "reason": text(&told.reason, extent),
            "reporter": text(&told.reporter, extent),
            "user": if is_finding { Value::Null } else { text(&told.user, extent) },
            "tenant_name": text(&told.tenant, extent),
        },
    })
}

#[cfg(test)]
mod tests;
