//! `/metrics`: the snapshot in the Prometheus text format 0.0.4
//! (prometheus.io, "Exposition formats"), written by hand.
//!
//! Promise: every family has one HELP and one TYPE, its samples stand together, and every label value is
//! escaped, whatever a peer put into it. Counters start at 0 with the process.

use std::fmt::{Display, Write};

use jiff::Timestamp;

use super::snapshot::{Destination, Integration, QueueState, Snapshot, Standing, Stream};
use super::state::State;

/// The media type of the answer.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole answer. `resident_bytes`: what this process holds in memory, where that is known.
pub fn metrics(snapshot: &Snapshot, resident_bytes: Option<u64>) -> String {
    let mut out = Exposition(String::with_capacity(8 * 1024));
    agent(&mut out, snapshot, resident_bytes);
    queue(&mut out, snapshot);
    egress(&mut out, snapshot);
    integrations(&mut out, &snapshot.integrations);
    streams(&mut out, &snapshot.integrations);
    destinations(&mut out, &snapshot.destinations);
    out.0
}

/// The text so far.
struct Exposition(String);

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// A family that is being written; samples can only be added to the newest one.
struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String can't fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }
}

impl Family<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escape(text));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// Backslash, quote and newline are all that the format asks to be escaped in a label value.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn epoch(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn agent(out: &mut Exposition, snapshot: &Snapshot, resident_bytes: Option<u64>) {
    use Kind::{Counter, Gauge};
    let agent = &snapshot.agent;
    let labels = [("version", agent.version.as_str()), ("arch", agent.arch.as_str()), ("agent", agent.name.as_str())];
    out.family("conductor_build_info", Gauge, "The version that runs; always 1.").sample(&labels, 1);
    out.family("process_start_time_seconds", Gauge, "When the process started, in Unix time.")
        .sample(&[], epoch(agent.started));
    if let Some(bytes) = resident_bytes {
        out.family("process_resident_memory_bytes", Gauge, "Memory that the process holds.").sample(&[], bytes);
    }
    let mut states = out.family("conductor_state", Gauge, "1 for the state that the agent is in, 0 for the others.");
    for state in State::ALL {
        states.sample(&[("state", state.as_str())], u8::from(snapshot.state == state));
    }
    let mut standing = out.family("conductor_condition", Gauge, "1 for each condition that stands.");
    for each in &snapshot.conditions {
        let labels =
            [("code", each.code.as_str()), ("subject", each.subject.as_str()), ("severity", each.severity.as_str())];
        standing.sample(&labels, 1);
    }
    out.family("conductor_task_restarts_total", Counter, "Tasks that ended unexpectedly and were started again.")
        .sample(&[], agent.task_restarts_total);
    out.family("conductor_reloads_total", Counter, "Settings taken over while running.")
        .sample(&[], agent.reloads_total);
    if let Some(offset) = snapshot.clock.offset_seconds {
        out.family("conductor_clock_offset_seconds", Gauge, "The vendor's clock less ours.").sample(&[], offset);
    }
}

fn queue(out: &mut Exposition, snapshot: &Snapshot) {
    use Kind::{Counter, Gauge};
    let queue = &snapshot.queue;
    let open = u64::from(queue.state == QueueState::Open);
    for (name, kind, help, value) in [
        ("conductor_queue_open", Gauge, "1 while the queue is open and persists.", open),
        ("conductor_queue_events", Gauge, "Events that some destination has still to take.", queue.events),
        (
            "conductor_queue_bytes",
            Gauge,
            "Bytes of the journal that hold those events, as they are on disk.",
            queue.bytes,
        ),
        ("conductor_queue_disk_bytes", Gauge, "Bytes that the queue takes on the disk.", queue.disk_bytes),
        ("conductor_queue_max_bytes", Gauge, "The quota of the queue on the disk.", queue.max_bytes),
        ("conductor_queue_oldest_seconds", Gauge, "Age of the oldest waiting event; 0: none.", queue.oldest_seconds),
        ("conductor_queue_paused", Gauge, "1 while polling is paused for want of room.", u64::from(queue.paused)),
        (
            "conductor_queue_appended_total",
            Counter,
            "Events kept since the start of this process.",
            queue.appended_total,
        ),
        ("conductor_queue_duplicates_total", Counter, "Events left out as known already.", queue.duplicates),
        (
            "conductor_queue_damaged_total",
            Counter,
            "Events in stretches of the queue that did not check out and were set aside.",
            queue.damaged,
        ),
        ("conductor_queue_dropped_total", Counter, "Events dropped before all took them.", queue.dropped_total),
    ] {
        out.family(name, kind, help).sample(&[], value);
    }
}

fn egress(out: &mut Exposition, snapshot: &Snapshot) {
    let egress = &snapshot.egress;
    if let Some(observed) = &egress.observed {
        out.family("conductor_egress_info", Kind::Gauge, "The address that we are seen from; always 1.")
            .sample(&[("observed", observed)], 1);
    }
    if let Some(matches) = egress.matches {
        out.family("conductor_egress_match", Kind::Gauge, "1 if that address is allowlisted, 0 if it is not.")
            .sample(&[], u8::from(matches));
    }
    if let Some(checked) = egress.checked {
        out.family("conductor_egress_checked_timestamp_seconds", Kind::Gauge, "When it was last observed.")
            .sample(&[], epoch(checked));
    }
}

fn integrations(out: &mut Exposition, integrations: &[Integration]) {
    use Kind::{Counter, Gauge};
    type Value = fn(&Integration) -> Option<f64>;
    let families: [(&'static str, Kind, &str, Value); 8] = [
        ("conductor_integration_up", Gauge, "1 while the integration's last try worked.", |each| {
            Some(f64::from(u8::from(each.state == Standing::Ok)))
        }),
        ("conductor_integration_requests_total", Counter, "Requests to the vendor.", |each| {
            Some(each.requests_total as f64)
        }),
        ("conductor_integration_throttled_total", Counter, "Answers 429.", |each| Some(each.throttled_total as f64)),
        ("conductor_integration_requests_per_minute_set", Gauge, "Requests a minute, at the most, as set.", |each| {
            Some(f64::from(each.requests_per_minute))
        }),
        (
            "conductor_integration_requests_per_minute",
            Gauge,
            "Requests a minute, at the most, as it is now: fewer after a 429.",
            |each| Some(f64::from(each.requests_per_minute_now)),
        ),
        (
            "conductor_integration_permit_wait_seconds_total",
            Counter,
            "Seconds that requests waited for their turn, all together.",
            |each| Some(each.waited_seconds_total),
        ),
        ("conductor_integration_api_key_expires_timestamp_seconds", Gauge, "When the API key ends.", |each| {
            each.api_key_expires_at.map(epoch)
        }),
        (
            "conductor_integration_api_key_since_timestamp_seconds",
            Gauge,
            "When the API key was made, or first seen here.",
            |each| each.api_key_since.map(epoch),
        ),
    ];
    for (name, kind, help, value) in families {
        let mut family = out.family(name, kind, help);
        for each in integrations {
            if let Some(value) = value(each) {
                family.sample(&[("integration", &each.name), ("connector", &each.connector)], value);
            }
        }
    }
}

fn streams(out: &mut Exposition, integrations: &[Integration]) {
    use Kind::{Counter, Gauge};
    type Value = fn(&Stream) -> Option<f64>;
    let families: [(&'static str, Kind, &str, Value); 8] = [
        ("conductor_stream_up", Gauge, "1 while the stream's last poll worked.", |each| {
            Some(f64::from(u8::from(each.state == Standing::Ok)))
        }),
        ("conductor_stream_polls_total", Counter, "Polls, failed ones included.", |each| Some(each.polls_total as f64)),
        ("conductor_stream_events_total", Counter, "Events collected and kept.", |each| Some(each.events_total as f64)),
        ("conductor_stream_lag_seconds", Gauge, "Since a poll last found nothing more to ask for.", |each| {
            each.lag_seconds.map(|seconds| seconds as f64)
        }),
        ("conductor_stream_last_success_timestamp_seconds", Gauge, "When a poll last worked.", |each| {
            each.last_success.map(epoch)
        }),
        ("conductor_stream_deferred", Gauge, "Items that failed and are tried again.", |each| {
            Some(each.deferred as f64)
        }),
        ("conductor_stream_unsettled", Gauge, "Items that wait for a verdict.", |each| Some(each.unsettled as f64)),
        ("conductor_stream_gaps_total", Counter, "Ranges that will never be collected.", |each| Some(each.gaps as f64)),
    ];
    let all = || integrations.iter().flat_map(|integration| integration.streams.iter().map(move |s| (integration, s)));
    for (name, kind, help, value) in families {
        let mut family = out.family(name, kind, help);
        for (integration, stream) in all() {
            if let Some(value) = value(stream) {
                family.sample(&[("integration", &integration.name), ("stream", &stream.name)], value);
            }
        }
    }
    let mut faults = out.family("conductor_stream_faults_total", Counter, "Polls that failed, by kind of fault.");
    for (integration, stream) in all() {
        for (kind, count) in &stream.faults_total {
            faults.sample(&[("integration", &integration.name), ("stream", &stream.name), ("kind", kind)], count);
        }
    }
}

fn destinations(out: &mut Exposition, destinations: &[Destination]) {
    use Kind::{Counter, Gauge};
    type Value = fn(&Destination) -> Option<f64>;
    let families: [(&'static str, Kind, &str, Value); 15] = [
        ("conductor_destination_up", Gauge, "1 while the destination's last try worked.", |each| {
            Some(f64::from(u8::from(each.state == Standing::Ok)))
        }),
        ("conductor_destination_connected", Gauge, "1 while a connection stands.", |each| {
            Some(f64::from(u8::from(each.connected)))
        }),
        ("conductor_destination_depth", Gauge, "Events that wait for it.", |each| Some(each.depth as f64)),
        (
            "conductor_destination_oldest_seconds",
            Gauge,
            "Age of the oldest event that waits for it; 0: none.",
            |each| Some(each.oldest_seconds as f64),
        ),
        (
            "conductor_destination_taken_per_second",
            Gauge,
            "Events that the peer confirmed, a second, over the last minute.",
            |each| Some(each.taken_per_second),
        ),
        ("conductor_destination_last_fault_timestamp_seconds", Gauge, "When a try last failed.", |each| {
            each.last_fault.as_ref().map(|fault| epoch(fault.at))
        }),
        ("conductor_destination_taken_total", Counter, "Events that the peer confirmed.", |each| {
            Some(each.taken_total as f64)
        }),
        ("conductor_destination_forwarded_total", Counter, "Events handed to the connection.", |each| {
            Some(each.forwarded_total as f64)
        }),
        ("conductor_destination_resent_total", Counter, "Events handed over again.", |each| {
            Some(each.resent_total as f64)
        }),
        ("conductor_destination_quarantined_total", Counter, "Events that the peer will never take.", |each| {
            Some(each.quarantined_total as f64)
        }),
        ("conductor_destination_dropped_total", Counter, "Events dropped before it took them.", |each| {
            Some(each.dropped_total as f64)
        }),
        ("conductor_destination_replay_left", Gauge, "Events that a replay has still to hand over.", |each| {
            Some(each.replay.as_ref().map_or(0, |replay| replay.left) as f64)
        }),
        ("conductor_destination_replayed_total", Counter, "Events of replays that the peer confirmed.", |each| {
            Some(each.replayed_total as f64)
        }),
        ("conductor_destination_reconnects_total", Counter, "Connections made again.", |each| {
            Some(each.reconnects_total as f64)
        }),
        ("conductor_destination_last_taken_timestamp_seconds", Gauge, "When it last took an event.", |each| {
            each.last_taken.map(epoch)
        }),
    ];
    for (name, kind, help, value) in families {
        let mut family = out.family(name, kind, help);
        for each in destinations {
            if let Some(value) = value(each) {
                family.sample(&[("destination", &each.name), ("type", &each.protocol)], value);
            }
        }
    }
    let mut ends = out.family(
        "conductor_destination_certificate_expires_timestamp_seconds",
        Gauge,
        "When a certificate ends: ours, the CA's, the receiver's own.",
    );
    for each in destinations {
        for end in &each.certificates {
            let labels =
                [("destination", each.name.as_str()), ("type", &each.protocol), ("certificate", end.whose.as_str())];
            ends.sample(&labels, epoch(end.expires));
        }
    }
    let mut faults = out.family("conductor_destination_faults_total", Counter, "Tries that failed, by kind of fault.");
    for each in destinations {
        for (kind, count) in &each.faults_total {
            faults.sample(&[("destination", &each.name), ("type", &each.protocol), ("kind", kind)], count);
        }
    }
}

#[cfg(test)]
mod tests;
