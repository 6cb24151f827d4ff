//! `[destinations.NAME]`.
//!
//! Promise: a destination that passes can be dialled; whether anyone answers is found out at run time.

use syslog::Facility;

use super::document::{Findings, Table};
use super::files::Files;
use super::format::format;
use super::grammar::{Read, Wrong, said};
use super::http;
use super::integration::{door, identity};
use super::jetstream::jetstream;
use super::keys::{Kind, Section};
use super::link;
use super::reader::TableReader;
use super::sections::{FILTER, TYPES};
use super::settings::{Destination, Filter, Link, Protocol, Start, Transport};
use super::spelling::nearest;
use crate::connectors::abnormal::STREAMS;
use crate::destinations::relp as by_relp;
use crate::destinations::syslog::{self as over_tls, Framing};
use crate::event::Severity;
use crate::values::{ByteSize, Name};

pub fn destination(
    name: &str,
    table: Table<'_>,
    findings: &mut Findings<'_>,
    files: &mut Files,
    other_hosts: bool,
) -> Option<Destination> {
    let Some(section) = section_of(&table) else {
        // Another protocol has other keys: complaining about them would mislead. What every type has is read.
        // And what no type has is told: it may be `type` itself, misspelt.
        let another = |key: &str| TYPES.iter().any(|(_, section)| section.key(key).is_some());
        let shared = table.entries.iter().filter(|(key, _)| table.section.key(key).is_some() || !another(key));
        let table = Table { entries: shared.map(|(key, entry)| (*key, *entry)).collect(), ..table };
        let mut reader = TableReader::new(table, findings);
        reader.choice("type");
        let _ = common(&mut reader);
        return None;
    };
    let name = identity(name, &table, findings);
    let mut reader = TableReader::new(Table { section, ..table }, findings);
    let kind = reader.choice("type");
    let web = section.key("url").is_some();
    let link = if web { None } else { link::by_address(&mut reader, files) };
    let place = if web { http::place(&mut reader, files) } else { None };
    let key = files.secret(&mut reader, "key");
    let format = format(&mut reader);
    let protocol = match section.of_type {
        Some("syslog") => syslog(&mut reader, link.as_ref()).map(Protocol::Syslog),
        Some("http") => http::http(&mut reader, files, place.as_ref()).map(Protocol::Http),
        Some("splunk-hec") => http::splunk_hec(&mut reader, files, place.as_ref()).map(Protocol::SplunkHec),
        Some("elastic") => http::elastic(&mut reader, files, place.as_ref()).map(Protocol::Elastic),
        Some("relp") => relp(&mut reader).map(Protocol::Relp),
        Some("jetstream") => jetstream(&mut reader, files, link.as_ref()).map(Protocol::JetStream),
        // A section without its reader would be found by every test of this file.
        Some(_) | None => None,
    };
    let common = common(&mut reader);
    let door = door(&mut reader, other_hosts);
    let link = place.map(|place| place.link).or(link).map(|link| Link { door, ..link });
    if let Some(why) = link.as_ref().and_then(leads_astray) {
        let hint = "name the receiver itself; to mean this address, define the destination in a file of your own, or write \
                    allow-other-hosts = true under [remote]";
        reader.wrong(if web { "url" } else { "address" }, &format!("leads to {why}, and a page set it"), hint);
    }
    kind?;
    let (enabled, start, filter) = common?;
    Some(Destination { name: name?, enabled, start, filter, format: format?, link: link?, key, protocol: protocol? })
}

/// Why the address that is written out may not be dialled; where a name leads is seen at each connection.
fn leads_astray(link: &Link) -> Option<&'static str> {
    let (host, _) = link.host_and_port()?;
    link.door.refuses(host.trim_matches(['[', ']']).parse().ok()?, &[])
}

/// What every type has.
fn common(reader: &mut TableReader<'_, '_, '_>) -> Option<(bool, Start, Filter)> {
    let enabled = reader.flag("enabled");
    let start = reader.choice("start");
    let filter = match reader.take_table("filter", &FILTER) {
        Some(table) => filter(table, reader.findings),
        None => Some(Filter::default()),
    };
    Some((enabled?, if start? == "oldest" { Start::Oldest } else { Start::Head }, filter?))
}

/// The keys of the type that is written, or nearly written; `None` where it is one that this build does not speak.
fn section_of(table: &Table<'_>) -> Option<&'static Section> {
    let written = table.entries.get("type").and_then(|entry| entry.value.get_ref().as_str())?;
    let known = |word: &str| TYPES.iter().find(|(name, _)| *name == word).map(|(_, section)| *section);
    match table.section.key("type").map(|key| key.kind) {
        Some(Kind::Choice { later, .. }) if later.contains(&written) => None,
        _ => known(written).or_else(|| known(nearest(written, TYPES.iter().map(|(name, _)| *name))?)),
    }
}

/// The most that a datagram holds: 65,535 less the headers of IPv4 and UDP.
const LARGEST_DATAGRAM: u64 = 65_507;
/// Over UDP: what rsyslog takes unless it is told otherwise.
const USUAL_DATAGRAM: u64 = 8 << 10;

fn syslog(reader: &mut TableReader<'_, '_, '_>, link: Option<&Link>) -> Option<over_tls::Settings> {
    let standard = reader.choice("standard").and_then(over_tls::Standard::from_word);
    let facility = reader.text("facility", facility);
    let app_name = reader.word("app-name");
    let enterprise_number = reader.count("enterprise-number");
    let window = reader.size("window");
    let framing = match reader.choice("framing") {
        Some("lf") => Framing::LineFeed,
        Some(_) | None => Framing::OctetCounted,
    };
    let udp = link.is_some_and(|link| link.transport == Transport::Udp);
    let usual = if udp { USUAL_DATAGRAM } else { over_tls::LARGEST as u64 };
    let max_message_size = message_size(reader, usual);
    if udp && max_message_size.is_some_and(|size| size.0 > LARGEST_DATAGRAM) {
        reader.wrong("max-message-size", "is more than a datagram holds", "over UDP it is 65507 bytes at the most");
    }
    if udp && reader.has("framing") {
        reader.warn("framing", "has no effect: over UDP each message is a datagram");
    }
    Some(over_tls::Settings {
        standard: standard?,
        facility: facility?,
        app_name: app_name?,
        enterprise_number: u32::try_from(enterprise_number?).ok()?,
        window: window?.0,
        framing,
        max_message_size: usize::try_from(max_message_size?.0).ok()?,
    })
}

/// What is written, else what is usual there.
fn message_size(reader: &mut TableReader<'_, '_, '_>, usual: u64) -> Option<ByteSize> {
    let written = reader.has("max-message-size").then(|| reader.size("max-message-size"));
    written.unwrap_or(Some(ByteSize(usual)))
}

fn relp(reader: &mut TableReader<'_, '_, '_>) -> Option<by_relp::Settings> {
    let facility = reader.text("facility", facility);
    let app_name = reader.word("app-name");
    let enterprise_number = reader.count("enterprise-number");
    let window = reader.count("window");
    let max_message_size = message_size(reader, over_tls::LARGEST as u64);
    Some(by_relp::Settings {
        facility: facility?,
        app_name: app_name?,
        enterprise_number: u32::try_from(enterprise_number?).ok()?,
        window: usize::try_from(window?).ok()?,
        max_message_size: usize::try_from(max_message_size?.0).ok()?,
    })
}

/// The keyword as the `syslog` crate reads it, in its plain form (`log_local0` is `local0`).
fn facility(text: &str) -> Read<String> {
    let lower = text.to_lowercase();
    let plain = lower.strip_prefix("log_").unwrap_or(&lower);
    match plain.parse::<Facility>() {
        Ok(_) => Ok(plain.to_owned()),
        Err(()) => {
            said("is none that syslog knows", "one of kern, user, daemon, auth, audit, local0 to local7 and so on")
        }
    }
}

fn filter(table: Table<'_>, findings: &mut Findings<'_>) -> Option<Filter> {
    let mut reader = TableReader::new(table, findings);
    let name = |text: &str| text.parse::<Name>().map(|name| name.to_string()).map_err(|_| Wrong::Form);
    let integrations = reader.take_list("integrations", name);
    let streams = reader.take_list("streams", name);
    for stream in streams.iter().flatten().filter(|stream| !STREAMS.contains(&stream.as_str())) {
        if let Some(meant) = nearest(stream, STREAMS.iter().copied()) {
            reader.warn("streams", &format!("names one that no integration has: did you mean {meant:?}?"));
        }
    }
    let severity_at_least = reader.choice("severity-at-least").and_then(Severity::from_word);
    Some(Filter { integrations: integrations?, streams: streams?, severity_at_least: severity_at_least? })
}
