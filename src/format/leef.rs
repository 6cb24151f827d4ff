//! IBM's Log Event Extended Format 2.0: `LEEF:2.0|Vendor|Product|Version|EventID|x09|key=value<tab>...`.
//!
//! LEEF has no way to escape. Promise: one line, whatever the event holds: a tab, a line end and every other control
//! character in a value is shown by its picture (a tab as `␉`), and a `|` in the header becomes `_`. The event's id is
//! `eventId`. The vendor's JSON is not in it, except for events that have no other fields (`raw`).

use std::io::{self, Write};

use super::pairs::{CUSTOM, Pairs, VALUE, name, picture, raw};
use super::particulars::Particulars;
use super::severity::Severities;
use super::shortening::Extent;
use super::time::{Digits, write_rfc3339};
use crate::event::Stored;

/// Writes the line, without its end.
///
/// # Errors
/// Those of the writer; a `Vec` has none.
pub fn write<W: Write>(
    w: &mut W,
    stored: &Stored,
    severities: &Severities,
    replayed: bool,
    extent: Extent,
) -> io::Result<()> {
    let event = &stored.event;
    let told = extent.particulars(event);
    // QRadar maps an event by this word and `cat`; it is never empty.
    let kind: String = event.kind.chars().map(|c| if c == '|' { '_' } else { picture(c) }).collect();
    let kind = if kind.is_empty() { "event" } else { &kind };
    write!(w, "LEEF:2.0|{}|Conductor|{}|{kind}|x09|", told.origin.vendor(), crate::VERSION)?;
    let pairs = pairs(stored, &told, severities, replayed, extent);
    for (at, (key, value)) in pairs.list.iter().enumerate() {
        let value: String = value.chars().map(picture).collect();
        write!(w, "{}{key}={value}", if at == 0 { "" } else { "\t" })?;
    }
    Ok(())
}

fn pairs(stored: &Stored, told: &Particulars<'_>, severities: &Severities, replayed: bool, extent: Extent) -> Pairs {
    let event = &stored.event;
    let mut pairs = Pairs::new(extent);
    pairs.always("eventId", &event.id, usize::MAX);
    if let Some(time) = device_time(event.occurred) {
        pairs.own("devTime", time);
        pairs.own("devTimeFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSZ");
    }
    pairs.own("sev", severities.number(event.severity).map(|number| number.to_string()).unwrap_or_default());
    pairs.own("cat", name(event, told));
    pairs.always("integration", &event.integration, VALUE);
    pairs.always("stream", &event.stream, VALUE);
    pairs.own("seq", stored.seq.0.to_string());
    pairs.own("observed", event.observed.as_millisecond().to_string());
    pairs.always("msg", &event.summary, VALUE);
    // `src` takes both families; `usrName` is the person whom QRadar files it under.
    pairs.own("src", told.addresses.first().map(ToString::to_string).unwrap_or_default());
    let user = [&told.user, &told.recipient, &told.reporter].into_iter().find(|user| user.is_some());
    pairs.told("usrName", user.unwrap_or(&None), VALUE);
    pairs.told("url", &told.urls.first().cloned(), VALUE);
    for (key, text) in [
        ("abnormalId", &told.subject_id),
        ("messageId", &told.message_id),
        ("internetMessageId", &told.internet_message_id),
        ("subject", &told.subject),
        ("sender", &told.from),
        ("senderName", &told.from_name),
        ("senderDomain", &told.sender_domain),
        ("returnPath", &told.return_path),
        ("recipient", &told.recipient),
        ("reporter", &told.reporter),
        ("attackType", &told.attack_type),
        ("attackStrategy", &told.attack_strategy),
        ("attackVector", &told.attack_vector),
        ("attackedParty", &told.attacked_party),
        ("impersonatedParty", &told.impersonated_party),
        ("judgement", &told.judgement),
        ("confidence", &told.confidence),
        ("status", &told.status),
        ("remediationStatus", &told.remediation),
        ("action", &told.action),
        ("outcome", &told.outcome),
        ("category", &told.category),
        ("reason", &told.reason),
        ("vendorDomain", &told.vendor_domain),
        ("tenant", &told.tenant),
        ("portal", &told.portal),
    ] {
        pairs.told(key, text, VALUE);
    }
    pairs.list("to", &told.to, ",", VALUE);
    pairs.list("cc", &told.cc, ",", VALUE);
    pairs.list("attachments", &told.attachments, ",", VALUE);
    pairs.list("insights", &told.insights, "; ", CUSTOM);
    pairs.own("remediationTime", told.remediated.map(|at| at.as_millisecond().to_string()).unwrap_or_default());
    pairs.own("firstSeen", told.first_seen.map(|at| at.as_millisecond().to_string()).unwrap_or_default());
    pairs.told("raw", &raw(event, told), CUSTOM);
    if replayed {
        pairs.own("replayed", "true");
    }
    if !extent.is_whole() {
        pairs.own("truncated", "true");
    }
    pairs
}

/// `2026-11-20T09:08:07.500+0000`, as the format beside it says; a year beyond four digits has none.
fn device_time(at: jiff::Timestamp) -> Option<String> {
    let mut text = Vec::new();
    if !matches!(write_rfc3339(&mut text, at, Digits::Six), Ok(true)) {
        return None;
    }
    // Six digits and the Z, of which three digits stay.
    text.truncate(text.len().saturating_sub(4));
    Some(format!("{}+0000", String::from_utf8_lossy(&text)))
}

#[cfg(test)]
pub(crate) mod tests;
