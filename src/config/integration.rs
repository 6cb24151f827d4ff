//! `[integrations.NAME]`.
//!
//! Promise: an integration that passes can be started; what it lacks at run time is a fault of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Entry, Findings, Table};
use super::files::Files;
use super::grammar::{Read, Wrong, api_host, said};
use super::keys::Key;
use super::reader::{TableReader, duration, text, value_place};
use super::sections::OWN_INTEGRATIONS;
use super::settings::{Connector, Door, Integration};
use super::spelling::nearest;
use crate::connectors::abnormal::{self, STREAMS, region};
use crate::values::Name;

/// The vendor's limit for one customer, per minute.
const VENDOR_LIMIT: u64 = 300;
const MINUTE: Duration = Duration::from_secs(60);

pub fn integration(
    name: &str,
    table: Table<'_>,
    findings: &mut Findings<'_>,
    files: &mut Files,
    other_hosts: bool,
) -> Option<Integration> {
    let name = identity(name, &table, findings);
    let mut reader = TableReader::new(table, findings);
    let connector = reader.choice("connector");
    // The pages show it as it is written: nothing that runs depends on it.
    reader.line("title");
    let host = reader.text("host", api_host);
    let door = door(&mut reader, other_hosts);
    let vendors = host.as_deref().is_none_or(|host| region::regions().iter().any(|region| region.answers_at(host)));
    if door == Door::Guarded && !vendors {
        let all: Vec<String> = region::regions().into_iter().map(|region| region.host).collect();
        let hint = format!(
            "it is one of {}; to name another, define the integration in a file of your own, or write allow-other-hosts = true \
             under [remote]",
            all.join(", ")
        );
        reader.wrong("host", "is none of the vendor's, and a page set it", &hint);
    }
    let ca = files.path(&mut reader, "ca");
    let api_key = files.secret(&mut reader, "api-key");
    let api_key_expires = expiry(&mut reader);
    let api_key_name = reader.line("api-key-name");
    let api_key_max_age = reader.duration("api-key-max-age");
    let polling_interval = reader.duration("polling-interval");
    if polling_interval.is_some_and(|interval| interval < MINUTE) {
        reader.warn("polling-interval", "is below 1m: it spends requests that the vendor counts");
    }
    let intervals = intervals(&mut reader);
    let enabled = reader.flag("enabled");
    let start = reader.duration("start");
    let lag = reader.duration("lag");
    let overlap = reader.duration("overlap");
    let streams = streams(&mut reader);
    let enrich = reader.flag("enrich");
    let requests = reader.count("requests-per-minute");
    if requests.is_some_and(|requests| requests > VENDOR_LIMIT) {
        reader.warn("requests-per-minute", "is above the 300 that the vendor allows per customer");
    }
    connector?;
    Some(Integration {
        name: name?,
        enabled: enabled?,
        api_key: api_key?,
        api_key_expires,
        api_key_name,
        api_key_max_age: api_key_max_age?,
        requests_per_minute: u32::try_from(requests?).ok()?,
        ca,
        door,
        connector: Connector::Abnormal(abnormal::Settings {
            host: host?,
            polling_interval: polling_interval?,
            intervals,
            start: start?,
            lag: lag?,
            overlap: overlap?,
            streams: streams?,
            enrich: enrich?,
        }),
    })
}

/// Who named the host. `other_hosts`: the operator's own file lets pages name any.
pub fn door(reader: &mut TableReader<'_, '_, '_>, other_hosts: bool) -> Door {
    let by_page = reader.choice("set-by").is_some();
    if by_page && !other_hosts { Door::Guarded } else { Door::Open }
}

/// The name, where it can be one. `[integrations.conductor]` would mix its events with our own.
pub fn identity(name: &str, table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Name> {
    let parsed = name.parse().ok();
    if parsed.is_none() {
        let hint = "a name is 1 to 63 of a-z, 0-9, - and _, and begins with a letter or digit";
        findings.mistake(table.place, format!("{} can't have this name", table.title), hint);
    }
    parsed
}

/// Refuses the names under which the agent itself speaks.
pub fn not_our_own(name: &str, table: &Table<'_>, findings: &mut Findings<'_>) {
    if OWN_INTEGRATIONS.contains(&name) {
        let sentence = format!("the name {name:?} is kept for the agent's own events");
        findings.mistake(table.place, sentence, "choose another name");
    }
}

fn expiry(reader: &mut TableReader<'_, '_, '_>) -> Option<jiff::civil::Date> {
    reader.take("api-key-expires", |value, _| {
        if let Some(written) = value.as_datetime() {
            return match (written.date, written.time, written.offset) {
                (Some(date), None, None) => calendar(i64::from(date.year), i64::from(date.month), i64::from(date.day)),
                _ => Err(Wrong::Form),
            };
        }
        let written = text(value)?;
        if written.len() == 10 { written.parse().map_err(|_| Wrong::Form) } else { Err(Wrong::Form) }
    })
}

fn calendar(year: i64, month: i64, day: i64) -> Read<jiff::civil::Date> {
    match (i16::try_from(year), i8::try_from(month), i8::try_from(day)) {
        (Ok(year), Ok(month), Ok(day)) => jiff::civil::Date::new(year, month, day).map_err(|_| Wrong::Form),
        _ => Err(Wrong::Form),
    }
}

fn streams(reader: &mut TableReader<'_, '_, '_>) -> Option<Vec<String>> {
    let all = || STREAMS.iter().map(|stream| (*stream).to_owned()).collect::<Vec<_>>();
    let alone = reader.take("streams", |value, _| match value.as_str() {
        None => Ok(None),
        Some("all") => Ok(Some(all())),
        Some(_) => Err(Wrong::Form),
    })?;
    if alone.is_some() {
        return alone;
    }
    let listed = reader.take_list("streams", |word| if word == "all" { Ok("all") } else { stream(word) })?;
    if listed.contains(&"all") {
        return Some(all());
    }
    if listed.is_empty() {
        reader.wrong("streams", "must name a stream", "to collect nothing, write enabled = false");
        return None;
    }
    let mut kept: Vec<String> = Vec::new();
    for stream in listed {
        if !kept.iter().any(|known| known == stream) {
            kept.push(stream.to_owned());
        }
    }
    Some(kept)
}

/// A stream of the vendor.
fn stream(word: &str) -> Read<&'static str> {
    if let Some(known) = STREAMS.iter().find(|known| **known == word) {
        return Ok(known);
    }
    let hint = match nearest(word, STREAMS.iter().copied()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("the streams are {}, or \"all\"", STREAMS.join(", ")),
    };
    said("names a stream that we don't know", hint)
}

fn intervals(reader: &mut TableReader<'_, '_, '_>) -> BTreeMap<String, Duration> {
    let mut read = BTreeMap::new();
    let Some(key) = reader.key("intervals") else { return read };
    for (name, entry) in reader.take_entries("intervals").into_iter().flatten() {
        if let Some((stream, interval)) = interval(name, &entry, key, reader) {
            if interval < MINUTE {
                reader.warn("intervals", "has one below 1m: it spends requests that the vendor counts");
            }
            read.insert(stream.to_owned(), interval);
        }
    }
    read
}

fn interval(
    name: &str,
    entry: &Entry<'_>,
    key: &Key,
    reader: &mut TableReader<'_, '_, '_>,
) -> Option<(&'static str, Duration)> {
    let stream = stream(name).map_err(|wrong| reader.tell(key, entry.place, wrong)).ok();
    let interval = duration(entry.value.get_ref(), Duration::from_secs(1))
        .map_err(|_| {
            let wrong = Wrong::Said("must hold durations from 1s".into(), format!("as in intervals = {}", key.example));
            reader.tell(key, value_place(entry), wrong);
        })
        .ok();
    stream.zip(interval)
}
