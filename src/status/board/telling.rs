//! Turns what was written down into what is told: each part of the snapshot from its record.
//!
//! Promise: pure; the moment is an argument, and a record is never changed by being told.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::status::api_key::KeyExpiry;
use crate::status::records::{
    DestinationRecord, EgressRecord, FaultCounts, IntegrationRecord, QueueRecord, StreamRecord,
};
use crate::status::sentences::{self, seconds_between};
use crate::status::snapshot::{Destination, Egress, Integration, Queue, Replay, Standing, Stream};
use crate::values::Name;

/// Since when an enabled integration has failed as a whole: since its last stream began to, or since it was
/// parked. Streams that the vendor has not licensed, or that are switched off, have no say.
pub(super) fn failing_since(record: &IntegrationRecord) -> Option<Timestamp> {
    if record.parked_since.is_some() {
        return record.parked_since;
    }
    let idle = |stream: &StreamRecord| match stream.standing {
        Standing::Disabled => true,
        Standing::Parked => stream.failing_since.is_none(),
        Standing::Ok | Standing::Waiting | Standing::Failing => false,
    };
    let mut latest = None;
    for stream in record.streams.values().filter(|stream| !idle(stream)) {
        latest = latest.max(Some(stream.failing_since?));
    }
    latest
}

fn standing(record: &IntegrationRecord) -> Standing {
    let any = |standing| record.streams.values().any(|stream| stream.standing == standing);
    if !record.enabled {
        Standing::Disabled
    } else if record.parked.is_some() {
        Standing::Parked
    } else if any(Standing::Failing) {
        Standing::Failing
    } else if any(Standing::Ok) {
        Standing::Ok
    } else if any(Standing::Parked) && !any(Standing::Waiting) {
        Standing::Parked
    } else {
        Standing::Waiting
    }
}

pub(super) fn egress(record: &EgressRecord) -> Egress {
    let holds = |address: IpAddr| record.allowlisted.iter().any(|range| range.contains(address));
    let matches = record.observed.filter(|_| !record.allowlisted.is_empty()).map(holds);
    Egress {
        allowlisted: record.allowlisted.iter().map(ToString::to_string).collect(),
        observed: record.observed.map(|address| address.to_canonical().to_string()),
        observed_by: record.observed_by.clone(),
        source_address: record.source_address.map(|address| address.to_string()),
        matches,
        checked: record.checked,
        text: sentences::egress(record, matches),
    }
}

pub(super) fn queue(record: &QueueRecord, now: Timestamp) -> Queue {
    Queue {
        state: record.state,
        events: record.events,
        bytes: record.bytes,
        disk_bytes: record.disk_bytes,
        max_bytes: record.max_bytes,
        oldest_seconds: record.oldest.map_or(0, |oldest| seconds_between(oldest, now)),
        paused: record.paused,
        damaged: record.damaged,
        duplicates: record.duplicates,
        appended_total: record.appended,
        dropped_total: record.dropped,
        text: sentences::queue(record, now),
    }
}

pub(super) fn integration(name: &Name, record: &IntegrationRecord, now: Timestamp) -> Integration {
    let mut integration = Integration {
        name: name.to_string(),
        connector: record.connector.clone(),
        host: record.host.clone(),
        enabled: record.enabled,
        state: standing(record),
        streams: record.streams.iter().map(|(name, record)| stream(name, record, now)).collect(),
        api_key_expires: record.api_key_expires.map(KeyExpiry::day),
        api_key_expires_at: record.api_key_expires.map(|end| end.at),
        api_key_expires_source: record.api_key_expires.map(|end| end.source),
        api_key_since: record.api_key_since,
        requests_per_minute: record.requests_per_minute,
        requests_per_minute_now: record.requests_per_minute_now,
        requests_total: record.requests,
        throttled_total: record.throttled,
        waited_seconds_total: record.waited.as_secs_f64(),
        fault: record.parked.clone(),
        text: String::new(),
    };
    integration.text = sentences::integration(&integration, now);
    integration
}

fn stream(name: &str, record: &StreamRecord, now: Timestamp) -> Stream {
    Stream {
        name: name.to_owned(),
        state: record.standing,
        last_poll: record.last_poll,
        last_success: record.last_success,
        next_poll: record.next_poll,
        events_total: record.events,
        lag_seconds: record.caught_up.map(|then| seconds_between(then, now)),
        checkpoint: record.checkpoint.clone(),
        fault: record.fault.clone(),
        deferred: record.deferred,
        unsettled: record.unsettled,
        gaps: record.gaps,
        polls_total: record.polls,
        faults_total: words(&record.faults),
    }
}

pub(super) fn destination(name: &Name, record: &DestinationRecord, now: Timestamp) -> Destination {
    let mut destination = Destination {
        name: name.to_string(),
        protocol: record.protocol.clone(),
        address: record.address.clone(),
        state: record.standing,
        cursor: record.cursor,
        depth: record.depth,
        oldest_seconds: record.oldest.map_or(0, |oldest| seconds_between(oldest, now)),
        taken_per_second: record.rate.per_second(record.taken, now),
        certificates: record.certificates.clone(),
        taken_total: record.taken,
        last_taken: record.last_taken,
        last_fault: record.last_fault.clone(),
        connected: record.connected,
        receipt: sentences::receipt_word(record.receipt).to_owned(),
        receipt_text: sentences::receipt(record.receipt).to_owned(),
        forwarded_total: record.forwarded,
        resent_total: record.resent,
        quarantined_total: record.quarantined,
        dropped_total: record.dropped,
        dropped_first: record.dropped_seqs.map(|(first, _)| first),
        dropped_last: record.dropped_seqs.map(|(_, last)| last),
        replay: record.replay.as_ref().map(|replay| Replay {
            from: replay.from,
            to: replay.to,
            next: replay.next,
            last: replay.last,
            events: replay.events,
            handed: replay.handed,
            left: replay.left,
            gone: replay.gone,
            fault: record.replay_fault.clone(),
        }),
        replayed_total: record.replayed,
        reconnects_total: record.reconnects,
        faults_total: words(&record.faults),
        text: String::new(),
    };
    destination.text = sentences::destination(&destination, now);
    destination
}

fn words(faults: &FaultCounts) -> BTreeMap<String, u64> {
    faults.iter().map(|(kind, count)| (kind.as_str().to_owned(), *count)).collect()
}
