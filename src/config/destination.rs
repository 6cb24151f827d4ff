//! `[destinations.NAME]`.
//!
//! Promise: a destination that passes can be dialled; whether anyone answers is found out at run time.

use syslog::Facility;

use super::document::{Findings, Table};
use super::files::Files;
use super::grammar::{Read, Wrong, address, said, server_name};
use super::integration::identity;
use super::keys::Kind;
use super::reader::TableReader;
use super::sections::FILTER;
use super::settings::{Destination, Filter, Protocol, Start};
use super::spelling::nearest;
use crate::connectors::abnormal::STREAMS;
use crate::destinations::syslog as over_tls;
use crate::event::Severity;
use crate::values::Name;

pub fn destination(
    name: &str,
    table: Table<'_>,
    findings: &mut Findings<'_>,
    files: &mut Files,
) -> Option<Destination> {
    if is_for_later(&table) {
        // Another protocol has other keys: complaining about them would mislead.
        let alone = table.entries.iter().filter(|(key, _)| **key == "type").map(|(key, entry)| (*key, *entry));
        let table = Table { entries: alone.collect(), ..table };
        TableReader::new(table, findings).choice("type");
        return None;
    }
    let name = identity(name, &table, findings);
    let mut reader = TableReader::new(table, findings);
    let kind = reader.choice("type");
    let address = reader.text("address", address);
    let server_name = reader.text("server-name", |text| server_name(text).map(str::to_owned));
    let ca = files.path(&mut reader, "ca");
    let cert = files.path(&mut reader, "cert");
    let key = files.secret(&mut reader, "key");
    if reader.has("cert") != reader.has("key") {
        let (here, other) = if reader.has("cert") { ("cert", "key") } else { ("key", "cert") };
        reader.wrong(here, &format!("needs {other} beside it"), "for mTLS both are needed, for plain TLS neither");
    }
    let format = reader.choice("format");
    let facility = reader.text("facility", facility);
    let app_name = reader.word("app-name");
    let enterprise_number = reader.count("enterprise-number");
    let window = reader.size("window");
    let max_message_size = reader.size("max-message-size");
    let start = reader.choice("start");
    let enabled = reader.flag("enabled");
    if reader.flag("insecure") == Some(true) {
        reader.wrong(
            "insecure",
            "can't be true yet: this build speaks TLS only",
            "plain syslog comes later: take it out",
        );
    }
    let filter = match reader.take_table("filter", &FILTER) {
        Some(table) => filter(table, reader.findings),
        None => Some(Filter::default()),
    };
    kind?;
    format?;
    Some(Destination {
        name: name?,
        enabled: enabled?,
        start: if start? == "oldest" { Start::Oldest } else { Start::Head },
        filter: filter?,
        protocol: Protocol::Syslog {
            settings: over_tls::Settings {
                address: address?,
                server_name,
                ca,
                cert,
                facility: facility?,
                app_name: app_name?,
                enterprise_number: u32::try_from(enterprise_number?).ok()?,
                window: window?.0,
                max_message_size: usize::try_from(max_message_size?.0).ok()?,
            },
            key,
        },
    })
}

/// Is its type one that another build will speak?
fn is_for_later(table: &Table<'_>) -> bool {
    let written = table.entries.get("type").and_then(|entry| entry.value.get_ref().as_str());
    match table.section.key("type").map(|key| key.kind) {
        Some(Kind::Choice { later, .. }) => written.is_some_and(|word| later.contains(&word)),
        _ => false,
    }
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
