//! What can go wrong with a NATS server and its streams, as sentences that say what to do.
//!
//! Promise: what only a person can mend is `Refused`; what the stream will never take of one event is `Rejected`; all
//! else is `Unavailable` and is tried again.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::Error as ApiError;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::{ConnectError, ConnectErrorKind};

use crate::fault::{Fault, FaultKind};
use crate::net::tls;

/// What an error code of the server means for us.
pub(super) fn kind_of(code: ErrorCode) -> FaultKind {
    match code {
        // The first event that is not taken, and no other, is too long.
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => FaultKind::Rejected,
        ErrorCode::STREAM_TOO_MANY_REQUESTS => FaultKind::Throttled,
        ErrorCode::JETSTREAM_NOT_ENABLED
        | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        | ErrorCode::NO_ACCOUNT
        | ErrorCode::STREAM_NOT_MATCH
        | ErrorCode::STREAM_SEALED
        | ErrorCode::STREAM_SUBJECT_OVERLAP
        | ErrorCode::STREAM_INVALID_CONFIG
        | ErrorCode::STREAM_INVALID
        | ErrorCode::STREAM_MAX_BYTES_REQUIRED
        | ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED
        | ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED
        | ErrorCode::MAXIMUM_STREAMS_LIMIT => FaultKind::Refused,
        // A leader to be elected, a server to come back, room to be made; and whatever a newer server may say.
        _ => FaultKind::Unavailable,
    }
}

fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::MEMORY_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::STREAM_STORE_FAILED => {
            "it is full: raise max_bytes or max_msgs of the stream, or what its account or server may store"
        }
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => "raise max_msg_size of the stream",
        ErrorCode::STREAM_NOT_MATCH => "another stream takes our subject: set `subject` or `stream`",
        ErrorCode::STREAM_SUBJECT_OVERLAP => {
            "another stream takes our subject: name that one as `stream`, or set another `subject`"
        }
        ErrorCode::STREAM_SEALED => "name another `stream`",
        ErrorCode::JETSTREAM_NOT_ENABLED
        | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        | ErrorCode::NO_ACCOUNT
        | ErrorCode::MAXIMUM_STREAMS_LIMIT => "have JetStream allowed to the account of this login",
        ErrorCode::CLUSTER_NO_PEERS | ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => {
            "too few servers of the cluster are up to keep so many replicas: start them, or set `replicas`"
        }
        _ => "what it has not taken is sent again",
    }
}

/// What the server said about the stream or an event.
pub(super) fn said(server: &str, stream: &str, error: &ApiError) -> Fault {
    let code = error.error_code();
    let sentence = format!("{server} refused for stream {stream}: {}", advice(code));
    Fault::new(kind_of(code), sentence).caused_by(error.clone())
}

/// What became of a publish that was not acknowledged.
pub(super) fn unacknowledged(server: &str, stream: &str, error: PublishError, limit: Duration) -> Fault {
    let sentence = match error.kind() {
        PublishErrorKind::StreamNotFound => format!(
            "nobody behind {server} takes the events of stream {stream}: it has no leader now, or its subjects lack ours"
        ),
        PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => format!(
            "stream {stream} has something else where our last event should be (its leader changed, or others write into it); the rest is sent again, in order"
        ),
        PublishErrorKind::TimedOut => format!(
            "stream {stream} has not acknowledged within {limit:?} by {server}: are most of its servers up? The same events are sent again"
        ),
        PublishErrorKind::BrokenPipe => {
            format!("the connection to {server} broke; what it did not acknowledge is sent again")
        }
        PublishErrorKind::MaxPayloadExceeded => {
            return Fault::new(FaultKind::Rejected, "the event is longer than max_payload of the server: raise it")
                .caused_by(error);
        }
        PublishErrorKind::MaxAckPending | PublishErrorKind::Other => {
            let cause = error.source().and_then(|cause| cause.downcast_ref::<ApiError>());
            return match cause {
                Some(api) => said(server, stream, api),
                None => unavailable(format!("publishing to {server} failed")).caused_by(error),
            };
        }
    };
    unavailable(sentence).caused_by(error)
}

/// No connection came about.
pub(super) fn unconnected(server: &str, error: ConnectError) -> Fault {
    if let Some(fault) = tls::fault_of(&error, server) {
        return fault;
    }
    let sentence = match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            let sentence = format!(
                "{server} refused our login: check `credentials`, `user` and `password`, or `token`, and for mTLS `cert` and `key`"
            );
            return Fault::new(FaultKind::Refused, sentence).caused_by(error);
        }
        ConnectErrorKind::ServerParse => {
            return Fault::new(FaultKind::Misconfigured, format!("{server:?} must be host:port")).caused_by(error);
        }
        ConnectErrorKind::Dns => {
            format!("the name of {server} can't be resolved: check it and the DNS of this machine")
        }
        ConnectErrorKind::TimedOut => {
            format!("{server} did not answer as a NATS server in time: is it running, and is this its client port?")
        }
        ConnectErrorKind::Tls => {
            format!("TLS with {server} can't begin: check the system's root certificates and `ca`")
        }
        ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => format!("{server} can't be reached as a NATS server"),
    };
    unavailable(sentence).caused_by(error)
}

/// A limit that no event fits in.
pub(super) fn narrow(server: &str, largest: usize) -> Fault {
    let sentence = format!(
        "{server} takes messages of at most {largest} bytes, too few for events: raise its max_payload to 64 KiB at the \
         least"
    );
    Fault::new(FaultKind::Refused, sentence)
}

/// An acknowledgement without a place: the server knows the id, and has not stored the event.
pub(super) fn unstored(server: &str, stream: &str) -> Fault {
    unavailable(format!(
        "stream {stream} at {server} knows the event's id but has not stored it yet: it is sent again until it has a place"
    ))
}

/// Things move, but too slowly for one call.
pub(super) fn slow(server: &str) -> Fault {
    unavailable(format!("{server} acknowledges too slowly: look at its disks and at its load"))
}

pub(super) fn unavailable(sentence: String) -> Fault {
    Fault::new(FaultKind::Unavailable, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: u64) -> ApiError {
        serde_json::from_value(serde_json::json!({"code": 503, "err_code": code, "description": "as the server says"}))
            .expect("an error")
    }

    #[test]
    fn each_code_of_the_server_is_the_fault_that_it_calls_for() {
        for (code, kind) in [
            (10054, FaultKind::Rejected),
            (10097, FaultKind::Rejected),
            (10167, FaultKind::Throttled),
            (10039, FaultKind::Refused),
            (10060, FaultKind::Refused),
            (10065, FaultKind::Refused),
            (10109, FaultKind::Refused),
            (10008, FaultKind::Unavailable),
            (10009, FaultKind::Unavailable),
            (10071, FaultKind::Unavailable),
            (10077, FaultKind::Unavailable),
            (10118, FaultKind::Unavailable),
            (10158, FaultKind::Unavailable),
            (0, FaultKind::Unavailable),
            (19999, FaultKind::Unavailable),
        ] {
            let error = PublishError::with_source(PublishErrorKind::Other, api(code));
            let fault = unacknowledged("nats:4222", "CONDUCTOR", error, Duration::from_secs(10));
            assert_eq!(fault.kind, kind, "{code}");
            assert!(fault.chain().contains("as the server says"), "{}", fault.chain());
        }
    }

    #[test]
    fn a_login_that_is_refused_is_for_a_person_and_a_server_that_is_away_is_not() {
        for (kind, expected) in [
            (ConnectErrorKind::AuthorizationViolation, FaultKind::Refused),
            (ConnectErrorKind::Io, FaultKind::Unavailable),
            (ConnectErrorKind::TimedOut, FaultKind::Unavailable),
        ] {
            assert_eq!(unconnected("nats:4222", ConnectError::new(kind)).kind, expected);
        }
        let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = ConnectError::with_source(ConnectErrorKind::Io, std::io::Error::other(certificate));
        assert_eq!(unconnected("nats:4222", error).kind, FaultKind::Refused);
    }
}
