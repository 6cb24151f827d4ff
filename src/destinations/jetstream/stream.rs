//! The stream that keeps our events: looked at when a connection begins, made where it is not there.
//!
//! Promise: a stream that is there is never changed; one that would lose or repeat events is refused, with what to do.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{Config, StorageType};

use super::faults;
use super::settings::Settings;
use super::subject::meet;
use crate::fault::{Fault, FaultKind};

/// What a repeat is recognised within, at least: an outage may last that long between an event and its repeat.
pub(super) const DUPLICATE_WINDOW: Duration = Duration::from_secs(3600);

/// What of the stream matters to one who publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) replicas: usize,
    /// The longest message that it takes; `None`: any that the server takes.
    pub(super) largest: Option<usize>,
}

/// Finds or makes it.
///
/// # Errors
/// `Refused` for a stream that is not as it must be; what the server says otherwise.
pub(super) async fn ready(context: &Context, settings: &Settings, server: &str, cluster: bool) -> Result<Kept, Fault> {
    let wanted = settings.replicas.unwrap_or(if cluster { 3 } else { 1 });
    let name = &settings.stream;
    let found = match context.get_stream(name).await {
        Ok(stream) => stream,
        Err(error) => match absent(&error) {
            None => return Err(not_found_out(server, name, error)),
            Some(_) if settings.create => match context.create_stream(config(settings, wanted)).await {
                Ok(stream) => {
                    tracing::info!(stream = name, replicas = wanted, server, "the stream was not there and is made");
                    stream
                }
                Err(error) => return Err(not_made(server, name, error)),
            },
            Some(error) => {
                let sentence = format!("{server} has no stream {name}: make it, or set `create = true`");
                return Err(Fault::new(FaultKind::Refused, sentence).caused_by(error));
            }
        },
    };
    judge(&found.cached_info().config, settings, wanted)
}

/// The server's word that the stream is not there.
fn absent(error: &GetStreamError) -> Option<async_nats::jetstream::Error> {
    match error.kind() {
        GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => Some(said),
        GetStreamErrorKind::JetStream(_)
        | GetStreamErrorKind::EmptyName
        | GetStreamErrorKind::Request
        | GetStreamErrorKind::InvalidStreamName => None,
    }
}

fn not_found_out(server: &str, name: &str, error: GetStreamError) -> Fault {
    if let GetStreamErrorKind::JetStream(said) = error.kind() {
        return faults::said(server, name, &said);
    }
    faults::unavailable(format!(
        "{server} does not tell of stream {name}: has JetStream a leader there, and may this login use $JS.API?"
    ))
    .caused_by(error)
}

fn not_made(server: &str, name: &str, error: CreateStreamError) -> Fault {
    if let CreateStreamErrorKind::JetStream(said) = error.kind() {
        return faults::said(server, name, &said);
    }
    faults::unavailable(format!("{server} has not made stream {name}")).caused_by(error)
}

fn config(settings: &Settings, replicas: usize) -> Config {
    Config {
        name: settings.stream.clone(),
        description: Some("Events of Conductor".to_owned()),
        subjects: vec![settings.subject.pattern()],
        storage: StorageType::File,
        num_replicas: replicas,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}

/// Is it as it must be? Pure.
fn judge(found: &Config, settings: &Settings, replicas: usize) -> Result<Kept, Fault> {
    let (name, pattern) = (&settings.stream, settings.subject.pattern());
    let refused = |sentence: String| Err(Fault::new(FaultKind::Refused, sentence));
    if !found.subjects.iter().any(|subject| meet(subject, &pattern)) {
        let has = found.subjects.join(", ");
        return refused(format!(
            "stream {name} takes {has:?} and not our subject {pattern:?}: add it (nats stream edit {name} --subjects), or set `subject`"
        ));
    }
    if found.no_ack {
        return refused(format!("stream {name} acknowledges nothing (no_ack): name another `stream`"));
    }
    if found.duplicate_window < DUPLICATE_WINDOW {
        let has = found.duplicate_window;
        return refused(format!(
            "stream {name} recognises repeats for {has:?} only, an hour is needed: nats stream edit {name} --dupe-window 1h"
        ));
    }
    if found.num_replicas < replicas {
        let has = found.num_replicas;
        return refused(format!(
            "stream {name} keeps each event on {has} server(s), not on {replicas}: nats stream edit {name} --replicas {replicas}, or set `replicas = {has}`"
        ));
    }
    let largest = usize::try_from(found.max_message_size).ok().filter(|largest| *largest > 0);
    Ok(Kept { replicas: found.num_replicas, largest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::jetstream::{Login, Template};

    fn settings() -> Settings {
        Settings {
            servers: Vec::new(),
            login: Login { credentials: None, user: None, token: None },
            stream: "CONDUCTOR".into(),
            subject: Template::read("conductor.{integration}.{stream}").expect("a template"),
            replicas: None,
            create: true,
            window: 256,
        }
    }

    #[test]
    fn what_we_make_is_what_we_ask_of_a_stream() {
        let made = config(&settings(), 3);
        assert_eq!(judge(&made, &settings(), 3).expect("good"), Kept { replicas: 3, largest: None });
        let wider = Config { subjects: vec!["conductor.>".into()], max_message_size: 9_000, ..made };
        assert_eq!(judge(&wider, &settings(), 3).expect("good"), Kept { replicas: 3, largest: Some(9_000) });
    }

    #[test]
    fn a_stream_that_would_lose_or_repeat_events_is_refused_with_what_to_do() {
        let good = config(&settings(), 3);
        let minute = Duration::from_secs(120);
        for (bad, told) in [
            (Config { subjects: vec!["orders.>".into()], ..good.clone() }, "--subjects"),
            (Config { duplicate_window: minute, ..good.clone() }, "--dupe-window 1h"),
            (Config { num_replicas: 1, ..good.clone() }, "--replicas 3"),
            (Config { no_ack: true, ..good.clone() }, "no_ack"),
        ] {
            let fault = judge(&bad, &settings(), 3).expect_err(told);
            assert_eq!(fault.kind, FaultKind::Refused);
            assert!(fault.context.contains(told), "{}", fault.context);
        }
    }
}
