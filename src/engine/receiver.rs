//! A destination of the settings made into one that delivers, and what both ways of handing over to it share.
//!
//! Promise: the one place that knows which protocols there are.

use std::sync::Arc;

use jiff::Timestamp;

use super::discreet::Discreet;
use super::{Facilities, Forwarding, off_thread};
use crate::config::{Filter, Protocol, Transport};
use crate::destinations::http::settings::Given;
use crate::destinations::jetstream;
use crate::destinations::relp::Relp;
use crate::destinations::splunk_hec::SplunkHec;
use crate::destinations::syslog::{SyslogDatagrams, SyslogStream};
use crate::destinations::{Destination, elastic, http};
use crate::event::{Event, Seq, Stored};
use crate::fault::Fault;
use crate::queue::{Quarantined, QueueError};
use crate::secrets::SecretSources;
use crate::status::Code;
use crate::values::{Name, Secret};

/// How what is handed over is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// New to the receiver, as far as we know.
    Once,
    /// Of the replay that began then (milliseconds since 1970): the receiver took it before.
    Again { began_ms: i64 },
}

/// Prepares it; nothing is connected yet.
pub fn build(as_set: &Forwarding, facilities: &Facilities, said: Said) -> Result<Box<dyn Destination>, Fault> {
    prepare(as_set, &facilities.secrets, said)
}

/// The same by whoever has no queue and no board.
pub fn prepare(as_set: &Forwarding, sources: &SecretSources, said: Said) -> Result<Box<dyn Destination>, Fault> {
    let refers = as_set.destination.secrets();
    let secrets = refers.iter().filter_map(|(_, one)| crate::secrets::resolve_text(one, sources).ok());
    let secrets: Vec<Secret> = secrets.collect();
    Ok(Box::new(Discreet::new(protocol(as_set, sources, said)?, &secrets)))
}

/// One line for each protocol.
fn protocol(as_set: &Forwarding, secrets: &SecretSources, said: Said) -> Result<Box<dyn Destination>, Fault> {
    let set = &as_set.destination;
    let key = set.key.as_ref().map(|key| crate::secrets::resolve_text(key, secrets)).transpose()?;
    let given = Given {
        link: &set.link,
        key: key.clone(),
        shape: set.format,
        replayed: matches!(said, Said::Again { .. }),
        agent_name: &as_set.agent_name,
        resolve: &|secret| crate::secrets::resolve_token(secret, secrets),
    };
    match &set.protocol {
        Protocol::Syslog(settings) if set.link.transport == Transport::Udp => {
            let syslog = SyslogDatagrams::new(&set.link, settings, set.format, &as_set.agent_name)?;
            Ok(Box::new(match said {
                Said::Once => syslog,
                Said::Again { .. } => syslog.replaying(),
            }))
        }
        Protocol::Http(settings) => Ok(Box::new(http::new(settings, &given)?)),
        Protocol::SplunkHec(settings) => Ok(Box::new(SplunkHec::new(settings, &given)?)),
        Protocol::Elastic(settings) => Ok(Box::new(elastic::new(settings, &given)?)),
        Protocol::Syslog(settings) => {
            let syslog = SyslogStream::new(&set.link, key, settings, set.format, &as_set.agent_name)?;
            Ok(Box::new(match said {
                Said::Once => syslog,
                Said::Again { .. } => syslog.replaying(),
            }))
        }
        Protocol::Relp(settings) => {
            let relp = Relp::new(&set.link, key, settings, set.format, &as_set.agent_name)?;
            Ok(Box::new(match said {
                Said::Once => relp,
                Said::Again { .. } => relp.replaying(),
            }))
        }
        Protocol::JetStream(settings) => jetstream(as_set, secrets, key, settings, said),
    }
}

#[cfg(feature = "jetstream")]
fn jetstream(
    as_set: &Forwarding,
    secrets: &SecretSources,
    key: Option<Secret>,
    settings: &jetstream::Settings,
    said: Said,
) -> Result<Box<dyn Destination>, Fault> {
    let set = &as_set.destination;
    let login = settings.login.resolved(|secret| crate::secrets::resolve_phrase(secret, secrets))?;
    let built = jetstream::JetStream::new(&set.link, key, login, settings, set.format, &as_set.agent_name)?;
    Ok(Box::new(match said {
        Said::Once => built,
        Said::Again { began_ms } => built.replaying(began_ms),
    }))
}

/// The settings refuse the type before this could.
#[cfg(not(feature = "jetstream"))]
fn jetstream(
    _: &Forwarding,
    _: &SecretSources,
    _: Option<Secret>,
    _: &jetstream::Settings,
    _: Said,
) -> Result<Box<dyn Destination>, Fault> {
    let sentence = "this build does not speak jetstream: take one with the feature of that name, as the packages are";
    Err(Fault::new(crate::fault::FaultKind::Misconfigured, sentence))
}

/// Puts an event aside that the peer will never take, and tells it. It is durable before this returns well: only then
/// may a cursor pass it.
pub async fn set_aside(facilities: &Facilities, name: &Name, stored: Stored, fault: &Fault) -> Result<(), Fault> {
    let entry = Quarantined {
        destination: name.to_string(),
        seq: stored.seq,
        id: stored.event.id.to_string(),
        reason: fault.chain(),
    };
    tracing::warn!(destination = %name, event = ?entry.id, "quarantined: {}", entry.reason);
    let text = format!("{name} refused event {}: {}", entry.id.escape_debug(), entry.reason);
    let queue = Arc::clone(&facilities.queue);
    let out = off_thread(move || queue.put_aside(&entry, &stored.event)).await.map_err(|error| error.fault())?;
    if out > 0 {
        tracing::warn!(destination = %name, events = out, "the quarantine is full: its oldest events were let go");
    }
    facilities.board.raise(Code::EventsQuarantined, name.as_str(), text, Timestamp::now());
    facilities.board.destination(name, |record| record.quarantined += 1);
    Ok(())
}

/// An event of the queue by its seq; `None`: it is no longer there.
pub async fn read_one(facilities: &Facilities, seq: Seq) -> Result<Option<Stored>, QueueError> {
    let queue = Arc::clone(&facilities.queue);
    let batch = off_thread(move || queue.read_after(seq.before(), 1, 1)).await?;
    Ok(batch.events.into_iter().find(|stored| stored.seq == seq))
}

/// Does the destination's filter let this event pass?
pub fn passes(filter: &Filter, event: &Event) -> bool {
    let listed = |list: &[String], word: &str| list.is_empty() || list.iter().any(|entry| entry == word);
    listed(&filter.integrations, &event.integration)
        && listed(&filter.streams, &event.stream)
        && event.severity >= filter.severity_at_least
}
