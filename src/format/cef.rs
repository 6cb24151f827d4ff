//! ArcSight's Common Event Format, version 0: `CEF:0|Vendor|Product|Version|Class|Name|Severity|key=value ...`.
//!
//! Promise: one line, whatever the event holds. In the header `|` and `\` stand behind a backslash, in a value `=` and
//! `\`, and a line end is written `\n` or `\r`; every other control character is shown by its picture. The event's id is
//! `externalId`. The vendor's JSON is not in it, except for events that have no other fields (`cs6`).

use std::io::{self, Write};

use super::pairs::{CUSTOM, Pairs, VALUE, name, picture, raw};
use super::particulars::{Matter, Particulars};
use super::severity::Severities;
use super::shortening::Extent;
use crate::event::Stored;

/// Characters of an action, an outcome and a mail's own name in the dictionary's shorter fields.
const SHORT: usize = 63;

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
    let severity = severities.number(event.severity).unwrap_or_default();
    write!(w, "CEF:0|{}|Conductor|{}|", told.origin.vendor(), crate::VERSION)?;
    write_header(w, &event.kind)?;
    w.write_all(b"|")?;
    write_header(w, &name(event, &told))?;
    write!(w, "|{severity}|")?;
    let pairs = pairs(stored, &told, replayed, extent);
    for (at, (key, value)) in pairs.list.iter().enumerate() {
        write!(w, "{}{key}=", if at == 0 { "" } else { " " })?;
        write_value(w, value)?;
    }
    Ok(())
}

fn pairs(stored: &Stored, told: &Particulars<'_>, replayed: bool, extent: Extent) -> Pairs {
    let event = &stored.event;
    let mut pairs = Pairs::new(extent);
    // liblognorm (rsyslog's mmnormalize) takes a blank for granted behind the header, which ArcSight's own examples don't
    // have, and eats the first letter of the first key: never the id's.
    pairs.own("cn1", stored.seq.0.to_string());
    pairs.own("cn1Label", "seq");
    pairs.always("externalId", &event.id, usize::MAX);
    pairs.own("rt", event.occurred.as_millisecond().to_string());
    pairs.always("cat", &event.stream, VALUE);
    pairs.always("deviceExternalId", &event.integration, 255);
    pairs.always("msg", &event.summary, VALUE);
    pairs.own("deviceCustomDate1", event.observed.as_millisecond().to_string());
    pairs.own("deviceCustomDate1Label", "observed");
    if let Some(at) = told.remediated {
        pairs.own("deviceCustomDate2", at.as_millisecond().to_string());
        pairs.own("deviceCustomDate2Label", "remediationTime");
    }
    if let Some(at) = told.first_seen {
        pairs.own("start", at.as_millisecond().to_string());
    }
    people(&mut pairs, told);
    match told.addresses.first() {
        Some(std::net::IpAddr::V4(ip)) => pairs.own("src", ip.to_string()),
        Some(std::net::IpAddr::V6(ip)) => {
            pairs.own("c6a2", ip.to_string());
            pairs.own("c6a2Label", "Source IPv6 Address");
        }
        None => {}
    }
    pairs.told("sourceDnsDomain", &told.sender_domain, 255);
    pairs.told("request", &told.urls.first().cloned(), VALUE);
    pairs.told("fname", &told.attachments.first().cloned(), VALUE);
    pairs.told("act", if told.action.is_some() { &told.action } else { &told.remediation }, SHORT);
    pairs.told("outcome", &told.outcome, SHORT);
    pairs.told("reason", if told.reason.is_some() { &told.reason } else { &told.judgement }, VALUE);
    customs(&mut pairs, stored, told);
    let marks = match (replayed, extent.is_whole()) {
        (false, true) => "",
        (true, true) => "replayed",
        (false, false) => "truncated",
        (true, false) => "replayed,truncated",
    };
    if !marks.is_empty() {
        pairs.own("flexString2", marks);
        pairs.own("flexString2Label", "conductor");
    }
    pairs
}

/// Who sent and who received it; of what is no mail, whose account it is about or who acted.
fn people(pairs: &mut Pairs, told: &Particulars<'_>) {
    match told.matter {
        Matter::Threat | Matter::ThreatParts | Matter::Campaign | Matter::NotAnalyzed => {
            pairs.told("suser", if told.from.is_some() { &told.from } else { &told.reporter }, VALUE);
            pairs.told("duser", &told.recipient, VALUE);
        }
        Matter::Case => pairs.told("duser", &told.user, VALUE),
        Matter::Audit => pairs.told("suser", &told.user, VALUE),
        Matter::VendorCase => pairs.told("sourceDnsDomain", &told.vendor_domain, 255),
        Matter::Other => {}
    }
}

/// The custom strings: the same place for the same thing in every kind that has it.
fn customs(pairs: &mut Pairs, stored: &Stored, told: &Particulars<'_>) {
    pairs.labelled("cs1", "cs1Label", "abnormalId", &told.subject_id);
    match told.matter {
        Matter::Threat | Matter::ThreatParts | Matter::Campaign | Matter::NotAnalyzed | Matter::VendorCase => {
            pairs.labelled("cs2", "cs2Label", "subject", &told.subject);
            pairs.labelled("cs3", "cs3Label", "attackType", &told.attack_type);
            pairs.labelled("cs4", "cs4Label", "attackVector", &told.attack_vector);
        }
        Matter::Case => {
            pairs.labelled("cs2", "cs2Label", "caseStatus", &told.status);
            pairs.labelled("cs3", "cs3Label", "analysis", &told.category);
            pairs.labelled("cs4", "cs4Label", "confidence", &told.confidence);
        }
        Matter::Audit => {
            pairs.labelled("cs2", "cs2Label", "category", &told.category);
            pairs.labelled("cs3", "cs3Label", "tenant", &told.tenant);
        }
        Matter::Other => {}
    }
    let message = if told.internet_message_id.is_some() { &told.internet_message_id } else { &told.message_id };
    pairs.labelled("cs5", "cs5Label", "messageId", message);
    if told.matter == Matter::Other {
        pairs.labelled("cs6", "cs6Label", "raw", &raw(&stored.event, told));
    } else if !told.insights.is_empty() {
        pairs.list("cs6", &told.insights, "; ", CUSTOM);
        pairs.own("cs6Label", "insights");
    }
    pairs.labelled("flexString1", "flexString1Label", "portal", &told.portal);
}

/// A header field: `|` and `\` behind a backslash, controls as pictures.
fn write_header<W: Write>(w: &mut W, text: &str) -> io::Result<()> {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '\\') {
            line.push('\\');
        }
        line.push(picture(c));
    }
    w.write_all(line.as_bytes())
}

/// A value: `=` and `\` behind a backslash, line ends as letters, other controls as pictures.
fn write_value<W: Write>(w: &mut W, text: &str) -> io::Result<()> {
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '=' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(picture(c)),
        }
    }
    w.write_all(line.as_bytes())
}

#[cfg(test)]
pub(crate) mod tests;
